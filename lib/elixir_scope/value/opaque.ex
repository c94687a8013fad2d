defmodule ElixirScope.Value.Opaque do
  @moduledoc """
  Stands where a value was that cannot be had back: a function (its environment is never recorded), a process, port or
  reference of another virtual machine. `:text` is what it looked like.
  """

  defstruct [:kind, :text]

  @type t :: %__MODULE__{kind: atom(), text: String.t()}

  defimpl Inspect do
    def inspect(value, _opts), do: value.text
  end
end

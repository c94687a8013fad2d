defmodule ElixirScope.Value.Opaque do
  @moduledoc """
  Stands where a value was that cannot be had back: a function (its environment is never recorded), a process, port or
  reference of another virtual machine, an atom that this one does not have. `:text` is what it looked like, of an atom its text.

      iex> inspect({%ElixirScope.Value.Opaque{kind: :atom, text: "tea"}, 3})
      "{:tea, 3}"
  """

  defstruct [:kind, :text]

  @type t :: %__MODULE__{kind: atom(), text: String.t()}

  defimpl Inspect do
    def inspect(%{kind: :atom, text: text}, _opts) do
      cond do
        text =~ ~r/\AElixir(\.[A-Z]\w*)+\z/ -> String.replace_prefix(text, "Elixir.", "")
        text =~ ~r/\A[a-z_][\w@]*[?!]?\z/ -> ":" <> text
        true -> ":" <> Kernel.inspect(text)
      end
    end

    def inspect(value, _opts), do: value.text
  end
end

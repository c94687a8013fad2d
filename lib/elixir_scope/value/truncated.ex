defmodule ElixirScope.Value.Truncated do
  @moduledoc """
  Stands where a recorded value was cut off.

    * `:kind` - what it was: `:binary`, `:list`, `:tuple`, `:map`, `:struct`, `:integer`, ...
    * `:by` - the bound that it met: `:depth`, `:width`, `:bytes`, `:time`, or `:shape` when only the shape was asked for
    * `:size` - its real size: bytes of a binary, elements, pairs, fields; `{:at_least, n}` where counting ended;
      `nil` where it is not known
    * `:kept` - what was kept: the beginning of a binary, a list of elements (of a tuple, too), a map; `nil` for nothing
    * `:module` - of a struct
  """

  defstruct [:kind, :by, :size, :kept, :module]

  @type t :: %__MODULE__{
          kind: atom(),
          by: :depth | :width | :bytes | :time | :shape,
          size: non_neg_integer() | {:at_least, non_neg_integer()} | nil,
          kept: term(),
          module: module() | nil
        }

  defimpl Inspect do
    import Inspect.Algebra

    def inspect(value, opts) do
      kept = if value.kept == nil, do: empty(), else: concat([" ", to_doc(value.kept, opts), "..."])
      concat(["#Truncated<", name(value), size(value), kept, ", by ", Atom.to_string(value.by), ">"])
    end

    defp name(%{module: nil, kind: kind}), do: Atom.to_string(kind)
    defp name(%{module: module}), do: Kernel.inspect(module)

    defp size(%{size: nil}), do: empty()
    defp size(%{size: {:at_least, n}}), do: " of #{n} or more"
    defp size(%{size: n}), do: " of #{n}"
  end
end

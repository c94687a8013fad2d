defmodule ElixirScope.ASTRepository.MemoryAllocation do
  @moduledoc """
  Memory by function, from garbage collections: what was allocated since the collection before is put to the
  account of the function that was innermost when the collection began. Many samples tell the truth, few do
  not.

    * `:function` - a `{module, name, arity}`
    * `:source` - `:garbage_collections`
    * `:allocated_bytes` - allocated before these collections
    * `:freed_bytes` - given free by them
    * `:samples` - how many collections
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :source, :allocated_bytes, :freed_bytes, :samples]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          source: :garbage_collections,
          allocated_bytes: non_neg_integer(),
          freed_bytes: non_neg_integer(),
          samples: pos_integer()
        }
end

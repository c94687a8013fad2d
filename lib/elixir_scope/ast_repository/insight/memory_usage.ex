defmodule ElixirScope.ASTRepository.MemoryUsage do
  @moduledoc """
  Memory of one function, from garbage collections that began while it was innermost; see
  `ElixirScope.ASTRepository.MemoryAllocation`.

    * `:source` - `:garbage_collections`
    * `:allocated_bytes` - allocated before these collections
    * `:freed_bytes` - given free by them
    * `:minor_collections` - how many
    * `:major_collections` - how many
    * `:collection_us` - how long they took, in microseconds
  """

  defstruct [:source, :allocated_bytes, :freed_bytes, :minor_collections, :major_collections, :collection_us]

  @type t :: %__MODULE__{
          source: :garbage_collections,
          allocated_bytes: non_neg_integer(),
          freed_bytes: non_neg_integer(),
          minor_collections: non_neg_integer(),
          major_collections: non_neg_integer(),
          collection_us: float()
        }
end

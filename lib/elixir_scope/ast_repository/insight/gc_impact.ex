defmodule ElixirScope.ASTRepository.GCImpact do
  @moduledoc """
  Garbage collections that began while a function was innermost.

    * `:function` - a `{module, name, arity}`
    * `:minor` - minor collections
    * `:major` - major ones
    * `:total_us` - how long they took, in microseconds
    * `:share_of_self_time` - of the function's self time, 0.0 to 1.0
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :minor, :major, :total_us, :share_of_self_time]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          minor: non_neg_integer(),
          major: non_neg_integer(),
          total_us: float(),
          share_of_self_time: float()
        }
end

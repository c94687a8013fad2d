defmodule ElixirScope.ASTRepository.ProcessSpawn do
  @moduledoc """
  Processes that a function started.

    * `:function` - a `{module, name, arity}`
    * `:count` - how many
    * `:ended` - of them, how many ended
    * `:failed` - and for a reason that is not normal
    * `:mean_life_us` - of those that ended, in microseconds
    * `:most_alive` - most at once
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :count, :ended, :failed, :mean_life_us, :most_alive]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          count: pos_integer(),
          ended: non_neg_integer(),
          failed: non_neg_integer(),
          mean_life_us: float() | nil,
          most_alive: non_neg_integer()
        }
end

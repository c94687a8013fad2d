defmodule ElixirScope.ASTRepository.ConcurrencyPattern do
  @moduledoc """
  How many processes were in a function at once.

    * `:function` - a `{module, name, arity}`
    * `:most_at_once` - most processes in it at one time
    * `:open` - processes in it now
    * `:processes` - processes that were ever in it
    * `:processes_exact` - false: there were more than are told apart
    * `:busy_us` - microseconds with at least one in it
    * `:shared_us` - microseconds with at least two in it
    * `:waits` - how often its process left the scheduler while it was innermost; `nil` when scheduling was
      not traced
    * `:wait_us` - and for how long, in microseconds
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [
    :function,
    :most_at_once,
    :open,
    :processes,
    :processes_exact,
    :busy_us,
    :shared_us,
    :waits,
    :wait_us
  ]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          most_at_once: non_neg_integer(),
          open: non_neg_integer(),
          processes: non_neg_integer(),
          processes_exact: boolean(),
          busy_us: float(),
          shared_us: float(),
          waits: non_neg_integer() | nil,
          wait_us: float() | nil
        }
end

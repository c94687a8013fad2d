defmodule ElixirScope.ASTRepository.Hotspot do
  @moduledoc """
  Where time is spent.

    * `:function` - a `{module, name, arity}`
    * `:calls` - how often it was called
    * `:self_us` - microseconds in the function itself
    * `:total_us` - microseconds with what it called
    * `:self_share` - its part of the self time of everything observed, 0.0 to 1.0
    * `:p95_us` - 95 % of its calls took no longer; `nil` before one ended
    * `:recorded` - calls that were recorded: fewer than `:calls` where a gate let a part through
    * `:estimated` - whether that was so: then `:calls`, `:self_us` and `:total_us` are those of the recorded calls, scaled to the
      calls that came to the gate, as long as this VM has the gate
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :calls, :self_us, :total_us, :self_share, :p95_us, :recorded, :estimated]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          calls: non_neg_integer(),
          self_us: float(),
          total_us: float(),
          self_share: float(),
          p95_us: float() | nil,
          recorded: non_neg_integer(),
          estimated: boolean()
        }
end

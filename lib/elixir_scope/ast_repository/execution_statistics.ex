defmodule ElixirScope.ASTRepository.ExecutionStatistics do
  @moduledoc """
  How a function ran, over everything that was observed.

    * `:call_frequency` - activations that ended: `returned + tail_calls + errors + aborted`
    * `:average_duration` - mean inclusive time of one activation, in **milliseconds**
    * `:returned`, `:tail_calls`, `:errors`, `:aborted` - how they ended: with a value, with a jump into a tail
      call, with an exception, throw or exit, or because the process died
    * `:error_rate` - `(errors + aborted) / call_frequency`, 0.0 to 1.0
    * `:total_us` - inclusive time; a recursion counts once, for its outermost activation
    * `:self_us` - time not spent in observed callees
    * `:min_us`, `:max_us`, `:p50_us`, `:p95_us`, `:p99_us` - of one activation; percentiles come from a histogram
      of one significant digit
    * `:last_executed` - `DateTime`

  Times in microseconds are floats with nanosecond resolution.
  """

  defstruct [
    :call_frequency,
    :average_duration,
    :returned,
    :tail_calls,
    :errors,
    :aborted,
    :error_rate,
    :total_us,
    :self_us,
    :min_us,
    :max_us,
    :p50_us,
    :p95_us,
    :p99_us,
    :last_executed
  ]

  @type t :: %__MODULE__{
          call_frequency: non_neg_integer() | nil,
          average_duration: float() | nil,
          returned: non_neg_integer() | nil,
          tail_calls: non_neg_integer() | nil,
          errors: non_neg_integer() | nil,
          aborted: non_neg_integer() | nil,
          error_rate: float() | nil,
          total_us: float() | nil,
          self_us: float() | nil,
          min_us: float() | nil,
          max_us: float() | nil,
          p50_us: float() | nil,
          p95_us: float() | nil,
          p99_us: float() | nil,
          last_executed: DateTime.t() | nil
        }
end

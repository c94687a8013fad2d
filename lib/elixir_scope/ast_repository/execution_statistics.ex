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
    * `:sampled` - whether a gate (`ElixirScope.Capture.configure/2`) held calls back, so that all of the above is of a part of
      what happened: counts are to be multiplied with `calls_seen / call_frequency`, times of single calls are those of
      the part
    * `:sampling_rate` - the share that the gate lets through, 0.0 to 1.0; `:calls_seen` - calls that came to it since it was
      made, exactly; both nil where nothing is held back. Gates are those of this VM: of a file that was saved elsewhere nothing is
      marked

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
    :last_executed,
    :sampling_rate,
    :calls_seen,
    sampled: false
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
          last_executed: DateTime.t() | nil,
          sampled: boolean(),
          sampling_rate: float() | nil,
          calls_seen: non_neg_integer() | nil
        }
end

defmodule ElixirScope.ASTRepository.TemporalPattern do
  @moduledoc """
  When a function was called.

    * `:function` - a `{module, name, arity}`
    * `:from` - when the first bucket begins
    * `:bucket_us` - width of a bucket, in microseconds
    * `:counts` - calls in each bucket, 64 at most
    * `:peak_at` - when the fullest bucket begins
    * `:peak_count` - calls in it
    * `:burstiness` - (σ − μ) / (σ + μ) of the counts: −1.0 even, 0.0 at random, towards 1.0 in bursts (Goh
      and Barabási, EPL 81, 2008, 48002); `nil` within one bucket
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :from, :bucket_us, :counts, :peak_at, :peak_count, :burstiness]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          from: DateTime.t(),
          bucket_us: float(),
          counts: [non_neg_integer()],
          peak_at: DateTime.t(),
          peak_count: non_neg_integer(),
          burstiness: float() | nil
        }
end

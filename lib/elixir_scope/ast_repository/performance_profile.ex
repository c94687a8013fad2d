defmodule ElixirScope.ASTRepository.PerformanceProfile do
  @moduledoc """
  Where a function's time goes.

    * `:self_share` - self time over inclusive time, 0.0 to 1.0
    * `:total_us`, `:self_us`, `:p95_us` - as in `ElixirScope.ASTRepository.ExecutionStatistics`
    * `:cpu_usage` - the share of its inclusive time in which a scheduler ran its process, 0.0 to 1.0, of calls whose
      process had its scheduling traced; `nil` without such a trace (a stored value is kept)
  """

  defstruct [:cpu_usage, :self_share, :total_us, :self_us, :p95_us]

  @type t :: %__MODULE__{
          cpu_usage: float() | nil,
          self_share: float() | nil,
          total_us: float() | nil,
          self_us: float() | nil,
          p95_us: float() | nil
        }
end

defmodule ElixirScope.ASTRepository.HealthStatus do
  @moduledoc """
  The outcome of `ElixirScope.ASTRepository.health_check/1`.

    * `:status` - `:healthy`, `:degraded` (one or two checks failed) or `:unhealthy` (more, or the store itself)
    * `:timestamp` - `DateTime`
    * `:checks` - `[{name, :ok | {:error, what}}]`, in the order they ran
    * `:failed_checks` - the failed ones
    * `:recommendations` - what to do about each, as text
  """

  defstruct [:status, :timestamp, checks: [], failed_checks: [], recommendations: []]

  @type check :: {atom(), :ok | {:error, String.t()}}

  @type t :: %__MODULE__{
          status: :healthy | :degraded | :unhealthy,
          timestamp: DateTime.t(),
          checks: [check()],
          failed_checks: [check()],
          recommendations: [String.t()]
        }
end

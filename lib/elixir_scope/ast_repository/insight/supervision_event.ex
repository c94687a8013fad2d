defmodule ElixirScope.ASTRepository.SupervisionEvent do
  @moduledoc """
  A process that failed, or one that its parent started soon after.

    * `:kind` - `:failed` or `:restarted`
    * `:at` - when
    * `:function` - the function that had started it
    * `:reason` - of a failure, as text
    * `:after_us` - of a restart, microseconds since the failure
    * `:certainty` - `:exact` for failures, `:inferred` for restarts
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:kind, :at, :function, :reason, :after_us, :certainty]

  @type t :: %__MODULE__{
          kind: :failed | :restarted,
          at: DateTime.t(),
          function: FunctionData.key() | nil,
          reason: String.t() | nil,
          after_us: float() | nil,
          certainty: :exact | :inferred
        }
end

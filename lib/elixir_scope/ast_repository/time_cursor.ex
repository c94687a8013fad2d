defmodule ElixirScope.ASTRepository.TimeCursor do
  @moduledoc """
  Where a debugger stands in the past: at an event, in one process or (`scope: :global`) in all. Plain data: keep it, send it, step from
  it as often as you like.
  """

  defstruct [:event, scope: :process]

  @type t :: %__MODULE__{
          event: ElixirScope.ASTRepository.RuntimeEvent.t(),
          scope: :process | :global
        }
end

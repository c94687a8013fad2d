defmodule ElixirScope.ASTRepository.CausalRelationship do
  @moduledoc """
  One event that led to another.

    * `:from`, `:to` - the events: `ElixirScope.ASTRepository.RuntimeEvent`
    * `:kind` - `:within` (it happened in that activation), `:call`, `:tail`, `:spawn`, `:message`, `:reply`, `:timer`, `:exit`
      (an exit signal), `:monitor` (a `DOWN`), `:restart` (a supervisor started a successor), `:exception`
    * `:certainty` - `:exact` when nothing else can have been the cause, else `:inferred`
    * `:basis` - on what it stands, an atom; `:because` says the same in words
    * `:depth` - how many steps from the event that was asked for
    * `:explanation` - the whole in a sentence
  """

  defstruct [:from, :to, :kind, :certainty, :basis, :because, :depth, :explanation]

  @type t :: %__MODULE__{
          from: ElixirScope.ASTRepository.RuntimeEvent.t(),
          to: ElixirScope.ASTRepository.RuntimeEvent.t(),
          kind: atom(),
          certainty: :exact | :inferred,
          basis: atom(),
          because: String.t(),
          depth: pos_integer(),
          explanation: String.t()
        }

  defimpl Inspect do
    def inspect(edge, _opts), do: "#ElixirScope.Cause<#{edge.explanation} (#{edge.certainty})>"
  end
end

defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Finding do
  @moduledoc """
  One thing that is worth a look.

    * `:kind` - see `ElixirScope.ASTRepository.PerformanceAnalysis`
    * `:function` - `{module, name, arity}`; `nil` of what is about all functions
    * `:ast_node_id`, `:file`, `:line` - where it stands; `nil` where the source is not known
    * `:what` - in one line
    * `:evidence` - the figures, by name, with their unit in the name (`_us`, `_share`); `*_event` are ids of events, which
      `ElixirScope.ASTRepository.TemporalBridge` follows
    * `:weight` - what findings of one kind are sorted by: microseconds, as a rule
    * `:confidence` - 0.0 to 1.0: how sure it is that this is what it is called; lower where events are missing
    * `:next_step` - what to do about it
  """

  @enforce_keys [:kind, :what]
  defstruct [
    :kind,
    :function,
    :ast_node_id,
    :file,
    :line,
    :what,
    :next_step,
    evidence: %{},
    weight: 0.0,
    confidence: 1.0
  ]

  @type t :: %__MODULE__{
          kind: ElixirScope.ASTRepository.PerformanceAnalysis.kind(),
          function: {module(), atom(), arity()} | nil,
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          what: String.t(),
          evidence: map(),
          weight: number(),
          confidence: float(),
          next_step: String.t() | nil
        }
end

defmodule ElixirScope.ASTRepository.ExecutionTimeline do
  @moduledoc """
  What happened, in order, with who called whom: of a process, an activation, a node, or a stretch of time.
  `ElixirScope.ASTRepository.TemporalBridge.execution_timeline/3` makes it, `ElixirScope.timeline/2` shows it.

    * `:target` - what was asked for; `:ast_node_id` - of a node or a function that the repository knows
    * `:from`, `:to` - of the first and the last entry, nanoseconds since 1970; `nil` without any
    * `:entries` - in the order of time, each a map
      * `:event` - the `ElixirScope.ASTRepository.RuntimeEvent`
      * `:kind` - `:call`, `:end` (of an activation that has entries of its own), or the type of what happened within one
      * `:depth` - how many of the activations around it are in the timeline
      * `:parent` - the `correlation_id` of the innermost of them, `nil` for none
      * `:process` - the process, as text
      * `:jump` - a call that took the place of its caller: a tail call
    * `:processes` - as text, in the order in which they come
    * `:activations` - how many calls are among the entries
    * `:truncated` - there is more than was asked for
    * `:gaps` - records that this VM has dropped so far, and events that the log no longer holds, `%{dropped: n, evicted: n}`: what is between entries
      may be missing when there are any. Of a saved repository `dropped` is `nil`: not known
  """

  alias ElixirScope.ASTRepository.RuntimeEvent

  defstruct [
    :target,
    :ast_node_id,
    :from,
    :to,
    entries: [],
    processes: [],
    activations: 0,
    truncated: false,
    gaps: %{dropped: nil, evicted: 0}
  ]

  @type entry :: %{
          event: RuntimeEvent.t(),
          kind: atom(),
          depth: non_neg_integer(),
          parent: integer() | nil,
          process: String.t() | nil,
          jump: boolean()
        }

  @type t :: %__MODULE__{
          target: term(),
          ast_node_id: String.t() | nil,
          from: integer() | nil,
          to: integer() | nil,
          entries: [entry()],
          processes: [String.t()],
          activations: non_neg_integer(),
          truncated: boolean(),
          gaps: %{dropped: non_neg_integer() | nil, evicted: non_neg_integer()}
        }
end

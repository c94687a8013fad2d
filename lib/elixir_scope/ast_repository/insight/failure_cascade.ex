defmodule ElixirScope.ASTRepository.FailureCascade do
  @moduledoc """
  How far a failure spread: the activations that one exception unwound, those that died with their process, or the
  processes that died of one that died.

    * `:kind` - `:error`; `:aborted` with the process; `:exit` from process to process
    * `:reason` - see `ElixirScope.ASTRepository.ExceptionPattern`; of an `:exit` as text, that of the first one of
      its kind
    * `:path` - functions, innermost first; of a recursion each once. Of an `:exit` one for each process, in the order in which they
      died: the innermost that was open, or the first that had run there, or the one that had started it; `nil` of a
      process without any
    * `:path_cut` - there were more than are kept
    * `:count` - how often it happened
    * `:depth_max` - most activations, or processes, that it ended at once
    * `:last_at` - when it happened last
    * `:how` - of an `:exit`, for each process but the first: `:link` (linked to one that died before, same reason), `:call`
      (it waited for the answer of one), `:supervisor` (shut down because another child had failed); `nil` of the others
    * `:certainty` - `:exact`, or `:inferred` where anything but a link is in `:how`
    * `:restarts` - of an `:exit`, processes that the parents started in their place, within two seconds; `nil` of the others
    * `:restart_us` - of these, microseconds from the first death, on average
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [
    :kind,
    :reason,
    :path,
    :path_cut,
    :count,
    :depth_max,
    :last_at,
    :how,
    :certainty,
    :restarts,
    :restart_us
  ]

  @type t :: %__MODULE__{
          kind: :error | :aborted | :exit,
          reason: atom() | String.t(),
          path: [FunctionData.key() | nil],
          path_cut: boolean(),
          count: pos_integer(),
          depth_max: pos_integer(),
          last_at: DateTime.t(),
          how: [:link | :call | :supervisor] | nil,
          certainty: :exact | :inferred,
          restarts: non_neg_integer() | nil,
          restart_us: float() | nil
        }
end

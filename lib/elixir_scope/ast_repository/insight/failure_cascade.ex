defmodule ElixirScope.ASTRepository.FailureCascade do
  @moduledoc """
  How far a failure spread: the activations that one exception unwound, or that died with their process.

    * `:kind` - `:error`, or `:aborted` with the process
    * `:reason` - see `ElixirScope.ASTRepository.ExceptionPattern`
    * `:path` - functions, innermost first; of a recursion each once
    * `:path_cut` - there were more than are kept
    * `:count` - how often it happened
    * `:depth_max` - most activations that it ended at once
    * `:last_at` - when it happened last
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:kind, :reason, :path, :path_cut, :count, :depth_max, :last_at]

  @type t :: %__MODULE__{
          kind: :error | :aborted,
          reason: atom(),
          path: [FunctionData.key()],
          path_cut: boolean(),
          count: pos_integer(),
          depth_max: pos_integer(),
          last_at: DateTime.t()
        }
end

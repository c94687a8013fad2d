defmodule ElixirScope.ASTRepository.BatchResult do
  @moduledoc """
  What a batch of updates did, and what subscribers of an `ElixirScope.ASTRepository.IncrementalUpdater` are told.

    * `:version` - the version of the repository in which all of it is visible for the first time;
      `:previous_version` - the one that was read when the batch was prepared
    * `:applied` - updates that were applied; `:unchanged` - those that would have changed nothing
    * `:files` - `[%{path:, kind:, modules:, functions:}]`; `kind` is `:added`, `:modified`, `:reformatted` (comments,
      layout, positions), `:renamed` (another file defines a name of it too, or no longer does) or `:removed`
    * `:modules` - `[{name, :added | :modified | :removed}]`, from files and from updates of modules
    * `:functions` - `[{{module, name, arity}, :added | :modified | :removed}]`, likewise
    * `:correlations` - ids that were stored or moved
    * `:nodes` - ids of nodes whose insights or instrumentation points were changed
    * `:rejected` - `[{update, error}]`: of updates that were queued one by one, those that could not be applied.
      Empty for a batch that was given as one, which is applied whole or not at all
    * `:checkpoint` - the name of the checkpoint that was made before it, or `nil`
    * `:duration_us` - reading, parsing, storing
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [
    :version,
    :previous_version,
    :checkpoint,
    applied: 0,
    unchanged: 0,
    files: [],
    modules: [],
    functions: [],
    correlations: [],
    nodes: [],
    rejected: [],
    duration_us: 0
  ]

  @type kind :: :added | :modified | :removed

  @type file_change :: %{
          path: Path.t(),
          kind: kind() | :reformatted | :renamed,
          modules: [{module(), kind()}],
          functions: [{FunctionData.key(), kind()}]
        }

  @type t :: %__MODULE__{
          version: pos_integer(),
          previous_version: pos_integer(),
          checkpoint: term(),
          applied: non_neg_integer(),
          unchanged: non_neg_integer(),
          files: [file_change()],
          modules: [{module(), kind()}],
          functions: [{FunctionData.key(), kind()}],
          correlations: [binary() | integer() | atom()],
          nodes: [String.t()],
          rejected: [{tuple(), ElixirScope.Error.t()}],
          duration_us: non_neg_integer()
        }
end

defmodule ElixirScope.ASTRepository.CodeSmell do
  @moduledoc """
  Something worth a second look: what `ElixirScope.ASTRepository.PatternDetector` finds, and what stands in
  `FunctionData.code_smells`.

    * `:kind` - as `ElixirScope.ASTRepository.PatternDetector.kinds/0` lists them, `:long_function`
    * `:ast_node_id`, `:file`, `:line`, `:column` - the node it is about
    * `:module_name`, `:function_key` - what it stands in; `nil` outside of one
    * `:what` - what is there, `"64 lines of code in one clause"`
    * `:why`, `:instead` - why it matters, and what to do
    * `:measured`, `:threshold` - what was counted and what decides, where something is counted
    * `:source` - where the rule and its threshold come from
    * `:confidence` - 0.0 to 1.0: how sure the source alone can be
    * `:related` - other nodes to look at, `[%{ast_node_id:, file:, line:, column:}]`: the earlier clause, the loop around,
      the other places of a clone
  """

  defstruct [
    :kind,
    :ast_node_id,
    :file,
    :line,
    :column,
    :module_name,
    :function_key,
    :what,
    :why,
    :instead,
    :measured,
    :threshold,
    :source,
    :confidence,
    :related
  ]

  @type place :: %{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }

  @type t :: %__MODULE__{
          kind: atom(),
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          module_name: module() | nil,
          function_key: {module(), atom(), arity()} | nil,
          what: String.t(),
          why: String.t(),
          instead: String.t(),
          measured: float() | nil,
          threshold: non_neg_integer() | nil,
          source: String.t(),
          confidence: float(),
          related: [place()]
        }
end

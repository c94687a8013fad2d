defmodule ElixirScope.ASTRepository.ScopeAnalysis do
  @moduledoc """
  The variables of what the compiler numbers by itself: a clause of a function, the body of a module, a file.

    * `:kind` - `:function` (one clause), `:macro_function` (`test`, `setup`), `:module`, `:file`
    * `:variables` - every version, as `ElixirScope.ASTRepository.VariableInfo`, in the order in which they are bound
    * `:mutations` - what is bound again or hidden, as `ElixirScope.ASTRepository.VariableMutation`
    * `:closures` - every `fn` clause and `&`: `%{kind: :fn | :capture, ast_node_id:, line:, column:, captures: [%{name:, version:}]}`
    * `:unbound` - names written as variables that nothing in sight binds, `%{name:, ast_node_id:, line:, column:}`: calls without
      parentheses, variables that a macro brings, or mistakes
    * `:scope_count`, `:depth` - scopes in it, and how deep they nest; its own counts
  """

  alias ElixirScope.ASTRepository.{VariableInfo, VariableMutation}

  defstruct [
    :kind,
    :ast_node_id,
    :line,
    :column,
    :scope_count,
    :depth,
    variables: [],
    mutations: [],
    closures: [],
    unbound: []
  ]

  @type t :: %__MODULE__{
          kind: :function | :macro_function | :module | :file,
          ast_node_id: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          variables: [VariableInfo.t()],
          mutations: [VariableMutation.t()],
          closures: [map()],
          unbound: [map()],
          scope_count: pos_integer(),
          depth: pos_integer()
        }
end

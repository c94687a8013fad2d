defmodule ElixirScope.ASTRepository.ClauseMetrics do
  @moduledoc """
  The metrics of one clause of a function: what `ElixirScope.ASTRepository.clause_metrics/2` gives.

    * `:ast_node_id`, `:file`, `:line`, `:column`, `:end_line` - which clause, and where it stands (`nil` where the AST
      says nothing)
    * `:bodiless` - it is a head only: it declares defaults or a protocol's function
    * `:metrics` - its `ElixirScope.ASTRepository.ComplexityMetrics`
  """

  alias ElixirScope.ASTRepository.ComplexityMetrics

  defstruct [:ast_node_id, :file, :line, :column, :end_line, :bodiless, :metrics]

  @type t :: %__MODULE__{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          end_line: pos_integer() | nil,
          bodiless: boolean(),
          metrics: ComplexityMetrics.t()
        }
end

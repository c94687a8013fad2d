defmodule ElixirScope.ASTRepository.ComplexityMetrics do
  @moduledoc """
  Complexity of a function, or of a module over its functions.

    * `:cyclomatic_complexity` - McCabe's: 1 plus the decisions, over all clauses of a function; the sum of its
      functions for a module
    * `:credo_cyclomatic` - as Credo counts it, per clause; the greatest one for a function or a module
    * `:cognitive_complexity` - SonarSource's cognitive complexity (v1.5); the sum for a module
    * `:nesting_depth` - the greatest depth over `if unless case cond fn for with`
    * `:crap` - Savoia and Evans' change risk, complexity² · (1 − test coverage)³ + complexity, with McCabe's
      complexity; of functions that were instrumented during an observed run, otherwise `nil`
    * `:lines_of_code` - lines that hold at least one token; the sum of its functions for a module
  """

  defstruct [
    :cyclomatic_complexity,
    :credo_cyclomatic,
    :cognitive_complexity,
    :nesting_depth,
    :lines_of_code,
    :crap
  ]

  @type t :: %__MODULE__{
          cyclomatic_complexity: non_neg_integer() | nil,
          credo_cyclomatic: non_neg_integer() | nil,
          cognitive_complexity: non_neg_integer() | nil,
          nesting_depth: non_neg_integer() | nil,
          lines_of_code: non_neg_integer() | nil,
          crap: float() | nil
        }
end

defmodule ElixirScope.ASTRepository.ComplexityMetrics do
  @moduledoc """
  Complexity and size of a clause, of a function over its clauses, or of a module over its functions.

    * `:cyclomatic_complexity` - McCabe's ("A Complexity Measure", 1976): 1 plus the decisions, over all clauses of a
      function; the sum of its functions for a module
    * `:credo_cyclomatic` - as Credo's check `CyclomaticComplexity` counts it, per clause; the greatest one for a function
      or a module
    * `:cognitive_complexity` - SonarSource's cognitive complexity (v1.5); the sum for a module. What a function costs
      beyond its clauses (1 for having several, 1 for recursion) is in no clause's figure
    * `:nesting_depth` - the greatest depth over `if unless case cond fn for with`
    * `:lines_of_code` - lines that hold at least one token; the sum of its clauses for a function. For a module all
      lines from `defmodule` to its `end`
    * `:abc_size` - Fitzpatrick's ABC (1997): √(A² + B² + C²) over the bodies; the vectors of clauses and functions add up.
      A, `:abc_assignments`, counts `=` and `@attribute`; B, `:abc_branches`, calls of functions and macros and `->`; C,
      `:abc_conditions`, `if unless for try case cond and or && ||`
    * `:credo_abc_size` - as Credo's check `ABCSize` counts it, unrounded; the greatest one of the clauses
    * `:halstead_volume` (N·log₂ h), `:halstead_difficulty` (h₁/2 · N₂/h₂), `:halstead_effort` (D·V) - Halstead, "Elements of
      Software Science" (1977), from the counts `:halstead_operators` (N₁), `:halstead_operands` (N₂),
      `:halstead_distinct_operators` (h₁) and `:halstead_distinct_operands` (h₂). Operators are call names with arity,
      operators, special forms and constructors; operands are variables, literals, aliases and attributes
    * `:maintainability_index` - 0 to 100, higher is better: max(0, (171 − 5.2 ln V − 0.23 G − 16.2 ln LOC)·100/171)
      (Oman and Hagemeister 1992), G being McCabe's. Of a module, as there, that of its average V, G and LOC per function;
      `nil` for a module without functions
    * `:crap` - Savoia and Evans' change risk, complexity² · (1 − test coverage)³ + complexity, with McCabe's
      complexity; of functions that were instrumented during an observed run, otherwise `nil`

  All others are computed from the source as it is written; what macros make of it is not counted.
  """

  @counts ~w(cyclomatic_complexity credo_cyclomatic cognitive_complexity nesting_depth lines_of_code)a

  defstruct @counts ++
              [
                :abc_size,
                :abc_assignments,
                :abc_branches,
                :abc_conditions,
                :credo_abc_size,
                :halstead_operators,
                :halstead_operands,
                :halstead_distinct_operators,
                :halstead_distinct_operands,
                :halstead_volume,
                :halstead_difficulty,
                :halstead_effort,
                :maintainability_index,
                :crap
              ]

  @type t :: %__MODULE__{
          cyclomatic_complexity: non_neg_integer() | nil,
          credo_cyclomatic: non_neg_integer() | nil,
          cognitive_complexity: non_neg_integer() | nil,
          nesting_depth: non_neg_integer() | nil,
          lines_of_code: non_neg_integer() | nil,
          abc_size: float() | nil,
          abc_assignments: non_neg_integer() | nil,
          abc_branches: non_neg_integer() | nil,
          abc_conditions: non_neg_integer() | nil,
          credo_abc_size: float() | nil,
          halstead_operators: non_neg_integer() | nil,
          halstead_operands: non_neg_integer() | nil,
          halstead_distinct_operators: non_neg_integer() | nil,
          halstead_distinct_operands: non_neg_integer() | nil,
          halstead_volume: float() | nil,
          halstead_difficulty: float() | nil,
          halstead_effort: float() | nil,
          maintainability_index: float() | nil,
          crap: float() | nil
        }
end

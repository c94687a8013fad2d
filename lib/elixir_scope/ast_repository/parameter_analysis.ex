defmodule ElixirScope.ASTRepository.ParameterAnalysis do
  @moduledoc """
  One argument of a function, over all its clauses.

    * `:position` - from 0
    * `:names` - the variables that have it or a part of it, in the order of the source
    * `:patterns` - how each clause takes it: `:variable`, `:ignored` (`_x`), `:literal`, `:map`, `:struct`, `:pattern`
    * `:default` - it may be left out
    * `:used` - something uses one of its variables
    * `:returned` - it is given back, or is a part of what is; what only passes through another function does not count here, see
      `ElixirScope.ASTRepository.GraphBuilder.data_flow_between/2`
    * `:passed_to` - calls that get it or a part of it: `%{function:, position:, ast_node_id:, line:, column:}`
  """

  defstruct [:position, :default, :used, :returned, names: [], patterns: [], passed_to: []]

  @type t :: %__MODULE__{
          position: non_neg_integer(),
          names: [atom()],
          patterns: [:variable | :ignored | :literal | :map | :struct | :pattern],
          default: boolean(),
          used: boolean(),
          returned: boolean(),
          passed_to: [map()]
        }
end

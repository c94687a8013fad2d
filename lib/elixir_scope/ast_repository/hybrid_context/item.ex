defmodule ElixirScope.ASTRepository.HybridContext.Item do
  @moduledoc """
  A function in a context, with what is known of it.

    * `:rank` - from 1; `:ast_node_id`, `:function` (`{module, name, arity}`), `:kind` (`:def`, `:defp`, ...), `:file`, `:line`, `:end_line`
    * `:score` - 1.0 for the first; `ElixirScope.ASTRepository.HybridContext` says of what it is made; `:proximity` - its share of the walk, 0 to 1;
      `:seed` - the walk began here
    * `:why` - what put it here, in words, each with the event or node that it rests on where there is one
    * `:code` - the text of the source, or `nil`; `:code_of` - `:source`, `:syntax_tree` (the file is not what was read, or not
      there, and the code is printed from what was read), and `:code_cut` - lines that were left out
    * `:statistics` - an `ElixirScope.ASTRepository.ExecutionStatistics`; `nil` when it was not seen to run
    * `:clauses` - `[%{ast_node_id:, line:, calls:, failed:}]` of a function with several
    * `:calls`, `:called_by` - `[%{ast_node_id:, kind:, written:, count:, per_call:, failed:}]`: `:kind` is that of
      `ElixirScope.ASTRepository.FunctionCall`, or `:message` for who sends to whom; `:count` is how often it was observed,
      `:per_call` how often from one call where that is four times or more, `:failed` how often the other end failed
    * `:failures`, `:values` - recorded calls, as `[%{event_id:, correlation_id:, text:}]`: what it was given and how it ended, values
      as they were recorded, after redaction
    * `:findings` - `[%{ast_node_id:, line:, kind:, what:, instead:}]`
    * `:change` - `%{kind: :added | :changed, at: DateTime, versions: n}` against the version before
    * `:tests` - `[%{test:, file:, line:, result:}]` that were recorded to reach it
    * `:documentation` - its first paragraph
    * `:left_out` - which of these there were no tokens for
    * `:tokens` - what it takes of the budget

  Lists are `nil` when there is nothing, or no room; `:left_out` tells which.
  """

  defstruct [
    :rank,
    :ast_node_id,
    :function,
    :kind,
    :file,
    :line,
    :end_line,
    :score,
    :proximity,
    :seed,
    :code,
    :code_of,
    :statistics,
    :clauses,
    :calls,
    :called_by,
    :failures,
    :values,
    :findings,
    :change,
    :tests,
    :documentation,
    code_cut: 0,
    why: [],
    left_out: [],
    tokens: 0
  ]

  @type end_of_edge :: %{
          ast_node_id: String.t(),
          kind: atom(),
          written: boolean(),
          count: non_neg_integer(),
          per_call: float() | nil,
          failed: non_neg_integer()
        }
  @type recorded :: %{event_id: integer(), correlation_id: term(), text: String.t()}

  @type t :: %__MODULE__{
          rank: pos_integer(),
          ast_node_id: String.t(),
          function: {module(), atom(), arity()},
          kind: atom(),
          file: String.t(),
          line: pos_integer(),
          end_line: pos_integer(),
          score: float(),
          proximity: float(),
          seed: boolean(),
          code: String.t() | nil,
          code_of: :source | :syntax_tree | nil,
          code_cut: non_neg_integer(),
          statistics: ElixirScope.ASTRepository.ExecutionStatistics.t() | nil,
          clauses: [map()] | nil,
          calls: [end_of_edge()] | nil,
          called_by: [end_of_edge()] | nil,
          failures: [recorded()] | nil,
          values: [recorded()] | nil,
          findings: [map()] | nil,
          change: map() | nil,
          tests: [map()] | nil,
          documentation: String.t() | nil,
          why: [String.t()],
          left_out: [atom()],
          tokens: non_neg_integer()
        }
end

defmodule ElixirScope.ASTRepository.VariableLifecycle do
  @moduledoc """
  One version of a variable, from the source and as it was seen to run.

    * `:variable_id` - `{module, function, arity, name, version}` of the compiled code
    * `:name`, `:version`; `:function` - `{module, function, arity}`
    * `:line`, `:column` - where it is bound; `:ast_node_id` and `:value_from` - the nodes of the pattern and of the expression that it takes
      apart, `:uses` - the places that use it, `:rebinds` - the version it takes the place of: of the source, where that is known
    * `:values` - what it was, oldest first: `%{value:, at:, pid:, correlation_id:, event_id:}` with `value: {:ok, term} | :not_recorded`
    * `:count` - how often it was bound, in what the log holds; `:truncated` - there were more than were asked for
    * `:first_bound`, `:last_bound` - nanoseconds since 1970
  """

  defstruct [
    :variable_id,
    :name,
    :version,
    :function,
    :line,
    :column,
    :ast_node_id,
    :value_from,
    :rebinds,
    :first_bound,
    :last_bound,
    uses: [],
    values: [],
    count: 0,
    truncated: false
  ]

  @type t :: %__MODULE__{}
end

defmodule ElixirScope.ASTRepository.QueryResult do
  @moduledoc """
  The answer to a query.

    * `:rows` - maps with the fields that `select/2` named; a nested field is keyed by its path as text
      (`"execution_statistics.average_duration"`)
    * `:columns` - the keys of the rows, in the order of `select`
    * `:count` - how many rows these are
    * `:total` - how many rows met the conditions, before `limit` and `offset`; `nil` where nobody counted those that a limit
      cuts off (of events, activations and SQL)
    * `:scanned` - how many rows were looked at
    * `:complete?` - false when runtime events were dropped, of whatever module, while the repository was subscribed: then
      figures of the run are lower bounds; `:dropped` says how many
    * `:duration_us` - time in the native engine
    * `:cached?` - whether it is an answer that was kept, and nothing it is made of has changed since

  `Enum` functions run over the rows of `result.rows`.
  """

  defstruct rows: [],
            columns: [],
            count: 0,
            total: 0,
            scanned: 0,
            complete?: true,
            dropped: 0,
            duration_us: 0,
            cached?: false

  @type t :: %__MODULE__{
          rows: [map()],
          columns: [atom() | String.t()],
          count: non_neg_integer(),
          total: non_neg_integer() | nil,
          scanned: non_neg_integer(),
          complete?: boolean(),
          dropped: non_neg_integer(),
          duration_us: non_neg_integer(),
          cached?: boolean()
        }
end

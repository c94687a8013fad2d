defmodule ElixirScope.ASTRepository.RepositoryStats do
  @moduledoc """
  What a repository holds, and the memory it takes. Counted when asked, in the native store.

  Counts: `:module_count`, `:function_count`, `:clause_count`, `:node_count`, `:file_count`, `:correlation_count`,
  `:insight_count`, `:event_count` (activations recorded for this repository), `:version` (grows with every change).

  Bytes, measured over the native structures: `:ast_memory_bytes` (arenas with their indexes of modules, functions and clauses),
  `:record_memory_bytes` (stored fields), `:correlation_memory_bytes` (both directions), `:index_memory_bytes` (the
  maps that lead to records and files), `:runtime_memory_bytes` (statistics, edges, event log),
  `:total_memory_bytes` (their sum), `:bytes_per_node` (`ast_memory_bytes / node_count`, `nil` without nodes).

  `:queries` is a map of counts, since the repository began:

    * `:asked`, `:answered`, `:failed`, `:timed_out`, `:cancelled` (the caller was gone), `:refused` (others were at it)
    * `:cache_hits`, `:cache_misses`, `:cache_stale` (a change had made the answer worthless), `:cache_stored`, `:cache_evicted`,
      and now `:cache_entries`, `:cache_bytes`
    * `:columns_found`, `:columns_made` - columns of the source that questions found kept, or had to make; `:indexed_scans` -
      tables that were read by an index; and now `:columns_kept`, `:indexes_kept`, `:kept_bytes`
    * of the whole VM: `:running` now, `:most_at_once`
  """

  defstruct [
    :repository_id,
    :version,
    :bytes_per_node,
    module_count: 0,
    function_count: 0,
    clause_count: 0,
    node_count: 0,
    file_count: 0,
    correlation_count: 0,
    insight_count: 0,
    event_count: 0,
    ast_memory_bytes: 0,
    record_memory_bytes: 0,
    correlation_memory_bytes: 0,
    index_memory_bytes: 0,
    runtime_memory_bytes: 0,
    total_memory_bytes: 0,
    queries: %{}
  ]

  @type t :: %__MODULE__{
          repository_id: String.t(),
          version: non_neg_integer(),
          bytes_per_node: float() | nil,
          module_count: non_neg_integer(),
          function_count: non_neg_integer(),
          clause_count: non_neg_integer(),
          node_count: non_neg_integer(),
          file_count: non_neg_integer(),
          correlation_count: non_neg_integer(),
          insight_count: non_neg_integer(),
          event_count: non_neg_integer(),
          ast_memory_bytes: non_neg_integer(),
          record_memory_bytes: non_neg_integer(),
          correlation_memory_bytes: non_neg_integer(),
          index_memory_bytes: non_neg_integer(),
          runtime_memory_bytes: non_neg_integer(),
          total_memory_bytes: non_neg_integer(),
          queries: %{optional(atom()) => non_neg_integer()}
        }
end

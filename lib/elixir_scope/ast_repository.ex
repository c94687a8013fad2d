defmodule ElixirScope.ASTRepository do
  @moduledoc """
  A repository of source code and of what the running program did with it.

      {:ok, repo} = ElixirScope.ASTRepository.new()
      {:ok, _} = ElixirScope.ASTRepository.import_project(repo, "path/to/project")
      {:ok, cart} = ElixirScope.ASTRepository.get_module(repo, MyApp.Cart)
      {:ok, ast} = ElixirScope.ASTRepository.get_ast_node(repo, "MyApp.Cart.total/2")

  Every function takes a `%ElixirScope.ASTRepository.Repository{}`, the pid of a repository started with `start_link/1`, or its
  registered name. Several repositories live side by side and share nothing. No read or write passes through a
  process, and none blocks a scheduler: what takes long runs on a dirty one.

  What goes wrong comes back as `{:error, %ElixirScope.Error{}}` with a `:reason` to match on and a `:hint`; bad
  arguments too. Only reading what is simply not there is `{:error, :not_found}`: `get_module`, `get_function`,
  `get_ast_node`, `get_instrumentation_points`, `get_correlated_events` and `get_ast_node_by_correlation`. A call that
  fails has stored nothing.

  Ids of nodes (`ast_node_id`) are a function of the source alone: `"MyApp.Cart.total/2"` is a function,
  `"MyApp.Cart.total/2#c41f2a"` one of its clauses, `"MyApp.Cart.total/2#c41f2a:9be02d11.1"` a node in it.
  """

  alias ElixirScope.ASTRepository.{
    ClauseMetrics,
    ContextRequest,
    FunctionData,
    HybridContext,
    ImportResult,
    InstrumentationPoint,
    ModuleData
  }

  alias ElixirScope.ASTRepository.{
    Health,
    HealthStatus,
    Import,
    Lifecycle,
    Nodes,
    Query,
    QueryPlan,
    QueryResult,
    Questions
  }

  alias ElixirScope.ASTRepository.{BatchResult, Files, FileUpdate, IncrementalUpdater}
  alias ElixirScope.ASTRepository.IncrementalUpdater.Batch
  alias ElixirScope.ASTRepository.{Records, Repository, RepositoryStats, RuntimeCorrelator, RuntimeEvent}
  alias ElixirScope.ASTRepository.{RuntimeInsights, Snapshot, Storage}
  alias ElixirScope.ASTRepository.{Maintenance, PerformanceAnalysis}
  alias ElixirScope.ASTRepository.{Pattern, PatternMatches, Search}
  alias ElixirScope.Error
  alias ElixirScope.Export.Rows

  @typedoc "What every function takes: a handle, a pid, or a registered name."
  @type repository :: Repository.t() | pid() | atom() | {:global, term()} | {:via, module(), term()}
  @type ast_node_id :: String.t()
  @type correlation_id :: binary() | integer() | atom()

  # Lifecycle

  @doc """
  A repository without a process: it lives as long as someone holds its handle, or until `stop/1`.

  Options are the settings of `ElixirScope.ASTRepository.Config`, `preset:`, `config:` (a `Config`), and `repository_id:`.
  """
  @spec new(keyword()) :: {:ok, Repository.t()} | {:error, Error.t()}
  defdelegate new(opts \\ []), to: Lifecycle

  @doc "A repository with a process, for a supervisor: `new/1`'s options and `name:`."
  @spec start_link(keyword()) :: GenServer.on_start() | {:error, Error.t()}
  defdelegate start_link(opts \\ []), to: Lifecycle

  @doc "The child specification: `{ElixirScope.ASTRepository, name: MyApp.Repository}`."
  @spec child_spec(keyword()) :: Supervisor.child_spec()
  def child_spec(opts) do
    %{
      id: (is_list(opts) && Keyword.keyword?(opts) && opts[:name]) || __MODULE__,
      start: {__MODULE__, :start_link, [opts]}
    }
  end

  @doc "Ends a repository and gives back its memory. Handles to it give `:not_found` from then on."
  @spec stop(repository()) :: :ok | {:error, Error.t()}
  defdelegate stop(repository), to: Lifecycle

  # Modules

  @doc """
  Stores a module, in place of what was stored under its name. What you store you get back; fields left `nil` are
  computed when they can be.

  Takes a `ModuleData`, or quoted code: then every module defined in it is stored.

  Errors: `:invalid_argument`, `:limit_exceeded` (`max_modules`).
  """
  @spec store_module(repository(), ModuleData.t() | Macro.t()) :: :ok | {:error, Error.t()}
  defdelegate store_module(repository, module_data), to: Records

  @doc """
  A module with everything known of it; its `:ast` is exactly what was stored or parsed.

  `fields: [...]` computes these fields only (and is the way to ask for `:ast_node_mapping`).

  Errors: `:not_found`.
  """
  @spec get_module(repository(), module(), [{:fields, [atom()]}]) ::
          {:ok, ModuleData.t()} | {:error, :not_found | Error.t()}
  defdelegate get_module(repository, module_name, opts \\ []), to: Records

  @doc """
  Changes a module: `update_fn` gets the `ModuleData` and returns the changed one. It runs in the caller, perhaps more
  than once: when someone else changed the module meanwhile, it is read again, so no change is lost. Fields that it did
  not touch go on being computed. What `update_fn` raises is the caller's, and nothing is stored.

  Errors: `:not_found`, `:invalid_argument`, `:conflict` when it did not get through within `transaction_timeout_ms`.
  """
  @spec update_module(repository(), module(), (ModuleData.t() -> ModuleData.t())) :: :ok | {:error, Error.t()}
  defdelegate update_module(repository, module_name, update_fn), to: Records

  @doc "Forgets a module, its source and its stored fields. What its functions did at run time stays. Errors: `:not_found`."
  @spec delete_module(repository(), module()) :: :ok | {:error, Error.t()}
  defdelegate delete_module(repository, module_name), to: Records

  # Functions

  @doc "Stores a function's data, in place of what was stored for it before. Its module need not be stored."
  @spec store_function(repository(), FunctionData.t()) :: :ok | {:error, Error.t()}
  defdelegate store_function(repository, function_data), to: Records

  @doc """
  A function with everything known of it: of an imported or stored module, or stored itself.

  `fields: [...]` computes these fields only. Errors: `:not_found`.
  """
  @spec get_function(repository(), FunctionData.key(), [{:fields, [atom()]}]) ::
          {:ok, FunctionData.t()} | {:error, :not_found | Error.t()}
  defdelegate get_function(repository, function_key, opts \\ []), to: Records

  @doc """
  Stores runtime data for a known function: a map or keyword list of runtime fields of `FunctionData`, or an
  `ExecutionStatistics`. Fields that it does not name keep what they had. Stored values go before observed ones.

  Errors: `:not_found`, `:unknown` for a field that is not one.
  """
  @spec update_function_runtime_data(repository(), FunctionData.key(), map() | keyword() | struct()) ::
          :ok | {:error, Error.t()}
  defdelegate update_function_runtime_data(repository, function_key, runtime_data), to: Records

  # Nodes

  @doc """
  The code of a node, exactly as parsed, metadata included. A function of several clauses comes in a `:__block__`.

  An id of an older version gives what its node became (`get_present_id/2` tells under which id). The code as it was:

    * `build: build` - in that version: the `:build` of a `VersionEntry` (`ModuleData.version_history`), or of an event
    * `at: time` - in the version that was the present one then: a `DateTime`, or nanoseconds since 1970

  Errors: `:not_found`, also for what is gone; an error with reason `:not_found` for a version that is not kept.
  """
  @spec get_ast_node(repository(), ast_node_id(),
          build: String.t() | pos_integer(),
          at: DateTime.t() | integer()
        ) ::
          {:ok, Macro.t()} | {:error, :not_found | Error.t()}
  defdelegate get_ast_node(repository, ast_node_id, opts \\ []), to: Nodes

  @doc """
  The id that a node goes by now: its own, or, for an id of an older version, that of what became of it.

  Errors: `:not_found`, with what became of a node that is gone in `:details`: the `:file` it stood in, the `:build`
  that had it last, `:removed_at_ns`, and `:around`, the id of what was around it and is still there.
  """
  @spec get_present_id(repository(), ast_node_id()) :: {:ok, ast_node_id()} | {:error, Error.t()}
  defdelegate get_present_id(repository, ast_node_id), to: Nodes, as: :present_id

  @doc "Whether the repository holds the code of a node."
  @spec ast_node_exists?(repository(), ast_node_id()) :: boolean()
  defdelegate ast_node_exists?(repository, ast_node_id), to: Nodes, as: :exists?

  @doc "Where a node stands: `%{ast_node_id:, kind:, file:, line:, column:}`."
  @spec get_node_location(repository(), ast_node_id()) :: {:ok, map()} | {:error, Error.t()}
  defdelegate get_node_location(repository, ast_node_id), to: Nodes, as: :place

  @doc "The instrumentation points of a module, a function, a clause, or a node. Empty when it is not instrumented."
  @spec get_instrumentation_points(repository(), ast_node_id()) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, :not_found | Error.t()}
  defdelegate get_instrumentation_points(repository, ast_node_id), to: Nodes, as: :instrumentation_points

  @doc """
  The metrics of each clause, in the order of the source: of a module (its name), a function (its key), or whatever an
  `ast_node_id` names. Fields of `ElixirScope.ASTRepository.FunctionData` and `ModuleData` sum them up.

      {:ok, clauses} = ASTRepository.clause_metrics(repo, {MyApp.Cart, :total, 2})
      Enum.max_by(clauses, & &1.metrics.credo_abc_size)

  Errors: `:not_found`, `:invalid_argument`.
  """
  @spec clause_metrics(repository(), module() | FunctionData.key() | ast_node_id()) ::
          {:ok, [ClauseMetrics.t()]} | {:error, Error.t()}
  defdelegate clause_metrics(repository, what), to: Nodes

  @doc """
  Ids of the nodes that a pattern matches, by file, then in the order of the source.

  A pattern is code as text or quoted, or a `ElixirScope.ASTRepository.Pattern`, which describes the language:

      {:ok, ids} = find_ast_nodes_by_pattern(repo, "Enum.map(_, fun) when is_function(fun)")
      {:ok, ids} = find_ast_nodes_by_pattern(repo, quote(do: Repo.delete(x)))

  Errors: `:invalid_argument` for what is no pattern; `:timeout` past the repository's `query_timeout_ms`;
  `:limit_exceeded` for more than 1,048,576 matches.
  """
  @spec find_ast_nodes_by_pattern(repository(), Pattern.t() | String.t() | Macro.t()) ::
          {:ok, [ast_node_id()]} | {:error, Error.t()}
  defdelegate find_ast_nodes_by_pattern(repository, pattern), to: Search, as: :ids

  @doc """
  The same with captures and places: a `ElixirScope.ASTRepository.PatternMatches`.

      {:ok, found} = find_ast_nodes_by_pattern(repo, "Enum.map(list, fun)", limit: 10)
      [%PatternMatch{ast_node_id: id, file: file, line: line, captures: %{"fun" => %{code: code}}} | _] = found.matches

  Options:

    * `limit: n` - 1,000 by default, or `:infinity`; `offset: n`
    * `timeout: ms` - the repository's `query_timeout_ms` by default
    * those of `ElixirScope.ASTRepository.Pattern.new/2`: `resolve:`, `pipes:`, `captures:`, `apply:`, `inside:`,
      `not_inside:` and so on

  Errors: as `find_ast_nodes_by_pattern/2`; `:unknown` for an option.
  """
  @spec find_ast_nodes_by_pattern(repository(), Pattern.t() | String.t() | Macro.t(), keyword()) ::
          {:ok, PatternMatches.t()} | {:error, Error.t()}
  defdelegate find_ast_nodes_by_pattern(repository, pattern, opts), to: Search, as: :matches

  # Correlation

  @doc "The node that an event came from; see `ElixirScope.ASTRepository.RuntimeCorrelator`."
  @spec correlate_event(repository(), RuntimeEvent.t() | map()) :: {:ok, ast_node_id()} | {:error, Error.t()}
  defdelegate correlate_event(repository, event), to: RuntimeCorrelator

  @doc """
  What happened at a node, of every kind and with values: events of the log, oldest first. For a module, a function or a clause all
  that happened in it; for any other node what was recorded at it, or inside of it.

    * `:limit` - the newest so many (1000)
    * `:types` - of these types only: `[:binding, :exception]`; see `ElixirScope.ASTRepository.RuntimeEvent.types/0`. Without it
      everything but ends, which a `:call` tells of itself

  Errors: `:not_found` for a node that the repository does not hold, `:unknown` for an option or type.
  """
  @spec get_correlated_events(repository(), ast_node_id(), limit: non_neg_integer(), types: [atom()]) ::
          {:ok, [RuntimeEvent.t()]} | {:error, :not_found | Error.t()}
  defdelegate get_correlated_events(repository, ast_node_id, opts \\ []),
    to: RuntimeCorrelator,
    as: :correlated_events

  @doc "Stores what was learnt of a node. Fields left `nil` keep what they had. Errors: `:not_found`."
  @spec update_runtime_insights(repository(), ast_node_id(), RuntimeInsights.t() | map()) ::
          :ok | {:error, Error.t()}
  defdelegate update_runtime_insights(repository, ast_node_id, insights), to: Nodes, as: :update_insights

  @doc "What `update_runtime_insights/3` stored for a node. Errors: `:not_found`."
  @spec get_runtime_insights(repository(), ast_node_id()) :: {:ok, RuntimeInsights.t()} | {:error, Error.t()}
  defdelegate get_runtime_insights(repository, ast_node_id), to: Nodes, as: :insights

  @doc """
  Makes a correlation id stand for a node. The node need not be stored (yet). Storing the id again moves it.

  Errors: `:limit_exceeded` (`max_correlations`).
  """
  @spec store_correlation(repository(), correlation_id(), ast_node_id()) :: :ok | {:error, Error.t()}
  defdelegate store_correlation(repository, correlation_id, ast_node_id), to: Nodes

  @doc "The node of a stored correlation id. Errors: `:not_found`."
  @spec get_ast_node_by_correlation(repository(), correlation_id()) ::
          {:ok, ast_node_id()} | {:error, :not_found | Error.t()}
  defdelegate get_ast_node_by_correlation(repository, correlation_id), to: Nodes, as: :by_correlation

  @doc "The stored correlation ids of a node, in the order they were stored; empty when there are none."
  @spec get_correlations_for_ast_node(repository(), ast_node_id()) ::
          {:ok, [correlation_id()]} | {:error, Error.t()}
  defdelegate get_correlations_for_ast_node(repository, ast_node_id), to: Nodes, as: :correlations_of

  @doc "All stored correlations, as `[{correlation_id, ast_node_id}]`, sorted."
  @spec get_all_correlations(repository()) :: {:ok, [{correlation_id(), ast_node_id()}]} | {:error, Error.t()}
  defdelegate get_all_correlations(repository), to: Nodes, as: :all_correlations

  @doc """
  Waits until everything that was recorded before this call is visible here: at most `timeout` milliseconds.
  A repository that is not subscribed to the capture (`ElixirScope.Capture.subscribe/1`) has nothing to wait for.
  """
  @spec flush(repository(), timeout()) :: :ok | {:error, Error.t()}
  defdelegate flush(repository, timeout \\ 5_000), to: RuntimeCorrelator

  # Questions

  @doc "Runs a query; see `ElixirScope.ASTRepository.Query`. Errors: `:unknown` names, `:invalid_argument`, `:timeout`."
  @spec query(repository(), Query.building()) :: {:ok, QueryResult.t()} | {:error, Error.t()}
  defdelegate query(repository, query), to: Questions

  @doc """
  Asks in SQL, over the same sources as tables (`ElixirScope.ASTRepository.Query.Schema`).

      {:ok, result} =
        ASTRepository.sql(repository, \"\"\"
        SELECT f.module_name, count(*) AS slow, max(a.duration_us) AS worst
        FROM activations a JOIN functions f ON a.function = f.function
        WHERE a.duration_us > 1000 AND f.cyclomatic_complexity > 3
        GROUP BY f.module_name ORDER BY worst DESC LIMIT 10
        \"\"\")

  What is understood: one `SELECT [DISTINCT]` with expressions, aliases and `*`; `FROM` a table, `JOIN` and `LEFT JOIN ... ON`;
  `WHERE`, `GROUP BY`, `HAVING`, `ORDER BY ... [ASC|DESC] [NULLS FIRST]`, `LIMIT`, `OFFSET`; `+ - * / %` (`/` is of floats),
  comparisons, `AND OR NOT`, `IN` (a list), `BETWEEN`, `LIKE`, `ILIKE`, `IS [NOT] NULL|TRUE|FALSE`, `CASE`, `CAST`, `coalesce`,
  `nullif`, `greatest`, `least`, `lower`, `upper`, `length`, `abs`, `round`, `floor`, `ceil`; aggregates `count`, `sum`, `avg`, `min`,
  `max`, `median`, `percentile(x, 0.95)`, `p50` to `p999`, `stddev`, with `DISTINCT` and `FILTER (WHERE ...)`. Atoms are texts, a module
  is `'Shop.Cart'`. Rows are maps with the columns' names as text. Options: `timeout:` (ms), `max_bytes:`, `cache:` (as
  `ElixirScope.ASTRepository.Query.options/2` has it).

  Errors: `:unknown` names, with the nearest valid one; `:invalid_argument`, with line and column; `:timeout`; `:limit_exceeded`.
  """
  @spec sql(repository(), String.t(), keyword()) :: {:ok, QueryResult.t()} | {:error, Error.t()}
  defdelegate sql(repository, text, options \\ []), to: Questions

  @doc """
  How a query, or SQL, is answered: the steps with the rows that are expected; with `analyze: true` it is run, and says what came
  and how long it took. `to_string/1` of it is a table. Errors: as `query/2`.
  """
  @spec explain(repository(), Query.building() | String.t(), keyword()) ::
          {:ok, QueryPlan.t()} | {:error, Error.t()}
  defdelegate explain(repository, question, options \\ []), to: Questions

  @doc """
  The rows of a query, or of SQL, as a stream: of one answer, whose rows cross from the native side some at a time.

      {:ok, rows} = ASTRepository.stream(repo, "select * from events")
      rows |> Stream.filter(& &1["duration_us"]) |> Enum.take(10)

  The question is answered when this is called, from one version and one moment: what is written later is not in it, however late the
  rows are taken, and they may be taken again. Options: `chunk:` (rows that cross at a time, 1,000), and those of `sql/3`. Errors:
  as `query/2`.
  """
  @spec stream(repository(), Query.building() | String.t(), keyword()) ::
          {:ok, Enumerable.t()} | {:error, Error.t()}
  defdelegate stream(repository, question, options \\ []), to: Questions

  @doc """
  What belongs to a symptom or a place, ranked and within a budget: the code, who calls it and what it calls, written and observed, what
  it was given and returned, how often, how slow, how it failed, what changed, findings, tests. A
  `ElixirScope.ASTRepository.HybridContext`, as Markdown with `to_string/1`, which says how it is ranked.

      {:ok, context} = ASTRepository.build_hybrid_context(repo, error: error, stacktrace: __STACKTRACE__, tokens: 2_000)
      {:ok, context} = ASTRepository.build_hybrid_context(repo, function: {Shop.Cart, :add, 3})
      {:ok, context} = ASTRepository.build_hybrid_context(repo, question: "why are prices of bulk orders wrong?")
      IO.puts(context)

  The request is an `ElixirScope.ASTRepository.ContextRequest`, a keyword list or a map of its fields, or text (its `:target`).

  Errors: `:unknown` for a name or an option, with the nearest one; `:invalid_argument`; `:not_found` when nothing of it leads to a
  function of the repository.
  """
  @spec build_hybrid_context(
          repository(),
          ContextRequest.t() | keyword() | map() | String.t() | FunctionData.key() | module()
        ) :: {:ok, HybridContext.t()} | {:error, Error.t()}
  defdelegate build_hybrid_context(repository, request), to: HybridContext.Build, as: :build

  @doc "Counts and memory of a repository, and what was asked of it."
  @spec get_statistics(repository()) :: {:ok, RepositoryStats.t()} | {:error, Error.t()}
  defdelegate get_statistics(repository), to: Questions, as: :statistics

  @doc "Checks the store: a query within its time, indexes that lead back, limits, losses."
  @spec health_check(repository()) :: {:ok, HealthStatus.t()} | {:error, Error.t()}
  defdelegate health_check(repository), to: Health, as: :check

  # Projects

  @doc """
  Imports the sources of a Mix project, an umbrella, or any directory; or a single file.

  Options:

    * `exclude: [dir]` - names of directories left out, `["deps", "_build", "node_modules", ".git", ".elixir_ls", ...]` by default
    * `progress: fun` - called in the caller with `%{done: n, total: n, file: path}` after each file
    * `max_concurrency: n` - files parsed at a time, the number of schedulers by default
    * `compiled: :auto | false | [dir]` - where the compiled modules of the project are, which say what its macros expand to:
      looked for in `_build` (of the environment compiled last), not used, or in these ebin directories

  Importing again skips files that are unchanged and drops those that are gone. Errors of single files are in the
  result.
  """
  @spec import_project(repository(), Path.t(), keyword()) :: {:ok, ImportResult.t()} | {:error, Error.t()}
  defdelegate import_project(repository, project_path, opts \\ []), to: Import

  @doc """
  Computes now what is otherwise computed when it is first asked for: calls, scopes, flow, processes, declarations, findings,
  the index of the search, and the graphs across files. Uses all schedulers; answers are the same without it.

      {:ok, _} = ElixirScope.ASTRepository.import_project(repo, ".")
      :ok = ElixirScope.ASTRepository.index(repo)
  """
  @spec index(repository()) :: :ok | {:error, Error.t()}
  defdelegate index(repository), to: Import

  @doc """
  Brings one file of an imported project up to date: reads it, parses it, and puts it in the place of what was stored.
  The cost is in proportion to the file; other files are touched only when they gain or lose a plain name by it.

  `path` is absolute, or relative to an imported directory. A new file belongs to the imported directory around it.

  Options:

    * `text: source` - what to store instead of what is on the disk: an unsaved buffer
    * `root: directory` - the project the file belongs to, when none around it was imported

  An edit of comments or layout keeps everything that was computed from the code (`:reformatted`). What does not
  parse is an error, and what is stored stays as it was.

  Errors: `:parse_error` with `details.line`, `:file` when it cannot be read, `:not_found` when no imported directory
  is around it, `:invalid_argument`, `:limit_exceeded`.
  """
  @spec update_file(repository(), Path.t(), text: binary(), root: Path.t()) ::
          {:ok, FileUpdate.t()} | {:error, Error.t()}
  defdelegate update_file(repository, path, opts \\ []), to: Files

  @doc "Takes a file and its modules out. Errors: `:not_found` when no such file is stored."
  @spec remove_file(repository(), Path.t()) :: {:ok, FileUpdate.t()} | {:error, Error.t()}
  defdelegate remove_file(repository, path), to: Files

  @doc """
  Many changes at once, all or none: the updates of `ElixirScope.ASTRepository.IncrementalUpdater`, which also queues
  them, keeps checkpoints and tells subscribers. Errors: those of the update that is wrong, with `details.index`.

      ASTRepository.bulk_update(repo, [{:file_changed, "lib/cart.ex"}, {:file_removed, "lib/old.ex"}])
  """
  @spec bulk_update(repository(), [IncrementalUpdater.update_operation()]) ::
          {:ok, BatchResult.t()} | {:error, Error.t()}
  defdelegate bulk_update(repository, operations), to: Batch, as: :bulk

  # Snapshots and files

  @doc "The content of this moment. Records are shared, not copied."
  @spec create_snapshot(repository()) :: {:ok, Snapshot.t()} | {:error, Error.t()}
  defdelegate create_snapshot(repository), to: Storage

  @doc """
  Brings back the source, stored fields, correlations and insights of a snapshot, also of another repository of this VM.
  What was observed at run time stays: it happened.
  """
  @spec restore_snapshot(repository(), Snapshot.t()) :: :ok | {:error, Error.t()}
  defdelegate restore_snapshot(repository, snapshot), to: Storage

  @doc "Saves everything, runtime data included, into one file. An older file is replaced when the new one is whole."
  @spec save(repository(), Path.t()) :: :ok | {:error, Error.t()}
  defdelegate save(repository, path), to: Storage

  @doc """
  A repository from a file of `save/2`, with `new/1`'s settings. Errors: `:corrupt` with what is wrong, `:file`.
  """
  @spec load(Path.t(), keyword()) :: {:ok, Repository.t()} | {:error, Error.t()}
  defdelegate load(path, opts \\ []), to: Storage

  # Analysis

  @doc """
  Where time goes and what is worth a look: findings, each with figures, event ids, and what to do next.

      {:ok, analysis} = ASTRepository.analyze_performance(repo, kinds: [:hotspot_self, :n_plus_one], limit: 5)
      [%{function: function, what: what, evidence: evidence, next_step: next} | _] = analysis.findings

      # against an earlier run
      {:ok, analysis} = ASTRepository.analyze_performance(repo, kinds: [:regression], baseline: "main.scope")

  `ElixirScope.ASTRepository.PerformanceAnalysis` tells of kinds, options, tests of significance and what an answer cannot know.

  Errors: `:unknown` kinds and options, `:invalid_argument`, `:timeout`, `:busy`, `:corrupt`.
  """
  @spec analyze_performance(repository(), keyword() | map()) ::
          {:ok, PerformanceAnalysis.t()} | {:error, Error.t()}
  defdelegate analyze_performance(repository, request \\ []), to: PerformanceAnalysis, as: :run

  # Out of here, and upkeep

  @doc """
  Writes a table, or the answer of a query or of SQL, into a file: JSON, CSV, MessagePack, Parquet.

      {:ok, written} = ASTRepository.export_data(repo, table: :functions, path: "functions.parquet")
      {:ok, _} = ASTRepository.export_data(repo, sql: "select * from activations where duration_us > 1000", path: "slow.csv")

    * `path:` - the file; it is whole or not there
    * `format:` - one of `ElixirScope.Export.Rows.formats/0`; without it, what the path ends in
    * one of `table: :functions` (its plain columns), `query:` (a `Query`), `sql:` (text)
    * `timeout:` (ms, 300_000), `max_bytes:`, `progress: fn %{rows:, bytes:} -> any end`

  `ElixirScope.export/4` writes traces for the tools that show them. Errors: as `query/2`, and `:not_written`.
  """
  @spec export_data(repository(), keyword() | map()) :: {:ok, Rows.t()} | {:error, Error.t()}
  defdelegate export_data(repository, options), to: Rows, as: :run

  @doc """
  Makes now what questions would have to make: all that is computed of the source, the columns that conditions name most, indexes
  that the questions so far are worth. Forgets answers that are out of date. Tells what it did.

      {:ok, %Maintenance{steps: steps, freed_bytes: bytes}} = ASTRepository.optimize(repo)
  """
  @spec optimize(repository()) :: {:ok, Maintenance.t()} | {:error, Error.t()}
  def optimize(repository), do: Maintenance.optimize(repository, [])

  @doc """
  Gives memory back: kept answers, columns and indexes, events older than their bound; with `computed: true` also graphs and
  points that were resolved. All of it is made again when it is asked for. Tells what it did.

      {:ok, %Maintenance{freed_bytes: bytes}} = ASTRepository.vacuum(repo, computed: true)
  """
  @spec vacuum(repository(), computed: boolean()) :: {:ok, Maintenance.t()} | {:error, Error.t()}
  def vacuum(repository, opts \\ []), do: Maintenance.vacuum(repository, opts)
end

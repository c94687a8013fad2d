defmodule ElixirScope.ASTRepository.QueryEngine.IndexManager do
  @moduledoc """
  Which indexes there are, which questions use them, which are worth having.

      {:ok, indexes} = IndexManager.new(repo)
      {:ok, made} = IndexManager.create_index(indexes, :functions, [:kind, :module_name])
      {:ok, [%{kind: :composite, uses: 0} | _]} = IndexManager.list(indexes)

  Indexes of modules and functions lead from the values of one column, or of several together, to rows. The native engine makes one
  when equalities in these columns have been asked for three times, of a table of 256 rows or more; it holds for one version of the
  source, and comes back for the next. `create_index/3` makes one now and for good, `drop_index/3` keeps it from being made.

  Indexes that are always there, because the store is made of them: modules, functions and nodes by id, nodes by line, correlations in
  both directions, events by id, by time, by process, by function and by activation.
  """

  alias ElixirScope.ASTRepository.{Fault, Handle, Repository}
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.{ASTRepository, Core, Error}

  @indexed ~w(modules functions)a
  # Equalities asked so often are worth an index.
  @worth 3
  @kinds ~w(ast_to_runtime runtime_to_ast temporal_correlation semantic_correlation)a

  @enforce_keys [:repository]
  defstruct [:repository]

  @type t :: %__MODULE__{repository: Repository.t()}

  @typedoc """
  An index, or a column that is kept so that it need not be made again: `:single` and `:composite` indexes have `keys`
  (different values), a `:column` has none.
  """
  @type index :: %{
          kind: :single | :composite | :column,
          source: atom(),
          columns: [String.t()],
          rows: non_neg_integer(),
          keys: non_neg_integer() | nil,
          bytes: non_neg_integer(),
          uses: non_neg_integer()
        }

  @type advice :: %{
          action: :create | :drop,
          source: atom(),
          columns: [String.t()],
          asked: non_neg_integer(),
          why: String.t()
        }

  @doc "The indexes of a repository."
  @spec new(ASTRepository.repository()) :: {:ok, t()} | {:error, Error.t()}
  def new(repository) do
    with {:ok, handle} <- Handle.repository(repository), do: {:ok, %__MODULE__{repository: handle}}
  end

  @doc "What is kept now, indexes first, those used most first."
  @spec list(t()) :: {:ok, [index()]} | {:error, Error.t()}
  def list(%__MODULE__{repository: repository}) do
    with {:ok, {kept, _asked}} <- Core.Repository.kept(repository.ref) do
      all =
        for {table, columns, index?, bytes, rows, keys, uses} <- kept do
          %{
            kind: kind(index?, columns),
            source: source(table),
            columns: columns,
            rows: rows,
            keys: if(index?, do: keys),
            bytes: bytes,
            uses: uses
          }
        end

      {:ok, Enum.sort_by(all, &{&1.kind == :column, -&1.uses, &1.source, &1.columns})}
    end
  end

  defp kind(false, _columns), do: :column
  defp kind(true, [_]), do: :single
  defp kind(true, _), do: :composite

  @doc "How often equalities in which columns were asked, and how often an index answered: the most frequent first."
  @spec usage(t()) :: {:ok, [map()]} | {:error, Error.t()}
  def usage(%__MODULE__{repository: repository}) do
    with {:ok, {_kept, asked}} <- Core.Repository.kept(repository.ref) do
      all =
        for {table, columns, times, indexed, wanted} <- asked do
          %{source: source(table), columns: columns, asked: times, indexed: indexed, wanted: wanted(wanted)}
        end

      {:ok, Enum.sort_by(all, &{-&1.asked, &1.source, &1.columns})}
    end
  end

  defp wanted(:always), do: true
  defp wanted(other), do: other

  @doc """
  An index of columns of `:modules` or `:functions`, now and for every later version. Columns are texts, atoms or integers of the
  source: an index of what every event changes would never hold. Errors: `:unknown`, `:invalid_argument`.
  """
  @spec create_index(t(), :modules | :functions, [atom()]) :: {:ok, index()} | {:error, Error.t()}
  def create_index(%__MODULE__{} = manager, source, columns) do
    with {:ok, columns} <- columns(source, columns),
         :ok <- Core.Repository.prepare(manager.repository.ref, to_string(source), columns, :index),
         {:ok, all} <- list(manager) do
      case Enum.find(all, &(&1.kind != :column and &1.source == source and &1.columns == columns)) do
        nil -> no_room(columns)
        index -> {:ok, index}
      end
    end
  end

  @doc "Gives an index back, and makes none of these columns again. Errors: as `create_index/3`."
  @spec drop_index(t(), :modules | :functions, [atom()]) :: :ok | {:error, Error.t()}
  def drop_index(%__MODULE__{} = manager, source, columns) do
    with {:ok, columns} <- columns(source, columns),
         do: Core.Repository.prepare(manager.repository.ref, to_string(source), columns, :none)
  end

  defp columns(source, columns) do
    cond do
      source not in @indexed ->
        Fault.unknown(:source, source, @indexed)

      not is_list(columns) or columns == [] or List.improper?(columns) ->
        Fault.invalid(:columns, columns, "give a list of fields")

      wrong = Enum.find(columns, &(&1 not in Schema.fields(source))) ->
        Fault.unknown(:"field of #{source}", wrong, Schema.fields(source))

      true ->
        {:ok, columns |> Enum.map(&to_string/1) |> Enum.uniq() |> Enum.sort()}
    end
  end

  defp no_room(columns) do
    {:error,
     %Error{
       reason: :limit_exceeded,
       message: "there is no room for an index of #{Enum.join(columns, ", ")}",
       hint: "ElixirScope.ASTRepository.vacuum/1 gives back columns and indexes that are kept"
     }}
  end

  @doc """
  Prepares what leads from one side to the other, and measures it: `%{correlation:, entries:, bytes:, lookup_ns:, built_us:}`.

    * `:ast_to_runtime` - from a node to the correlation ids that were stored for it
    * `:runtime_to_ast` - from activations to nodes: the points of all functions that ran are resolved
    * `:temporal_correlation` - from a time to the events around it
    * `:semantic_correlation` - from a pattern of code to nodes: the index of the search, and all else that is computed of the
      source

  `lookup_ns` is the median of as many lookups as there are entries, 100 at most; `nil` without entries.
  """
  @spec create_correlation_index(t(), atom()) :: {:ok, map()} | {:error, Error.t()}
  def create_correlation_index(%__MODULE__{repository: repository}, kind) when kind in @kinds do
    began = now_us()

    with {:ok, entries, bytes, lookups} <- prepare(kind, repository) do
      built_us = now_us() - began

      {:ok,
       %{
         correlation: kind,
         entries: entries,
         bytes: bytes,
         lookup_ns: median(Enum.map(lookups, &timed/1)),
         built_us: built_us
       }}
    end
  end

  def create_correlation_index(%__MODULE__{}, kind), do: Fault.unknown(:correlation, kind, @kinds)

  @lookups 100

  defp prepare(:ast_to_runtime, repository) do
    with {:ok, all} <- Core.Repository.correlations(repository.ref),
         {:ok, stats} <- Core.Repository.stats(repository.ref) do
      nodes = all |> Enum.map(&elem(&1, 1)) |> Enum.uniq()

      {:ok, length(nodes), stats.correlation_memory_bytes,
       for(
         node <- Enum.take(nodes, @lookups),
         do: fn -> Core.Repository.correlations_of(repository.ref, node) end
       )}
    end
  end

  defp prepare(:runtime_to_ast, repository) do
    sql = "select function, max(correlation_id) as id from activations group by function"

    with {:ok, %{rows: rows}} <- ASTRepository.sql(repository, sql),
         resolve = fn id -> Core.Repository.correlate_activation(repository.ref, id) end,
         ids = for(%{"id" => id} <- rows, match?({:ok, _}, resolve.(id)), do: id),
         {:ok, stats} <- Core.Repository.stats(repository.ref) do
      {:ok, length(ids), stats.index_memory_bytes,
       for(id <- Enum.take(ids, @lookups), do: fn -> resolve.(id) end)}
    end
  end

  defp prepare(:temporal_correlation, repository) do
    sql = "select count(*) as n, min(time_ns) as first, max(time_ns) as last from events"

    with {:ok, %{rows: [%{"n" => count, "first" => first, "last" => last}]}} <-
           ASTRepository.sql(repository, sql),
         {:ok, stats} <- Core.Repository.stats(repository.ref) do
      times =
        if count > 0,
          do: for(n <- 1..min(count, @lookups), do: first + div((last - first) * n, @lookups)),
          else: []

      {:ok, count, stats.runtime_memory_bytes,
       for(
         at <- times,
         do: fn -> ASTRepository.TemporalBridge.get_events_in_range(repository, at, nil, limit: 1) end
       )}
    end
  end

  defp prepare(:semantic_correlation, repository) do
    with :ok <- ASTRepository.index(repository),
         {:ok, stats} <- Core.Repository.stats(repository.ref),
         {:ok, %{rows: rows}} <-
           ASTRepository.sql(repository, "select name from ast_nodes where kind = 'call' limit #{@lookups}") do
      names = for %{"name" => name} when is_atom(name) and name != nil <- rows, uniq: true, do: name

      {:ok, stats.node_count, stats.ast_memory_bytes,
       for(
         name <- names,
         do: fn -> ASTRepository.find_ast_nodes_by_pattern(repository, {name, [], []}, limit: 1) end
       )}
    end
  end

  defp timed(lookup) do
    began = System.monotonic_time(:nanosecond)
    lookup.()
    System.monotonic_time(:nanosecond) - began
  end

  defp median([]), do: nil
  defp median(times), do: times |> Enum.sort() |> Enum.at(div(length(times), 2))

  defp now_us, do: System.monotonic_time(:microsecond)

  @doc "What the questions so far make worth doing, and is not done: indexes to create, and indexes that nobody asked for."
  @spec advice(t()) :: {:ok, [advice()]} | {:error, Error.t()}
  def advice(%__MODULE__{} = manager) do
    with {:ok, kept} <- list(manager), {:ok, usage} <- usage(manager) do
      indexes = for %{kind: kind} = one <- kept, kind != :column, do: {one.source, one.columns}

      missing =
        for %{asked: asked, wanted: wanted} = one <- usage,
            asked >= @worth and wanted != false and {one.source, one.columns} not in indexes,
            do: %{
              action: :create,
              source: one.source,
              columns: one.columns,
              asked: asked,
              why: "#{asked} questions asked for rows that equal something in these columns"
            }

      asked = for one <- usage, one.asked >= @worth or one.wanted, do: {one.source, one.columns}

      unused =
        for %{kind: kind, uses: 0} = one <- kept,
            kind != :column and {one.source, one.columns} not in asked,
            do: %{
              action: :drop,
              source: one.source,
              columns: one.columns,
              asked: 0,
              why: "no question has used its #{one.bytes} bytes since it was made"
            }

      {:ok, missing ++ unused}
    end
  end

  @doc """
  Follows the advice: makes what is worth it, gives back what nobody uses. A query (or SQL) given with it counts as asked for: what it
  equals to something gets its index now. Gives `%{applied: [advice], indexes: [index]}`.
  """
  @spec optimize_index_usage(t(), ASTRepository.QueryEngine.question() | nil) ::
          {:ok, map()} | {:error, Error.t()}
  def optimize_index_usage(%__MODULE__{repository: repository} = manager, question \\ nil) do
    with :ok <- ask_for(repository, question),
         {:ok, advice} <- advice(manager),
         :ok <- each(advice, &apply_advice(repository, &1)),
         {:ok, all} <- list(manager) do
      {:ok, %{applied: advice, indexes: Enum.reject(all, &(&1.kind == :column))}}
    end
  end

  defp ask_for(_repository, nil), do: :ok

  defp ask_for(repository, question) do
    # As often as makes it worth an index. The answers are those of the caller's own question, and are not kept.
    each(1..@worth, fn _ ->
      with {:ok, _plan} <- ASTRepository.explain(repository, question, analyze: true), do: :ok
    end)
  end

  defp apply_advice(repository, %{action: :create} = advice),
    do: Core.Repository.prepare(repository.ref, to_string(advice.source), advice.columns, :index)

  defp apply_advice(repository, %{action: :drop} = advice),
    do: Core.Repository.prepare(repository.ref, to_string(advice.source), advice.columns, :none)

  defp each(list, fun) do
    Enum.reduce_while(list, :ok, fn item, :ok ->
      case fun.(item) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  defp source("modules"), do: :modules
  defp source("functions"), do: :functions
end

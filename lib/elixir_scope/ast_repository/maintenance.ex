defmodule ElixirScope.ASTRepository.Maintenance do
  @moduledoc """
  What `ElixirScope.ASTRepository.optimize/2` and `ElixirScope.ASTRepository.vacuum/2` did.

    * `:operation` - `:optimize` or `:vacuum`
    * `:before`, `:after` - bytes, measured over the native structures, as `ElixirScope.ASTRepository.get_statistics/1` has them:
      `%{total:, ast:, records:, correlations:, indexes:, runtime:, answers:, spilled:}`; `:spilled` is what is on the disk
    * `:freed_bytes` - how much less that is in memory, answers included; below 0 when something was made
    * `:steps` - what was done, `[%{what:, count:, bytes:}]`: columns and indexes that were made or dropped, answers that were
      forgotten, caches that were emptied, events that were too old. Bytes of a step are those of the structures it touched
    * `:advice` - what `ElixirScope.ASTRepository.QueryEngine.IndexManager` advised, and was followed
    * `:duration_us`
  """

  alias ElixirScope.ASTRepository.{Fault, Handle, Import, TemporalBridge}
  alias ElixirScope.ASTRepository.QueryEngine.IndexManager
  alias ElixirScope.{Core, Error}

  defstruct [:operation, before: %{}, after: %{}, freed_bytes: 0, steps: [], advice: [], duration_us: 0]

  @type step :: %{what: atom(), count: non_neg_integer(), bytes: non_neg_integer()}
  @type t :: %__MODULE__{
          operation: :optimize | :vacuum,
          before: %{optional(atom()) => non_neg_integer()},
          after: %{optional(atom()) => non_neg_integer()},
          freed_bytes: integer(),
          steps: [step()],
          advice: [IndexManager.advice()],
          duration_us: non_neg_integer()
        }

  # What conditions and orders name most.
  @columns [
    {"functions",
     ~w(function module_name function_name arity file line kind visibility cyclomatic_complexity cognitive_complexity lines_of_code)},
    {"modules", ~w(module_name module_type file line function_count cyclomatic_complexity)}
  ]

  @doc false
  @spec optimize(term(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def optimize(repository, opts) do
    run(:optimize, repository, opts, [], fn handle, _opts ->
      with :ok <- Import.index(handle),
           {:ok, {stale, stale_bytes}} <- Core.Repository.release(handle.ref, :stale),
           {:ok, made, made_bytes} <- prepare(handle.ref),
           {:ok, indexes} <- IndexManager.new(handle),
           {:ok, %{applied: applied}} <- IndexManager.optimize_index_usage(indexes),
           {:ok, all} <- IndexManager.list(indexes) do
        created = for %{action: :create} = one <- applied, do: {one.source, one.columns}
        own = Enum.filter(all, &({&1.source, &1.columns} in created))

        {:ok,
         [
           step(:stale_answers_dropped, stale, stale_bytes),
           step(:columns_prepared, made, made_bytes),
           step(:indexes_created, length(own), own |> Enum.map(& &1.bytes) |> Enum.sum()),
           step(:indexes_dropped, Enum.count(applied, &(&1.action == :drop)), 0)
         ], applied}
      end
    end)
  end

  defp prepare(ref) do
    with {:ok, %{kept_bytes: before, columns_kept: had}} <- Core.Repository.query_counts(ref),
         :ok <- prepare_all(ref, @columns),
         {:ok, %{kept_bytes: now, columns_kept: has}} <- Core.Repository.query_counts(ref) do
      {:ok, max(has - had, 0), max(now - before, 0)}
    end
  end

  defp prepare_all(_ref, []), do: :ok

  defp prepare_all(ref, [{table, columns} | rest]) do
    with :ok <- Core.Repository.prepare(ref, table, columns, :columns), do: prepare_all(ref, rest)
  end

  @doc false
  @spec vacuum(term(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def vacuum(repository, opts) do
    run(:vacuum, repository, opts, [:computed], fn handle, opts ->
      # Reading the log's counts is what lets events go that are too old.
      with {:ok, before} <- TemporalBridge.stats(handle),
           {:ok, {answers, answer_bytes}} <- Core.Repository.release(handle.ref, :answers),
           {:ok, {columns, column_bytes}} <- Core.Repository.release(handle.ref, :columns),
           {:ok, computed} <- computed(handle.ref, Keyword.get(opts, :computed, false)),
           {:ok, now} <- TemporalBridge.stats(handle) do
        {:ok,
         [
           step(:answers_dropped, answers, answer_bytes),
           step(:columns_and_indexes_dropped, columns, column_bytes)
         ] ++
           computed ++
           [step(:old_events_dropped, max(count(before) - count(now), 0), 0)], []}
      end
    end)
  end

  defp computed(_ref, false), do: {:ok, []}

  defp computed(ref, true) do
    with {:ok, {caches, bytes}} <- Core.Repository.release(ref, :computed),
         do: {:ok, [step(:computed_caches_dropped, caches, bytes)]}
  end

  defp computed(_ref, other), do: Fault.invalid(:computed, other, "give true or false")

  defp count(log), do: log.kept

  defp step(what, count, bytes), do: %{what: what, count: count, bytes: bytes}

  defp run(operation, repository, opts, known, work) do
    began = System.monotonic_time(:microsecond)

    with :ok <- options(opts, known),
         {:ok, handle} <- Handle.repository(repository),
         {:ok, before} <- bytes(handle),
         {:ok, steps, advice} <- work.(handle, opts),
         {:ok, now} <- bytes(handle) do
      {:ok,
       %__MODULE__{
         operation: operation,
         before: before,
         after: now,
         freed_bytes: before.total + before.answers - now.total - now.answers,
         steps: steps,
         advice: advice,
         duration_us: System.monotonic_time(:microsecond) - began
       }}
    end
  end

  defp options(opts, known) do
    if Keyword.keyword?(opts) do
      case Keyword.keys(opts) -- known do
        [] -> :ok
        [name | _] -> Fault.unknown(:option, name, known)
      end
    else
      Fault.invalid(:options, opts, "give a keyword list")
    end
  end

  defp bytes(handle) do
    with {:ok, stats} <- Core.Repository.stats(handle.ref),
         {:ok, queries} <- Core.Repository.query_counts(handle.ref),
         {:ok, log} <- TemporalBridge.stats(handle) do
      {:ok,
       %{
         total: stats.total_memory_bytes,
         ast: stats.ast_memory_bytes,
         records: stats.record_memory_bytes,
         correlations: stats.correlation_memory_bytes,
         indexes: stats.index_memory_bytes,
         runtime: stats.runtime_memory_bytes,
         answers: queries.cache_bytes,
         spilled: log.disk_bytes
       }}
    end
  end
end

defmodule ElixirScope.ASTRepository.Questions do
  @moduledoc false
  # Queries and counts, answered by the native store.

  alias ElixirScope.ASTRepository.{Fault, Handle, QueryPlan, QueryResult, RepositoryStats}
  alias ElixirScope.ASTRepository.Query.{Admission, Matches, Plan}
  alias ElixirScope.Core

  # What a query may hold in memory at a time.
  @max_bytes 1024 * 1024 * 1024
  # Rows that a stream takes at a time.
  @chunk 1_000
  # An answer that took as long is kept when it is asked for again.
  @expensive_us 2_000

  def query(repository, query) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, query} <- Matches.resolve(repository, query),
         {:ok, plan} <- Plan.build(query),
         {:ok, told} <- ask(handle, plan.question, :answer, plan.options) do
      {:ok, result(told, plan.keys)}
    end
  end

  def sql(repository, text, options) when is_binary(text) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, options} <- Plan.options(options),
         {:ok, told} <- ask(handle, text, :answer, options) do
      {:ok, result(told, elem(told, 0))}
    end
  end

  def sql(_repository, other, _options), do: Fault.invalid(:sql, other, "give the question as text")

  def explain(repository, question, options) do
    {run?, options} = Keyword.pop(options, :analyze, false)
    mode = if run?, do: :answer, else: :plan

    with {:ok, handle} <- Handle.repository(repository),
         {:ok, question, _keys, given} <- asked(repository, question),
         {:ok, options} <- Plan.options(options),
         options = given |> Map.merge(options) |> Map.put(:cache, false),
         {:ok, told} <- ask(handle, question, mode, options) do
      {_names, rows, _total, scanned, _lost, _as_of, steps, peak_bytes, duration_us, _kept} = told

      {:ok,
       %QueryPlan{
         steps: steps,
         analyzed?: run?,
         rows: if(run?, do: length(rows)),
         scanned: if(run?, do: scanned),
         peak_bytes: if(run?, do: peak_bytes),
         duration_us: if(run?, do: duration_us)
       }}
    end
  end

  @doc "Rows of one answer, taken as they are wanted: `{:ok, stream}`."
  def stream(repository, question, options) do
    {chunk, options} = Keyword.pop(options, :chunk, @chunk)

    with :ok <- chunk(chunk),
         {:ok, answer} <- open(repository, question, options) do
      rows =
        Stream.unfold(0, fn from ->
          case Core.Repository.answer_rows(answer.answer, from, chunk) do
            {:ok, []} -> nil
            {:ok, rows} -> {Enum.map(rows, &row(answer.keys, &1)), from + length(rows)}
            {:error, error} -> raise error
          end
        end)

      {:ok, Stream.flat_map(rows, & &1)}
    end
  end

  defp chunk(n) when is_integer(n) and n in 1..65_536, do: :ok
  defp chunk(other), do: Fault.invalid(:chunk, other, "give a number of rows from 1 to 65536")

  @doc "An answer by its handle: `%{answer:, keys:, rows:, dropped:, duration_us:, as_of:}`."
  def open(repository, question, options) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, native, keys, given} <- asked(repository, question),
         {:ok, options} <- Plan.options(options),
         options = Map.merge(given, options),
         {:ok, told} <- Admission.run(handle, options, &open_native(handle, native, options, &1)) do
      {answer, names, rows, scanned, dropped, as_of, peak_bytes, duration_us} = told

      {:ok,
       %{
         answer: answer,
         keys: keys || names,
         rows: rows,
         scanned: scanned,
         dropped: dropped,
         as_of: as_of,
         peak_bytes: peak_bytes,
         duration_us: duration_us
       }}
    end
  end

  defp open_native(handle, native, options, {left_ms, running_max}) do
    bounds = {:answer, left_ms, Map.get(options, :max_bytes, @max_bytes), running_max, nil}
    Core.Repository.open_answer(handle.ref, native, bounds)
  end

  defp asked(_repository, text) when is_binary(text), do: {:ok, text, nil, %{}}

  defp asked(repository, query) do
    with {:ok, query} <- Matches.resolve(repository, query),
         {:ok, plan} <- Plan.build(query),
         do: {:ok, plan.question, plan.keys, plan.options}
  end

  defp ask(handle, question, mode, options) do
    max_bytes = Map.get(options, :max_bytes, @max_bytes)
    keep = if mode == :answer, do: keep(handle, question, max_bytes, Map.get(options, :cache, :auto))

    Admission.run(handle, options, fn {left_ms, running_max} ->
      Core.Repository.ask(handle.ref, question, {mode, left_ms, max_bytes, running_max, keep})
    end)
  end

  # The key of an answer is the question with what bounds it.
  defp keep(_handle, _question, _max_bytes, false), do: nil
  defp keep(%{configuration: %{cache_enabled: false}}, _question, _max_bytes, :auto), do: nil

  defp keep(handle, question, max_bytes, cache) do
    when_kept = if cache == true, do: :always, else: :auto
    key = :erlang.term_to_binary({question, max_bytes})
    {key, when_kept, handle.configuration.cache_size_mb * 1024 * 1024, @expensive_us}
  end

  defp row(keys, values), do: keys |> Enum.zip(values) |> Map.new()

  defp result(told, keys) do
    {_names, rows, total, scanned, dropped, _as_of, _steps, _peak, duration_us, cached?} = told

    %QueryResult{
      rows: Enum.map(rows, &row(keys, &1)),
      columns: keys,
      count: length(rows),
      total: total,
      scanned: scanned,
      complete?: dropped == 0,
      dropped: dropped,
      duration_us: duration_us,
      cached?: cached?
    }
  end

  def statistics(repository) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, facts} <- Core.Repository.stats(ref),
         {:ok, counts} <- Core.Repository.query_counts(ref),
         {:ok, admissions} <- Core.Repository.admissions() do
      queries = Map.merge(counts, %{running: admissions.running, most_at_once: admissions.most})
      {:ok, struct(RepositoryStats, Map.put(facts, :queries, queries))}
    end
  end
end

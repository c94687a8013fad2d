defmodule ElixirScope.ASTRepository.Questions do
  @moduledoc false
  # Queries and counts, answered by the native store.

  alias ElixirScope.ASTRepository.{Fault, Handle, QueryPlan, QueryResult, RepositoryStats}
  alias ElixirScope.ASTRepository.Query.{Matches, Plan}
  alias ElixirScope.Core

  # What a query may hold in memory at a time.
  @max_bytes 1024 * 1024 * 1024

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
         {:ok, question, given} <- question(repository, question),
         {:ok, options} <- Plan.options(options),
         {:ok, told} <- ask(handle, question, mode, Map.merge(given, options)) do
      {_names, rows, _total, scanned, _lost, _as_of, steps, peak_bytes, duration_us} = told

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

  defp question(_repository, text) when is_binary(text), do: {:ok, text, %{}}

  defp question(repository, query) do
    with {:ok, query} <- Matches.resolve(repository, query),
         {:ok, plan} <- Plan.build(query),
         do: {:ok, plan.question, plan.options}
  end

  defp ask(handle, question, mode, options) do
    timeout = Map.get(options, :timeout, handle.configuration.query_timeout_ms)
    Core.Repository.ask(handle.ref, question, {mode, timeout, Map.get(options, :max_bytes, @max_bytes)})
  end

  defp result(told, keys) do
    {_names, rows, total, scanned, dropped, _as_of, _steps, _peak, duration_us} = told

    %QueryResult{
      rows: Enum.map(rows, &(keys |> Enum.zip(&1) |> Map.new())),
      columns: keys,
      count: length(rows),
      total: total,
      scanned: scanned,
      complete?: dropped == 0,
      dropped: dropped,
      duration_us: duration_us
    }
  end

  def statistics(repository) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, facts} <- Core.Repository.stats(ref) do
      {:ok, struct(RepositoryStats, facts)}
    end
  end
end

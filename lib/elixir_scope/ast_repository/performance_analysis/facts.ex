defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Facts do
  @moduledoc false
  # What all kinds of findings are made of, read once.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Handle, TemporalBridge}
  alias ElixirScope.ASTRepository.PerformanceAnalysis.Finding
  alias ElixirScope.ASTRepository.Query.Admission
  alias ElixirScope.Core

  defstruct [:repository, :functions, :causes, :times, :whole?, dropped: 0, evicted: 0, seen_share: 1.0]

  @functions """
  select function_key, function, ast_node_id, module_name, file, line, visibility, cyclomatic_complexity, lines_of_code, calls,
         errors, total_us, self_us, p95_us, test_coverage, crap
  from functions
  """

  def read(repository, request) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, rows} <- ASTRepository.sql(handle, @functions, timeout: request.timeout),
         {:ok, log} <- TemporalBridge.stats(handle),
         {:ok, causes} <- causes(handle, request, samples(request)) do
      functions = for row <- rows.rows, into: %{}, do: {row["function_key"], row}
      missing = log.evicted + rows.dropped

      {:ok,
       %__MODULE__{
         repository: handle,
         functions: functions,
         causes: causes,
         times: Map.new(causes.functions, &{&1.function, &1}),
         whole?: log.evicted == 0 and request.from == nil and request.to == nil,
         dropped: rows.dropped,
         evicted: log.evicted,
         seen_share: if(missing == 0, do: 1.0, else: log.kept / max(log.kept + missing, 1))
       }}
    end
  end

  # Durations are held only where they are compared.
  defp samples(%{kinds: kinds, samples: samples}),
    do: if(:regression in kinds or :improvement in kinds, do: samples, else: 0)

  @doc "One pass over the log of a repository."
  def causes(handle, request, samples) do
    Admission.run(handle, %{timeout: request.timeout}, fn {left_ms, running_max} ->
      Core.Repository.causes(handle.ref, {request.from, request.to, left_ms, samples, running_max})
    end)
  end

  @doc "Functions that ran, as rows."
  def executed(facts), do: for({_key, %{"calls" => calls} = row} when calls > 0 <- facts.functions, do: row)

  @doc """
  `{inclusive_us, self_us}` of a function. The statistics of all calls end an activation where it makes a tail call; the log, as long as
  it holds everything, says what came of it.
  """
  def us_of(facts, row) do
    case facts.whole? && Map.get(facts.times, row["function_key"]) do
      %{inclusive_ns: inclusive, self_ns: own} -> {us(inclusive), us(own)}
      _ -> {row["total_us"] || 0.0, row["self_us"] || 0.0}
    end
  end

  @doc "A finding about a function."
  def finding(facts, kind, function, fields) do
    row = Map.get(facts.functions, function, %{})
    confidence = Keyword.get(fields, :confidence, 1.0) * facts.seen_share

    struct!(
      Finding,
      [
        kind: kind,
        function: function,
        ast_node_id: row["ast_node_id"],
        file: row["file"],
        line: row["line"]
      ]
      |> Keyword.merge(fields)
      |> Keyword.put(:confidence, confidence |> min(1.0) |> max(0.0) |> Float.round(3))
    )
  end

  @doc "An answer: findings, those that weigh most first."
  def answer(findings, examined, unknown \\ nil) do
    {:ok,
     %{
       findings: Enum.sort_by(findings, &{-&1.weight, &1.ast_node_id || ""}),
       examined: examined,
       unknown: unknown
     }}
  end

  def name({module, name, arity}), do: "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, name)}/#{arity}"

  def us(ns), do: ns / 1_000

  @doc "A time for people."
  def time(us) when us >= 1_000_000, do: "#{Float.round(us / 1_000_000, 2)} s"
  def time(us) when us >= 1_000, do: "#{Float.round(us / 1_000, 1)} ms"
  def time(us), do: "#{Float.round(us * 1.0, 1)} µs"

  def percent(share), do: "#{round(share * 100)} %"

  def share(_part, whole) when whole <= 0, do: 0.0
  def share(part, whole), do: min(part / whole, 1.0)
end

defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Risk do
  @moduledoc false
  # Where the next fault is likely: complex and hardly tested, changed often, failing already.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts, only: [answer: 2, finding: 4]

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Query

  def find(facts, request) do
    with {:ok, churn} <- churn(facts.repository) do
      rows = Map.values(facts.functions)

      findings =
        for row <- rows, risky?(row, request) do
          changes = Map.get(churn, row["module_name"], 0)
          rate = if row["calls"] > 0, do: row["errors"] / row["calls"], else: 0.0
          crap = row["crap"]

          finding(facts, :risk, row["function_key"],
            what: "#{row["function"]}: #{words(row, crap, changes)}",
            evidence: %{
              crap: crap,
              cyclomatic_complexity: row["cyclomatic_complexity"],
              test_coverage: row["test_coverage"],
              changes: changes,
              errors: row["errors"],
              error_rate: rate,
              calls: row["calls"],
              failed_event: failed(facts, row)
            },
            # CRAP is what a change costs; changes and errors are how often it is paid.
            weight: (crap || row["cyclomatic_complexity"] || 1) * (1 + changes) * (1 + 10 * rate),
            confidence: if(crap, do: 0.9, else: 0.6),
            next_step: step(row, crap, request)
          )
        end

      answer(findings, length(rows))
    end
  end

  defp risky?(row, request), do: (row["crap"] || 0) >= request.crap or row["errors"] > 0

  defp words(row, crap, changes) do
    [
      crap && "CRAP #{Float.round(crap * 1.0, 1)}",
      "complexity #{row["cyclomatic_complexity"] || "unknown"}",
      row["test_coverage"] && "#{round(row["test_coverage"] * 100)} % of it ran",
      row["errors"] > 0 && "#{row["errors"]} of #{row["calls"]} calls failed",
      changes > 0 && "#{changes} changes of its module"
    ]
    |> Enum.filter(&is_binary/1)
    |> Enum.join(", ")
  end

  defp step(%{"errors" => errors}, _crap, _request) when errors > 0,
    do: "follow its first failure: ElixirScope.ASTRepository.TemporalBridge.causes/2 of failed_event"

  defp step(_row, _crap, _request), do: "test its branches before it is changed, or split it"

  defp failed(facts, row) do
    with %{failed: event} when event > 0 <- Map.get(facts.times, row["function_key"]),
         do: event,
         else: (_ -> nil)
  end

  # Versions before the present one, that the repository knows of.
  defp churn(repository) do
    query = Query.new() |> Query.from(:modules) |> Query.select([:module_name, :version_history])

    with {:ok, %{rows: rows}} <- ASTRepository.query(repository, query) do
      {:ok, Map.new(rows, &{&1.module_name, max(length(&1.version_history || []) - 1, 0)})}
    end
  end
end

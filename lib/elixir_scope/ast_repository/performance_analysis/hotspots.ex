defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Hotspots do
  @moduledoc false
  # Functions with the most time, and whether complexity goes with it.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts,
    only: [answer: 2, answer: 3, executed: 1, finding: 4, percent: 1, share: 2, time: 1, us_of: 2]

  alias ElixirScope.ASTRepository.PerformanceAnalysis.Statistics

  # Less of the whole is no hotspot.
  @share_min 0.01
  # Of so few functions no correlation can be told.
  @correlated_min 10
  # The upper part, in both, that makes a function complex and slow.
  @upper 0.9

  def find(:hotspot_self, facts, _request) do
    rows = executed(facts)
    whole = whole(facts, rows)

    findings =
      for row <- rows,
          {total, own} = us_of(facts, row),
          share = share(own, whole),
          share >= @share_min do
        waiting = waiting(facts, row)

        finding(facts, :hotspot_self, row["function_key"],
          what:
            "#{row["function"]} takes #{time(own)} of its own in #{row["calls"]} calls, #{percent(share)} of all",
          evidence: %{
            self_us: own,
            self_share: share,
            waiting_share: waiting,
            total_us: total,
            calls: row["calls"],
            per_call_us: own / row["calls"],
            p95_us: row["p95_us"],
            slowest_event: slowest(facts, row, :slowest_self)
          },
          # Who waits has time, and does nothing.
          weight: own * (1.0 - waiting),
          next_step: if(waiting > 0.5, do: "it mostly waits: see :latency", else: step(row, own))
        )
      end

    answer(findings, length(rows))
  end

  def find(:hotspot_inclusive, facts, _request) do
    rows = executed(facts)
    whole = whole(facts, rows)
    # Of the whole: as long as anything ran, without what ran inside of it.
    findings =
      for row <- rows,
          {total, own} = us_of(facts, row),
          share = share(total, whole),
          share >= @share_min do
        finding(facts, :hotspot_inclusive, row["function_key"],
          what:
            "#{row["function"]} and what it calls take #{time(total)} in #{row["calls"]} calls, #{percent(share)} of all",
          evidence: %{
            total_us: total,
            total_share: share,
            self_us: own,
            callee_share: 1.0 - share(own, total),
            calls: row["calls"],
            p95_us: row["p95_us"],
            slowest_event: slowest(facts, row, :slowest)
          },
          weight: total,
          next_step:
            if(share(own, total) > 0.5,
              do: "most of it is its own work: see :hotspot_self",
              else: "most of it is in what it calls: follow the slowest activation, or see :latency"
            )
        )
      end

    answer(findings, length(rows))
  end

  def find(:complexity_time, facts, _request) do
    rows = for row <- executed(facts), is_integer(row["cyclomatic_complexity"]), do: row
    pairs = for row <- rows, do: {row["cyclomatic_complexity"], per_call(facts, row)}

    with true <- length(pairs) >= @correlated_min,
         %{rho: rho, p: p, n: n} <- Statistics.spearman(pairs) do
      overall =
        finding(facts, :complexity_time, nil,
          what:
            "complexity and time per call #{words(rho, p)} (rho #{Float.round(rho, 2)}, p #{small(p)}, #{n} functions)",
          evidence: %{rho: rho, p: p, functions: n},
          weight: 1.0e18,
          confidence: 1.0 - p,
          next_step:
            if(rho > 0.3 and p < 0.05,
              do: "simplify the complex ones that are listed: they are slow too",
              else: "complexity does not say where time goes: see :hotspot_self"
            )
        )

      answer([overall | both(facts, rows)], length(rows))
    else
      _ ->
        answer(
          [],
          length(rows),
          "#{length(rows)} functions ran: too few, or all alike, to tell whether complexity and time go together"
        )
    end
  end

  defp both(facts, rows) do
    complex = quantile(Enum.map(rows, & &1["cyclomatic_complexity"]))
    slow = quantile(Enum.map(rows, &per_call(facts, &1)))

    for row <- rows, row["cyclomatic_complexity"] >= max(complex, 2), per_call(facts, row) >= slow do
      finding(facts, :complexity_time, row["function_key"],
        what:
          "#{row["function"]} is among the most complex (#{row["cyclomatic_complexity"]}) and the slowest (#{time(per_call(facts, row))} a call)",
        evidence: %{
          cyclomatic_complexity: row["cyclomatic_complexity"],
          per_call_us: per_call(facts, row),
          calls: row["calls"],
          slowest_event: slowest(facts, row, :slowest_self)
        },
        weight: elem(us_of(facts, row), 1),
        next_step: "split it, and measure the parts"
      )
    end
  end

  # As far as the log tells.
  defp waiting(facts, row) do
    case Map.get(facts.times, row["function_key"]) do
      nil -> 0.0
      times -> share(min(max(times.off_ns, times.message_ns), times.self_ns), times.self_ns)
    end
  end

  defp whole(facts, rows), do: rows |> Enum.map(&elem(us_of(facts, &1), 1)) |> Enum.sum()
  defp per_call(facts, row), do: elem(us_of(facts, row), 1) / row["calls"]

  defp quantile(values) do
    sorted = Enum.sort(values)
    Enum.at(sorted, min(trunc(length(sorted) * @upper), length(sorted) - 1))
  end

  defp words(_rho, p) when p >= 0.05, do: "are not seen to go together"
  defp words(rho, _p) when rho > 0, do: "grow together"
  defp words(_rho, _p), do: "go in opposite directions"

  defp small(p) when p < 0.001, do: "< 0.001"
  defp small(p), do: Float.round(p, 3)

  defp slowest(facts, row, field) do
    with %{^field => {_ns, event}} when event > 0 <- Map.get(facts.times, row["function_key"]),
         do: event,
         else: (_ -> nil)
  end

  defp step(row, own) do
    if row["calls"] >= 1_000 and own / row["calls"] < 10,
      do: "it is cheap and called #{row["calls"]} times: call it less often; see its callers in :n_plus_one",
      else: "look at its slowest activation, and at what it does line by line with expression points"
  end
end

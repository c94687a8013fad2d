defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Latency do
  @moduledoc false
  # What the time of a function is made of.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts,
    only: [answer: 3, finding: 4, name: 1, percent: 1, share: 2, time: 1, us: 1]

  # Of all time that was spent; less is not worth a line.
  @share_min 0.01

  def find(facts, _request) do
    sources = facts.causes.sources
    whole = facts.causes.functions |> Enum.map(& &1.self_ns) |> Enum.sum()

    findings =
      for times <- facts.causes.functions,
          times.ended > 0,
          share(times.inclusive_ns, whole) >= @share_min,
          do: of(facts, times, sources)

    unknown = if sources.calls, do: nil, else: "the event log holds no calls"
    answer(findings, length(facts.causes.functions), unknown)
  end

  # Own time is work, unless something says that it was not.
  defp of(facts, times, sources) do
    waited = times.off_ns |> max(times.message_ns) |> min(times.self_ns)
    collected = min(times.gc_ns, times.self_ns - waited)

    parts = [
      own: times.self_ns - waited - collected,
      callees: max(times.inclusive_ns - times.self_ns, 0),
      messages: waited,
      collection: collected
    ]

    {cause, most} = Enum.max_by(parts, &elem(&1, 1))
    total = times.inclusive_ns

    text =
      "#{percent(share(most, total))} of the #{time(us(total))} of #{name(times.function)} #{words(cause)}"

    finding(facts, :latency, times.function,
      what: text,
      evidence: %{
        cause: cause,
        activations: times.ended,
        total_us: us(total),
        own_us: us(parts[:own]),
        callees_us: us(parts[:callees]),
        messages_us: us(parts[:messages]),
        collection_us: us(parts[:collection]),
        own_share: share(parts[:own], total),
        callees_share: share(parts[:callees], total),
        messages_share: share(parts[:messages], total),
        collection_share: share(parts[:collection], total),
        not_seen:
          for({source, false} <- sources, source in [:messages, :scheduling, :collections], do: source),
        slowest_event: event(times.slowest),
        longest_wait_event: event(times.longest_wait),
        longest_collection_event: event(times.longest_gc)
      },
      weight: us(total),
      confidence: confidence(cause, sources),
      next_step: step(cause, facts, times)
    )
  end

  defp event({_ns, 0}), do: nil
  defp event({_ns, event}), do: event

  defp words(:own), do: "are its own work"
  defp words(:callees), do: "are in what it calls"
  defp words(:messages), do: "it waits for messages"
  defp words(:collection), do: "are garbage collection"

  # What was not traced is counted as own work.
  defp confidence(:callees, _sources), do: 1.0
  defp confidence(:messages, _sources), do: 0.95

  defp confidence(_cause, sources) do
    case Enum.count([sources.messages or sources.scheduling, sources.collections], & &1) do
      2 -> 0.95
      1 -> 0.7
      0 -> 0.5
    end
  end

  defp step(:own, _facts, _times),
    do:
      "measure its parts with expression points; trace: [:scheduling, :garbage_collection] tells waiting from work"

  defp step(:messages, _facts, _times),
    do:
      "follow the longest wait to who was asked: ElixirScope.ASTRepository.TemporalBridge.causes/2 of the event"

  defp step(:collection, _facts, _times),
    do: "it makes much garbage, or runs on a large heap: stream, or do it in a process of its own"

  defp step(:callees, facts, times) do
    callees = for %{caller: caller} = pair when caller == times.function <- facts.causes.repeats, do: pair

    case Enum.max_by(callees, & &1.ns, fn -> nil end) do
      nil -> "see what it calls in the slowest activation"
      pair -> "look at #{name(pair.callee)}, which has #{percent(share(pair.ns, times.inclusive_ns))} of it"
    end
  end
end

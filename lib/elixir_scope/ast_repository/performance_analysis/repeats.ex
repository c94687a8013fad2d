defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Repeats do
  @moduledoc false
  # What one activation calls again and again.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts,
    only: [answer: 3, finding: 4, name: 1, percent: 1, share: 2, time: 1, us: 1]

  # Equal arguments so often are no accident.
  @equal_min 3
  # Arguments are recorded within bounds: two long values that were cut alike look equal.
  @equal_sure 0.9

  def find(:n_plus_one, facts, request) do
    findings =
      for pair <- facts.causes.repeats,
          pair.most >= request.repeats,
          share = share(pair.ns, inclusive(facts, pair.caller)),
          share >= request.min_share do
        finding(facts, :n_plus_one, pair.caller,
          what:
            "#{name(pair.caller)} calls #{name(pair.callee)} #{pair.most} times in one activation, #{percent(share)} of its time",
          evidence: %{
            callee: pair.callee,
            most: pair.most,
            most_us: us(pair.most_ns),
            most_event: pair.most_event,
            mean: Float.round(pair.calls / pair.activations, 2),
            calls: pair.calls,
            activations: pair.activations,
            callee_us: us(pair.ns),
            share: share,
            equal_arguments: if(pair.valued > 0, do: pair.equal)
          },
          weight: us(pair.ns),
          # A loop over something cheap is no such thing.
          confidence: 0.4 + 0.6 * share,
          next_step:
            if(pair.equal > 0,
              do:
                "ask once and keep the answer: #{pair.equal} of the calls had arguments that were there before",
              else: "ask for all of them at once: make #{name(pair.callee)} take a list"
            )
        )
      end

    answer(findings, length(facts.causes.repeats), unknown(facts))
  end

  def find(:repeated_work, facts, _request) do
    findings =
      for %{callee: {_, _, arity}} = pair when arity > 0 <- facts.causes.repeats,
          pair.equal_most >= @equal_min do
        finding(facts, :repeated_work, pair.caller,
          what:
            "#{name(pair.caller)} calls #{name(pair.callee)} with equal arguments up to #{pair.equal_most} times in one activation: #{pair.equal} calls, #{time(us(pair.equal_ns))} to save",
          evidence: %{
            callee: pair.callee,
            equal_calls: pair.equal,
            equal_us: us(pair.equal_ns),
            equal_most: pair.equal_most,
            equal_most_event: pair.equal_most_event,
            calls: pair.calls,
            calls_with_arguments: pair.valued,
            activations: pair.activations
          },
          weight: us(pair.equal_ns),
          confidence: @equal_sure,
          next_step: "call it once before the loop, or keep what it gave, if it has no effects"
        )
      end

    missing =
      unknown(facts) ||
        if(facts.causes.sources.values,
          do: nil,
          else: "no arguments were recorded: observe with capture: [:args]"
        )

    answer(findings, length(facts.causes.repeats), missing)
  end

  defp unknown(facts), do: if(facts.causes.sources.calls, do: nil, else: "the event log holds no calls")

  defp inclusive(facts, function) do
    with %{inclusive_ns: ns} <- Map.get(facts.times, function), do: ns, else: (_ -> 0)
  end
end

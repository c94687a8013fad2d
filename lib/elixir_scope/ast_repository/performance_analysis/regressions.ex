defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Regressions do
  @moduledoc false
  # What takes longer than before: by a test over the durations of activations, corrected for the number of functions.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts,
    only: [answer: 3, finding: 4, name: 1, time: 1, us: 1]

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Handle
  alias ElixirScope.ASTRepository.PerformanceAnalysis.{Facts, Statistics}

  # A callee's slowdown that makes up so much of the caller's explains it.
  @explains 0.5

  def find(kind, facts, request) do
    with {:ok, pairs, unknown} <- sides(facts, request) do
      compared =
        for {function, before, now} <- pairs,
            length(before.ns) >= request.min_samples and length(now.ns) >= request.min_samples,
            do: compare(function, before, now)

      adjusted = compared |> Enum.map(& &1.p) |> Statistics.benjamini_hochberg()

      changed =
        for {one, p} <- Enum.zip(compared, adjusted),
            p < request.alpha,
            matters?(kind, one, request),
            do: Map.put(one, :adjusted_p, p)

      unknown =
        unknown || if(compared == [], do: "no function has #{request.min_samples} activations on both sides")

      answer(Enum.map(changed, &of(kind, facts, &1, changed)), length(compared), unknown)
    end
  end

  ## What is compared with what

  defp sides(facts, %{baseline: nil}) do
    pairs =
      for times <- facts.causes.functions,
          [_, _ | _] = samples <- [times.samples],
          [{_, _, before}, {_, _, now}] = Enum.take(samples, -2),
          do: {times.function, %{ns: before}, %{ns: now}}

    unknown =
      if pairs == [], do: "there is no baseline:, and the event log holds one build of each function only"

    {:ok, pairs, unknown}
  end

  defp sides(facts, %{baseline: path} = request) when is_binary(path) do
    with {:ok, repository} <- ASTRepository.load(path) do
      answer = sides(facts, %{request | baseline: repository})
      ASTRepository.stop(repository)
      answer
    end
  end

  defp sides(facts, %{baseline: repository} = request) do
    with {:ok, handle} <- Handle.repository(repository),
         # The times of one run mean nothing to another.
         {:ok, causes} <- Facts.causes(handle, %{request | from: nil, to: nil}, request.samples) do
      before = for times <- causes.functions, into: %{}, do: {times.function, all(times.samples)}

      pairs =
        for times <- facts.causes.functions,
            ns = Map.get(before, times.function),
            do: {times.function, %{ns: ns}, %{ns: all(times.samples)}}

      {:ok, pairs, nil}
    end
  end

  defp all(samples), do: for({_build, _seen, ns} <- samples, one <- ns, do: one)

  ## The test

  defp compare(function, before, now) do
    %{p: p, superiority: superiority, u: u} = Statistics.mann_whitney(before.ns, now.ns)
    {old, new} = {Statistics.median(before.ns), Statistics.median(now.ns)}

    %{
      function: function,
      p: p,
      u: u,
      superiority: superiority,
      before_ns: old,
      now_ns: new,
      samples: {length(before.ns), length(now.ns)}
    }
  end

  defp matters?(:regression, one, request), do: apart?(one.now_ns, one.before_ns, one.superiority, request)

  defp matters?(:improvement, one, request),
    do: apart?(one.before_ns, one.now_ns, 1.0 - one.superiority, request)

  defp apart?(larger, smaller, superiority, request) do
    superiority > 0.5 and larger > 0 and larger >= request.min_change * smaller and
      us(larger - smaller) >= request.min_change_us
  end

  defp of(kind, facts, one, changed) do
    slower = kind == :regression
    delta = abs(one.now_ns - one.before_ns)
    ratio = if one.before_ns > 0, do: one.now_ns / one.before_ns
    explained = explanation(facts, one, delta, changed)
    {before_count, now_count} = one.samples

    finding(facts, kind, one.function,
      what:
        "#{name(one.function)} takes #{time(us(one.now_ns))} where it took #{time(us(one.before_ns))} (median#{times(ratio)})",
      evidence: %{
        before_us: us(one.before_ns),
        now_us: us(one.now_ns),
        ratio: ratio,
        p: one.p,
        adjusted_p: one.adjusted_p,
        u: one.u,
        slower_share: one.superiority,
        samples_before: before_count,
        samples_now: now_count,
        explained_by: explained,
        slowest_event: slowest(facts, one.function)
      },
      weight: us(delta) * calls(facts, one.function),
      confidence: (1.0 - one.adjusted_p) * if(slower, do: one.superiority, else: 1.0 - one.superiority),
      next_step: step(slower, explained)
    )
  end

  defp times(nil), do: ""
  defp times(ratio), do: ", × #{Float.round(ratio, 2)}"

  # Its callee that got slower, and is called often enough for that to make up most of it.
  defp explanation(facts, one, delta, changed) do
    slower = Map.new(changed, &{&1.function, abs(&1.now_ns - &1.before_ns)})

    facts.causes.repeats
    |> Enum.filter(&(&1.caller == one.function and is_map_key(slower, &1.callee)))
    |> Enum.map(&{&1.callee, slower[&1.callee] * &1.calls / max(&1.activations, 1)})
    |> Enum.filter(fn {_callee, ns} -> ns >= @explains * delta end)
    |> Enum.max_by(&elem(&1, 1), fn -> {nil, 0} end)
    |> elem(0)
  end

  defp step(false, _explained), do: "nothing, unless it now does less than it should"

  defp step(true, nil),
    do: "compare its code with what it was: mix elixir_scope.diff; then follow its slowest activation"

  defp step(true, callee), do: "look at #{name(callee)} first, which got slower too and makes up most of it"

  defp calls(facts, function) do
    with %{ended: ended} <- Map.get(facts.times, function), do: ended, else: (_ -> 1)
  end

  defp slowest(facts, function) do
    with %{slowest: {_ns, event}} when event > 0 <- Map.get(facts.times, function),
         do: event,
         else: (_ -> nil)
  end
end

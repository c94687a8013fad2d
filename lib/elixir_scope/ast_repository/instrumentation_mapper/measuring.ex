defmodule ElixirScope.ASTRepository.InstrumentationMapper.Measuring do
  @moduledoc false
  # What points cost: before, from what was observed of their functions; after, from what came by.

  alias ElixirScope.ASTRepository.Handle
  alias ElixirScope.ASTRepository.InstrumentationMapper.{Costs, Gating}
  alias ElixirScope.{Core, Instrumentation}
  alias ElixirScope.Probe.Custom

  @calls [:function_entry, :function_exit]

  def modules(points),
    do: for(%{correlation_metadata: %{module: module}} <- points, module != nil, do: module) |> Enum.uniq()

  @doc "The places of a point: a planned one has several, a live one is one."
  def numbers(%{correlation_metadata: %{points: numbers}}), do: numbers

  def numbers(%{point_id: id}) do
    case Integer.parse(id) do
      {number, ""} when number > 0 -> [number]
      _ -> []
    end
  end

  # Live points in the form of planned ones.
  defp plain(%{correlation_metadata: %{points: _}} = point), do: point

  defp plain(%{correlation_metadata: metadata, source_location: location} = point) do
    {_, line, column} = location || {nil, 0, nil}

    more = %{
      points: numbers(point),
      target: {:place, line, column},
      unmatched: nil,
      gate: [],
      repository: nil
    }

    %{point | correlation_metadata: Map.merge(metadata, more), runtime_mapping: point.runtime_mapping || %{}}
  end

  # Who pays for what: `{begins, ends}`, each `%{place => point_id}`.
  defp payers(points), do: {Gating.owners(points, :begin), Gating.owners(points, :end)}

  # What one report of a place costs to a point: `{ns, ns of the refused}`.
  defp each(point, number, {begins, ends}, costs, bytes) do
    id = point.point_id
    {begin, ending} = {begins[number], ends[number]}

    if point.instrumentation_type in @calls do
      values? = values?(point)

      own_begin =
        if (begin || ending) == id, do: Costs.entry(costs, begin != nil and values?, bytes[:value]), else: 0.0

      own_end =
        if (ending || begin) == id, do: Costs.ending(costs, ending != nil and values?, bytes[:end]), else: 0.0

      {own_begin + own_end + if((begin || ending) == id, do: costs.gate_passed, else: 0.0),
       if((begin || ending) == id, do: costs.call + costs.gate_refused, else: 0.0) +
         if((ending || begin) == id, do: costs.hop, else: 0.0)}
    else
      if begin == id,
        do:
          {Costs.within(costs, point.instrumentation_type, bytes[:value]) + costs.gate_passed,
           costs.call + costs.gate_refused},
        else: {0.0, 0.0}
    end
  end

  defp values?(%{capture_config: config}) when is_list(config) or is_map(config),
    do: config |> Map.new() |> Map.get(:mode) != :off

  defp values?(_point), do: true

  # Before

  @doc "See `InstrumentationMapper.estimate/2`."
  def estimate(repository, points, costs) do
    with {:ok, ref} <- Handle.ref(repository) do
      points = Enum.map(points, &plain/1)
      payers = payers(points)
      functions = points |> Enum.flat_map(&functions/1) |> Enum.uniq()
      observed = Map.new(functions, &{&1, observed(ref, &1)})
      {:ok, Enum.map(points, &estimated(&1, payers, observed, costs))}
    end
  end

  defp functions(%{runtime_mapping: mapping}) do
    for {_, %{module: module, function: name, arity: arity}} <- mapping || %{},
        uniq: true,
        do: {module, name, arity}
  end

  # `{calls by clause, nanoseconds}`, or nil.
  defp observed(ref, function) do
    with {:ok, %{calls: calls} = stats} when calls > 0 <- Core.Runtime.function_stats(ref, function),
         {:ok, clauses} <- Core.Runtime.clauses(ref, function) do
      by_clause =
        Enum.reduce(clauses, %{}, fn {clause, _, _, stats}, all ->
          Map.update(all, clause, stats.calls, &(&1 + stats.calls))
        end)

      {by_clause, stats.total_ns}
    else
      _ -> nil
    end
  end

  defp estimated(%{correlation_metadata: %{points: []}} = point, _payers, _observed, _costs),
    do: %{
      point
      | average_duration: nil,
        execution_frequency: nil,
        overhead_estimate: 0.0,
        impact_assessment: nil
    }

  defp estimated(point, payers, observed, costs) do
    share = if point.enabled == false, do: 0.0, else: point.sampling_rate || 1.0
    weights = weights(point)
    clauses = clauses(point)
    seen = for function <- functions(point), {_, _} = it <- [observed[function]], do: it
    known? = seen != []

    {reports, cost, unit} =
      for {number, place} <- point.runtime_mapping, reduce: {0.0, 0.0, 0.0} do
        {reports, cost, unit} ->
          {passed, refused} = each(point, number, payers, costs, %{})
          times = weights[number] * calls(place, observed, clauses, known?)
          {reports + times, cost + times * (share * passed + (1 - share) * refused), max(unit, passed)}
      end

    time = seen |> Enum.map(&elem(&1, 1)) |> Enum.sum()

    %{
      point
      | average_duration: unit,
        execution_frequency: if(known?, do: round(reports)),
        overhead_estimate: cost,
        impact_assessment: if(known?, do: impact(cost, time))
    }
  end

  # How often a clause ran. Of a function that never ran one call is meant, of any of its clauses.
  defp calls(%{module: module, function: name, arity: arity, clause: clause}, observed, clauses, known?) do
    function = {module, name, arity}

    case observed[function] do
      {by_clause, _} -> Map.get(by_clause, clause, 0)
      nil -> if known?, do: 0, else: 1 / clauses[function]
    end
  end

  # How many clauses of each function have places.
  defp clauses(%{runtime_mapping: mapping}) do
    all = for {_, it} <- mapping, uniq: true, do: {{it.module, it.function, it.arity}, it.clause}
    Enum.frequencies_by(all, &elem(&1, 0))
  end

  # Of a construct's clauses one is taken.
  defp weights(%{runtime_mapping: mapping, instrumentation_type: :branch}) do
    in_clause = &{&1.module, &1.function, &1.arity, &1.clause}
    places = Enum.map(mapping, &elem(&1, 1))
    choices = Enum.frequencies_by(places, in_clause)
    constructs = places |> Enum.filter(&match?({_, _, 0}, &1.target)) |> Enum.frequencies_by(in_clause)

    Map.new(mapping, fn {number, place} ->
      {number, max(Map.get(constructs, in_clause.(place), 0), 1) / choices[in_clause.(place)]}
    end)
  end

  defp weights(%{runtime_mapping: mapping}), do: Map.new(mapping, fn {number, _} -> {number, 1.0} end)

  def impact(_cost, time) when time <= 0, do: nil
  def impact(cost, time) when cost < time / 100, do: :low
  def impact(cost, time) when cost < time / 10, do: :medium
  def impact(_cost, _time), do: :high

  # After

  @doc "See `InstrumentationMapper.measure/1`."
  def measure(points, gates, costs) do
    points = Enum.map(points, &plain/1)
    payers = payers(points)
    by_place = for gate <- gates, %{point: number} <- gate.points, into: %{}, do: {number, gate}
    refs = refs(points)
    told = told(points, refs)
    Enum.map(points, &measured(&1, payers, by_place, refs, told, costs))
  end

  # The repositories that points were planned in, of which some may be gone.
  defp refs(points) do
    for %{correlation_metadata: %{repository: repository}} <- points, repository != nil, uniq: true do
      repository
    end
    |> Map.new(fn repository ->
      case Handle.ref(repository) do
        {:ok, ref} -> {repository, ref}
        _ -> {repository, nil}
      end
    end)
  end

  defp told(points, refs) do
    for {repository, ref} <- refs,
        ref != nil,
        numbers =
          for(
            %{correlation_metadata: %{repository: ^repository, points: numbers}} <- points,
            number <- numbers,
            uniq: true,
            do: number
          ),
        {:ok, rows} <- [Core.Runtime.points(ref, numbers)],
        {number, hits, _last_ns, value_bytes, end_bytes} <- rows,
        into: %{},
        do: {{repository, number}, %{hits: hits, value: value_bytes, end: end_bytes}}
  end

  defp measured(%{correlation_metadata: %{points: []}} = point, _payers, _gates, _refs, _told, _costs),
    do: point

  defp measured(point, payers, by_place, refs, told, costs) do
    %{points: numbers, repository: repository} = point.correlation_metadata
    gates = numbers |> Enum.map(&by_place[&1]) |> Enum.reject(&is_nil/1) |> Enum.uniq()

    if gates == [] do
      point
    else
      own = Map.new(numbers, &{&1, told[{repository, &1}]})
      side = if point.instrumentation_type == :function_exit, do: :end, else: :value
      known? = refs[repository] != nil

      refused =
        Enum.reduce(gates, %{}, fn gate, all -> Map.merge(all, gate.refused, fn _, a, b -> a + b end) end)

      hits = gates |> Enum.map(& &1.passed) |> Enum.sum()
      seen = gates |> Enum.map(& &1.seen) |> Enum.sum()
      code = custom(point)
      ns = gates |> Enum.map(&cost(&1, point, numbers, payers, own, costs)) |> Enum.sum()
      ns = ns + if(code, do: code.ns, else: 0)
      bytes = if known?, do: own |> Map.values() |> Enum.map(&((&1 || %{})[side] || 0)) |> Enum.sum()

      mapping =
        Map.new(point.runtime_mapping || %{}, fn {number, place} ->
          counts = own[number] || %{}
          counts = %{hits: counts[:hits] || if(known?, do: 0), bytes: counts[side] || if(known?, do: 0)}
          {number, Map.merge(place, counts)}
        end)

      measured = %{
        hits: hits,
        seen: seen,
        refused: Map.reject(refused, fn {_, count} -> count == 0 end),
        bytes: bytes,
        ns: ns,
        custom: code,
        shared: Enum.any?(gates, fn gate -> Enum.any?(gate.points, &(&1.point not in numbers)) end)
      }

      %{
        point
        | trigger_count: hits,
          execution_frequency: seen,
          last_triggered: gates |> Enum.map(& &1.last_passed_at) |> latest(),
          sampling_rate: gates |> Enum.map(& &1.sampling_rate) |> Enum.min(),
          average_duration: if(hits > 0, do: ns / hits),
          overhead_estimate: ns,
          impact_assessment: impact(ns, time(point, refs[repository])),
          runtime_mapping: mapping,
          correlation_metadata: Map.put(point.correlation_metadata, :measured, measured)
      }
    end
  end

  # The user's own code takes time of its own.
  defp custom(%{instrumentation_type: :custom, custom_logic: code, correlation_metadata: %{module: module}})
       when code != nil,
       do: Custom.of(Instrumentation.Custom.name(code, module))

  defp custom(_point), do: nil

  # All places of a gate have one owner, so what one of them costs, all do; values are as large as they were on average.
  defp cost(gate, point, numbers, payers, own, costs) do
    mine = for %{point: number} <- gate.points, number in numbers, do: number
    told = mine |> Enum.map(&own[&1]) |> Enum.reject(&is_nil/1)
    count = told |> Enum.map(& &1.hits) |> Enum.sum()

    bytes =
      if count > 0,
        do:
          Map.new([:value, :end], fn side -> {side, (told |> Enum.map(& &1[side]) |> Enum.sum()) / count} end),
        else: %{}

    {passed, refused} = each(point, hd(mine), payers, costs, bytes)
    gate.passed * passed + (gate.seen - gate.passed) * refused
  end

  defp latest(times), do: times |> Enum.reject(&is_nil/1) |> Enum.max(DateTime, fn -> nil end)

  defp time(_point, nil), do: 0

  defp time(point, ref) do
    for function <- functions(point),
        {:ok, %{total_ns: total}} <- [Core.Runtime.function_stats(ref, function)],
        reduce: 0 do
      sum -> sum + total
    end
  end
end

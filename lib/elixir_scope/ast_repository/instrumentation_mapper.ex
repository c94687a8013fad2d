defmodule ElixirScope.ASTRepository.InstrumentationMapper do
  @moduledoc """
  From what is to be observed to where it is observed: points with their place, their gates and what they cost.

      {:ok, points} =
        InstrumentationMapper.plan(repository, [
          %{pattern: "Repo.insert(...)", types: [:expression_trace], sampling_rate: 0.1},
          %{function: {MyApp.Cart, :add, 2}, types: [:function_entry, :variable_capture], hits: 100}
        ])

      InstrumentationMapper.unmatched(points)
      #=> [] or the points for which there is no place, each with the reason

      {:ok, points} = InstrumentationMapper.estimate(repository, points)
      {:ok, points} = InstrumentationMapper.apply(points)
      {:ok, points} = InstrumentationMapper.measure(points)
      {:ok, _} = InstrumentationMapper.revert(points)

  ## Specs

  A spec is a map (or keyword list) with a target, `:types` and any of the rest. The target is one of

    * `module: M` - all of a module; a text such as `"MyApp.*"` or `{:app, :my_app}` means all that it fits
    * `function: {M, name, arity}`
    * `node: ast_node_id` - a module, a function, a clause or a node
    * `file: path, line: n` - what begins on the line; with `column: n` one node
    * `pattern: text` - every node that looks so, as `ElixirScope.ASTRepository.find_ast_nodes_by_pattern/2` takes it
    * `module_type: :genserver` - all modules of that type, see `ElixirScope.ASTRepository.ModuleMeaning`
    * `callbacks_of: GenServer` - every callback of that behaviour, in all modules

  and `within:` narrows it to modules (said as above) or functions (`{M, name, arity}`), or a list of these.

  `:types` are `:function_entry` (with the arguments), `:function_exit` (with the value), `:variable_capture`,
  `:expression_trace`, `:branch`, `:message_send`, `:message_receive`, `:exception` and `:custom`; the default is
  `[:function_entry]`. The rest:

    * `:conditions` - a quoted guard, or a list of which all must hold, over what is visible at the point
    * `:custom_logic` - quoted code, for `:custom`; see `ElixirScope.Probe.custom/4`
    * `:capture_config`, `:sampling_rate`, `:rate`, `:burst`, `:hits`, `:for`, `:priority`, `:enabled` - as
      `ElixirScope.Capture.configure/2` takes them. What a spec means in one module or function shares them. When all
      points of a module are limited by `:for`, or all by `:hits`, the module is restored when that is over
    * `:tags` - texts; `:description` - a text

  Where several specs mean one place, the narrowest decides about its limits, and of equally narrow ones the last. A call is
  recorded whole or not at all: its entry and its exit have the same limits.

  ## What is not Elixir

  Of Erlang modules `:function_entry` and `:function_exit` can be told, without conditions; the other types are listed as
  unmatched with the reason `:erlang`.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, InstrumentationPoint}
  alias ElixirScope.ASTRepository.InstrumentationMapper.{Costs, Gating, Measuring, Places, Spec, Targets}
  alias ElixirScope.Capture
  alias ElixirScope.Capture.{Gate, Limited}
  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Result, Together}

  @doc """
  The points that specs mean, not yet applied. `defaults` are for all specs.

  Each has `:runtime_mapping`, `%{number => %{kind:, module:, function:, arity:, clause:, line:, column:, target:,
  ast_node_id:}}`: the places of the code that will report for it. The numbers are found by instrumenting the modules without
  loading them, so a plan says what `apply/2` does. What matches nothing is in the list too, with `enabled: false` and an
  error in `correlation_metadata.unmatched`; `unmatched/1` lists these. Reasons are `:unknown_module`, `:no_such_function`,
  `:nothing_there`, `:not_within`, `:not_visible` (a variable of the condition), `:tail_call`, `:erlang`, `:not_found`
  (a node, a file), and those of `ElixirScope.instrument/2` for modules: `:no_debug_info`, `:no_object_code`,
  `:not_instrumentable`.

  Errors, for what is no spec: `:invalid_argument`, `:unknown` (a key, a type), `:not_found` (a name that no atom of this
  VM has), `:invalid_condition`, `:invalid_custom_code`, `:conflict` (different limits for one call), `:limit_exceeded`.
  """
  @spec plan(ASTRepository.repository(), [map() | keyword()], keyword() | map()) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def plan(repository, specs, defaults \\ []) do
    with {:ok, specs} <- Spec.all(specs, defaults),
         {:ok, base} <- Targets.base(repository),
         {:ok, points} <- planned(specs, base),
         points = numbered(points),
         {:ok, points, _prepared} <- Places.find(points),
         :ok <- Gating.conflict(points) do
      {:ok, without_echoes(points)}
    end
  end

  defp planned(specs, base) do
    now = DateTime.utc_now()

    points =
      specs
      |> Enum.with_index()
      |> Spec.each(fn {spec, index} ->
        case Targets.of(spec, base) do
          {:ok, targets} ->
            {:ok, for(target <- targets, type <- spec.types, do: point(target, type, spec, index, base, now))}

          {:unmatched, error} ->
            {:ok, for(type <- spec.types, do: missing(error, type, spec, index, base, now))}

          error ->
            error
        end
      end)

    with {:ok, points} <- points, do: {:ok, Enum.concat(points)}
  end

  defp missing(error, type, spec, index, base, now) do
    nowhere = %{module: nil, target: nil, id: nil, location: nil}
    nowhere |> point(type, spec, index, base, now) |> Places.unmatched(error)
  end

  defp point(target, type, spec, index, base, now) do
    %InstrumentationPoint{
      point_id: "#{target.id || Fault.show(spec.target)}!#{type}",
      ast_node_id: target.id,
      source_location: target.location,
      instrumentation_type: type,
      capture_config: spec[:capture_config],
      sampling_rate: (spec[:sampling_rate] || 1.0) / 1,
      conditions: spec.conditions,
      custom_logic: if(type == :custom, do: spec[:custom_logic]),
      correlation_strategy: :correlation_id,
      correlation_metadata: %{
        repository: base.repository,
        spec: index,
        module: target.module,
        target: target.target,
        gate: spec.gate,
        points: [],
        unmatched: nil
      },
      runtime_mapping: %{},
      enabled: Map.get(spec, :enabled, true),
      priority: Map.get(spec, :priority, :medium),
      tags: Map.get(spec, :tags, []),
      description: Map.get(spec, :description, "#{type} of #{target.id || Fault.show(spec.target)}"),
      created_at: now
    }
  end

  # Two specs may mean the same.
  defp numbered(points) do
    {points, _} =
      Enum.map_reduce(points, %{}, fn %{point_id: id} = point, seen ->
        n = Map.get(seen, id, 0) + 1
        {if(n == 1, do: point, else: %{point | point_id: "#{id}~#{n}"}), Map.put(seen, id, n)}
      end)

    points
  end

  # Where a spec means many places, some of them need not have what it asks for.
  defp without_echoes(points) do
    matched =
      for %{correlation_metadata: %{unmatched: nil, spec: spec}, instrumentation_type: type} <- points,
          into: MapSet.new(),
          do: {spec, type}

    Enum.reject(points, fn %{correlation_metadata: metadata, instrumentation_type: type} ->
      match?(%Error{reason: :nothing_there}, metadata.unmatched) and
        MapSet.member?(matched, {metadata.spec, type})
    end)
  end

  @doc "The points of a plan for which there is no place: `[{point, error}]`."
  @spec unmatched([InstrumentationPoint.t()]) :: [{InstrumentationPoint.t(), Error.t()}]
  def unmatched(points) do
    for %InstrumentationPoint{correlation_metadata: %{unmatched: %Error{} = error}} = point <- points,
        do: {point, error}
  end

  @doc """
  Points with `:average_duration` (nanoseconds that one report costs on this machine, measured once in a VM),
  `:execution_frequency` (how often it will report, from the calls that were observed; `nil` when its functions never ran
  under observation), `:overhead_estimate` (nanoseconds, their product, with the shares of a sampled point; of one call where
  the frequency is not known) and `:impact_assessment` (that against the time the functions took: below 1 % `:low`, below
  10 % `:medium`; `nil` where they never ran).

  A call has one entry and one exit, and costs once, whatever is planned for it: the sum over all points is the estimate of the
  plan. What cannot be known before is assumed: each place of a clause reports once a call, of a `case` one
  clause. Values are taken to be small; `measure/1` knows how large they were.
  """
  @spec estimate(ASTRepository.repository(), [InstrumentationPoint.t()]) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def estimate(repository, points) do
    with :ok <- points?(points),
         {:ok, costs} <- Costs.units(),
         do: Measuring.estimate(repository, points, costs)
  end

  @doc """
  Nanoseconds of the parts of a probe on this machine, measured once in a VM: see
  `ElixirScope.ASTRepository.InstrumentationMapper.Costs`.
  """
  @spec unit_costs() :: {:ok, map()} | {:error, Error.t()}
  def unit_costs, do: Costs.units()

  @doc """
  Instruments what the points mean, in the running VM, and sets their gates, which hold from the first report on. Applying
  replaces what was instrumented in the same modules before. Points that `plan/3` found no place for are left out.

  All or nothing: when one module cannot be replaced now (`:old_code_in_use`, `:not_instrumentable`, ...), no gate is set, no
  code is replaced, and everything is as it was. The code of all modules changes in one step.

  Errors besides: `:not_found` when no point has a place, `:conflict`, `:limit_exceeded` (gates), `:invalid_argument`.
  """
  @spec apply([InstrumentationPoint.t()], keyword()) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def apply(points, opts \\ []) do
    with :ok <- points?(points),
         :ok <- no_options(opts),
         [_ | _] <- Places.modules(points),
         {:ok, placed, prepared} <- Places.find(points),
         :ok <- refused(points, placed),
         :ok <- Gating.conflict(placed),
         {:ok, modules} <- swap(placed, prepared),
         :ok <- lease(modules, placed) do
      repository = List.first(for %{correlation_metadata: %{repository: it}} <- placed, do: it)
      {:ok, Places.with_nodes(placed, repository)}
    else
      [] ->
        Fault.not_found(
          :point,
          Enum.map(points, & &1.point_id),
          "no point of the plan has a place: see unmatched/1"
        )

      error ->
        error
    end
  end

  defp no_options([]), do: :ok
  defp no_options(other), do: Fault.invalid(:options, other, "there are none")

  # What had a place when it was planned and has none now.
  defp refused(points, placed) do
    before = for {point, _} <- unmatched(points), into: MapSet.new(), do: point.point_id

    case for({point, error} <- unmatched(placed), point.point_id not in before, do: error) do
      [] -> :ok
      [error | _] -> {:error, error}
    end
  end

  defp swap(points, prepared) do
    old = Gating.live(Places.modules(points))
    result = Together.load(prepared, fn -> Gating.set(points) end)

    case result do
      {:ok, _} -> Gating.clear(old -- Enum.flat_map(points, & &1.correlation_metadata.points))
      {:error, _} -> Gating.clear(Enum.flat_map(points, & &1.correlation_metadata.points) -- old)
    end

    result
  end

  defp lease(modules, points) do
    Enum.reduce_while(modules, :ok, fn module, :ok ->
      gates = for %{correlation_metadata: %{module: ^module, unmatched: nil, gate: gate}} <- points, do: gate

      limits =
        cond do
          Enum.all?(gates, & &1[:hits]) -> [hits: true, for: common(gates)]
          Enum.all?(gates, & &1[:for]) -> [for: common(gates)]
          true -> []
        end

      # What an earlier plan promised of the module holds no longer.
      ElixirScope.Capture.Leases.drop([module])

      case Limited.lease([module], limits) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  defp common(gates), do: if(Enum.all?(gates, & &1[:for]), do: gates |> Enum.map(& &1[:for]) |> Enum.max())

  @doc """
  Loads the original code of the modules of points, and takes their gates away. Nothing of the probes remains: the code in the
  VM is the one of the `.beam` file again.
  """
  @spec revert([InstrumentationPoint.t()]) :: {:ok, Result.t()} | {:error, Error.t()}
  def revert(points) do
    with :ok <- points?(points) do
      Gating.clear(Enum.flat_map(points, &Measuring.numbers/1))
      ElixirScope.uninstrument(Measuring.modules(points))
    end
  end

  @doc """
  Points with what came of them, from the gates and from the repository they were planned in:

    * `:trigger_count` - reports that were recorded; `:execution_frequency` - how often the places were reached;
      `:last_triggered`
    * `:average_duration` - nanoseconds of one report, with values of the size that they had
    * `:overhead_estimate` - nanoseconds: the counts times what each costs on this machine
    * `:impact_assessment` - that against the time that the functions took
    * `:sampling_rate` - as it is now
    * in `:correlation_metadata`, `measured: %{hits:, seen:, refused: %{reason => count}, bytes:, ns:, custom:, shared:}`: `:bytes`
      of recorded values that reached the repository (`nil` without one), `:custom` what became of code of the user's own
      (`t:ElixirScope.Probe.Custom.account/0`, whose time is in `:ns`), `:shared` whether the gate is that of more places than
      the point's, so that its counts are of all of them
    * in `:runtime_mapping`, for each place `:hits` and `:bytes` of what reached the repository

  The sum of `:overhead_estimate` over all points is the cost of the plan: what several points share is with the one that decides.
  `bench/mapper.exs` compares it with the time that the same work takes unobserved.

  Live points (of `ElixirScope.ASTRepository.get_instrumentation_points/2`) can be measured too, where they have gates.
  """
  @spec measure([InstrumentationPoint.t()]) :: {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def measure(points) do
    with :ok <- points?(points),
         {:ok, costs} <- Costs.units(),
         {:ok, gates} <- Capture.gates(),
         do: {:ok, Measuring.measure(points, gates, costs)}
  end

  defp points?(points) do
    if is_list(points) and not List.improper?(points) and Enum.all?(points, &point?/1),
      do: :ok,
      else: Fault.invalid(:points, points, "give the points that plan/3 made")
  end

  defp point?(%InstrumentationPoint{
         correlation_metadata: %{module: _},
         instrumentation_type: type,
         point_id: id
       }),
       do: is_atom(type) and is_binary(id)

  defp point?(_other), do: false

  @doc """
  Live points with what their gates say: `:sampling_rate`, `:capture_config`, `:priority`, `:enabled`, `:created_at` (of the gate),
  `:last_triggered`, `:trigger_count` and `:execution_frequency` (of what shares the gate); and with their `:runtime_mapping`.
  Points without a gate stay as they are.
  """
  @spec with_gates([InstrumentationPoint.t()]) :: [InstrumentationPoint.t()]
  def with_gates([]), do: []

  def with_gates(points) do
    points = Enum.map(points, &mapped/1)

    case Capture.gates() do
      {:ok, [_ | _] = gates} ->
        by_point = for gate <- gates, %{point: number} <- gate.points, into: %{}, do: {"#{number}", gate}
        Enum.map(points, &with_gate(&1, by_point[&1.point_id]))

      _ ->
        points
    end
  end

  defp mapped(%{correlation_metadata: metadata, source_location: {file, line, column}} = point) do
    place =
      metadata
      |> Map.take([:module, :function, :arity, :clause, :target])
      |> Map.merge(%{
        kind: point.instrumentation_type,
        file: file,
        line: line,
        column: column,
        ast_node_id: point.ast_node_id
      })

    %{point | runtime_mapping: %{String.to_integer(point.point_id) => place}}
  end

  defp with_gate(point, nil), do: point

  defp with_gate(point, %Gate{} = gate) do
    %{
      point
      | sampling_rate: gate.sampling_rate,
        capture_config: gate.capture_config,
        priority: gate.priority,
        enabled: point.enabled and gate.status == :open,
        created_at: gate.created_at,
        last_triggered: gate.last_passed_at,
        trigger_count: gate.passed,
        execution_frequency: gate.seen
    }
  end
end

defmodule ElixirScope.ASTRepository.InstrumentationMapper do
  @moduledoc """
  From what is to be observed to where it is observed: points with their place, their gates and what they cost.

      {:ok, points} =
        InstrumentationMapper.plan(repository, [
          %{pattern: "Repo.insert(...)", types: [:expression_trace], sampling_rate: 0.1},
          %{function: {MyApp.Cart, :add, 2}, types: [:function_entry, :variable_capture], hits: 100}
        ])

      {:ok, points} = InstrumentationMapper.estimate(repository, points)
      {:ok, points} = InstrumentationMapper.apply(points)
      InstrumentationMapper.measure(points)
      InstrumentationMapper.revert(points)

  A spec is a map with a target, `:types` and any of `:conditions` (a quoted guard), `:custom_logic` (quoted code),
  `:tags`, `:description`, and the limits of `ElixirScope.Capture.configure/2`. The target is one of

    * `module: M`, `function: {M, name, arity}`, `node: ast_node_id`
    * `file: path, line: n`
    * `pattern: text`, as `ElixirScope.ASTRepository.find_ast_nodes_by_pattern/2` takes it
    * `callbacks_of: GenServer` - every callback of that behaviour, in all modules

  Applying a plan replaces what was instrumented in its modules before.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, InstrumentationPoint, Query, SemanticAnalyzer}
  alias ElixirScope.{Capture, Core, Error}
  alias ElixirScope.Capture.{Gate, GateOptions}
  alias ElixirScope.Instrumentation.Plan

  @types [
    :function_entry,
    :function_exit,
    :variable_capture,
    :expression_trace,
    :branch,
    :message_send,
    :message_receive,
    :exception,
    :custom
  ]
  @own [:types, :conditions, :custom_logic, :tags, :description]
  @targets [:module, :function, :node, :file, :line, :pattern, :callbacks_of]

  @doc "The points that specs mean, not yet applied. Errors: `:not_found`, `:unknown`, `:invalid_argument`."
  @spec plan(ASTRepository.repository(), [map()], keyword()) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def plan(repository, specs, defaults \\ []) do
    specs
    |> List.wrap()
    |> Enum.reduce_while({:ok, []}, fn spec, {:ok, points} ->
      with {:ok, spec} <- check(Map.merge(Map.new(defaults), Map.new(spec))),
           {:ok, targets} <- targets(repository, spec) do
        {:cont, {:ok, points ++ for(target <- targets, type <- spec.types, do: point(target, type, spec))}}
      else
        {:error, :not_found} -> {:halt, Fault.not_found(:target, spec, "import the project it comes from")}
        error -> {:halt, error}
      end
    end)
  end

  defp check(spec) do
    gate = spec |> Map.take(GateOptions.names()) |> Map.to_list()
    known = @own ++ @targets ++ GateOptions.names()
    types = Map.get(spec, :types, [:function_entry])

    with nil <- Enum.find(Map.keys(spec), &(&1 not in known)),
         {:bad, nil} <- {:bad, Enum.find(types, &(&1 not in @types))},
         {:ok, _} <- GateOptions.validate(gate, :point) do
      {:ok, Map.merge(spec, %{types: types, gate: gate})}
    else
      {:bad, type} -> Fault.unknown(:type, type, @types)
      {:error, _} = error -> error
      key -> Fault.unknown(:key, key, known)
    end
  end

  # `{module, target of a plan, id, location}`
  defp targets(_repository, %{function: {module, name, arity}}),
    do: {:ok, [{module, {:function, name, arity}, "#{inspect(module)}.#{name}/#{arity}", nil}]}

  defp targets(_repository, %{module: module}), do: {:ok, [{module, :all, inspect(module), nil}]}
  defp targets(repository, %{node: id}), do: of_ids(repository, [id])

  defp targets(repository, %{file: file, line: line}) do
    with {:ok, id} <- ASTRepository.correlate_event(repository, %{file: file, line: line}),
         {:ok, module} <- module_of(repository, id) do
      {:ok, [{module, {:place, line, nil}, id, {file, line, nil}}]}
    end
  end

  defp targets(repository, %{pattern: pattern}) do
    with {:ok, ids} <- ASTRepository.find_ast_nodes_by_pattern(repository, pattern),
         do: of_ids(repository, ids)
  end

  defp targets(repository, %{callbacks_of: behaviour}) do
    with {:ok, names} <- modules(repository) do
      {:ok,
       for name <- names,
           {:ok, meaning} <- [SemanticAnalyzer.analyze(repository, name)],
           %{behaviour: ^behaviour} = callback <- meaning.callbacks do
         id = "#{inspect(name)}.#{callback.name}/#{callback.arity}"
         {name, {:function, callback.name, callback.arity}, id, nil}
       end}
    end
  end

  defp targets(_repository, spec),
    do: Fault.invalid(:target, spec, "give one of #{Enum.map_join(@targets, ", ", &inspect/1)}")

  defp of_ids(repository, ids) do
    Enum.reduce_while(ids, {:ok, []}, fn id, {:ok, all} ->
      with {:ok, place} <- ASTRepository.get_node_location(repository, id),
           {:ok, module} <- module_of(repository, id) do
        target = {module, place_target(place, module), id, {place.file, place.line, place.column}}
        {:cont, {:ok, all ++ [target]}}
      else
        error -> {:halt, error}
      end
    end)
  end

  defp place_target(%{kind: :module}, _module), do: :all

  defp place_target(%{kind: :function, ast_node_id: id}, module) do
    rest = String.replace_prefix(id, inspect(module) <> ".", "")
    [arity | name] = rest |> String.split("/") |> Enum.reverse()
    name = name |> Enum.reverse() |> Enum.join("/")
    {:function, String.to_existing_atom(name), String.to_integer(arity)}
  end

  defp place_target(place, _module), do: {:place, place.line, place.column}

  # The module whose name the id begins with, the longest of those.
  defp module_of(repository, id) do
    with {:ok, names} <- modules(repository) do
      names
      |> Enum.filter(&(id == inspect(&1) or String.starts_with?(id, inspect(&1) <> ".")))
      |> Enum.max_by(&byte_size(inspect(&1)), fn -> nil end)
      |> case do
        nil -> Fault.not_found(:ast_node, id, "import the project it comes from")
        module -> {:ok, module}
      end
    end
  end

  defp modules(repository) do
    query = Query.new() |> Query.select([:module_name]) |> Query.from(:modules)

    with {:ok, %{rows: rows}} <- ASTRepository.query(repository, query),
         do: {:ok, Enum.map(rows, & &1.module_name)}
  end

  defp point({module, target, id, location}, type, spec) do
    custom = spec[:custom_logic]

    %InstrumentationPoint{
      point_id: "#{id}!#{type}",
      ast_node_id: id,
      source_location: location,
      instrumentation_type: type,
      capture_config: spec[:capture_config],
      sampling_rate: (spec[:sampling_rate] || 1.0) / 1,
      conditions: List.wrap(spec[:conditions]),
      custom_logic: if(type == :custom, do: custom),
      correlation_strategy: :correlation_id,
      correlation_metadata: %{module: module, target: target, gate: spec.gate, points: []},
      enabled: Map.get(spec, :enabled, true),
      priority: Map.get(spec, :priority, :medium),
      tags: Map.get(spec, :tags, []),
      description: Map.get(spec, :description, "#{type} of #{id}"),
      created_at: DateTime.utc_now()
    }
  end

  @doc """
  Points with `:average_duration` (nanoseconds that one report costs on this machine, measured once in a VM),
  `:execution_frequency` (calls of the function that were observed; `nil` when it never ran under observation),
  `:overhead_estimate` (nanoseconds, their product; of one call where the frequency is not known) and
  `:impact_assessment` (that against the time the function took: below 1 % `:low`, below 10 % `:medium`; `nil` where it
  never ran).
  """
  @spec estimate(ASTRepository.repository(), [InstrumentationPoint.t()]) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def estimate(repository, points) do
    with {:ok, costs} <- unit_costs(), do: {:ok, Enum.map(points, &estimated(&1, repository, costs))}
  end

  defp estimated(%{correlation_metadata: %{module: module, target: target}} = point, repository, costs) do
    unit = unit(point.instrumentation_type, costs)
    seen = observed(repository, module, target)
    share = point.sampling_rate || 1.0
    refused = costs.call + costs.gate_refused
    each = share * unit + (1 - share) * refused

    %{
      point
      | average_duration: unit,
        execution_frequency: seen && seen.call_frequency,
        overhead_estimate: each * if(seen, do: seen.call_frequency, else: 1),
        impact_assessment: seen && impact(each * seen.call_frequency, seen.total_us * 1_000)
    }
  end

  defp impact(_cost, time) when time <= 0, do: nil
  defp impact(cost, time) when cost < time / 100, do: :low
  defp impact(cost, time) when cost < time / 10, do: :medium
  defp impact(_cost, _time), do: :high

  defp observed(repository, module, {:function, name, arity}) do
    case ASTRepository.get_function(repository, {module, name, arity}, fields: [:execution_statistics]) do
      {:ok, %{execution_statistics: %{call_frequency: calls, total_us: total} = statistics}}
      when is_integer(calls) and calls > 0 and is_number(total) ->
        statistics

      _ ->
        nil
    end
  end

  defp observed(_repository, _module, _target), do: nil

  defp unit(type, costs) when type in [:function_entry, :function_exit],
    do: 2 * costs.call + costs.record + costs.record_with_value

  defp unit(:branch, costs), do: costs.call + costs.record
  defp unit(_with_value, costs), do: costs.call + costs.record_with_value

  @doc "Nanoseconds of the parts of a probe on this machine, measured once in a VM. Encoding large values is not in them."
  @spec unit_costs() :: {:ok, map()} | {:error, Error.t()}
  def unit_costs do
    case :persistent_term.get({__MODULE__, :costs}, nil) do
      nil ->
        with {:ok, native} <- Core.Gates.calibrate(20_000) do
          costs = Map.new(native, fn {name, ps} -> {name, ps / 1_000} end)
          costs = Map.put(costs, :call, Enum.min(for _ <- 1..5, do: call_cost(20_000)))
          :persistent_term.put({__MODULE__, :costs}, costs)
          {:ok, costs}
        end

      costs ->
        {:ok, costs}
    end
  end

  defp call_cost(n) do
    began = :erlang.monotonic_time(:nanosecond)
    repeat(n)
    (:erlang.monotonic_time(:nanosecond) - began) / n
  end

  defp repeat(0), do: :ok

  defp repeat(n) do
    Core.Gates.probe_call()
    repeat(n - 1)
  end

  @doc """
  Instruments what the points mean, in the running VM, and sets their gates. Points get the numbers of what reports for
  them in `correlation_metadata.points`; one for which there is no place has none and is `enabled: false`.
  """
  @spec apply([InstrumentationPoint.t()], keyword()) ::
          {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def apply(points, opts \\ []) do
    plan =
      Enum.reduce(points, %Plan{}, fn point, plan ->
        %{module: module, target: target} = point.correlation_metadata

        Plan.add(plan, module, %{
          target: target,
          kinds: [point.instrumentation_type],
          condition: condition(point.conditions),
          custom: point.custom_logic,
          id: point.point_id
        })
      end)

    modules = modules_of(points)

    with {:ok, result} <- ElixirScope.instrument(modules, Keyword.put(opts, :plan, plan)) do
      placed = Enum.map(points, &placed(&1, Map.get(result.placed, &1.point_id, [])))

      Enum.reduce_while(placed, {:ok, placed}, fn point, ok ->
        case gate(point) do
          {:ok, _} -> {:cont, ok}
          error -> {:halt, error}
        end
      end)
    end
  end

  defp condition([]), do: nil
  defp condition([first | rest]), do: Enum.reduce(rest, first, &{:and, [], [&2, &1]})

  defp placed(point, numbers) do
    %{
      point
      | correlation_metadata: %{point.correlation_metadata | points: numbers},
        enabled: point.enabled and numbers != []
    }
  end

  defp gate(%{correlation_metadata: %{points: numbers, gate: gate}} = point)
       when numbers != [] and gate != [] do
    kinds = [kind(point.instrumentation_type)]
    Capture.configure(numbers, Keyword.merge([per: :selection, kinds: kinds], gate))
  end

  defp gate(_point), do: {:ok, 0}

  defp kind(type) when type in [:function_entry, :function_exit], do: :calls
  defp kind(:variable_capture), do: :variables
  defp kind(:expression_trace), do: :expressions
  defp kind(:branch), do: :branches
  defp kind(:message_send), do: :sends
  defp kind(:message_receive), do: :receives
  defp kind(:exception), do: :exceptions
  defp kind(:custom), do: :custom

  @doc "Loads the original code of the modules of points."
  @spec revert([InstrumentationPoint.t()]) :: {:ok, term()} | {:error, Error.t()}
  def revert(points), do: ElixirScope.uninstrument(modules_of(points))

  @doc """
  Points with what came of them: of those with a gate `:trigger_count` (recorded), `:execution_frequency` (seen),
  `:last_triggered`, and `:overhead_estimate`, now the counts times the measured cost of each.
  """
  @spec measure([InstrumentationPoint.t()]) :: {:ok, [InstrumentationPoint.t()]} | {:error, Error.t()}
  def measure(points) do
    with {:ok, costs} <- unit_costs(), {:ok, gates} <- Capture.gates() do
      {:ok, Enum.map(points, &measured(&1, gates, costs))}
    end
  end

  defp measured(%{correlation_metadata: %{points: numbers}} = point, gates, costs) do
    case Enum.find(gates, fn gate -> Enum.any?(gate.points, &(&1.point in numbers)) end) do
      nil ->
        point

      %Gate{} = gate ->
        unit = unit(point.instrumentation_type, costs)

        %{
          point
          | trigger_count: gate.passed,
            execution_frequency: gate.seen,
            last_triggered: gate.last_passed_at,
            average_duration: unit,
            overhead_estimate:
              gate.passed * (unit + costs.gate_passed) +
                (gate.seen - gate.passed) * (costs.call + costs.gate_refused)
        }
    end
  end

  @doc """
  Live points with what their gates say: `:sampling_rate`, `:capture_config`, `:priority`, `:enabled`, `:created_at` (of the gate),
  `:last_triggered`, `:trigger_count` and `:execution_frequency` (of what shares the gate). Points without a gate stay as they are.
  """
  @spec with_gates([InstrumentationPoint.t()]) :: [InstrumentationPoint.t()]
  def with_gates([]), do: []

  def with_gates(points) do
    case Capture.gates() do
      {:ok, [_ | _] = gates} ->
        by_point = for gate <- gates, %{point: number} <- gate.points, into: %{}, do: {"#{number}", gate}
        Enum.map(points, &with_gate(&1, by_point[&1.point_id]))

      _ ->
        points
    end
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

  defp modules_of(points), do: points |> Enum.map(& &1.correlation_metadata.module) |> Enum.uniq()
end

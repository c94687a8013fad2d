defmodule ElixirScope.ASTRepository.Observed do
  @moduledoc false
  # What fields of the repository, of functions and of modules say of the event log. Each is bounded; what is not known is nil.

  alias ElixirScope.ASTRepository.{FunctionData, ModuleData, TemporalBridge}
  alias ElixirScope.ASTRepository.TemporalBridge.Timelines
  alias ElixirScope.Capture.Sampling
  alias ElixirScope.{Capture, Core}

  @events 10_000
  @ranges 60
  @functions 200
  @values 20
  @history 100

  ## Fields of the repository

  def field(:runtime_event_bridge, handle) do
    with {:ok, log} <- TemporalBridge.stats(handle) do
      capture = with {:error, _} <- Capture.stats(), do: nil
      {:ok, %{capturing: Capture.active?(), log: log, capture: capture}}
    end
  end

  def field(:temporal_correlation, handle) do
    with {:ok, events} <- newest(handle, nil), do: {:ok, ranges(events)}
  end

  def field(:execution_timelines, handle) do
    with {:ok, events} <- newest(handle, [:call]), {:ok, gaps} <- Timelines.gaps(handle) do
      truncated = length(events) >= @events

      {:ok,
       for {function, calls} <- Enum.group_by(events, &{&1.module, &1.function, &1.arity}),
           id = id(function),
           into: %{} do
         {id, Timelines.timeline({:function, function}, id, Timelines.flat(calls), truncated, gaps)}
       end}
    end
  end

  def field(:variable_lifecycles, handle) do
    with {:ok, events} <- newest(handle, [:call, :binding]) do
      events
      |> Enum.reverse()
      |> Enum.map(&{&1.module, &1.function, &1.arity})
      |> Enum.uniq()
      |> Enum.take(@functions)
      |> Enum.reduce_while({:ok, %{}}, fn function, {:ok, all} ->
        case TemporalBridge.variable_lifecycle(handle, function, events: @events, values: @values) do
          {:ok, lives} -> {:cont, {:ok, Map.merge(all, Map.new(lives, &{&1.variable_id, &1}))}}
          error -> {:halt, error}
        end
      end)
    end
  end

  def field(:causal_relationships, handle) do
    with {:ok, events} <- newest(handle, nil),
         from = events |> Enum.map(& &1.timestamp) |> Enum.min(fn -> 0 end) |> max(0),
         {:ok, edges} <- TemporalBridge.causal_relationships(handle, from: from, limit: 2 * @events) do
      {:ok,
       for %{from: %{event_id: from}, to: %{event_id: to}} = edge <- edges, into: %{} do
         {"#{from}-#{to}:#{edge.kind}", edge}
       end}
    end
  end

  # The newest, oldest first.
  defp newest(handle, types) do
    with {:ok, events} <-
           TemporalBridge.get_all_events(handle, types: types, limit: @events, newest_first: true),
         do: {:ok, Enum.reverse(events)}
  end

  defp ranges([]), do: %{}

  defp ranges(events) do
    times = Enum.map(events, & &1.timestamp)
    {first, last} = Enum.min_max(times)
    length = div(last - first, @ranges) + 1

    events
    |> Enum.filter(& &1.event_id)
    |> Enum.group_by(&div(&1.timestamp - first, length), & &1.event_id)
    |> Map.new(fn {nth, ids} -> {{first + nth * length, first + (nth + 1) * length - 1}, ids} end)
  end

  ## Fields of functions and modules that the native side leaves nil

  @doc "A function with what its log says, where `wanted` names it and the caller stored nothing."
  def of_function(%FunctionData{} = function, wanted, repository, key) do
    function
    |> fill(:execution_history, wanted, fn -> history(repository, key) end)
    |> fill(:variable_lifecycles, wanted, fn -> lifecycles(repository, key) end)
    |> Map.update!(:execution_statistics, &Sampling.mark(&1, key))
  end

  @doc "A module, likewise."
  def of_module(%ModuleData{} = module, wanted),
    do: module |> fill(:first_instrumented, wanted, fn -> since(module.module_name) end) |> sampled()

  defp sampled(%{performance_data: %{} = data} = module),
    do: %{
      module
      | performance_data: Map.new(data, fn {key, statistics} -> {key, Sampling.mark(statistics, key)} end)
    }

  defp sampled(module), do: module

  defp fill(struct, field, wanted, compute) do
    if field in wanted and Map.fetch!(struct, field) == nil,
      do: Map.put(struct, field, compute.()),
      else: struct
  end

  # Its newest activations, oldest first; nil when none is in the log: what did not run has no history, and
  # nobody knows what the log no longer holds.
  defp history(repository, key) do
    case TemporalBridge.function_events(repository, key, {nil, nil},
           types: [:call],
           limit: @history,
           newest_first: true
         ) do
      {:ok, [_ | _] = events} -> Enum.reverse(events)
      _ -> nil
    end
  end

  defp lifecycles(repository, key) do
    case TemporalBridge.variable_lifecycle(repository, key, values: @values) do
      {:ok, lives} -> lives
      _ -> nil
    end
  end

  @doc """
  Insights of a function or module (its id) with the lives of its variables, where bindings were recorded. Those of a function with
  20 values each, of a module's functions with 5.
  """
  def with_variables(nil, _repository, _target), do: nil
  def with_variables(%{variable_lifecycles: [_ | _]} = stored, _repository, _target), do: stored

  def with_variables(insights, repository, target) do
    values = if is_tuple(target), do: @values, else: 5

    lives =
      for function <- bound(repository, target),
          {:ok, lives} <- [TemporalBridge.variable_lifecycle(repository, function, values: values)],
          life <- lives,
          do: life

    case lives do
      [] ->
        insights

      lives ->
        %{
          insights
          | variable_lifecycles: lives,
            unknown: Map.delete(insights.unknown || %{}, :variable_lifecycles)
        }
    end
  end

  # The functions that bound something.
  defp bound(repository, target) do
    case TemporalBridge.function_events(repository, target, {nil, nil},
           types: [:binding],
           limit: @events,
           newest_first: true
         ) do
      {:ok, events} ->
        events
        |> Enum.map(&{&1.module, &1.function, &1.arity})
        |> Enum.uniq()
        |> Enum.take(@functions)
        |> Enum.sort()

      _ ->
        []
    end
  end

  defp since(module) do
    with {:ok, ns} when is_integer(ns) <- Core.Capture.since(module),
         {:ok, time} <- DateTime.from_unix(ns, :nanosecond) do
      time
    else
      _ -> nil
    end
  end

  defp id({module, name, arity}), do: "#{inspect(module)}.#{name}/#{arity}"
end

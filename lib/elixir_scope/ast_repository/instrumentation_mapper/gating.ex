defmodule ElixirScope.ASTRepository.InstrumentationMapper.Gating do
  @moduledoc false
  # Which gate a place gets. A place has one: where several planned points mean it, the narrowest decides, and of equally
  # narrow ones the one that was planned last. Every place gets one, without limits where none was asked for, because
  # a gate counts exactly what comes by.

  alias ElixirScope.{Capture, Core, Error}

  @kinds %{
    function_entry: :calls,
    function_exit: :calls,
    variable_capture: :variables,
    expression_trace: :expressions,
    branch: :branches,
    message_send: :sends,
    message_receive: :receives,
    exception: :exceptions,
    custom: :custom
  }

  @doc "The kind of point that reports for a type."
  def kind(type), do: Map.fetch!(@kinds, type)

  @doc "`%{place => point_id}`: who decides at each place; `side` is `:begin`, or `:end` for the ends of activations."
  def owners(points, side \\ :begin) do
    for {point, index} <- Enum.with_index(points),
        side?(point.instrumentation_type, side),
        number <- point.correlation_metadata.points,
        reduce: %{} do
      owners ->
        rank = {width(point.correlation_metadata.target), -index}
        Map.update(owners, number, {rank, point.point_id}, &min(&1, {rank, point.point_id}))
    end
    |> Map.new(fn {number, {_rank, id}} -> {number, id} end)
  end

  defp side?(:function_exit, side), do: side in [:end, :gate]
  defp side?(:function_entry, side), do: side in [:begin, :gate]
  defp side?(_type, _side), do: true

  defp width({:place, _, column}) when column != nil, do: 0
  defp width({:place, _, _}), do: 1
  defp width({:clause, _, _, _}), do: 2
  defp width({:function, _, _}), do: 3
  defp width(:all), do: 4

  @doc """
  An activation is recorded whole or not at all: entry and exit of one function cannot have different limits.
  """
  def conflict(points) do
    calls = for %{instrumentation_type: type} = point <- points, kind(type) == :calls, do: point

    by_target = Enum.group_by(calls, &{&1.correlation_metadata.module, &1.correlation_metadata.target})

    Enum.find_value(by_target, :ok, fn {{module, target}, same} ->
      gates =
        same |> Enum.map(&Enum.sort(&1.correlation_metadata.gate)) |> Enum.reject(&(&1 == [])) |> Enum.uniq()

      if length(gates) > 1 do
        {:error,
         %Error{
           reason: :conflict,
           message:
             "#{inspect(module)} #{inspect(target)} is planned more than once, with different limits: " <>
               Enum.map_join(gates, " and ", &inspect(&1, limit: 10)),
           hint: "a call is recorded whole or not at all: give its entry and its exit the same limits"
         }}
      end
    end)
  end

  @doc "Sets the gates: `:ok`, or an error, and then there is none."
  def set(points) do
    owners = owners(points, :gate)
    by_id = Map.new(points, &{&1.point_id, &1})

    # Entry and exit: whichever has limits says them.
    orders =
      owners
      |> Enum.group_by(fn {_, id} -> options(by_id[id], points) end, fn {number, id} -> {number, id} end)
      |> Enum.flat_map(fn {options, places} -> orders(options, places, by_id) end)

    result =
      Enum.reduce_while(orders, :ok, fn {numbers, options}, :ok ->
        case Capture.configure(numbers, options) do
          {:ok, _} -> {:cont, :ok}
          error -> {:halt, error}
        end
      end)

    if result != :ok, do: clear(Map.keys(owners))
    result
  end

  # Without limits, each place counts for itself. With limits, what was planned as one shares them.
  defp orders([], places, by_id) do
    for {kind, numbers} <- by_kind(places, by_id), do: {numbers, [per: :point, kinds: [kind]]}
  end

  defp orders(options, places, by_id) do
    for {_id, own} <- Enum.group_by(places, &elem(&1, 1)),
        {kind, numbers} <- by_kind(own, by_id),
        do: {numbers, [per: :selection, kinds: [kind]] ++ options}
  end

  defp by_kind(places, by_id),
    do: Enum.group_by(places, fn {_, id} -> kind(by_id[id].instrumentation_type) end, &elem(&1, 0))

  defp options(%{correlation_metadata: %{gate: [_ | _] = gate}}, _points), do: gate

  defp options(%{instrumentation_type: type, correlation_metadata: own}, points)
       when type in [:function_entry, :function_exit] do
    Enum.find_value(points, [], fn %{instrumentation_type: other, correlation_metadata: metadata} ->
      if kind(other) == :calls and {metadata.module, metadata.target} == {own.module, own.target} and
           metadata.gate != [],
         do: metadata.gate
    end)
  end

  defp options(_point, _points), do: []

  @doc "The places of modules that have gates now."
  def live(modules) do
    for module <- modules,
        {:ok, gates} <- [Capture.gates(module)],
        %{points: points} <- gates,
        %{point: number, function: {^module, _, _}} <- points,
        do: number
  end

  @doc "Takes the gates of places away."
  def clear([]), do: :ok

  def clear(numbers) do
    Core.Gates.clear(numbers)
    :ok
  end
end

defmodule ElixirScope.ASTRepository.InstrumentationMapper.Places do
  @moduledoc false
  # Which points of the code planned points become: asked from the code that would be loaded, before any is.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.InstrumentationPoint
  alias ElixirScope.{Error, Suggest}
  alias ElixirScope.Instrumentation.{Loader, Plan, Together}

  # What is wrong with the user's own code is wrong with the whole plan.
  @wrong [:invalid_condition, :invalid_custom_code, :invalid_argument]

  @doc "The plan of instrumentation that points mean. The id of an entry is the point's."
  def plan(points) do
    Enum.reduce(points, %Plan{capture: []}, fn point, plan ->
      %{module: module, target: target} = point.correlation_metadata

      Plan.add(plan, module, %{
        target: target,
        kinds: [point.instrumentation_type],
        condition: condition(point.conditions),
        custom: point.custom_logic,
        id: point.point_id
      })
    end)
  end

  defp condition([]), do: nil
  defp condition([first | rest]), do: Enum.reduce(rest, first, &{:and, [], [&2, &1]})

  @doc "The modules that matched points are in."
  def modules(points) do
    for(%{correlation_metadata: %{module: module, unmatched: nil}} <- points, module != nil, do: module)
    |> Enum.uniq()
  end

  @doc "`{:ok, points, prepared}`: each with its places, or with the reason why it has none."
  def find(points) do
    wanted = Enum.filter(points, &(&1.correlation_metadata.unmatched == nil))
    prepared = Together.prepare(modules(wanted), plan: plan(wanted))

    case for({_, {:error, %Error{reason: reason} = error}} <- prepared, reason in @wrong, do: error) do
      [error | _] -> {:error, error}
      [] -> {:ok, placed(points, prepared), prepared}
    end
  end

  @doc "Points with the places that instrumented modules have for them."
  def placed(points, prepared) do
    of_module = Map.new(prepared)

    Enum.map(points, fn
      %{correlation_metadata: %{unmatched: nil, module: module}} = point -> place(point, of_module[module])
      point -> point
    end)
  end

  defp place(point, {:ok, instrumented, _file}) do
    case Map.get(instrumented.placed, point.point_id, []) do
      [] ->
        why =
          Enum.find_value(instrumented.unplaced, :nothing_there, fn {id, why} ->
            if id == point.point_id, do: why
          end)

        unmatched(point, reason(why, point))

      numbers ->
        mapping = mapping(numbers, instrumented, point)
        numbers = Enum.sort(Map.keys(mapping))
        %{metadata(point, %{points: numbers}) | runtime_mapping: mapping}
    end
  end

  defp place(point, {:error, error}), do: unmatched(point, error)

  defp metadata(point, more),
    do: %{point | correlation_metadata: Map.merge(point.correlation_metadata, more)}

  @doc "A point for which there is no place, with the error that says why."
  def unmatched(point, %Error{} = error) do
    %{metadata(point, %{unmatched: error, points: []}) | enabled: false, runtime_mapping: %{}}
  end

  defp mapping(numbers, %{build: build, points: all, module: module}, point) do
    by_index = Map.new(all, &{elem(&1, 0), &1})

    for number <- numbers, into: %{} do
      {_, kind, name, arity, clause, line, column, target} =
        Map.fetch!(by_index, number - Bitwise.bsl(build, 20))

      {number,
       %{
         kind: kind,
         module: module,
         function: name,
         arity: arity,
         clause: clause,
         line: line,
         column: column,
         target: target,
         # One node is meant: that is it. Of many, the repository says it when the points are live.
         ast_node_id:
           if(match?({:place, _, column} when column != nil, point.correlation_metadata.target),
             do: point.ast_node_id
           )
       }}
    end
  end

  @doc "Live points, by number, as the repository knows them: their nodes come into the mappings."
  def with_nodes(points, repository) do
    live =
      for module <- modules(points),
          {:ok, live} <- [ASTRepository.get_instrumentation_points(repository, inspect(module))],
          point <- live,
          into: %{},
          do: {point.point_id, point}

    Enum.map(points, fn %InstrumentationPoint{} = point ->
      mapping =
        Map.new(point.runtime_mapping || %{}, fn {number, place} ->
          {number, node(place, live["#{number}"])}
        end)

      %{point | runtime_mapping: mapping}
    end)
  end

  defp node(place, %{ast_node_id: id, source_location: {file, _, _}}) when is_binary(id),
    do: Map.merge(place, %{ast_node_id: place.ast_node_id || id, file: file})

  defp node(place, _), do: place

  # Reasons

  defp reason(:no_such_function, point) do
    %{module: module, target: target} = point.correlation_metadata
    wanted = "#{elem(target, 1)}/#{elem(target, 2)}"
    known = functions(module)
    arities = for {name, arity} <- known, name == elem(target, 1), do: arity
    names = Enum.map(known, fn {name, arity} -> "#{name}/#{arity}" end)

    error(
      :no_such_function,
      "#{inspect(module)} has no function #{wanted}",
      case arities do
        [] -> Suggest.hint(wanted, names)
        _ -> "#{elem(target, 1)} has the arities #{arities |> Enum.sort() |> Enum.join(", ")}"
      end
    )
  end

  defp reason(:no_such_clause, point),
    do: error(:no_such_clause, "#{what(point)}: the function has fewer clauses")

  defp reason({:not_visible, name}, point) do
    error(
      :not_visible,
      "the condition or the code names #{name}, which is not visible at #{what(point)}",
      "a condition sees the arguments at the entry, and what is bound before a node"
    )
  end

  defp reason(:tail_call, point) do
    error(
      :tail_call,
      "#{what(point)} is a call in tail position: its value never comes back to where it could be recorded",
      "record function_exit of the function that is called"
    )
  end

  defp reason(:erlang, point) do
    error(
      :erlang,
      "#{what(point)}: of modules that are not written in Elixir only function_entry and function_exit can be told, " <>
        "without conditions, not #{point.instrumentation_type}",
      "its messages, processes and collections can be traced: ElixirScope.trace/2"
    )
  end

  defp reason(:nothing_there, %{correlation_metadata: %{target: {:place, line, column}}} = point) do
    at = if column, do: "line #{line}, column #{column}", else: "line #{line}"

    error(
      :nothing_there,
      "no #{thing(point.instrumentation_type)} at #{at} of #{inspect(point.correlation_metadata.module)}"
    )
  end

  defp reason(:nothing_there, point),
    do: error(:nothing_there, "no #{thing(point.instrumentation_type)} in #{what(point)}")

  defp reason(other, point), do: error(:nothing_there, "#{what(point)}: #{inspect(other)}")

  defp error(reason, message, hint \\ nil), do: %Error{reason: reason, message: message, hint: hint}

  defp what(%{correlation_metadata: %{module: module, target: :all}}), do: inspect(module)

  defp what(%{correlation_metadata: %{module: module, target: {:function, name, arity}}}),
    do: "#{inspect(module)}.#{name}/#{arity}"

  defp what(%{ast_node_id: id, correlation_metadata: %{module: module, target: {:place, line, _}}}),
    do: id || "line #{line} of #{inspect(module)}"

  defp thing(:function_entry), do: "function to enter"
  defp thing(:function_exit), do: "function with a value to tell"
  defp thing(:variable_capture), do: "variable is bound"
  defp thing(:expression_trace), do: "expression"
  defp thing(:branch), do: "branch"
  defp thing(:message_send), do: "message is sent"
  defp thing(:message_receive), do: "message is taken"
  defp thing(:exception), do: "exception is caught"
  defp thing(:custom), do: "node for code of your own"

  # Private functions too, and macros as their author names them.
  defp functions(module) do
    with {:ok, beam, _} <- Loader.original(module),
         {:ok, {_, chunks}} <- :beam_lib.chunks(beam, [:exports, :locals]) do
      for {_, functions} <- chunks, {name, arity} <- functions, not String.starts_with?("#{name}", "-") do
        case Atom.to_string(name) do
          "MACRO-" <> macro -> {String.to_existing_atom(macro), arity - 1}
          _ -> {name, arity}
        end
      end
    else
      _ -> []
    end
  end
end

defmodule ElixirScope.Instrumentation.Inlined do
  @moduledoc false
  # Functions that the module inlines into its other functions (`@compile inline: [...]`).
  #
  # A call from within the module is no call then, so it must not be observed, and the body must stay small enough to be
  # inlined. But an exported one is a function for everybody else. So it becomes two: the exported one, instrumented, and
  # a private copy, without probes, which takes its place inside the module and in the list of what to inline.
  #
  # A function that reaches itself through inlined ones stays one, and is left out: its recursive calls are
  # real calls of a real function, under its own name.

  @suffix " (inlined)"

  @doc "Is this the name of a copy?"
  def copy?(name), do: name |> Atom.to_string() |> String.ends_with?(@suffix)

  @doc "Splits the exported inlined functions of `beam` in two; its `inline` then lists what has no probes."
  def split(%{inline: []} = beam), do: beam

  def split(beam) do
    exported = MapSet.new(for {:attribute, _, :export, names} <- beam.forms, name <- names, do: name)
    bodies = for {:function, _, name, arity, clauses} <- beam.forms, into: %{}, do: {{name, arity}, clauses}
    inline = Enum.filter(beam.inline, &is_map_key(bodies, &1))
    calls = Map.new(inline, fn name -> {name, inline |> MapSet.new() |> called(bodies[name])} end)

    copies =
      for {name, arity} = function <- inline,
          function in exported,
          not recursive?(function, calls),
          into: %{},
          do: {function, {:"#{name}#{@suffix}", arity}}

    if copies == %{}, do: beam, else: with_copies(beam, copies)
  end

  defp with_copies(beam, copies) do
    rename = fn names -> Enum.map(names, &Map.get(copies, &1, &1)) end

    forms =
      Enum.flat_map(beam.forms, fn
        {:function, anno, name, arity, clauses} ->
          clauses = redirect(clauses, copies)
          original = {:function, anno, name, arity, clauses}

          case copies do
            %{{^name, ^arity} => {copy, _}} -> [original, {:function, anno, copy, arity, clauses}]
            _ -> [original]
          end

        {:attribute, anno, :compile, options} ->
          [{:attribute, anno, :compile, inline_options(options, rename)}]

        form ->
          [form]
      end)

    %{beam | forms: forms, inline: rename.(beam.inline), options: inline_options(beam.options, rename)}
  end

  defp inline_options(options, rename) when is_list(options),
    do: Enum.map(options, &inline_options(&1, rename))

  defp inline_options({:inline, names}, rename), do: {:inline, names |> List.wrap() |> rename.()}
  defp inline_options(other, _rename), do: other

  # Calls by name from within the module. A captured function stays the exported one.
  defp redirect({:call, anno, {:atom, name_anno, name}, arguments}, copies) do
    {name, _} = Map.get(copies, {name, length(arguments)}, {name, nil})
    {:call, anno, {:atom, name_anno, name}, redirect(arguments, copies)}
  end

  defp redirect(form, copies) when is_tuple(form),
    do: form |> Tuple.to_list() |> redirect(copies) |> List.to_tuple()

  defp redirect([head | tail], copies), do: [redirect(head, copies) | redirect(tail, copies)]
  defp redirect(other, _copies), do: other

  defp called(functions, {:call, _, {:atom, _, name}, arguments}) do
    rest = called(functions, arguments)
    function = {name, length(arguments)}
    if function in functions, do: MapSet.put(rest, function), else: rest
  end

  defp called(functions, form) when is_tuple(form), do: called(functions, Tuple.to_list(form))

  defp called(functions, [head | tail]), do: MapSet.union(called(functions, head), called(functions, tail))
  defp called(_functions, _other), do: MapSet.new()

  defp recursive?(function, calls), do: reaches?(Enum.to_list(calls[function]), function, calls, MapSet.new())

  defp reaches?([], _function, _calls, _seen), do: false
  defp reaches?([function | _], function, _calls, _seen), do: true

  defp reaches?([next | rest], function, calls, seen) do
    if next in seen,
      do: reaches?(rest, function, calls, seen),
      else: reaches?(Enum.to_list(calls[next]) ++ rest, function, calls, MapSet.put(seen, next))
  end
end

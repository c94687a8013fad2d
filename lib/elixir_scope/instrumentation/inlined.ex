defmodule ElixirScope.Instrumentation.Inlined do
  @moduledoc false
  # Functions that the module inlines into its other functions (`@compile inline: [...]`).
  #
  # A call that is inlined is no call, so it must not be observed, and the body must stay small. But where the compiler
  # leaves a call, and for callers from outside, the function is one like any other. So it becomes two for a while:
  # itself, instrumented, and a copy without probes that takes its place in all calls by name and in the list of what to
  # inline. Then the compiler's own inliner runs; calls of a copy that it left become calls of the function, and the
  # copies go. What remains is what the compiler makes of the original, with probes.

  alias ElixirScope.Instrumentation.Marks

  @suffix " (inlined)"

  @doc "Adds the copies. `beam.copies` maps them to their functions; `beam.inline` has them instead of these."
  def split(%{inline: []} = beam), do: beam

  def split(beam) do
    defined = for {:function, _, name, arity, _} <- beam.forms, into: MapSet.new(), do: {name, arity}

    copies =
      for {name, arity} = function <- beam.inline,
          function in defined,
          into: %{},
          do: {function, {:"#{name}#{@suffix}", arity}}

    rename = fn names -> Enum.map(names, &Map.get(copies, &1, &1)) end

    %{
      beam
      | forms: Enum.flat_map(beam.forms, &form(&1, copies, rename)),
        inline: Map.values(copies),
        options: inline_options(beam.options, rename),
        copies: Map.new(copies, fn {function, copy} -> {copy, function} end)
    }
  end

  defp form({:function, anno, name, arity, clauses}, copies, _rename) do
    clauses = redirect(clauses, copies)

    case copies do
      %{{^name, ^arity} => {copy, _}} ->
        [{:function, anno, name, arity, clauses}, {:function, anno, copy, arity, Marks.strip(clauses)}]

      _ ->
        [{:function, anno, name, arity, clauses}]
    end
  end

  defp form({:attribute, anno, :compile, options}, _copies, rename),
    do: [{:attribute, anno, :compile, inline_options(options, rename)}]

  defp form(form, _copies, _rename), do: [form]

  defp inline_options(options, rename) when is_list(options),
    do: Enum.map(options, &inline_options(&1, rename))

  defp inline_options({:inline, names}, rename), do: {:inline, names |> List.wrap() |> rename.()}
  defp inline_options(other, _rename), do: other

  # Calls by name from within the module. A captured function is not inlined, and stays what it is.
  defp redirect({:call, anno, {:atom, name_anno, name}, arguments}, copies) do
    {name, _} = Map.get(copies, {name, length(arguments)}, {name, nil})
    {:call, anno, {:atom, name_anno, name}, redirect(arguments, copies)}
  end

  defp redirect(form, copies) when is_tuple(form),
    do: form |> Tuple.to_list() |> redirect(copies) |> List.to_tuple()

  defp redirect([head | tail], copies), do: [redirect(head, copies) | redirect(tail, copies)]
  defp redirect(other, _copies), do: other

  @doc "Inlines the copies in Core, and takes them out. Gives `{core, options}` for the rest of the compilation."
  def finish(core, %{copies: copies}, options) when copies == %{}, do: {core, options}

  def finish(core, %{copies: copies}, options) do
    {:ok, {:c_module, anno, name, exports, attributes, definitions}} = :sys_core_inline.module(core, options)

    definitions =
      for {var, fun} <- definitions, not is_map_key(copies, elem(var, 2)), do: {var, restore(fun, copies)}

    # The option stays, empty: it also makes the compiler simplify once more after inlining.
    {{:c_module, anno, name, exports, attributes, definitions}, inline_options(options, fn _ -> [] end)}
  end

  defp restore({:c_var, anno, function}, copies) when is_tuple(function),
    do: {:c_var, anno, Map.get(copies, function, function)}

  defp restore(core, copies) when is_tuple(core),
    do: core |> Tuple.to_list() |> restore(copies) |> List.to_tuple()

  defp restore([head | tail], copies), do: [restore(head, copies) | restore(tail, copies)]
  defp restore(other, _copies), do: other
end

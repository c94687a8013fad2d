defmodule ElixirScope.Instrumentation.Functions do
  @moduledoc false
  # The functions of a module: which are rewritten, and what is put at the start of each clause.

  alias ElixirScope.Instrumentation.{Branches, Context, Emit, Inlined, Tail, Tries}

  @generated [{:__info__, 1}, {:module_info, 0}, {:module_info, 1}]

  @doc "Rewrites the forms of `beam`. Gives `{beam, points, left_out}`."
  def rewrite(beam, context) do
    beam = Inlined.split(beam)

    context = %{
      context
      | module: beam.module,
        language: beam.language,
        inline: beam.inline,
        locals: for({:function, _, name, arity, _} <- beam.forms, into: MapSet.new(), do: {name, arity}),
        imports: imports(beam.forms)
    }

    context = %{context | leaves: leaves(beam, context, [])}

    {forms, {context, left_out}} =
      Enum.map_reduce(beam.forms, {context, []}, fn form, acc -> form(form, beam, acc) end)

    {%{beam | forms: forms}, Enum.reverse(context.points), Enum.reverse(left_out)}
  end

  # Inlined functions that end with values only. Calling one last is no jump: the caller's frame lives until the value
  # is there. Those that end with a call, in turn, must stay jumps, because a loop may go through them.
  defp leaves(%{inline: []}, _context, _known), do: []

  defp leaves(beam, context, known) do
    found =
      for {:function, _, name, arity, clauses} <- beam.forms,
          {name, arity} in beam.inline,
          not jumps?(clauses, %{context | leaves: known}),
          do: {name, arity}

    if length(found) == length(known), do: found, else: leaves(beam, context, found)
  end

  defp jumps?(clauses, context) do
    {_, context} = clauses(clauses, [], 0, %{context | function: {:inlined, 0}})
    Enum.any?(context.points, &(elem(&1, 1) == :tail))
  end

  defp imports(forms) do
    for {:attribute, _, :import, {module, names}} <- forms,
        name <- names,
        into: %{},
        do: {name, module}
  end

  defp form({:function, anno, name, arity, clauses} = form, beam, {context, left_out}) do
    case left_out(name, arity, clauses, beam) do
      :itself ->
        {form, {context, left_out}}

      nil ->
        positions = Map.get(beam.positions, {name, arity}, [])
        context = %{context | function: Context.source_name(name, arity), variables: 0}
        {clauses, context} = clauses(clauses, positions, 0, context)
        {{:function, anno, name, arity, clauses}, {context, left_out}}

      reason ->
        {name, arity} = Context.source_name(name, arity)
        {form, {context, [{name, arity, reason} | left_out]}}
    end
  end

  defp form(form, _beam, acc), do: {form, acc}

  defp left_out(name, arity, clauses, beam) do
    cond do
      {name, arity} in @generated or is_map_key(beam.copies, {name, arity}) -> :itself
      beam.language == :erlang and maybe?(clauses) -> :maybe_expression
      true -> nil
    end
  end

  # The tail positions of `maybe` depend on the release; only Erlang modules can have one.
  defp maybe?(form) when is_tuple(form),
    do: elem(form, 0) == :maybe or Enum.any?(Tuple.to_list(form), &maybe?/1)

  defp maybe?([head | tail]), do: maybe?(head) or maybe?(tail)
  defp maybe?(_), do: false

  defp clauses([], _positions, _ordinal, context), do: {[], context}

  defp clauses([clause | clauses], positions, ordinal, context) do
    {position, positions} = List.pop_at(positions, 0)
    {clause, context} = clause(clause, position, %{context | ordinal: ordinal})
    {clauses, context} = clauses(clauses, positions, ordinal + 1, context)
    {[clause | clauses], context}
  end

  defp clause({:clause, anno, patterns, guards, body}, position, context) do
    {point, context} = Context.point(context, :clause, position || Tries.location(anno))
    {token, context} = Context.variable(context)
    enter = Emit.match(token, Emit.probe(context, :enter, [Emit.integer(point)]))
    {body, context} = if context.coverage, do: Branches.mark(body, context), else: {body, context}
    {body, context} = Tail.body(body, %{context | clause_point: point, token: token})
    {{:clause, anno, patterns, guards, [enter | body]}, context}
  end
end

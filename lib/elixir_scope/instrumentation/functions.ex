defmodule ElixirScope.Instrumentation.Functions do
  @moduledoc false
  # The functions of a module: which are rewritten, and what is put at the start of each clause.

  alias ElixirScope.Instrumentation.{Branches, Context, Emit, Inlined, Lines, Marks, Secrets, Tail, Tries}

  @generated [{:__info__, 1}, {:module_info, 0}, {:module_info, 1}]

  @doc """
  Rewrites the forms of `beam`. Gives `{beam, context, left_out}`; the context has the points, and what became of the
  entries of its plan.
  """
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

    {%{beam | forms: forms}, context, Enum.reverse(left_out)}
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
        {{:function, anno, name, arity, Lines.borrow(clauses, anno)}, {context, left_out}}

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
    position = position || Tries.location(anno)
    {mark, body} = Marks.entry(body)
    {wanted, ids} = wanted(mark, position, context)
    {body, context} = if context.coverage, do: Branches.mark(body, context), else: {body, context}

    case wanted do
      [{:atom, _, false}, {:atom, _, false}, {:atom, _, false}] ->
        {body, context} = Tail.body(body, unreported(context))
        {{:clause, anno, patterns, guards, body}, context}

      [calls, args, result] ->
        {point, context} = Context.point(context, :clause, position)
        context = Enum.reduce(ids, context, &Context.placed(&2, &1, point))
        {token, context} = Context.variable(context)
        {patterns, enter, context} = enter(patterns, point, calls, args, context)
        context = %{context | clause_point: point, token: token, calls: true, ends: true, result: result}
        {body, context} = Tail.body(body, context)
        {{:clause, anno, patterns, guards, [Emit.match(token, enter) | body]}, context}
    end
  end

  defp unreported(context),
    do: %{context | clause_point: nil, token: nil, calls: false, ends: false, result: nil}

  # Whether calls, arguments and result of the clause are told, and for whom: as its mark says, or what the plan says
  # about everything. Erlang's code has no marks, so there the plan is asked about the function and the clause too.
  defp wanted([number, calls, args, result], _position, context) do
    ids = Map.fetch!(context.sites, number).ids
    {[calls, args, result], [ids.calls, ids.args, ids.result]}
  end

  defp wanted(nil, _position, context) do
    [:calls, :args, :result]
    |> Enum.map(fn kind ->
      ids = for entry <- context.plan, unmarked?(entry, context), kind in entry.kinds, do: entry.id
      {Emit.atom(ids != []), ids}
    end)
    |> Enum.unzip()
  end

  # A condition is Elixir's: where it cannot be asked, nothing is told.
  defp unmarked?(%{condition: condition}, _context) when condition != nil, do: false
  defp unmarked?(%{target: :all}, _context), do: true

  defp unmarked?(%{target: target}, %{language: :erlang, function: {name, arity}, ordinal: ordinal}),
    do: target in [{:function, name, arity}, {:clause, name, arity, ordinal}]

  defp unmarked?(_entry, _context), do: false

  # Without arguments where their condition says no; token 0 where that of the call says no.
  defp enter(patterns, point, calls, args, context) do
    bare = Emit.probe(context, :enter, [Emit.integer(point)])

    case args do
      {:atom, _, false} ->
        {patterns, Emit.decide(calls, bare, Emit.integer(0)), context}

      _ ->
        {patterns, values, context} = arguments(patterns, context)
        full = Emit.probe(context, :enter, [Emit.integer(point), Emit.list(values)])
        # The same condition on both is asked once.
        without = if calls == args, do: Emit.integer(0), else: Emit.decide(calls, bare, Emit.integer(0))
        {patterns, Emit.decide(args, full, without), context}
    end
  end

  # A macro's first argument is the compiler's.
  defp arguments(patterns, context) do
    {_, arity} = context.function
    {hidden, shown} = Enum.split(patterns, length(patterns) - arity)
    {shown, {values, context}} = Enum.map_reduce(shown, {[], context}, &argument/2)
    {hidden ++ shown, Enum.reverse(values), context}
  end

  defp argument({:var, _, name} = var, {values, context}) when name != :_,
    do: {var, {[told(var, name) | values], context}}

  defp argument({kind, _, _} = literal, {values, context}) when kind in [:atom, :integer],
    do: {literal, {[literal | values], context}}

  defp argument(pattern, {values, context}) do
    {name, context} = Context.variable(context)
    {{:match, Emit.anno(), Emit.var(name), pattern}, {[Emit.var(name) | values], context}}
  end

  defp told(var, name) do
    if Secrets.secret?(Secrets.source_name(name)), do: Emit.atom(Secrets.withheld()), else: var
  end
end

defmodule ElixirScope.Instrumentation.Weave.Clauses do
  @moduledoc false
  # Clauses: of a definition, and of the constructs inside. What is marked at the start of a clause runs after its guard
  # succeeded; patterns and guards stay as they are, but for a name given to a whole message.

  alias ElixirScope.Instrumentation.Secrets
  alias ElixirScope.Instrumentation.Weave.{Expressions, Patterns, State}

  @doc "A clause of a definition."
  def definition({meta, arguments, guards, body}, state) do
    scope = Patterns.into(%{}, arguments)
    {entry, state} = entry(scope, state)
    {arguments, handle, state} = handle(arguments, scope, state)
    {parameters, state} = bindings(arguments, [state.place], scope, state, as: :parameters)
    {custom, state} = head_custom(scope, state)
    {body, _scope, state} = Expressions.walk(body, scope, state)
    {{meta, arguments, guards, prepend(entry ++ handle ++ parameters ++ custom, body)}, state}
  end

  # Who asks for calls, arguments and result of this clause, and under which conditions.
  defp entry(scope, state) do
    {reports, state} =
      Enum.map_reduce([:calls, :args, :result], state, fn kind, state ->
        entries = State.wanted(state, kind, [state.place])
        # What is said about this function wins over what is said about everything.
        special = Enum.filter(entries, &(&1.target != :all or &1.condition != nil))

        {ids, condition, state} =
          State.conditions(if(special == [], do: entries, else: special), scope, state)

        # Whoever means everything means this too, and is told what comes of it.
        shadowed = if special == [] or ids == [], do: [], else: for(entry <- entries -- special, do: entry.id)
        {{ids ++ shadowed, if(ids == [], do: false, else: condition)}, state}
      end)

    [{calls, calls_if}, {args, args_if}, {result, result_if}] = reports
    ids = %{calls: calls, args: args, result: result}
    {number, state} = State.put_site(state, :clause, state.place, nil, ids)
    {[State.mark(:entry, [number, calls_if, args_if, result_if])], state}
  end

  # At the head of a function, `:custom` of a function, a clause or all.
  defp head_custom(scope, state), do: Expressions.customs([state.place], scope, state, false)

  # The callbacks of a server, and where their message is (and who waits for a reply).
  defp handle(arguments, scope, state) do
    with true <- State.wants?(state, :receives),
         {message, from} <- callback(state.callbacks, state.kind, state.function),
         {:ok, number, condition, state} <-
           State.site(state, :receive, [state.place], nil, scope, as: :receives) do
      {arguments, message, state} = name(arguments, message, state)
      {arguments, from, state} = name(arguments, from, state)
      {arguments, [State.mark(:handle, [number, condition, message, from])], state}
    else
      {:no, state} -> {arguments, [], state}
      _ -> {arguments, [], state}
    end
  end

  defp callback(:none, _, _), do: nil
  defp callback(_, kind, _) when kind != :def, do: nil
  defp callback(:server, _, {:handle_call, 3}), do: {0, 1}
  # of a :gen_event
  defp callback(:server, _, {:handle_call, 2}), do: {0, nil}

  defp callback(:server, _, {name, 2})
       when name in [:handle_cast, :handle_info, :handle_continue, :handle_event],
       do: {0, nil}

  defp callback(:server, _, {:handle_event, 3}), do: {0, nil}
  defp callback(:statem_events, _, {:handle_event, 4}), do: {1, {:event, 0}}

  defp callback(:statem_functions, _, {name, 3})
       when name not in [:terminate, :code_change, :init, :format_status],
       do: {1, {:event, 0}}

  defp callback(_, _, _), do: nil

  # A variable that stands for a whole argument.
  defp name(arguments, nil, state), do: {arguments, nil, state}

  defp name(arguments, {:event, index}, state) do
    {arguments, variable, state} = name(arguments, index, state)
    {arguments, from_of_event(variable), state}
  end

  defp name(arguments, index, state) do
    {pattern, variable, state} = alias_of(Enum.at(arguments, index), state)
    {List.replace_at(arguments, index, pattern), variable, state}
  end

  defp alias_of({name, meta, context} = variable, state)
       when is_atom(name) and name != :_ and is_atom(context) and is_list(meta),
       do: {variable, variable, state}

  defp alias_of(pattern, state) do
    {variable, state} = State.temporary(state)
    {{:=, [generated: true], [variable, pattern]}, variable, state}
  end

  # `{:call, from}` of a state machine's event type; any other has nobody who waits.
  defp from_of_event(type) do
    from = {:scope_from, [generated: true, version: 2_000_000_000], __MODULE__}

    {:case, [generated: true],
     [
       type,
       [
         do: [
           {:->, [generated: true], [[{:call, from}], from]},
           {:->, [generated: true], [[{:_, [generated: true, version: 0], nil}], nil]}
         ]
       ]
     ]}
  end

  @doc "Clauses of a construct, each with a mark for the branch and marks for its variables."
  def of(clauses, construct, place, scope, state) do
    {clauses, {state, _}} =
      Enum.map_reduce(clauses, {state, 0}, fn clause, {state, ordinal} ->
        {clause, state} = one(clause, {construct, ordinal, length(clauses)}, place, scope, state)
        {clause, {state, ordinal + 1}}
      end)

    {clauses, state}
  end

  defp one({:->, meta, [heads, body]}, {construct, ordinal, count}, place, scope, state) do
    own = position(meta, body, place)
    {heads, received, state} = received(construct, heads, own, place, scope, state)
    inside = Patterns.into(scope, heads)
    {branch, state} = branch(construct, ordinal, count, [own, place], inside, state)
    {bound, state} = bindings(heads, [own, place], inside, state)
    {body, _, state} = Expressions.walk(body, inside, state)
    {{:->, meta, [heads, prepend(received ++ branch ++ bound, body)]}, state}
  end

  @doc "The body of a clause without a pattern."
  def body(meta, body, {construct, ordinal}, place, scope, state) do
    own = position(meta, body, place)
    {branch, state} = branch(construct, ordinal, nil, [own, place], scope, state)
    {body, _, state} = Expressions.walk(body, scope, state)
    {prepend(branch, body), state}
  end

  # The only clause of an anonymous function is no choice.
  defp branch(:fn, _ordinal, 1, _places, _scope, state), do: {[], state}

  defp branch(construct, ordinal, _count, places, scope, state) do
    case State.site(state, :choice, places, {nil, construct, ordinal}, scope, as: :branches) do
      {:ok, number, condition, state} -> {[State.mark(:branch, [number, condition])], state}
      {:no, state} -> {[], state}
    end
  end

  defp received(:receive, [head], own, place, scope, state) do
    inside = Patterns.into(scope, [head])

    case State.site(state, :receive, [own, place], nil, inside, as: :receives) do
      {:ok, number, condition, state} ->
        {head, message, state} = whole(head, state)
        {[head], [State.mark(:receive, [number, condition, message])], state}

      {:no, state} ->
        {[head], [], state}
    end
  end

  defp received(_construct, heads, _own, _place, _scope, state), do: {heads, [], state}

  defp whole({:when, meta, [pattern, guard]}, state) do
    {pattern, variable, state} = alias_of(pattern, state)
    {{:when, meta, [pattern, guard]}, variable, state}
  end

  defp whole(pattern, state), do: alias_of(pattern, state)

  @doc "Marks for the variables that patterns bind. `places` are the construct's, by which they may be meant, too."
  def bindings(patterns, places, scope, state, options \\ [as: :variables]) do
    if State.wants?(state, options[:as]) do
      {marks, state} =
        patterns
        |> Patterns.variables()
        |> Enum.flat_map_reduce(state, fn {name, meta, _} = variable, state ->
          own = {meta[:line] || elem(hd(places), 0), meta[:column]}
          target = {nil, name, meta[:version]}

          case State.site(state, :binding, [own | places], target, scope, options) do
            {:ok, number, condition, state} ->
              told = if Secrets.secret?(name), do: Secrets.withheld(), else: variable
              {[State.mark(:bind, [number, condition, told])], state}

            {:no, state} ->
              {[], state}
          end
        end)

      {marks, state}
    else
      {[], state}
    end
  end

  # Where a clause is: its arrow; where a macro made it, what is first in its body.
  defp position(meta, body, place) do
    cond do
      meta[:column] -> {meta[:line], meta[:column]}
      first = first_place(body) -> first
      meta[:line] -> {meta[:line], nil}
      true -> place
    end
  end

  defp first_place({name, meta, args}) when is_list(meta) do
    if is_integer(meta[:line]) and is_integer(meta[:column]),
      do: {meta[:line], meta[:column]},
      else: first_place(name) || first_place(args)
  end

  defp first_place({left, right}), do: first_place(left) || first_place(right)
  defp first_place([head | tail]), do: first_place(head) || first_place(tail)
  defp first_place(_), do: nil

  @doc "Expressions in front of a body."
  def prepend([], body), do: body
  def prepend(marks, {:__block__, meta, expressions}), do: {:__block__, meta, marks ++ expressions}
  def prepend(marks, body), do: {:__block__, [], marks ++ [body]}
end

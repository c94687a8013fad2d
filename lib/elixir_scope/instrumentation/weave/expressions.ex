defmodule ElixirScope.Instrumentation.Weave.Expressions do
  @moduledoc false
  # Walks expanded code in the order in which it runs, with the variables that are visible. Everything that is put in
  # keeps the order of evaluation, and evaluates nothing twice. Patterns, guards and the types of binary segments
  # are never entered.

  alias ElixirScope.Instrumentation.Weave.{Calls, Clauses, Patterns, State}

  @doc "An expression: `{expression, scope after it, state}`."
  # The tail of a list is written, and is no node.
  def walk({:|, meta, [head, tail]}, scope, state) do
    {[head, tail], scope, state} = each([head, tail], scope, state)
    {{:|, meta, [head, tail]}, scope, state}
  end

  def walk({_, meta, _} = node, scope, state) when is_list(meta) do
    {custom, state} = before(node, scope, state)
    {inner, after_it, state} = form(node, scope, state)
    {inner, state} = around(node, inner, scope, state)
    {Clauses.prepend(custom, inner), after_it, state}
  end

  def walk({left, right}, scope, state) do
    {[left, right], scope, state} = each([left, right], scope, state)
    {{left, right}, scope, state}
  end

  def walk([_ | _] = list, scope, state), do: each(list, scope, state)
  def walk(other, scope, state), do: {other, scope, state}

  # Arguments do not see each other's variables; what follows sees all of them.
  defp each(expressions, scope, state) do
    {expressions, {scopes, state}} = each(expressions, scope, [], state)
    {expressions, Enum.reduce(scopes, scope, &Map.merge(&2, &1)), state}
  end

  defp each([head | tail], scope, scopes, state) do
    {head, own, state} = walk(head, scope, state)
    scopes = if own == scope, do: scopes, else: [changes(own, scope) | scopes]
    {tail, acc} = each(tail, scope, scopes, state)
    {[head | tail], acc}
  end

  defp each([], _scope, scopes, state), do: {[], {scopes, state}}

  # The tail of an improper list
  defp each(last, scope, scopes, state) do
    {last, own, state} = walk(last, scope, state)
    {last, {[changes(own, scope) | scopes], state}}
  end

  defp changes(own, scope), do: Map.reject(own, fn {name, variable} -> scope[name] == variable end)

  defp form({:__block__, meta, expressions}, scope, state) do
    {expressions, scope, state} = statements(expressions, scope, state)
    {{:__block__, meta, expressions}, scope, state}
  end

  defp form({:=, meta, [pattern, right]}, scope, state) do
    {match, bound, scope, state} = match(meta, pattern, right, scope, state)
    {value_of(match, bound, state), scope, count(state, bound)}
  end

  defp form({:case, meta, [subject, [do: clauses]]}, scope, state) do
    {subject, scope, state} = walk(subject, scope, state)
    construct = if meta[:optimize_boolean], do: :if, else: :case
    {clauses, state} = Clauses.of(clauses, construct, place(meta), scope, state)
    {{:case, meta, [subject, [do: clauses]]}, scope, state}
  end

  # The variables of a condition are visible in its body.
  defp form({:cond, meta, [[do: clauses]]}, scope, state) do
    {clauses, {_, state}} =
      Enum.map_reduce(clauses, {0, state}, fn {:->, clause_meta, [[test], body]}, {ordinal, state} ->
        {test, inside, state} = walk(test, scope, state)
        {body, state} = Clauses.body(clause_meta, body, {:cond, ordinal}, place(meta), inside, state)
        {{:->, clause_meta, [[test], body]}, {ordinal + 1, state}}
      end)

    {{:cond, meta, [[do: clauses]]}, scope, state}
  end

  defp form({:receive, meta, [options]}, scope, state) do
    {options, state} =
      Enum.map_reduce(options, state, fn
        {:do, clauses}, state when is_list(clauses) ->
          {clauses, state} = Clauses.of(clauses, :receive, place(meta), scope, state)
          {{:do, clauses}, state}

        {:after, [{:->, after_meta, [[timeout], body]}]}, state ->
          {timeout, _, state} = walk(timeout, scope, state)
          ordinal = options |> Keyword.get(:do) |> clause_count()
          {body, state} = Clauses.body(after_meta, body, {:receive, ordinal}, place(meta), scope, state)
          {{:after, [{:->, after_meta, [[timeout], body]}]}, state}

        other, state ->
          {other, state}
      end)

    {{:receive, meta, [options]}, scope, state}
  end

  defp form({:try, meta, [options]}, scope, state) do
    {options, state} =
      Enum.map_reduce(options, state, fn
        {key, clauses}, state when key in [:rescue, :catch, :else] and is_list(clauses) ->
          {clauses, state} = Clauses.of(clauses, key, place(meta), scope, state)
          {{key, clauses}, state}

        {key, body}, state ->
          {body, _, state} = walk(body, scope, state)
          {{key, body}, state}
      end)

    {{:try, meta, [options]}, scope, state}
  end

  defp form({:fn, meta, clauses}, scope, state) do
    {clauses, state} = Clauses.of(clauses, :fn, place(meta), scope, state)
    {{:fn, meta, clauses}, scope, state}
  end

  defp form({:with, meta, arguments}, scope, state) do
    {steps, [options]} = Enum.split(arguments, -1)
    {steps, inside, state} = steps(steps, scope, state)
    refutable? = Enum.any?(steps, &match?({:<-, _, _}, &1))
    {options, state} = with_options(options, refutable?, place(meta), inside, scope, state)
    {{:with, meta, steps ++ [options]}, scope, state}
  end

  defp form({:for, meta, arguments}, scope, state) do
    {qualifiers, [options]} = Enum.split(arguments, -1)
    {qualifiers, inside, state} = qualifiers(qualifiers, scope, state)

    {options, state} =
      Enum.map_reduce(options, state, fn
        {:do, [{:->, _, _} | _] = clauses}, state ->
          {clauses, state} = Clauses.of(clauses, :for, place(meta), inside, state)
          {{:do, clauses}, state}

        {:do, body}, state ->
          {body, _, state} = walk(body, inside, state)
          {{:do, body}, state}

        {key, value}, state when key in [:into, :reduce] ->
          {value, _, state} = walk(value, scope, state)
          {{key, value}, state}

        other, state ->
          {other, state}
      end)

    {{:for, meta, qualifiers ++ [options]}, scope, state}
  end

  # A struct's own map is no expression.
  defp form({:%, meta, [module, {:%{}, map_meta, pairs}]}, scope, state) do
    {pairs, scope, state} = pairs(pairs, scope, state)
    {{:%, meta, [module, {:%{}, map_meta, pairs}]}, scope, state}
  end

  defp form({:%{}, meta, pairs}, scope, state) do
    {pairs, scope, state} = pairs(pairs, scope, state)
    {{:%{}, meta, pairs}, scope, state}
  end

  defp form({:<<>>, meta, segments}, scope, state) do
    {segments, state} =
      Enum.map_reduce(segments, state, fn
        {:"::", segment_meta, [{_, _, _} = value, type]}, state ->
          {value, _, state} = walk(value, scope, state)
          {{:"::", segment_meta, [value, type]}, state}

        literal, state ->
          {literal, state}
      end)

    {{:<<>>, meta, segments}, scope, state}
  end

  # Names of functions, and what reads the surroundings.
  defp form({:&, _, _} = capture, scope, state), do: {capture, scope, state}

  defp form({_name, _meta, context} = variable, scope, state) when is_atom(context),
    do: {variable, scope, state}

  defp form({{:., dot_meta, callee}, meta, arguments}, scope, state) do
    {callee, after_callee, state} = callee(callee, scope, state)
    {arguments, after_it, state} = arguments(arguments, scope, state)
    {{{:., dot_meta, callee}, meta, arguments}, Map.merge(after_callee, after_it), state}
  end

  defp form({name, meta, arguments}, scope, state) when is_atom(name) and is_list(arguments) do
    {arguments, scope, state} = arguments(arguments, scope, state)
    {{name, meta, arguments}, scope, state}
  end

  defp form(other, scope, state), do: {other, scope, state}

  defp arguments([], scope, state), do: {[], scope, state}
  defp arguments(arguments, scope, state), do: each(arguments, scope, state)

  defp callee([left, right], scope, state) when is_atom(right) do
    {left, scope, state} = walk(left, scope, state)
    {[left, right], scope, state}
  end

  defp callee(callee, scope, state), do: each(callee, scope, state)

  defp pairs([{:|, meta, [map, pairs]}], scope, state) do
    {[map | pairs], scope, state} = each([map | pairs], scope, state)
    {[{:|, meta, [map, pairs]}], scope, state}
  end

  defp pairs([], scope, state), do: {[], scope, state}
  defp pairs(pairs, scope, state), do: each(pairs, scope, state)

  ## Matches

  defp statements([], scope, state), do: {[], scope, state}

  # A match whose value nobody wants needs no variable for it.
  defp statements([{:=, meta, [pattern, right]} = node | [_ | _] = rest], scope, state) do
    {custom, state} = before(node, scope, state)
    {match, bound, inside, state} = match(meta, pattern, right, scope, state)
    {match, state} = around(node, match, scope, state)
    {rest, scope, state} = statements(rest, inside, state)
    {custom ++ [match | bound] ++ rest, scope, state}
  end

  defp statements([first | rest], scope, state) do
    {first, scope, state} = walk(first, scope, state)
    {rest, scope, state} = statements(rest, scope, state)
    {[first | rest], scope, state}
  end

  defp match(meta, pattern, right, scope, state) do
    {right, after_right, state} = walk(right, scope, state)
    inside = Patterns.into(after_right, [pattern])
    {bound, state} = Clauses.bindings([pattern], [place(meta)], inside, state)
    {{:=, meta, [pattern, right]}, bound, inside, state}
  end

  defp value_of(match, [], _state), do: match

  defp value_of({:=, _, [{name, _, context} = variable, _]} = match, bound, _state)
       when is_atom(name) and is_atom(context),
       do: {:__block__, [], [match | bound] ++ [variable]}

  defp value_of(match, bound, state) do
    {variable, _} = State.temporary(state)
    {:__block__, [], [{:=, [generated: true], [variable, match]} | bound] ++ [variable]}
  end

  defp count(state, []), do: state
  defp count(state, _bound), do: state |> State.temporary() |> elem(1)

  ## with

  defp steps([], scope, state), do: {[], scope, state}

  defp steps([{:<-, meta, [pattern, right]} | rest], scope, state) do
    {right, after_right, state} = walk(right, scope, state)
    inside = Patterns.into(after_right, [pattern])
    {bound, state} = Clauses.bindings([pattern], [place(meta)], inside, state)
    {rest, scope, state} = steps(rest, inside, state)
    {[{:<-, meta, [pattern, right]} | bound] ++ rest, scope, state}
  end

  defp steps([{:=, meta, [pattern, right]} = node | rest], scope, state) do
    {custom, state} = before(node, scope, state)
    {match, bound, inside, state} = match(meta, pattern, right, scope, state)
    {match, state} = around(node, match, scope, state)
    {rest, scope, state} = steps(rest, inside, state)
    {custom ++ [match | bound] ++ rest, scope, state}
  end

  defp steps([other | rest], scope, state) do
    {other, scope, state} = walk(other, scope, state)
    {rest, scope, state} = steps(rest, scope, state)
    {[other | rest], scope, state}
  end

  defp with_options(options, refutable?, place, inside, scope, state) do
    {body, state} = Clauses.body([], Keyword.fetch!(options, :do), {:with, 0}, place, inside, state)
    options = List.keyreplace(options, :do, 0, {:do, body})

    case Keyword.fetch(options, :else) do
      {:ok, clauses} ->
        {clauses, state} = Clauses.of(clauses, :else, place, scope, state)
        {List.keyreplace(options, :else, 0, {:else, clauses}), state}

      :error when refutable? ->
        passed_on(options, place, scope, state)

      :error ->
        {options, state}
    end
  end

  # What matches nothing is the value of a `with` without else: a clause that passes it on tells so.
  defp passed_on(options, place, scope, state) do
    {other, fresh} = State.temporary(state)
    clause = {:->, [generated: true], [[other], other]}
    {[marked], marked_state} = Clauses.of([clause], :else, place, scope, fresh)
    if marked == clause, do: {options, state}, else: {options ++ [else: [marked]], marked_state}
  end

  ## for

  defp qualifiers([], scope, state), do: {[], scope, state}

  defp qualifiers([{:<-, meta, [pattern, right]} | rest], scope, state) do
    {right, _, state} = walk(right, scope, state)
    inside = Patterns.into(scope, [pattern])
    {filter, state} = filter([pattern], meta, inside, state)
    {rest, scope, state} = qualifiers(rest, inside, state)
    {[{:<-, meta, [pattern, right]} | filter] ++ rest, scope, state}
  end

  defp qualifiers([{:<<>>, meta, segments} = binary | rest], scope, state) do
    case List.last(segments) do
      {:<-, generator_meta, [pattern, right]} ->
        {right, _, state} = walk(right, scope, state)
        patterns = Enum.drop(segments, -1) ++ [pattern]
        inside = Patterns.into(scope, patterns)
        {filter, state} = filter(patterns, generator_meta, inside, state)
        {rest, scope, state} = qualifiers(rest, inside, state)
        generator = {:<<>>, meta, Enum.drop(segments, -1) ++ [{:<-, generator_meta, [pattern, right]}]}
        {[generator | filter] ++ rest, scope, state}

      _ ->
        {binary, scope, state} = walk(binary, scope, state)
        {rest, scope, state} = qualifiers(rest, scope, state)
        {[binary | rest], scope, state}
    end
  end

  defp qualifiers([filter | rest], scope, state) do
    {filter, scope, state} = walk(filter, scope, state)
    {rest, scope, state} = qualifiers(rest, scope, state)
    {[filter | rest], scope, state}
  end

  # A filter that is always true is the first to run with what a generator has bound.
  defp filter(patterns, meta, scope, state) do
    case Clauses.bindings(patterns, [place(meta)], scope, state) do
      {[], state} -> {[], state}
      {bound, state} -> {[{:__block__, [], bound ++ [true]}], state}
    end
  end

  ## What goes around a node

  defp around({:__block__, _, _}, inner, _scope, state), do: {inner, state}

  defp around({_, meta, _} = node, inner, scope, state) do
    place = place(meta)
    {inner, state} = tried(node, inner, place, scope, state)
    {inner, state} = sent(node, inner, place, scope, state)
    traced(node, inner, place, scope, state)
  end

  # Code of the user's own runs before the node, at the outermost that its place means.
  defp before({:__block__, _, _}, _scope, state), do: {[], state}
  defp before({_, meta, _}, scope, state), do: customs([place(meta)], scope, state, true)

  defp tried({:try, _, _}, inner, place, scope, state) do
    case State.site(state, :raise, [place], nil, scope, as: :exceptions) do
      {:ok, number, condition, state} -> {State.mark(:try, [number, condition, inner]), state}
      {:no, state} -> {inner, state}
    end
  end

  defp tried(_node, inner, _place, _scope, state), do: {inner, state}

  defp sent(node, inner, place, scope, state) do
    with true <- State.wants?(state, :sends),
         {_how, _to, _message} = what <- Calls.sends(node),
         {:ok, number, condition, state} <- State.site(state, :send, [place], callee(node), scope, as: :sends) do
      {State.mark(:site, [number, condition, inner]), State.note(state, number, what)}
    else
      {:no, state} -> {inner, state}
      _ -> {inner, state}
    end
  end

  defp callee({{:., _, [module, name]}, _, arguments}), do: {module, name, length(arguments)}

  defp traced(node, inner, place, scope, state) do
    with true <- State.wants?(state, :expressions),
         {:ok, number, condition, state} <-
           State.site(state, :expression, [place], nil, scope, as: :expressions, broad?: Calls.told?(node)) do
      {State.mark(:trace, [number, condition, inner]), state}
    else
      {:no, state} -> {inner, state}
      _ -> {inner, state}
    end
  end

  @doc """
  Marks for the user's own code in front of what stands at the places. `node?` is false at the head of a function, where
  that of functions, clauses and everything runs.
  """
  def customs(places, scope, state, node?) do
    if State.wants?(state, :custom) do
      state
      |> State.wanted(:custom, places)
      |> Enum.filter(&((match?({:place, _, _}, &1.target) or not node?) and &1 not in state.done))
      |> Enum.flat_map_reduce(state, &custom(&1, places, scope, &2))
    else
      {[], state}
    end
  end

  defp custom(entry, places, scope, state) do
    code = entry.custom
    state = %{state | done: MapSet.put(state.done, entry)}

    case Enum.find(code.free, &(not is_map_key(scope, &1))) do
      nil ->
        {ids, condition, state} = State.conditions([entry], scope, state)

        if ids == [] do
          {[], state}
        else
          {number, state} = State.put_site(state, :custom, hd(places), nil, ids)
          values = for name <- code.names, do: Map.get(scope, name)
          {[State.mark(:custom, [number, condition, code.module, values])], state}
        end

      name ->
        {[], %{state | unbound: Map.put_new(state.unbound, entry.id, name)}}
    end
  end

  defp clause_count(clauses) when is_list(clauses), do: length(clauses)
  defp clause_count(_), do: 0

  defp place(meta), do: {meta[:line] || 0, meta[:column]}
end

defmodule ElixirScope.Test.Shown do
  @moduledoc """
  What `dbg` would show, everywhere: the *source* of a module with a note at every binding, call and branch.

  The other way to know what instrumented code reports. It works on quoted source, before any expansion, and shares
  nothing with the instrumentation. `transform/1` gives the code and the places of the expressions that it notes.

  A call in tail position is noted as `:maybe`: as long as tail calls stay what they are, its value cannot be known, unless
  it is one of the virtual machine's own functions.
  """

  def transform(quoted) do
    Process.put(:shown_places, MapSet.new())
    Process.put(:shown_names, 0)
    {:defmodule, meta, [name, [do: body]]} = quoted
    {{:defmodule, meta, [name, [do: module(body)]]}, Process.get(:shown_places)}
  end

  @doc "Runs `fun` and gives its value with what was noted."
  def run(fun) do
    Process.delete(__MODULE__)

    value =
      try do
        fun.()
      catch
        kind, reason -> {kind, reason}
      end

    {value, Enum.reverse(Process.get(__MODULE__, []))}
  end

  def note(what) do
    Process.put(__MODULE__, [what | Process.get(__MODULE__, [])])
    true
  end

  def expression(how, place, value) do
    note({how, place, value})
    value
  end

  # Modules inside are not looked into.
  defp module({:__block__, meta, expressions}), do: {:__block__, meta, Enum.map(expressions, &module/1)}

  defp module({kind, meta, [head, [do: body]]}) when kind in [:def, :defp],
    do: definition(kind, meta, head, body)

  defp module(other), do: other

  defp definition(kind, meta, head, body) do
    {name, arguments} = arguments(head)

    # Whole arguments get names, to be noted as they came.
    {named, values} =
      arguments
      |> Enum.map(fn
        {:\\, m, [pattern, default]} ->
          variable = fresh()
          {{:\\, m, [{:=, [], [variable, pattern]}, default]}, variable}

        pattern ->
          variable = fresh()
          {{:=, [], [variable, pattern]}, variable}
      end)
      |> Enum.unzip()

    entry = note_call({:{}, [], [:enter, name, values]})
    body = prepend([entry | binds(arguments)], tx(body, true))
    {kind, meta, [put_arguments(head, named), [do: body]]}
  end

  defp arguments({:when, _, [head, _]}), do: arguments(head)
  defp arguments({name, _, arguments}), do: {name, if(is_list(arguments), do: arguments, else: [])}
  defp put_arguments({:when, m, [head, guard]}, named), do: {:when, m, [put_arguments(head, named), guard]}
  defp put_arguments({name, m, _}, named), do: {name, m, named}

  defp note_call(what), do: {{:., [], [__MODULE__, :note]}, [], [what]}
  defp prepend([], body), do: body
  defp prepend(notes, body), do: {:__block__, [], notes ++ [body]}

  defp fresh do
    n = Process.get(:shown_names) + 1
    Process.put(:shown_names, n)
    {:"shown_#{n}", [], __MODULE__}
  end

  # Variables of patterns, in the order of the source.
  defp binds(patterns) do
    for {name, meta, _} = variable <- variables(patterns),
        do: note_call({:{}, [], [:bind, {meta[:line], meta[:column]}, name, variable]})
  end

  defp variables(patterns), do: patterns |> found() |> Enum.uniq_by(&elem(&1, 0))

  defp found({:when, _, args}), do: args |> Enum.drop(-1) |> found()
  defp found({:^, _, _}), do: []
  defp found({:in, _, [left, _]}), do: found(left)
  defp found({:"::", _, [left, _]}), do: found(left)
  defp found({:\\, _, [left, _]}), do: found(left)
  defp found({:<>, _, args}), do: found(args)
  defp found({:%, _, [_, map]}), do: found(map)
  defp found({:__aliases__, _, _}), do: []
  defp found({:_, _, _}), do: []
  defp found({name, _, context} = variable) when is_atom(name) and is_atom(context), do: [variable]
  defp found({_, _, args}) when is_list(args), do: found(args)
  defp found({left, right}), do: found(left) ++ found(right)
  defp found([head | tail]), do: found(head) ++ found(tail)
  defp found(_), do: []

  ## Expressions

  # Functions, not macros: their calls are noted.
  @functions ~w(+ - * == != < > <= >= rem div abs length elem map_size is_integer send self throw exit not ++)a ++
               ~w(f1 f2 f3 f4 d num loop sum odd even spawn)a

  defp tx({:__block__, meta, expressions}, tail?) do
    {before, [last]} = Enum.split(expressions, -1)
    {:__block__, meta, Enum.map(before, &tx(&1, false)) ++ [tx(last, tail?)]}
  end

  defp tx({:=, meta, [pattern, right]}, _) do
    value = fresh()
    match = {:=, [], [value, {:=, meta, [pattern, tx(right, false)]}]}
    {:__block__, [], [match | binds([pattern])] ++ [value]}
  end

  defp tx({:case, meta, [subject, [do: clauses]]}, tail?),
    do: noted({:case, meta, [tx(subject, false), [do: clauses(clauses, :case, tail?)]]}, tail?)

  defp tx({:cond, meta, [[do: clauses]]}, tail?) do
    clauses =
      for {{:->, m, [[test], body]}, ordinal} <- Enum.with_index(clauses),
          do: {:->, m, [[tx(test, false)], prepend([branch(:cond, ordinal, m)], tx(body, tail?))]}

    noted({:cond, meta, [[do: clauses]]}, tail?)
  end

  defp tx({:receive, meta, [options]}, tail?) do
    count = length(options[:do])

    options =
      Enum.map(options, fn
        {:do, clauses} ->
          {:do, clauses(clauses, :receive, tail?)}

        {:after, [{:->, m, [[timeout], body]}]} ->
          {:after, [{:->, m, [[timeout], prepend([branch(:receive, count, m)], tx(body, tail?))]}]}
      end)

    noted({:receive, meta, [options]}, tail?)
  end

  defp tx({:try, meta, [options]}, tail?) do
    # With an `after`, nothing is in tail position.
    tail? = tail? and not Keyword.has_key?(options, :after)

    options =
      Enum.map(options, fn
        {key, clauses} when key in [:rescue, :catch, :else] -> {key, clauses(clauses, key, tail?)}
        {key, body} -> {key, tx(body, false)}
      end)

    noted({:try, meta, [options]}, tail?)
  end

  defp tx({:fn, meta, [{:->, m, [heads, body]}]}, _),
    do: {:fn, meta, [{:->, m, [heads, prepend(binds(heads), tx(body, true))]}]}

  defp tx({:fn, meta, clauses}, _), do: {:fn, meta, clauses(clauses, :fn, true)}

  defp tx({:with, meta, arguments}, tail?) do
    {steps, [options]} = Enum.split(arguments, -1)

    steps =
      Enum.flat_map(steps, fn
        {arrow, m, [pattern, right]} when arrow in [:<-, :=] ->
          [
            {arrow, m, [pattern, tx(right, false)]}
            | Enum.map(binds([pattern]), &{:=, [], [{:_, [], nil}, &1]})
          ]

        other ->
          [tx(other, false)]
      end)

    options =
      Enum.map(options, fn
        {:do, body} -> {:do, prepend([note_call({:{}, [], [:branch, :with, 0, nil]})], tx(body, tail?))}
        {:else, clauses} -> {:else, clauses(clauses, :else, tail?)}
      end)

    options =
      if options[:else] do
        options
      else
        other = fresh()

        options ++
          [else: [{:->, [], [[other], prepend([note_call({:{}, [], [:branch, :else, 0, nil]})], other)]}]]
      end

    noted({:with, meta, steps ++ [options]}, tail?)
  end

  defp tx({:for, meta, arguments}, tail?) do
    {qualifiers, [options]} = Enum.split(arguments, -1)

    qualifiers =
      Enum.flat_map(qualifiers, fn
        {:<-, m, [pattern, right]} ->
          [{:<-, m, [pattern, tx(right, false)]} | binds([pattern])]

        {:<<>>, m, segments} ->
          {patterns, [{:<-, gm, [last, right]}]} = Enum.split(segments, -1)
          [{:<<>>, m, patterns ++ [{:<-, gm, [last, tx(right, false)]}]} | binds(patterns ++ [last])]

        filter ->
          [tx(filter, false)]
      end)

    options =
      Enum.map(options, fn
        # The body of a reduce is where a function of the compiler's ends.
        {:do, [{:->, _, _} | _] = clauses} -> {:do, clauses(clauses, :for, true)}
        {:do, body} -> {:do, tx(body, false)}
        {:reduce, value} -> {:reduce, tx(value, false)}
        other -> other
      end)

    noted({:for, meta, qualifiers ++ [options]}, tail?)
  end

  defp tx({:&, meta, [{:/, _, _}]} = capture, _) when is_list(meta), do: capture
  defp tx({:&, meta, [body]}, _), do: {:&, meta, [tx(body, true)]}
  defp tx({:|>, _, [left, right]}, tail?), do: left |> Macro.pipe(right, 0) |> tx(tail?)

  defp tx({name, meta, [test, options]}, tail?) when name in [:if, :unless] do
    {yes, no} = if name == :if, do: {:do, :else}, else: {:else, :do}

    branch = fn ordinal, body ->
      prepend([note_call({:{}, [], [:branch, :if, ordinal, nil]})], body && tx(body, tail?))
    end

    {:if, meta, [tx(test, false), [do: branch.(1, options[yes]), else: branch.(0, options[no])]]}
  end

  # A decision like `if`, with the left side for the one and the right side for the other.
  defp tx({:&&, _, [left, right]}, tail?) do
    value = fresh()
    note = fn ordinal, body -> prepend([note_call({:{}, [], [:branch, :case, ordinal, nil]})], body) end

    quote(
      do:
        (
          unquote(value) = unquote(tx(left, false))
          if(unquote(value), do: unquote(note.(1, tx(right, tail?))), else: unquote(note.(0, value)))
        )
    )
  end

  # A decision over the left side: false first.
  defp tx({operator, _, [left, right]}, tail?) when operator in [:and, :or] do
    note = fn ordinal, body -> prepend([note_call({:{}, [], [:branch, :if, ordinal, nil]})], body) end
    right = tx(right, tail?)
    {no, yes} = if operator == :and, do: {false, right}, else: {right, true}
    quote(do: if(unquote(tx(left, false)), do: unquote(note.(1, yes)), else: unquote(note.(0, no))))
  end

  defp tx({name, meta, arguments}, _) when name in [:in, :<>, :.., :raise, :reraise],
    do: {name, meta, if(name in [:raise, :reraise], do: arguments, else: Enum.map(arguments, &tx(&1, false)))}

  defp tx({:<<>>, meta, segments}, _) do
    segments =
      Enum.map(segments, fn
        {:"::", m, [{{:., dm, [Kernel, :to_string]}, tm, [value]}, type]} ->
          {:"::", m, [{{:., dm, [Kernel, :to_string]}, tm, [tx(value, false)]}, type]}

        {:"::", m, [value, type]} ->
          {:"::", m, [tx(value, false), type]}

        other ->
          other
      end)

    {:<<>>, meta, segments}
  end

  defp tx({:%, meta, [name, {:%{}, m, pairs}]}, _), do: {:%, meta, [name, {:%{}, m, tx(pairs, false)}]}

  defp tx({:%{}, meta, [{:|, m, [map, pairs]}]}, _),
    do: {:%{}, meta, [{:|, m, [tx(map, false), tx(pairs, false)]}]}

  defp tx({name, meta, args}, _) when name in [:%{}, :{}, :|], do: {name, meta, tx(args, false)}
  defp tx({sigil, _, _} = node, _) when sigil in [:sigil_w, :__aliases__, :__STACKTRACE__], do: node

  # `then` is a macro: the function that it calls is.
  defp tx({:then, _, [value, function]}, _tail?),
    do: {{:., [], [tx(function, false)]}, [], [tx(value, false)]}

  defp tx({{:., dot, [{:__aliases__, _, [:Parts]} = module, name]}, meta, arguments}, _),
    do: {{:., dot, [module, name]}, meta, tx(arguments, false)}

  defp tx({{:., dot, [left, name]}, meta, arguments}, tail?),
    do: noted({{:., dot, [tx(left, false), name]}, meta, tx(arguments, false)}, tail?)

  defp tx({{:., dot, [function]}, meta, arguments}, tail?),
    do: noted({{:., dot, [tx(function, false)]}, meta, tx(arguments, false)}, tail?)

  defp tx({name, meta, arguments}, tail?) when is_atom(name) and is_list(arguments) do
    call = {name, meta, tx(arguments, false)}
    if name in @functions, do: noted(call, tail?), else: call
  end

  defp tx({_, _, context} = variable, _) when is_atom(context), do: variable
  defp tx({left, right}, _), do: {tx(left, false), tx(right, false)}
  defp tx([head | tail], _), do: [tx(head, false) | tx(tail, false)]
  defp tx(other, _), do: other

  defp noted({_, meta, _} = node, tail?) do
    place = {meta[:line], meta[:column]}
    Process.put(:shown_places, MapSet.put(Process.get(:shown_places), place))
    how = if tail?, do: :maybe, else: :sure
    {{:., [], [__MODULE__, :expression]}, [], [how, place, node]}
  end

  defp clauses(clauses, construct, tail?) do
    for {{:->, meta, [heads, body]}, ordinal} <- Enum.with_index(clauses) do
      notes = [branch(construct, ordinal, meta) | binds(heads)]
      {:->, meta, [heads, prepend(notes, tx(body, tail?))]}
    end
  end

  defp branch(construct, ordinal, meta),
    do: note_call({:{}, [], [:branch, construct, ordinal, {meta[:line], meta[:column]}]})
end

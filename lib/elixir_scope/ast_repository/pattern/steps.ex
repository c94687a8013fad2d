defmodule ElixirScope.ASTRepository.Pattern.Steps do
  @moduledoc false
  # From quoted code to the steps that the native matcher takes: `{tag, payload, children}`, parents first.
  #
  # `state` is `%{slots: %{name => number}, free: names, resolve: boolean, pipes: boolean, literal: boolean}`: `free` are
  # the captures that stand without a pin somewhere.

  import ElixirScope.ASTRepository.Pattern.Text, only: [refuse: 1, refuse: 2]

  @capture_count_max 255
  # Variables that the compiler gives a value: they stand for themselves.
  @special ~w(__MODULE__ __ENV__ __CALLER__ __DIR__ __STACKTRACE__)
  @specifiers "::"
  # Tells a body that is left open from a block of one statement.
  @nothing :"$nothing"

  @doc "A name as text: of an atom, or of what no atom exists for."
  def text(atom) when is_atom(atom), do: Atom.to_string(atom)
  def text({:"$name", text}), do: text

  defguardp is_name(form)
            when is_atom(form) or
                   (is_tuple(form) and tuple_size(form) == 2 and elem(form, 0) == :"$name" and
                      is_binary(elem(form, 1)))

  defguardp is_variable(quoted)
            when is_tuple(quoted) and tuple_size(quoted) == 3 and is_name(elem(quoted, 0)) and
                   is_atom(elem(quoted, 2))

  @doc "Steps of quoted code, and the state with the captures in it."
  def compile(quoted, state) do
    {steps, state} = one(quoted, state)
    {List.flatten([steps]), state}
  end

  @doc "Names of the captures of quoted code that stand without a pin, as text."
  def free(quoted), do: free([quoted], [])

  # What is no code is refused later: here it only must not raise.
  defp free([], names), do: MapSet.new(names)
  defp free([{:^, _, [{_, _, _}]} | rest], names), do: free(rest, names)
  defp free([{:__literal__, _, [_]} | rest], names), do: free(rest, names)

  defp free([{name, _, _} = variable | rest], names) when is_variable(variable),
    do: free(rest, [text(name) | names])

  defp free([{form, _, arguments} | rest], names), do: free([form, arguments | rest], names)
  defp free([{left, right} | rest], names), do: free([left, right | rest], names)
  defp free([[head | tail] | rest], names), do: free([head, tail | rest], names)
  defp free([_other | rest], names), do: free(rest, names)

  @doc "The number of a capture, a new one if need be."
  def slot(name, state) do
    case state.slots do
      %{^name => slot} ->
        {slot, state}

      slots when map_size(slots) >= @capture_count_max ->
        refuse("it has more than #{@capture_count_max} captures")

      slots ->
        slot = map_size(slots) + 1
        {slot, %{state | slots: Map.put(slots, name, slot)}}
    end
  end

  ## One thing

  # What is written for itself
  defp one({:__literal__, _, [code]}, %{literal: false} = state) do
    {steps, state} = one(code, %{state | literal: true})
    {steps, %{state | literal: false}}
  end

  defp one({:var!, _, [{name, _, _} = variable]}, %{literal: false} = state) when is_variable(variable),
    do: {{:variable, text(name), 0}, state}

  defp one({name, _, _} = variable, %{literal: true} = state) when is_variable(variable),
    do: {{:variable, text(name), 0}, state}

  # What is left open
  defp one({:..., _, context}, %{literal: false} = state) when is_atom(context) or context == [],
    do: {{:rest, nil, 0}, state}

  defp one({:..., _, [{name, _, _} = variable]}, %{literal: false} = state) when is_variable(variable) do
    case text(name) do
      "_" <> _ ->
        {{:rest, nil, 0}, state}

      name ->
        {slot, state} = slot(name, state)
        {{:rest, slot, 0}, state}
    end
  end

  defp one({:..., _, _}, %{literal: false}),
    do: refuse("`...` takes a name or nothing", "write `...rest` to capture what it takes")

  defp one({:__any__, _, [_ | _] = patterns}, %{literal: false} = state),
    do: node(:alternatives, nil, patterns, state)

  defp one({:__not__, _, [pattern]}, %{literal: false} = state), do: node(:not, nil, [pattern], state)
  defp one({:__deep__, _, [pattern]}, %{literal: false} = state), do: node(:deep, nil, [pattern], state)

  defp one({name, _, _} = variable, state) when is_variable(variable) do
    case text(name) do
      "_" ->
        {{:any, nil, 0}, state}

      special when special in @special ->
        {{:variable, special, 0}, state}

      "_" <> _ ->
        {{:any, nil, 0}, state}

      name ->
        {slot, state} = slot(name, state)
        {{:capture, slot, 0}, state}
    end
  end

  # `^x` is `x` where `x` stands elsewhere, else the pin operator
  defp one({:^, _, [{name, _, _} = variable]}, %{literal: false} = state) when is_variable(variable) do
    if text(name) in state.free,
      do: one(variable, state),
      else: node({:call, "^"}, nil, [variable], state)
  end

  # Names in these places are no variables
  defp one({:@, _, [{name, _, _} = variable]}, %{literal: false} = state) when is_variable(variable) do
    case text(name) do
      "_" <> _ -> node({:call, "@"}, nil, [variable], state)
      name -> {[{:call, {"@", false}, 1}, {:variable, name, 0}], state}
    end
  end

  defp one({:&, _, [{:/, _, [{name, _, _} = variable, arity]}]}, %{literal: false} = state)
       when is_variable(variable) do
    {arity, state} = one(arity, state)
    name = text(name)
    target = if String.starts_with?(name, "_"), do: {:any, nil, 0}, else: {:variable, name, 0}
    {[{:call, {"&", false}, 1}, {:call, {"/", false}, 2}, target, arity], state}
  end

  # Modules
  defp one({:__aliases__, meta, [_ | _] = parts}, %{literal: false} = state) do
    known = is_list(meta) && Keyword.get(meta, :alias)

    cond do
      not state.resolve -> node({:call, "__aliases__"}, nil, parts, state)
      is_atom(known) and known not in [nil, false, true] -> {{:module, Atom.to_string(known), 0}, state}
      Enum.all?(parts, &is_name/1) -> {{:module, module(parts), 0}, state}
      true -> node({:call, "__aliases__"}, nil, parts, state)
    end
  end

  # Calls
  defp one({:|>, _, [left, right]} = pipe, %{literal: false, pipes: true} = state) do
    case piped(left, right) do
      {:ok, call} -> one(call, state)
      :error -> call(pipe, state)
    end
  end

  defp one({:__block__, _, [{:..., _, _} = rest, @nothing]}, state), do: node(:block, nil, [rest], state)
  defp one({:__block__, _, [only]}, %{literal: false} = state), do: one(only, state)
  defp one({:__block__, _, statements}, %{literal: false} = state), do: node(:block, nil, statements, state)

  defp one({:{}, _, items}, %{literal: false} = state) when is_list(items),
    do: node(:tuple, nil, items, state)

  # The type of a part of a binary has names of its own
  defp one({:<<>>, _, parts}, %{literal: false} = state) when is_list(parts) do
    {steps, state} = many(parts, state, &part/2)
    {[{:call, {"<<>>", false}, count(steps)}, steps], state}
  end

  # `alias A.{B, C}`: B is no module by itself
  defp one({{:., _, [base, :{}]}, _, members}, %{literal: false} = state) do
    {base, state} = one(base, state)
    {members, state} = many(members, state, &member/2)
    {[{:remote, {"{}", false}, 1 + count(members)}, base, members], state}
  end

  defp one({{:., _, [receiver, name]}, _, arguments}, state) when is_name(name) and is_list(arguments) do
    {receiver, state} = receiver(receiver, state)
    {arguments, keywords, state} = arguments(arguments, state)
    {[{:remote, {callee(name, state), keywords}, 1 + count(arguments)}, receiver, arguments], state}
  end

  defp one({{_, _, _} = form, _, arguments}, state) when is_list(arguments) do
    {form, state} = form(form, state)
    {arguments, _keywords, state} = arguments(arguments, %{state | literal: state.literal})
    {[{:expression, nil, 1 + count(arguments)}, form, arguments], state}
  end

  defp one({:->, meta, [heads, {:..., _, _} = rest]}, %{literal: false} = state),
    do: call({:->, meta, [heads, {:__block__, [], [rest, @nothing]}]}, state)

  defp one({name, _, arguments} = call, state) when is_name(name) and is_list(arguments),
    do: call(call, state)

  # Data
  defp one({:"$name", text}, state) when is_binary(text), do: {{:atom, text, 0}, state}
  defp one({left, right}, state), do: node(:tuple, nil, [left, right], state)

  defp one(list, state) when is_list(list) do
    if List.improper?(list), do: refuse("it has an improper list"), else: node(:list, nil, list, state)
  end

  defp one(atom, state) when is_atom(atom) do
    case Atom.to_string(atom) do
      "Elixir." <> _ = module when state.resolve -> {{:module, module, 0}, state}
      text -> {{:atom, text, 0}, state}
    end
  end

  defp one(integer, state) when is_integer(integer) and integer in -0x8000000000000000..0x7FFFFFFFFFFFFFFF,
    do: {{:integer, integer, 0}, state}

  defp one(integer, _state) when is_integer(integer), do: refuse("it has an integer of more than 64 bits")
  defp one(float, state) when is_float(float), do: {{:float, float, 0}, state}
  defp one(binary, state) when is_binary(binary), do: {{:binary, binary, 0}, state}

  defp one(_other, _state),
    do: refuse("it has a term in it that is no code", "a pattern is text, or quoted code")

  ## Calls

  defp call({name, _, arguments}, state) do
    {arguments, keywords, state} = arguments(arguments, state)
    {[{:call, {callee(name, state), keywords}, count(arguments)}, arguments], state}
  end

  # `_(...)` is a call of anything
  defp callee(:_, %{literal: false}), do: nil
  defp callee(name, _state), do: text(name)

  defp receiver(atom, %{resolve: true} = state) when is_name(atom) and not is_nil(atom),
    do: {{:module, text(atom), 0}, state}

  defp receiver(quoted, state), do: one(quoted, state)

  # `f.(x)`: the dot is part of the form
  defp form({:., _, parts}, state) do
    {parts, state} = many(parts, state, &one/2)
    {[{:call, {".", false}, count(parts)}, parts], state}
  end

  defp form(other, state), do: one(other, state)

  # The arguments, and whether the last of them stands for all keywords at the end of a call with a `do`
  defp arguments(arguments, state) when is_list(arguments) do
    if List.improper?(arguments), do: refuse("it has a call whose arguments are no list")
    {last, before} = List.pop_at(arguments, -1)

    if keywords?(last) and List.keymember?(last, :do, 0) do
      {before, pairs} =
        case List.pop_at(before, -1) do
          {more, before} when is_list(more) and more != [] ->
            if keywords?(more), do: {before, more}, else: {before ++ [more], []}

          {nil, []} ->
            {[], []}

          {more, before} ->
            {before ++ [more], []}
        end

      {before, state} = many(before, state, &one/2)
      {pairs, state} = node(:keywords, nil, Enum.map(pairs ++ last, &body/1), state)
      {before ++ [pairs], true, state}
    else
      {steps, state} = many(arguments, state, &one/2)
      {steps, false, state}
    end
  end

  # `...` as a body is any number of statements, also none.
  defp body({key, {:..., meta, rest}}), do: {key, {:__block__, [], [{:..., meta, rest}, @nothing]}}
  defp body(other), do: other

  defp keywords?([_ | _] = list), do: Enum.all?(list, &pair?/1)
  defp keywords?(_other), do: false

  defp pair?({key, _value}) when is_name(key), do: true
  # `[{:do, x}, ...]` is open at its end
  defp pair?({:..., _, _}), do: true
  defp pair?(_other), do: false

  defp piped(left, {{:., _, [_, _]} = form, meta, arguments}) when is_list(arguments),
    do: {:ok, {form, meta, [left | arguments]}}

  defp piped(left, {{:., _, [_]} = form, meta, arguments}) when is_list(arguments),
    do: {:ok, {form, meta, [left | arguments]}}

  defp piped(left, {name, meta, arguments})
       when is_name(name) and is_list(arguments) and
              name not in [
                :__block__,
                :__aliases__,
                :{},
                :%{},
                :<<>>,
                :fn,
                :...,
                :__any__,
                :__not__,
                :__deep__,
                :__literal__
              ],
       do: {:ok, {name, meta, [left | arguments]}}

  defp piped(_left, _right), do: :error

  defp member({:__aliases__, _, parts}, state), do: node({:call, "__aliases__"}, nil, parts, state)
  defp member(other, state), do: one(other, state)

  defp part({:"::", _, [value, type]}, state) do
    {value, state} = one(value, state)
    {type, state} = one({:__literal__, [], [type]}, state)
    {[{:call, {@specifiers, false}, 2}, value, type], state}
  end

  defp part(other, state), do: one(other, state)

  ## Several things

  defp node({:call, name}, nil, children, state) do
    {steps, state} = many(children, state, &one/2)
    {[{:call, {name, false}, count(steps)}, steps], state}
  end

  defp node(tag, payload, children, state) do
    {steps, state} = many(children, state, &one/2)
    {[{tag, payload, count(steps)}, steps], state}
  end

  # A list with one element for each child.
  defp many(children, state, each) do
    children
    |> Enum.flat_map(&split/1)
    |> Enum.map_reduce(state, each)
  end

  # Before 1.17 `...` takes what follows it along: `f(...rest, x)` is read as `f(...(rest, x))`.
  defp split({:..., meta, [first | [_ | _] = others]}),
    do: [{:..., meta, [first]} | Enum.flat_map(others, &split/1)]

  defp split(other), do: [other]

  defp count(steps), do: length(steps)

  defp module(parts) do
    case Enum.map(parts, &text/1) do
      ["Elixir"] -> "Elixir"
      ["Elixir" | rest] -> Enum.join(["Elixir" | rest], ".")
      parts -> Enum.join(["Elixir" | parts], ".")
    end
  end
end

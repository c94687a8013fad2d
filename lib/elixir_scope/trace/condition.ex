defmodule ElixirScope.Trace.Condition do
  @moduledoc false
  # Conditions over arguments, as match specifications. A condition is written as an Elixir function, quoted
  # or as `ElixirScope.Trace.condition/1` gives it; as a function of one list made at a prompt (what `:dbg.fun2ms/1`
  # takes); or as a match specification. Only heads and guards are used: what is done with a call is not for it to say.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Error

  @doc "`{:ok, [{head, guards}]}` of a condition; `nil` is any call."
  def compile(nil), do: {:ok, [{:_, []}]}

  def compile({:fn, _, clauses}) do
    {:ok, Enum.flat_map(clauses, &clause/1)}
  catch
    {:unsupported, what} -> invalid("#{what} cannot be a part of a condition")
  end

  def compile(fun) when is_function(fun, 1) do
    with {:fun_data, bindings, clauses} <- :erl_eval.fun_data(fun),
         [_ | _] = spec <- :ms_transform.transform_from_shell(:dbg, clauses, bindings) do
      compile(spec)
    else
      _ -> invalid("a compiled function cannot be a condition")
    end
  end

  def compile([_ | _] = spec) do
    if Enum.all?(spec, &match?({head, guards, _} when (is_list(head) or head == :_) and is_list(guards), &1)) and
         match?({:ok, _, _, _}, :erlang.match_spec_test([], tested(spec), :trace)) do
      {:ok, for({head, guards, _} <- spec, do: {head, guards})}
    else
      invalid("#{Fault.show(spec)} is no match specification")
    end
  rescue
    ArgumentError -> invalid("#{Fault.show(spec)} is no match specification")
  end

  def compile(other), do: invalid("#{Fault.show(other)} is no condition")

  defp tested(spec), do: for({head, guards, _} <- spec, do: {head, guards, [true]})

  ## Quoted functions

  defp clause({:->, _, [head, _body]}) do
    {arguments, guards} = split(head)
    {arguments, variables} = Enum.map_reduce(arguments, %{}, &pattern/2)

    case guards do
      [] -> [{arguments, []}]
      _ -> for guard <- guards, do: {arguments, [guard(guard, variables)]}
    end
  end

  defp split([{:when, _, parts}]) do
    {arguments, [guards]} = Enum.split(parts, -1)
    {arguments, alternatives(guards)}
  end

  defp split(arguments), do: {arguments, []}

  defp alternatives({:when, _, [one, others]}), do: [one | alternatives(others)]
  defp alternatives(guard), do: [guard]

  defp pattern({:_, _, context}, variables) when is_atom(context), do: {:_, variables}

  defp pattern({name, _, context}, variables) when is_atom(name) and is_atom(context) do
    case variables do
      %{^name => known} -> {known, variables}
      _ -> new(name, variables)
    end
  end

  defp pattern({:"$const", _, [value]}, variables), do: {literal!(value), variables}

  defp pattern({:{}, _, elements}, variables) do
    {elements, variables} = Enum.map_reduce(elements, variables, &pattern/2)
    {List.to_tuple(elements), variables}
  end

  defp pattern({:%{}, _, pairs}, variables) do
    {pairs, variables} =
      Enum.map_reduce(pairs, variables, fn {key, value}, variables ->
        {value, variables} = pattern(value, variables)
        {{constant(key), value}, variables}
      end)

    {Map.new(pairs), variables}
  end

  defp pattern({:%, _, [module, {:%{}, meta, pairs}]}, variables) do
    pattern({:%{}, meta, [{:__struct__, module} | pairs]}, variables)
  end

  defp pattern({one, other}, variables) do
    {one, variables} = pattern(one, variables)
    {other, variables} = pattern(other, variables)
    {{one, other}, variables}
  end

  defp pattern([{:|, _, [head, tail]}], variables) do
    {head, variables} = pattern(head, variables)
    {tail, variables} = pattern(tail, variables)
    {[head | tail], variables}
  end

  defp pattern([head | tail], variables) do
    {head, variables} = pattern(head, variables)
    {tail, variables} = pattern(tail, variables)
    {[head | tail], variables}
  end

  defp pattern([], variables), do: {[], variables}
  defp pattern(other, variables), do: {literal!(constant(other)), variables}

  defp new(name, variables) do
    # As the runtime names them: there are as many atoms as a function has arguments.
    variable = String.to_atom("$#{map_size(variables) + 1}")
    {variable, Map.put(variables, name, variable)}
  end

  # Atoms that mean something in a head cannot be matched as themselves.
  defp literal!(value) do
    if value == :_ or (is_atom(value) and String.match?(Atom.to_string(value), ~r/^\$\d+$/)),
      do: throw({:unsupported, inspect(value)}),
      else: value
  end

  ## Guards

  @same ~w(and or not is_atom is_binary is_bitstring is_boolean is_float is_function is_integer is_list is_map
           is_number is_pid is_port is_reference is_tuple abs bit_size byte_size hd length map_size node round tl trunc
           tuple_size self div rem + - * / == > < >=)a

  @renamed %{and: :andalso, or: :orelse, !=: :"/=", ===: :"=:=", !==: :"=/=", <=: :"=<"}

  defp guard({:"$const", _, [value]}, _variables), do: {:const, value}

  defp guard({name, _, context}, variables) when is_atom(name) and is_atom(context) do
    case variables do
      %{^name => variable} -> variable
      _ -> throw({:unsupported, "the variable #{name}, which is no argument,"})
    end
  end

  defp guard({:elem, _, [tuple, index]}, variables) when is_integer(index) do
    {:element, index + 1, guard(tuple, variables)}
  end

  defp guard({:is_nil, _, [value]}, variables), do: {:"=:=", guard(value, variables), nil}

  defp guard({:is_map_key, _, [map, key]}, variables) do
    {:is_map_key, guard(key, variables), guard(map, variables)}
  end

  defp guard({:is_struct, _, [value, module]}, variables) do
    value = guard(value, variables)
    {:andalso, {:is_map, value}, {:andalso, {:is_map_key, :__struct__, value}, struct_of(value, module)}}
  end

  defp guard({:in, _, [value, [_ | _] = list]}, variables) do
    value = guard(value, variables)

    list
    |> Enum.map(&{:"=:=", value, guard(&1, variables)})
    |> Enum.reduce(&{:orelse, &2, &1})
  end

  defp guard({:in, _, [value, {:.., _, [first, last]}]}, variables) do
    value = guard(value, variables)
    range = {:andalso, {:>=, value, guard(first, variables)}, {:"=<", value, guard(last, variables)}}
    {:andalso, {:is_integer, value}, range}
  end

  defp guard({name, _, arguments}, variables) when is_atom(name) and is_list(arguments) do
    cond do
      Map.has_key?(@renamed, name) -> call(@renamed[name], arguments, variables)
      name in @same -> call(name, arguments, variables)
      name == :__aliases__ -> constant({name, [], arguments})
      true -> throw({:unsupported, "#{name}/#{length(arguments)}"})
    end
  end

  defp guard({one, other}, variables), do: {{guard(one, variables), guard(other, variables)}}
  defp guard(list, variables) when is_list(list), do: Enum.map(list, &guard(&1, variables))
  defp guard(literal, _variables), do: constant(literal)

  defp struct_of(value, module), do: {:"=:=", {:map_get, :__struct__, value}, constant(module)}

  defp call(name, arguments, variables) do
    List.to_tuple([name | Enum.map(arguments, &guard(&1, variables))])
  end

  defp constant({:__aliases__, _, parts}), do: Module.concat(parts)
  defp constant({:-, _, [number]}) when is_number(number), do: -number
  defp constant(literal) when is_number(literal) or is_atom(literal) or is_binary(literal), do: literal
  defp constant(other), do: throw({:unsupported, Macro.to_string(other)})

  defp invalid(message) do
    {:error,
     %Error{
       reason: :invalid_argument,
       message: message,
       hint:
         "write it as ElixirScope.Trace.condition(fn a, b when a > 3 -> true end): arguments as patterns, guards as in `when`"
     }}
  end
end

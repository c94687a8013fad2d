defmodule ElixirScope.ASTRepository.Pattern.Guard do
  @moduledoc false
  # From a guard to tests in postfix order, with the patterns that it names: `{tests, roots, state}`.
  # The match itself is capture 0.

  import ElixirScope.ASTRepository.Pattern.Text, only: [refuse: 2]
  alias ElixirScope.ASTRepository.Pattern.Steps
  alias ElixirScope.Suggest

  @classes ~w(atom boolean nil integer float number binary list keyword tuple map struct module variable call
              local_call remote_call function block literal pin)
  @comparisons %{==: :==, ===: :==, !=: :!=, !==: :!=, >: :>, >=: :>=, <: :<, <=: :<=}
  @turned %{==: :==, !=: :!=, >: :<, >=: :<=, <: :>, <=: :>=}
  @relations [:inside, :contains, :follows, :precedes]
  @functions Enum.map(@classes, &"is_#{&1}") ++ ~w(length inside contains follows precedes)

  @doc "Tests of a guard. `roots` is how many patterns there are before those that it names."
  def compile(guard, roots, state) do
    {tests, found, state} = test(guard, {roots, []}, state)
    {_next, found} = found
    {List.flatten([tests]), Enum.reverse(found), state}
  end

  defp test({operator, _, [left, right]}, found, state) when operator in [:and, :or, :&&, :||] do
    {left, found, state} = test(left, found, state)
    {right, found, state} = test(right, found, state)
    {[left, right, {if(operator in [:and, :&&], do: :and, else: :or), 2}], found, state}
  end

  defp test({operator, _, [condition]}, found, state) when operator in [:not, :!] do
    {condition, found, state} = test(condition, found, state)
    {[condition, :not], found, state}
  end

  defp test({:in, _, [capture, values]}, found, state) when is_list(values) do
    values = Enum.map(values, &(literal(&1) || refuse("a list behind `in` has more than literals", show(&1))))
    {{:in, slot!(capture, state), values}, found, state}
  end

  defp test({:=~, _, [capture, expression]}, found, state) do
    {source, ignore_case} = expression(expression)
    {{:text, slot!(capture, state), source, ignore_case}, found, state}
  end

  defp test({operator, _, [left, right]}, found, state) when is_map_key(@comparisons, operator) do
    comparison = @comparisons[operator]

    test =
      case {operand(left, state), operand(right, state)} do
        {{:slot, one}, {:slot, other}} when comparison == :== ->
          {:same, one, other}

        {{:slot, one}, {:slot, other}} when comparison == :!= ->
          [{:same, one, other}, :not]

        {{:slot, one}, {:literal, value}} ->
          {:compare, one, comparison, value}

        {{:literal, value}, {:slot, one}} ->
          {:compare, one, @turned[comparison], value}

        {{:length, one}, {:literal, value}} when is_integer(value) ->
          {:length, one, comparison, value}

        {{:literal, value}, {:length, one}} when is_integer(value) ->
          {:length, one, @turned[comparison], value}

        _ ->
          refuse("a guard compares what cannot be compared", "compare a capture with a literal or a capture")
      end

    {test, found, state}
  end

  defp test({relation, _, [pattern]}, found, state) when relation in @relations do
    {root, found, state} = root(pattern, found, state)
    {if(relation == :contains, do: {:contains, 0, root}, else: {relation, root}), found, state}
  end

  defp test({:contains, _, [capture, pattern]}, found, state) do
    slot = slot!(capture, state)
    {root, found, state} = root(pattern, found, state)
    {{:contains, slot, root}, found, state}
  end

  defp test({name, _, arguments} = guard, found, state) when is_list(arguments) do
    case {name(name), arguments} do
      {"is_" <> class, [capture]} when class in @classes ->
        {{:is, slot!(capture, state), String.to_existing_atom(class)}, found, state}

      {name, _} when is_binary(name) and name not in @functions ->
        refuse("#{name}/#{length(arguments)} is no guard of a pattern", Suggest.hint(name, @functions))

      _ ->
        refuse("a guard has the wrong arguments", show(guard))
    end
  end

  # No guard at all
  defp test(true, found, state), do: {[], found, state}

  defp test(other, _found, _state),
    do: refuse("a guard is a condition, or several with `and`, `or`, `not`", show(other))

  defp name({_, _, _}), do: nil
  defp name(name), do: Steps.text(name)

  defp root(pattern, {next, found}, state) do
    {steps, state} = Steps.compile(pattern, state)
    {next, {next + 1, [steps | found]}, state}
  end

  defp operand({:length, _, [capture]}, state), do: {:length, slot!(capture, state)}

  defp operand(quoted, state) do
    case literal(quoted) do
      nil -> {:slot, slot!(quoted, state)}
      value -> {:literal, value}
    end
  end

  defp literal({:-, _, [number]}) when is_number(number), do: -number
  defp literal(value) when is_number(value) or is_binary(value), do: value
  defp literal({:"$name", text}), do: {:atom, text}

  defp literal({:__aliases__, _, _} = module) do
    case Steps.compile(module, %{slots: %{}, free: MapSet.new(), resolve: true, pipes: false, literal: false}) do
      {[{:module, text, 0}], _state} -> {:module, text}
      _ -> nil
    end
  end

  defp literal(atom) when is_atom(atom) do
    case Atom.to_string(atom) do
      "Elixir." <> _ = module -> {:module, module}
      text -> {:atom, text}
    end
  end

  defp literal(_other), do: nil

  defp expression({:sigil_r, _, [{:<<>>, _, [source]}, modifiers]}) when is_binary(source),
    do: {source, ?i in List.wrap(modifiers)}

  defp expression(source) when is_binary(source), do: {source, false}
  defp expression(%Regex{} = regex), do: {Regex.source(regex), ignore_case?(Regex.opts(regex))}
  defp expression(other), do: refuse("`=~` takes a string or a regular expression", show(other))

  # A string of letters before 1.15, a list of words since.
  defp ignore_case?(options) when is_binary(options), do: options =~ "i"
  defp ignore_case?(options) when is_list(options), do: :caseless in options

  defp slot!({name, _, context}, state) when is_atom(context) do
    name = name(name)

    cond do
      name == "__match__" -> 0
      slot = state.slots[name] -> slot
      true -> refuse("its guard names #{name}, which the pattern does not capture", captured(name, state))
    end
  end

  defp slot!(other, _state), do: refuse("a guard asks for something that is no capture", show(other))

  defp captured(name, %{slots: slots}) when map_size(slots) > 0, do: Suggest.hint(name, Map.keys(slots))
  defp captured(_name, _state), do: "the pattern captures nothing; `__match__` is the match itself"

  defp show(quoted), do: "this part: " <> ElixirScope.ASTRepository.Fault.show(quoted)
end

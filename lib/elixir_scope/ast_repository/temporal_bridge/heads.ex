defmodule ElixirScope.ASTRepository.TemporalBridge.Heads do
  @moduledoc false
  # What the variables of a head were, from the arguments that were recorded. The clause was entered, so its patterns matched:
  # they are followed, not checked. Where a value is not whole, what lies below the missing part has no value.

  alias ElixirScope.Value.{Opaque, Redacted, Truncated}

  @doc "`[{name, line, column, value}]` of a clause's quoted code and its arguments."
  @spec bind(Macro.t(), [term()]) :: [{atom(), pos_integer() | nil, pos_integer() | nil, term()}]
  def bind(clause, arguments) do
    case patterns(clause) do
      patterns when length(patterns) == length(arguments) ->
        patterns |> Enum.zip(arguments) |> follow([]) |> Enum.reverse() |> Enum.uniq_by(&elem(&1, 0))

      _ ->
        []
    end
  end

  defp patterns({kind, _, [head | _]}) when kind in [:def, :defp, :defmacro, :defmacrop], do: arguments(head)
  defp patterns(_), do: []

  defp arguments({:when, _, [head | _]}), do: arguments(head)
  defp arguments({_name, _, arguments}) when is_list(arguments), do: arguments
  defp arguments(_), do: []

  # With a list of what is still to be followed: a recorded value may be deep.
  defp follow([], found), do: found
  defp follow([{pattern, value} | rest], found), do: pattern |> step(value) |> more(rest, found)

  defp more({:bound, one}, rest, found), do: follow(rest, [one | found])
  defp more(pairs, rest, found), do: follow(pairs ++ rest, found)

  defp step({:\\, _, [pattern, _default]}, value), do: [{pattern, value}]
  defp step({:=, _, [left, right]}, value), do: [{left, value}, {right, value}]
  defp step({:_, _, context}, _value) when is_atom(context), do: []
  defp step({:^, _, _}, _value), do: []

  defp step({name, meta, context}, value) when is_atom(name) and is_atom(context),
    do: {:bound, {name, meta[:line], meta[:column], value}}

  defp step({:<>, _, [prefix, pattern]}, value) when is_binary(prefix) and is_binary(value) do
    case byte_size(value) - byte_size(prefix) do
      left when left >= 0 -> [{pattern, binary_part(value, byte_size(prefix), left)}]
      _ -> []
    end
  end

  defp step({:{}, _, patterns}, value), do: elements(patterns, tuple(value))
  defp step({left, right}, value), do: elements([left, right], tuple(value))
  defp step({:%, _, [_name, map]}, value), do: step(map, value)
  defp step({:%{}, _, pairs}, value), do: Enum.flat_map(pairs, &field(&1, map(value)))
  defp step([{:|, _, [head, tail]}], [first | rest]), do: [{head, first}, {tail, rest}]
  # Of a list that was cut the tail is not known.
  defp step([{:|, _, [head, _tail]}], %Truncated{kind: :list, kept: [first | _]}), do: [{head, first}]
  defp step([pattern | patterns], [first | rest]), do: [{pattern, first}, {patterns, rest}]

  defp step([_ | _] = patterns, %Truncated{kind: :list, kept: kept}) when is_list(kept),
    do: elements(patterns, kept)

  defp step(_, _), do: []

  defp elements(patterns, values) when is_list(values), do: Enum.zip(patterns, values)
  defp elements(_patterns, _), do: []

  defp tuple(value) when is_tuple(value), do: Tuple.to_list(value)
  defp tuple(%Truncated{kind: :tuple, kept: kept}) when is_list(kept), do: kept
  defp tuple(_), do: nil

  defp map(%missing{}) when missing in [Opaque, Redacted], do: nil
  defp map(%Truncated{kept: kept}) when is_map(kept), do: kept
  defp map(%Truncated{}), do: nil
  defp map(value) when is_map(value), do: value
  defp map(_), do: nil

  # A key that is a variable (pinned) is not known here.
  defp field({key, pattern}, %{} = map) when is_atom(key) or is_binary(key) or is_number(key) do
    case map do
      %{^key => value} -> [{pattern, value}]
      _ -> []
    end
  end

  defp field(_, _), do: []
end

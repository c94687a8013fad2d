defmodule ElixirScope.Instrumentation.Emit do
  @moduledoc false
  # The abstract code that is put in: calls of the probe module, and the variables between them. Everything
  # is marked as generated and has no line, so no compiler pass warns about it; calls borrow one in the end (`Lines`).

  alias ElixirScope.Instrumentation.Context

  @anno :erl_anno.set_generated(true, :erl_anno.new(0))

  def anno, do: @anno

  def probe(context, function, arguments) do
    {:call, @anno, {:remote, @anno, {:atom, @anno, context.probe}, {:atom, @anno, function}}, arguments}
  end

  def integer(n), do: {:integer, @anno, n}
  def var(name), do: {:var, @anno, name}
  def atom(atom), do: {:atom, @anno, atom}

  # A match of a match would become one pattern, in which OTP's compiler forgets that a variable of the inner one may be
  # bound already (`^x = 3`).
  def match(name, {:match, _, _, _} = inner), do: {:match, @anno, var(name), {:block, @anno, [inner]}}
  def match(name, expression), do: {:match, @anno, var(name), expression}

  @doc "`yes` where a condition (`true`, `false` or an expression that is one of these) holds, else `no`."
  def decide({:atom, _, true}, yes, _no), do: yes
  def decide({:atom, _, false}, _yes, no), do: no

  def decide(condition, yes, no) do
    {:case, @anno, condition,
     [{:clause, @anno, [atom(true)], [], [yes]}, {:clause, @anno, [atom(false)], [], [no]}]}
  end

  def list([]), do: {nil, @anno}
  def list([head | tail]), do: {:cons, @anno, head, list(tail)}

  @doc "One expression from many."
  def block([one]), do: one
  def block(many), do: {:block, @anno, many}

  @doc "`expression` gives its value to a fresh variable; what cannot do anything stays where it is."
  def hoist(expression, context) do
    if trivial?(expression) do
      {[], expression, context}
    else
      {name, context} = Context.variable(context)
      {[match(name, expression)], var(name), context}
    end
  end

  def hoist_all(expressions, context) do
    {bindings, {values, context}} =
      Enum.flat_map_reduce(expressions, {[], context}, fn expression, {values, context} ->
        {binding, value, context} = hoist(expression, context)
        {binding, {[value | values], context}}
      end)

    {bindings, Enum.reverse(values), context}
  end

  @literals [:var, :atom, :integer, :float, :char, :string, nil]

  defp trivial?({kind, _, _}) when kind in @literals, do: true
  defp trivial?({nil, _}), do: true
  defp trivial?({:tuple, _, elements}), do: Enum.all?(elements, &trivial?/1)
  defp trivial?({:cons, _, head, tail}), do: trivial?(head) and trivial?(tail)
  defp trivial?({:fun, _, {:function, name, arity}}), do: is_atom(name) and is_integer(arity)

  defp trivial?({:bin, _, [{:bin_element, _, {:string, _, _}, :default, :default}]}), do: true
  defp trivial?({:bin, _, []}), do: true
  defp trivial?(_), do: false
end

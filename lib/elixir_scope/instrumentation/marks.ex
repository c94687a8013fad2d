defmodule ElixirScope.Instrumentation.Marks do
  @moduledoc false
  # Marks of `Weave` in the abstract code become calls of the probe module.
  #
  # Inside an anonymous function there is no token: the function's environment, and with it what it is equal to, stays
  # what its author wrote. A condition stands around the probe, so where it says no there is no call at all.

  alias ElixirScope.Instrumentation.{Calls, Context, Emit, Tries}

  @module :"$scope"

  @doc "A mark: matches any with its name and arguments."
  defmacro woven(name, arguments) do
    quote do
      {:call, _, {:remote, _, {:atom, _, unquote(@module)}, {:atom, _, unquote(name)}}, unquote(arguments)}
    end
  end

  @doc "Puts a mark around an expression."
  def wrap(name, number, condition, expression) do
    anno = Emit.anno()

    {:call, anno, {:remote, anno, Emit.atom(@module), Emit.atom(name)},
     [Emit.integer(number), condition, expression]}
  end

  @doc "What a mark that is not in tail position becomes."
  def rewrite(:trace, [{:integer, _, number}, condition, expression], context) do
    {expression, context} = Tries.rewrite(expression, context)
    traced(expression, {number, condition}, context)
  end

  def rewrite(:site, [{:integer, _, number}, condition, call], context) do
    {expressions, last, context} = send_site(number, condition, call, :value, context)
    {Emit.block(expressions ++ [last]), context}
  end

  def rewrite(:try, [{:integer, _, number}, condition, {:try, _, _, _, _, _} = attempt], context),
    do: Tries.rewrite(attempt, %{context | raise: {number, condition}})

  def rewrite(:try, [_, _, other], context), do: Tries.rewrite(other, context)

  def rewrite(:bind, [number, condition, value], context),
    do: statement(:bind, number, condition, [value], context)

  def rewrite(:branch, [number, condition], context), do: statement(:branch, number, condition, [], context)

  def rewrite(:receive, [number, condition, message], context),
    do: statement(:receive, number, condition, [message], context)

  def rewrite(:custom, [number, condition, module, values], context),
    do: statement(:custom, number, condition, [module, values], context)

  # Only where there is an activation: at the head of a function.
  def rewrite(:handle, [number, condition, message, from], context) do
    if context.token,
      do: statement(:handle, number, condition, [message, from], context),
      else: statement(:receive, number, condition, [message], context)
  end

  defp statement(name, {:integer, _, number}, condition, arguments, context) do
    {point, context} = Context.site_point(context, number)
    {Emit.decide(condition, call(name, point, arguments, context), Emit.atom(:ok)), context}
  end

  defp call(name, point, arguments, context),
    do: Emit.probe(context, name, [Emit.integer(point) | token(context) ++ arguments])

  defp token(%{token: nil}), do: []
  defp token(%{token: token}), do: [Emit.var(token)]

  @doc """
  A value on its way, reported for a trace mark. It is evaluated once, before the condition, and does not pass through
  the probe: the compiler goes on to know what it is.
  """
  def traced(expression, {number, condition}, context) do
    {point, context} = Context.site_point(context, number)
    {before, value, context} = Emit.hoist(expression, context)
    report = Emit.decide(condition, call(:trace, point, [value], context), value)
    {Emit.block(before ++ [report, value]), context}
  end

  @doc "A value on its way, reported for all trace marks that end with it, the innermost first."
  def traced_all(expression, context) do
    Enum.reduce(context.traces, {expression, context}, fn trace, {expression, context} ->
      traced(expression, trace, context)
    end)
  end

  @doc """
  A call that sends: what comes before it, the expression that it ends with. `as` is `:tail` when the call must remain
  the last thing that happens.
  """
  def send_site(number, condition, {:call, anno, callee, arguments}, as, context) do
    {how, to, message} = Map.fetch!(context.sites, number).call
    {arguments, context} = Tries.rewrite(arguments, context)
    {bindings, arguments, context} = Emit.hoist_all(arguments, context)
    {point, context} = Context.site_point(context, number)
    call = {:call, anno, callee, arguments}
    message = message(message, arguments)

    report = fn to -> Emit.decide(condition, call(:send, point, [to, message], context), Emit.atom(:ok)) end

    if how == :starts and as == :value do
      {name, context} = Context.variable(context)
      {bindings ++ [Emit.match(name, call), report.(Emit.var(name))], Emit.var(name), context}
    else
      to = if to, do: Enum.at(arguments, to), else: Emit.atom(nil)
      {bindings ++ [report.(to)], call, context}
    end
  end

  # The compiler made something else of the call.
  def send_site(number, _condition, other, _as, context) do
    {other, context} = Tries.rewrite(other, context)
    {[], other, Context.refused(context, number, :no_call)}
  end

  defp message({at, count}, arguments), do: {:tuple, Emit.anno(), Enum.slice(arguments, at, count)}
  defp message(at, arguments), do: Enum.at(arguments, at)

  @doc "Does a call come back into this frame?"
  def returns?({:call, _, callee, arguments}, context),
    do: Calls.classify(callee, arguments, context) == :value

  def returns?(_, _), do: true

  @doc "The code without marks, as it was."
  def strip(woven(name, [_, _, expression])) when name in [:trace, :site, :try], do: strip(expression)
  def strip(woven(_, _)), do: Emit.atom(:ok)
  def strip(form) when is_tuple(form), do: form |> Tuple.to_list() |> strip() |> List.to_tuple()
  def strip([woven(name, _) | [_ | _] = tail]) when name not in [:trace, :site, :try], do: strip(tail)
  def strip([head | tail]), do: [strip(head) | strip(tail)]
  def strip(other), do: other

  @doc "Takes the entry mark from the start of a body: `{[number, calls, args, result] | nil, body}`."
  def entry([woven(:entry, [{:integer, _, number}, calls, args, result]) | body]),
    do: {[number, calls, args, result], body}

  def entry([{:block, anno, [woven(:entry, _) = first | rest]} | body]),
    do: entry([first, {:block, anno, rest} | body])

  # A macro that asks for its caller begins with what the compiler does for that.
  def entry([first, woven(:entry, _) = mark | rest]), do: entry([mark, first | rest])
  def entry(body), do: {nil, body}
end

defmodule ElixirScope.Instrumentation.Tail do
  @moduledoc false
  # Walks the tail positions of a clause body. A value is reported on its way out; a call that is a tail call
  # on the BEAM stays one: its arguments are evaluated, in order, the jump is reported, and it is called.
  # What is not in tail position is left to `Tries`.

  alias ElixirScope.Instrumentation.{Calls, Context, Emit, Tries}

  @doc "The body of a clause, as a list of expressions. `context` has the clause's point and token variable."
  def body([last], context), do: last(last, context)

  def body([first | rest], context) do
    {first, context} = Tries.rewrite(first, context)
    {rest, context} = body(rest, context)
    {[first | rest], context}
  end

  defp last({:block, _, expressions}, context), do: body(expressions, context)

  defp last({:case, anno, expression, clauses}, context) do
    {expression, context} = Tries.rewrite(expression, context)
    {clauses, context} = clauses(clauses, context)
    {[{:case, anno, expression, clauses}], context}
  end

  defp last({:if, anno, clauses}, context) do
    {clauses, context} = clauses(clauses, context)
    {[{:if, anno, clauses}], context}
  end

  defp last({:receive, anno, clauses}, context) do
    {clauses, context} = clauses(clauses, context)
    {[{:receive, anno, clauses}], context}
  end

  defp last({:receive, anno, clauses, timeout, after_body}, context) do
    {clauses, context} = clauses(clauses, context)
    {timeout, context} = Tries.rewrite(timeout, context)
    {after_body, context} = body(after_body, context)
    {[{:receive, anno, clauses, timeout, after_body}], context}
  end

  # Without `after`, the clauses run when the `try` is over, so they are in tail position; its body is not.
  defp last({:try, anno, body, else_clauses, catch_clauses, []}, context) do
    {else_clauses, context} = pass_on(else_clauses, context)
    form = {:try, anno, body, else_clauses, catch_clauses, []}
    {enter, attempt, context} = Tries.mark(form, context, &body/2)
    {[enter, attempt], context}
  end

  # `Left andalso Right` is `Right` in tail position when `Left` is true.
  defp last({:op, anno, operator, left, right}, context) when operator in [:andalso, :orelse] do
    {name, context} = Context.variable(context)
    var = Emit.var(name)
    {go_on, stop} = if operator == :andalso, do: {true, false}, else: {false, true}
    bad = {:tuple, anno, [{:atom, anno, :badarg}, var]}

    last(
      {:case, Emit.anno(), left,
       [
         {:clause, Emit.anno(), [Emit.atom(go_on)], [], [right]},
         {:clause, Emit.anno(), [Emit.atom(stop)], [], [Emit.atom(stop)]},
         {:clause, Emit.anno(), [var], [],
          [{:call, anno, {:remote, anno, {:atom, anno, :erlang}, {:atom, anno, :error}}, [bad]}]}
       ]},
      context
    )
  end

  defp last({:call, anno, callee, arguments} = call, context) do
    case Calls.classify(callee, arguments, context) do
      {:tail, target} ->
        tail_call(anno, callee, arguments, target, context)

      :never ->
        {call, context} = Tries.rewrite(call, context)
        {[call], context}

      :value ->
        value(call, context)
    end
  end

  defp last(expression, context), do: value(expression, context)

  defp clauses(clauses, context) do
    Enum.map_reduce(clauses, context, fn {:clause, anno, patterns, guards, body}, context ->
      {body, context} = body(body, context)
      {{:clause, anno, patterns, guards, body}, context}
    end)
  end

  # A `try` without else gives the value of its body: an else that passes it on is where the exit belongs.
  defp pass_on([], context) do
    {name, context} = Context.variable(context)
    {[{:clause, Emit.anno(), [Emit.var(name)], [], [Emit.var(name)]}], context}
  end

  defp pass_on(clauses, context), do: {clauses, context}

  defp value(expression, context) do
    {expression, context} = Tries.rewrite(expression, context)
    {[exit_probe(expression, context)], context}
  end

  defp exit_probe(value, context) do
    Emit.probe(context, :exit, [
      Emit.integer(context.clause_point),
      Emit.var(context.token),
      value
    ])
  end

  defp tail_call(anno, callee, arguments, target, context) do
    {point, context} = Context.point(context, :tail, Tries.location(anno), source_target(target))
    {callee, context} = Tries.rewrite(callee, context)
    {arguments, context} = Tries.rewrite(arguments, context)
    {callee_bindings, callee, context} = hoist_callee(callee, context)
    {bindings, arguments, context} = Emit.hoist_all(arguments, context)
    jump = Emit.probe(context, :tail, [Emit.integer(point), Emit.var(context.token)])
    {callee_bindings ++ bindings ++ [jump, {:call, anno, callee, arguments}], context}
  end

  defp hoist_callee({:remote, anno, module, function}, context) do
    {module_binding, module, context} = Emit.hoist(module, context)
    {function_binding, function, context} = Emit.hoist(function, context)
    {module_binding ++ function_binding, {:remote, anno, module, function}, context}
  end

  defp hoist_callee({:atom, _, _} = local, context), do: {[], local, context}
  defp hoist_callee(fun, context), do: Emit.hoist(fun, context)

  defp source_target({module, name, arity}) when not is_nil(module) do
    {name, arity} = Context.source_name(name, arity)
    {module, name, arity}
  end

  defp source_target(target), do: target
end

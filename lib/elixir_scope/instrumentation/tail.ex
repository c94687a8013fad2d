defmodule ElixirScope.Instrumentation.Tail do
  @moduledoc false
  # Walks the tail positions of a body. A value is reported on its way out; a call that is a tail call
  # on the BEAM stays one: its arguments are evaluated, in order, the jump is reported, and it is called.
  # What is not in tail position is left to `Tries`.
  #
  # The bodies of anonymous functions come here, too: they end no activation (`context.ends` is false), but their tail
  # calls stay what they are, whatever is to be told about their values.

  import ElixirScope.Instrumentation.Marks, only: [woven: 2]

  alias ElixirScope.Instrumentation.{Calls, Context, Emit, Marks, Tries}

  @doc "A body, as a list of expressions. `context` has the clause's point and token variable."
  def body([last], context), do: last(last, context)

  def body([first | rest], context) do
    {first, context} = first(first, context)
    {rest, context} = body(rest, context)
    {[first | rest], context}
  end

  # Some versions of Elixir compile the `else` of a `with` to a function, which is called where the `with` ends: its
  # body is the code's own, and is in tail position when the `with` is.
  defp first({:match, anno, {:var, _, name} = var, {:fun, fun_anno, {:clauses, clauses}}} = form, context) do
    if Tries.compiler_made?(name) do
      {clauses, context} = clauses(clauses, context)
      context = %{context | continuations: [name | context.continuations]}
      {{:match, anno, var, {:fun, fun_anno, {:clauses, clauses}}}, context}
    else
      Tries.rewrite(form, context)
    end
  end

  defp first(form, context), do: Tries.rewrite(form, context)

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
    Tries.attempt(form, context, &body/2)
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

  # The value of what is marked is that of whatever the code ends with.
  defp last(woven(:trace, [{:integer, _, number}, condition, expression]), context) do
    {expressions, inner} = last(expression, %{context | traces: [{number, condition} | context.traces]})
    {expressions, %{inner | traces: context.traces}}
  end

  defp last(woven(:try, [{:integer, _, number}, condition, {:try, _, _, _, _, _} = attempt]), context),
    do: last(attempt, %{context | raise: {number, condition}})

  defp last(woven(:site, [{:integer, _, number}, condition, call]), context) do
    as = if Marks.returns?(call, context), do: :value, else: :tail
    {before, call, context} = Marks.send_site(number, condition, call, as, context)
    {expressions, context} = last(call, context)
    {before ++ expressions, context}
  end

  defp last({:call, anno, {:var, _, name} = callee, arguments} = call, context) do
    if name in context.continuations do
      {arguments, context} = Tries.rewrite(arguments, context)
      {[{:call, anno, callee, arguments}], context}
    else
      last_call(call, context)
    end
  end

  defp last({:call, _, _, _} = call, context), do: last_call(call, context)
  defp last(expression, context), do: value(expression, context)

  defp last_call({:call, anno, callee, arguments} = call, context) do
    case Calls.classify(callee, arguments, context) do
      {:tail, target} ->
        tail_call(anno, callee, arguments, target, not_traced(context))

      :never ->
        {call, context} = Tries.rewrite(call, context)
        {[call], context}

      :value ->
        value(call, context)
    end
  end

  # What a tail call gives never comes back here.
  defp not_traced(context),
    do:
      Enum.reduce(context.traces, context, fn {number, _}, context ->
        Context.refused(context, number, :tail_call)
      end)

  @doc "Clauses whose bodies are in tail position."
  def clauses(clauses, context) do
    {clauses, inner} =
      Enum.map_reduce(clauses, context, fn {:clause, anno, patterns, guards, body}, context ->
        {body, context} = body(body, context)
        {{:clause, anno, patterns, guards, body}, context}
      end)

    {clauses, %{inner | continuations: context.continuations}}
  end

  # A `try` without else gives the value of its body: an else that passes it on is where the exit belongs.
  defp pass_on([], %{ends: false, traces: []} = context), do: {[], context}

  defp pass_on([], context) do
    {name, context} = Context.variable(context)
    {[{:clause, Emit.anno(), [Emit.var(name)], [], [Emit.var(name)]}], context}
  end

  defp pass_on(clauses, context), do: {clauses, context}

  defp value(expression, context) do
    {expression, context} = Tries.rewrite(expression, context)
    {expression, context} = Marks.traced_all(expression, context)
    if context.ends, do: exit_probe(expression, context), else: {[expression], context}
  end

  # The value is told, and then is the value: passed through the probe, the compiler would know nothing of it any more
  # (that it is a number, or that a function never comes back, whose call then needs no frame).
  defp exit_probe(value, context) do
    {before, value, context} = Emit.hoist(value, context)

    call = fn name ->
      Emit.probe(context, name, [Emit.integer(context.clause_point), Emit.var(context.token), value])
    end

    report = Emit.decide(context.result, call.(:exit_value), call.(:exit))
    {before ++ [report, value], context}
  end

  defp tail_call(anno, callee, arguments, _target, %{ends: false} = context) do
    {callee, context} = Tries.rewrite(callee, context)
    {arguments, context} = Tries.rewrite(arguments, context)
    {[{:call, anno, callee, arguments}], context}
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

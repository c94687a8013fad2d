defmodule ElixirScope.Instrumentation.Tries do
  @moduledoc false
  # Every `try`, wherever it stands (anonymous functions included), tells when it begins, when its body is
  # left with a value, and when it has caught something: then all frames above it are gone.
  #
  #     Token = Probe.try_enter(Point),
  #     try ..., Probe.try_leave(Point, Token, Value), Value of ...
  #     catch Class:(Reason = Pattern):Stack -> Probe.caught(Point, Token, Reason), ... end
  #
  # An `after` must not run with frames that no longer exist, so what no clause catches is seen too, and
  # raised again with its own stacktrace. `try ... catch ... after` means `try (try ... catch ...) after`, and
  # is written out so: an exception from a clause passes the `after` as well.
  #
  # Marks of a plan become probes on the way, and anonymous functions are entered without a token. Nothing else is looked
  # into: neither of these occurs in a pattern or in a literal.

  import ElixirScope.Instrumentation.Marks, only: [woven: 2]

  alias ElixirScope.Instrumentation.{Context, Emit, Marks, Tail}

  @doc "An expression, a list of them, or any other part of abstract code, with the tries and marks in it rewritten."
  def rewrite({:try, _, _, _, _, _} = form, context) do
    {expressions, context} = attempt(form, context)
    {Emit.block(expressions), context}
  end

  def rewrite({:catch, anno, expression}, %{calls: true} = context), do: old_catch(anno, expression, context)
  def rewrite(woven(name, arguments), context), do: Marks.rewrite(name, arguments, context)

  # What the compiler made of a part of the code is not somebody's function: it is left with the code around it.
  def rewrite({:match, anno, {:var, _, name} = var, {:fun, fun_anno, {:clauses, clauses}}} = form, context) do
    if compiler_made?(name) do
      {clauses, context} = inside(clauses, context, context.token)
      {{:match, anno, var, {:fun, fun_anno, {:clauses, clauses}}}, context}
    else
      rewrite_all(form, context)
    end
  end

  def rewrite({:fun, anno, {:clauses, clauses}}, context) do
    {clauses, context} = inside(clauses, context, nil)
    {{:fun, anno, {:clauses, clauses}}, context}
  end

  def rewrite({:named_fun, anno, name, clauses}, context) do
    {clauses, context} = inside(clauses, context, nil)
    {{:named_fun, anno, name, clauses}, context}
  end

  def rewrite(form, context) when is_tuple(form), do: rewrite_all(form, context)
  def rewrite([_ | _] = forms, context), do: rewrite_list(forms, context)
  def rewrite(other, context), do: {other, context}

  defp rewrite_all(form, context) do
    {elements, context} = rewrite_list(Tuple.to_list(form), context)
    {List.to_tuple(elements), context}
  end

  defp rewrite_list([head | tail], context) do
    {head, context} = rewrite(head, context)
    {tail, context} = rewrite_list(tail, context)
    {[head | tail], context}
  end

  defp rewrite_list(other, context), do: rewrite(other, context)

  defp inside(clauses, context, token) do
    inner = %{context | token: token, ends: false, traces: [], continuations: [], raise: nil}
    {clauses, inner} = Tail.clauses(clauses, inner)

    {clauses,
     %{
       inner
       | token: context.token,
         ends: context.ends,
         traces: context.traces,
         continuations: context.continuations,
         raise: context.raise
     }}
  end

  @doc "Is this a variable that Elixir's compiler made? They have a number, and no name."
  def compiler_made?(name), do: Regex.match?(~r/\A_@\d+\z/, Atom.to_string(name))

  @doc """
  Marks one `try`. Gives the expressions that take its place, whose clauses are rewritten by
  `clause_bodies` (a function of body and context) when they are in tail position, else as expressions.
  """
  def attempt(form, context, clause_bodies \\ &rewrite/2)

  def attempt({:try, anno, body, else_clauses, catch_clauses, [_ | _] = after_body}, context, _)
      when else_clauses != [] or catch_clauses != [] do
    inner = {:try, anno, body, else_clauses, catch_clauses, []}

    # What is to be told of the one is to be told of both.
    inner =
      case context.raise do
        {number, condition} -> Marks.wrap(:try, number, condition, inner)
        nil -> inner
      end

    attempt({:try, anno, [inner], [], [], after_body}, context)
  end

  def attempt({:try, anno, body, else_clauses, catch_clauses, after_body}, context, clause_bodies) do
    {report, context} = report(anno, %{context | raise: nil}, context.raise)
    {body, context} = rewrite(body, context)
    {else_clauses, context} = clauses(else_clauses, context, clause_bodies)

    {catch_clauses, context} =
      Enum.map_reduce(catch_clauses, context, &catch_clause(&1, &2, report, clause_bodies))

    {after_body, context} = rewrite(after_body, context)

    {unseen, context} =
      if after_body == [] or report == %{point: nil, raise: nil},
        do: {[], context},
        else: raise_again(report, context)

    attempt = fn body -> {:try, anno, body, else_clauses, catch_clauses ++ unseen, after_body} end

    case report do
      %{point: nil} ->
        {[attempt.(body)], context}

      %{point: point, token: token} ->
        enter = Emit.match(token, Emit.probe(context, :try_enter, [Emit.integer(point)]))
        {body, context} = leave(body, point, token, context)
        {[enter, attempt.(body)], context}
    end
  end

  # What is told of a `try`: that it is entered, left and catches, where calls are told; and what arrives there, where
  # the plan asks for it.
  defp report(_anno, %{calls: false} = context, raise), do: {%{point: nil, raise: raise}, context}

  defp report(anno, context, raise) do
    {point, context} = Context.point(context, :try, location(anno))
    {token, context} = Context.variable(context)
    {%{point: point, token: token, raise: raise}, context}
  end

  defp clauses(clauses, context, clause_bodies) do
    Enum.map_reduce(clauses, context, fn {:clause, anno, patterns, guards, body}, context ->
      {body, context} = clause_bodies.(body, context)
      {{:clause, anno, patterns, guards, body}, context}
    end)
  end

  # As at an exit, the value does not pass through the probe.
  defp leave(body, point, token, context) do
    {before, [last]} = Enum.split(body, -1)
    {binding, value, context} = Emit.hoist(last, context)
    leave = Emit.probe(context, :try_leave, [Emit.integer(point), Emit.var(token), value])
    {before ++ binding ++ [leave, value], context}
  end

  defp catch_clause(
         {:clause, anno, [pattern], guards, body},
         context,
         report,
         clause_bodies
       ) do
    {:tuple, tuple_anno, [class, reason, stack]} = pattern
    {class, kind, context} = if report.raise, do: bind(class, context), else: {class, nil, context}

    {reason, value, context} =
      if report == %{point: nil, raise: nil}, do: {reason, nil, context}, else: bind(reason, context)

    {caught, context} = caught(report, kind, value, context)
    {body, context} = clause_bodies.(body, context)
    pattern = {:tuple, tuple_anno, [class, reason, stack]}
    {{:clause, anno, [pattern], guards, caught ++ body}, context}
  end

  defp bind({kind, _, _} = simple, context) when kind in [:atom, :integer],
    do: {simple, simple, context}

  defp bind({:var, _, name} = var, context) when name != :_, do: {var, var, context}

  defp bind({:var, _, :_}, context) do
    {name, context} = Context.variable(context)
    {Emit.var(name), Emit.var(name), context}
  end

  defp bind(pattern, context) do
    {name, context} = Context.variable(context)
    {{:match, Emit.anno(), Emit.var(name), pattern}, Emit.var(name), context}
  end

  # The compiler turns erlang:raise/3 of a clause's own variables into a plain re-raise, stacktrace untouched.
  defp raise_again(report, context) do
    {[class, reason, stack], context} =
      Enum.map_reduce(1..3, context, fn _, context ->
        {name, context} = Context.variable(context)
        {Emit.var(name), context}
      end)

    anno = Emit.anno()

    raise = {:call, anno, {:remote, anno, Emit.atom(:erlang), Emit.atom(:raise)}, [class, reason, stack]}

    {caught, context} = caught(report, class, reason, context)
    {[{:clause, anno, [{:tuple, anno, [class, reason, stack]}], [], caught ++ [raise]}], context}
  end

  defp caught(report, kind, reason, context) do
    unwound =
      if report.point,
        do: [Emit.probe(context, :caught, [Emit.integer(report.point), Emit.var(report.token), reason])],
        else: []

    case report.raise do
      nil ->
        {unwound, context}

      {number, condition} ->
        {point, context} = Context.site_point(context, number)
        token = if context.token, do: [Emit.var(context.token)], else: []
        raised = Emit.probe(context, :raised, [Emit.integer(point) | token ++ [kind, reason]])
        {unwound ++ [Emit.decide(condition, raised, Emit.atom(:ok))], context}
    end
  end

  # Erlang's `catch Expression`, which says nothing about whether it caught: a mark around it is enough to close
  # what was unwound when it is left, because leaving a mark removes everything above it.
  defp old_catch(anno, expression, context) do
    {point, context} = Context.point(context, :try, location(anno))
    {token, context} = Context.variable(context)
    {expression, context} = rewrite(expression, context)
    enter = Emit.match(token, Emit.probe(context, :try_enter, [Emit.integer(point)]))
    leave = [Emit.integer(point), Emit.var(token), {:catch, anno, expression}]
    {{:block, Emit.anno(), [enter, Emit.probe(context, :try_leave, leave)]}, context}
  end

  @doc "Line and column of an annotation; the column is nil when unknown."
  def location(anno) do
    column = :erl_anno.column(anno)
    {:erl_anno.line(anno), if(is_integer(column), do: column)}
  end
end

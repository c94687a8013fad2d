defmodule ElixirScope.Instrumentation.Tries do
  @moduledoc false
  # Every `try`, wherever it stands (anonymous functions included), tells when it begins, when its body is
  # left with a value, and when it has caught something: then all frames above it are gone.
  #
  #     Token = Probe.try_enter(Point),
  #     try ..., Probe.try_leave(Point, Token, Value) of ...
  #     catch Class:(Reason = Pattern):Stack -> Probe.caught(Point, Token, Reason), ... end
  #
  # An `after` must not run with frames that no longer exist, so what no clause catches is seen too, and
  # raised again with its own stacktrace. `try ... catch ... after` means `try (try ... catch ...) after`, and
  # is written out so: an exception from a clause passes the `after` as well.
  #
  # Nothing else is looked into: a node `{:try, _, _, _, _, _}` occurs in no pattern and in no literal.

  alias ElixirScope.Instrumentation.{Context, Emit}

  @doc "An expression, a list of them, or any other part of abstract code, with the tries in it marked."
  def rewrite({:try, _, _, _, _, _} = form, context) do
    {token, attempt, context} = mark(form, context)
    {{:block, Emit.anno(), [token, attempt]}, context}
  end

  def rewrite({:catch, anno, expression}, context) do
    old_catch(anno, expression, context)
  end

  def rewrite(form, context) when is_tuple(form) do
    {elements, context} = rewrite_list(Tuple.to_list(form), context)
    {List.to_tuple(elements), context}
  end

  def rewrite([_ | _] = forms, context), do: rewrite_list(forms, context)
  def rewrite(other, context), do: {other, context}

  defp rewrite_list([head | tail], context) do
    {head, context} = rewrite(head, context)
    {tail, context} = rewrite_list(tail, context)
    {[head | tail], context}
  end

  defp rewrite_list(other, context), do: rewrite(other, context)

  @doc "Is there anything for `rewrite/2` to do?"
  def any?({:try, _, _, _, _, _}), do: true
  def any?({:catch, _, _}), do: true
  def any?(form) when is_tuple(form), do: any_in?(form, tuple_size(form))
  def any?([head | tail]), do: any?(head) or any?(tail)
  def any?(_), do: false

  defp any_in?(_, 0), do: false
  defp any_in?(form, n), do: any?(:erlang.element(n, form)) or any_in?(form, n - 1)

  @doc """
  Marks one `try`. Gives the expression to put before it and the `try` itself, whose clauses are rewritten by
  `clause_bodies` (a function of body and context) when they are in tail position, else as expressions.
  """
  def mark(form, context, clause_bodies \\ &rewrite/2)

  def mark({:try, anno, body, else_clauses, catch_clauses, [_ | _] = after_body}, context, _)
      when else_clauses != [] or catch_clauses != [] do
    inner = {:try, anno, body, else_clauses, catch_clauses, []}
    mark({:try, anno, [inner], [], [], after_body}, context)
  end

  def mark({:try, anno, body, else_clauses, catch_clauses, after_body}, context, clause_bodies) do
    {point, context} = Context.point(context, :try, location(anno))
    {token, context} = Context.variable(context)
    {body, context} = rewrite(body, context)
    {else_clauses, context} = clauses(else_clauses, context, clause_bodies)

    {catch_clauses, context} =
      Enum.map_reduce(catch_clauses, context, &catch_clause(&1, &2, point, token, clause_bodies))

    {after_body, context} = rewrite(after_body, context)

    {unseen, context} = if after_body == [], do: {[], context}, else: raise_again(point, token, context)

    enter = Emit.match(token, Emit.probe(context, :try_enter, [Emit.integer(point)]))
    body = leave(body, point, token, context)
    {enter, {:try, anno, body, else_clauses, catch_clauses ++ unseen, after_body}, context}
  end

  defp clauses(clauses, context, clause_bodies) do
    Enum.map_reduce(clauses, context, fn {:clause, anno, patterns, guards, body}, context ->
      {body, context} = clause_bodies.(body, context)
      {{:clause, anno, patterns, guards, body}, context}
    end)
  end

  defp leave(body, point, token, context) do
    {before, [last]} = Enum.split(body, -1)
    before ++ [Emit.probe(context, :try_leave, [Emit.integer(point), Emit.var(token), last])]
  end

  defp catch_clause(
         {:clause, anno, [pattern], guards, body},
         context,
         point,
         token,
         clause_bodies
       ) do
    {:tuple, tuple_anno, [class, reason, stack]} = pattern
    {reason, value, context} = bind(reason, context)
    {body, context} = clause_bodies.(body, context)
    pattern = {:tuple, tuple_anno, [class, reason, stack]}
    {{:clause, anno, [pattern], guards, [caught(point, token, value, context) | body]}, context}
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
  defp raise_again(point, token, context) do
    {[class, reason, stack], context} =
      Enum.map_reduce(1..3, context, fn _, context ->
        {name, context} = Context.variable(context)
        {Emit.var(name), context}
      end)

    anno = Emit.anno()

    raise = {:call, anno, {:remote, anno, Emit.atom(:erlang), Emit.atom(:raise)}, [class, reason, stack]}

    body = [caught(point, token, reason, context), raise]
    {[{:clause, anno, [{:tuple, anno, [class, reason, stack]}], [], body}], context}
  end

  defp caught(point, token, reason, context) do
    Emit.probe(context, :caught, [Emit.integer(point), Emit.var(token), reason])
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

defmodule ElixirScope.Instrumentation.Branches do
  @moduledoc false
  # Marks every branch inside a clause, so that a run tells which code it reached: the bodies of `case`, `if`,
  # `receive`, `try` and anonymous functions, of comprehensions, and the right side of `andalso` and `orelse`.
  #
  #     case X of A -> Probe.reach(Point), Body end
  #
  # The clause itself is known from its entry. Patterns and guards are left alone: nothing can be put there.
  # A mark is followed by the body that it stands before, so no tail call becomes another.

  import ElixirScope.Instrumentation.Marks, only: [woven: 2]

  alias ElixirScope.Instrumentation.{Context, Emit, Tries}

  @doc "The body of a clause, with its branches marked."
  def mark(body, context), do: walk(body, context)

  defp walk({:clause, anno, patterns, guards, body}, context) do
    {probe, context} = reach(body, anno, context)
    {body, context} = walk(body, context)
    {{:clause, anno, patterns, guards, [probe | body]}, context}
  end

  # The code of `after` and of the body of a `try` runs whenever the `try` does, or not at all.
  defp walk({:receive, anno, clauses, timeout, after_body}, context) do
    {clauses, context} = walk(clauses, context)
    {timeout, context} = walk(timeout, context)
    {probe, context} = reach(after_body, anno, context)
    {after_body, context} = walk(after_body, context)
    {{:receive, anno, clauses, timeout, [probe | after_body]}, context}
  end

  defp walk({comprehension, anno, template, qualifiers}, context) when comprehension in [:lc, :bc] do
    {qualifiers, context} = walk(qualifiers, context)
    {probe, context} = reach([template], anno, context)
    {template, context} = walk(template, context)
    {{comprehension, anno, {:block, Emit.anno(), [probe, template]}, qualifiers}, context}
  end

  defp walk({generate, anno, pattern, expression}, context) when generate in [:generate, :b_generate] do
    {expression, context} = walk(expression, context)
    {{generate, anno, pattern, expression}, context}
  end

  defp walk({:op, anno, operator, left, right}, context) when operator in [:andalso, :orelse] do
    {left, context} = walk(left, context)
    {probe, context} = reach([right], anno, context)
    {right, context} = walk(right, context)
    {{:op, anno, operator, left, {:block, Emit.anno(), [probe, right]}}, context}
  end

  defp walk({:match, anno, pattern, expression}, context) do
    {expression, context} = walk(expression, context)
    {{:match, anno, pattern, expression}, context}
  end

  # What a plan has put in is no branch of the code.
  defp walk({:call, anno, mark, [number, condition, expression]} = form, context) do
    case form do
      woven(name, _) when name in [:trace, :site, :try] ->
        {expression, context} = walk(expression, context)
        {{:call, anno, mark, [number, condition, expression]}, context}

      woven(_, _) ->
        {form, context}

      _ ->
        {arguments, context} = walk_list([number, condition, expression], context)
        {callee, context} = walk(mark, context)
        {{:call, anno, callee, arguments}, context}
    end
  end

  defp walk(woven(_, _) = form, context), do: {form, context}

  # A binary's segments are no place for a block: sizes and types stand beside the values.
  defp walk({:bin, _, _} = binary, context), do: {binary, context}

  defp walk(form, context) when is_tuple(form) do
    {elements, context} = walk_list(Tuple.to_list(form), context)
    {List.to_tuple(elements), context}
  end

  defp walk([_ | _] = forms, context), do: walk_list(forms, context)
  defp walk(other, context), do: {other, context}

  defp walk_list([head | tail], context) do
    {head, context} = walk(head, context)
    {tail, context} = walk_list(tail, context)
    {[head | tail], context}
  end

  defp walk_list(other, context), do: walk(other, context)

  defp reach(body, anno, context) do
    {point, context} = Context.point(context, :branch, last_place(body, Tries.location(anno)))
    {Emit.probe(context, :reach, [Emit.integer(point)]), context}
  end

  # Where the branch is: the last place in it that is not in an inner branch. What has no place of its own (a literal,
  # code that a macro made) has that of what stands around it, which comes earlier.
  defp last_place({:clause, _, _, _, _}, last), do: last

  defp last_place({comprehension, anno, _template, qualifiers}, last) when comprehension in [:lc, :bc],
    do: last_place(qualifiers, later(anno, last))

  defp last_place({:op, anno, operator, left, _right}, last) when operator in [:andalso, :orelse],
    do: last_place(left, later(anno, last))

  defp last_place({kind, anno, _value}, last) when kind in [:atom, :integer, :float, :char, :string, :var],
    do: later(anno, last)

  defp last_place(form, last) when is_tuple(form) and tuple_size(form) > 1 do
    last = later(elem(form, 1), last)
    form |> Tuple.to_list() |> Enum.drop(2) |> last_place(last)
  end

  defp last_place([head | tail], last), do: last_place(tail, last_place(head, last))
  defp last_place(_, last), do: last

  defp later(anno, {line, column} = last) do
    with true <- :erl_anno.is_anno(anno),
         {own_line, own_column} = own <- Tries.location(anno),
         true <- {own_line, own_column || 0} > {line, column || 0} do
      own
    else
      _ -> last
    end
  end
end

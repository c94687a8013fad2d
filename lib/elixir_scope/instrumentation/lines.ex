defmodule ElixirScope.Instrumentation.Lines do
  @moduledoc false
  # Where calls of the probe module say that they are.
  #
  # The compiler gives lines to calls, and to operators that may fail; `hd([])`, `tl/1`, `map_get/2` and their like have none of
  # their own: when one fails, the stacktrace has the line of whatever stands before it in the code, at the least that of the
  # function. A probe without a line in between would take that away. So each has the line of what stands before it. Where a
  # value of such a call is recorded, the compiler may make an ordinary call of it: then the stacktrace has its own line.

  alias ElixirScope.Instrumentation.Emit

  @leaves [:var, :atom, :integer, :float, :char, :string, nil]

  # What becomes an instruction without a line: of the built-in functions those that make no garbage, and comparisons.
  @lineless [
              :hd,
              :tl,
              :element,
              :map_get,
              :is_map_key,
              :self,
              :node,
              :==,
              :"/=",
              :"=:=",
              :"=/=",
              :<,
              :>,
              :>=,
              :"=<"
            ] ++
              [:not, :and, :or, :xor, :andalso, :orelse]

  @doc "The clauses of a function whose own annotation is `anno`."
  @spec borrow([tuple()], :erl_anno.anno()) :: [tuple()]
  def borrow(clauses, anno), do: clauses |> walk(anno, Emit.anno()) |> elem(0)

  # In the order of the code: arguments come before the call that they are for.
  defp walk({:call, anno, callee, arguments}, last, none) do
    {callee, last} = walk(callee, last, none)
    {arguments, last} = walk(arguments, last, none)

    cond do
      anno == none -> {{:call, :erl_anno.set_generated(true, last), callee, arguments}, last}
      lineless?(callee) -> {{:call, anno, callee, arguments}, last}
      true -> {{:call, anno, callee, arguments}, anno}
    end
  end

  defp walk({:op, anno, _, _} = op, last, none), do: operator(op, anno, last, none)
  defp walk({:op, anno, _, _, _} = op, last, none), do: operator(op, anno, last, none)
  defp walk({kind, _, _} = leaf, last, _none) when kind in @leaves, do: {leaf, last}

  defp walk(tuple, last, none) when is_tuple(tuple) and tuple_size(tuple) > 2 do
    [kind, anno | rest] = Tuple.to_list(tuple)
    {rest, last} = walk(rest, last, none)
    {List.to_tuple([kind, anno | rest]), last}
  end

  defp walk([head | tail], last, none) do
    {head, last} = walk(head, last, none)
    {tail, last} = walk(tail, last, none)
    {[head | tail], last}
  end

  defp walk(other, last, _none), do: {other, last}

  defp operator(op, anno, last, none) do
    [:op, ^anno, name | operands] = Tuple.to_list(op)
    {operands, last} = walk(operands, last, none)
    {List.to_tuple([:op, anno, name | operands]), if(name in @lineless, do: last, else: anno)}
  end

  defp lineless?({:remote, _, {:atom, _, :erlang}, {:atom, _, name}}), do: name in @lineless
  defp lineless?(_callee), do: false
end

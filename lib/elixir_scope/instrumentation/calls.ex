defmodule ElixirScope.Instrumentation.Calls do
  @moduledoc false
  # What a call in tail position does on the BEAM: hand its frame over (`{:tail, target}`), come back with a
  # value (`:value`: built-in functions run inside the caller's frame), or never come back (`:never`).

  # Built-in by name, but the emulator jumps from them into other code.
  @jumps [{:apply, 2}, {:apply, 3}, {:hibernate, 3}]

  @never [
    {:error, 1},
    {:error, 2},
    {:error, 3},
    {:exit, 1},
    {:throw, 1},
    {:raise, 3},
    {:halt, 0},
    {:halt, 1},
    {:halt, 2},
    {:nif_error, 1},
    {:nif_error, 2}
  ]

  @doc "Classifies the callee of a `:call` form."
  def classify(callee, arguments, context)

  def classify({:remote, _, {:atom, _, :erlang}, {:atom, _, name}}, arguments, _context) do
    erlang(name, arguments)
  end

  def classify({:remote, _, {:atom, _, module}, {:atom, _, name}}, arguments, _context) do
    remote(module, name, length(arguments))
  end

  def classify({:remote, _, _module, {:atom, _, name}}, arguments, _context) do
    {:tail, {nil, name, length(arguments)}}
  end

  def classify({:atom, _, name}, arguments, context), do: local(name, arguments, context)
  def classify(_fun, _arguments, _context), do: {:tail, nil}

  defp erlang(name, arguments) do
    arity = length(arguments)

    cond do
      {name, arity} in @never -> :never
      {name, arity} in @jumps -> {:tail, jump_target(name, arguments)}
      true -> remote(:erlang, name, arity)
    end
  end

  defp remote(module, name, arity) do
    if :erlang.is_builtin(module, name, arity) or (module == :erlang and operator?(name, arity)),
      do: :value,
      else: {:tail, {module, name, arity}}
  end

  # Some operators are instructions and no functions, so `is_builtin/3` does not know them.
  defp operator?(name, arity) do
    :erl_internal.arith_op(name, arity) or :erl_internal.comp_op(name, arity) or
      :erl_internal.bool_op(name, arity) or :erl_internal.list_op(name, arity) or
      :erl_internal.send_op(name, arity)
  end

  defp local(name, arguments, context) do
    arity = length(arguments)

    cond do
      {name, arity} in context.leaves -> :value
      # the code of an inlined function follows in this frame, and has no points of its own
      {name, arity} in context.inline -> {:tail, nil}
      MapSet.member?(context.locals, {name, arity}) -> {:tail, {context.module, name, arity}}
      module = context.imports[{name, arity}] -> remote(module, name, arity)
      {name, arity} == {:record_info, 2} -> :value
      true -> erlang(name, arguments)
    end
  end

  defp jump_target(name, [{:atom, _, module}, {:atom, _, function}, arguments])
       when name in [:apply, :hibernate] do
    case list_length(arguments, 0) do
      nil -> nil
      arity -> {module, function, arity}
    end
  end

  defp jump_target(_, _), do: nil

  defp list_length({nil, _}, n), do: n
  defp list_length({:cons, _, _, tail}, n), do: list_length(tail, n + 1)
  defp list_length(_, _), do: nil
end

defmodule ElixirScope.Instrumentation.Weave.Patterns do
  @moduledoc false
  # Variables that a pattern binds, in the order of the source. Those of the author only: what a macro or the compiler
  # made for itself has a context.

  @doc "Variables (`{name, meta, nil}`) bound by a pattern or a list of patterns, each once."
  def variables(patterns), do: patterns |> collect([]) |> Enum.reverse() |> Enum.uniq_by(&key/1)

  defp key({name, meta, _}), do: {name, meta[:version]}

  defp collect({:when, _, args}, acc), do: args |> Enum.drop(-1) |> collect(acc)
  defp collect({:^, _, _}, acc), do: acc
  # The type and size of a segment are read, not bound.
  defp collect({:"::", _, [value, _]}, acc), do: collect(value, acc)
  # A rescue's `error in [...]`
  defp collect({:in, _, [var, _]}, acc), do: collect(var, acc)
  defp collect({:_, _, context}, acc) when is_atom(context), do: acc

  defp collect({name, meta, nil} = var, acc) when is_atom(name) do
    if is_integer(meta[:version]) and not placeholder?(name, meta), do: [var | acc], else: acc
  end

  defp collect({name, _, context}, acc) when is_atom(name) and is_atom(context), do: acc
  defp collect({_, _, args}, acc) when is_list(args), do: collect(args, acc)
  defp collect({left, right}, acc), do: collect(right, collect(left, acc))
  defp collect([head | tail], acc), do: collect(tail, collect(head, acc))
  defp collect(_, acc), do: acc

  # From Elixir 1.17 on, `&1` is a variable of this name that the compiler has counted.
  defp placeholder?(name, meta), do: name == :capture and Keyword.has_key?(meta, :counter)

  @doc "A scope (name to variable) with the variables of patterns."
  def into(scope, patterns), do: patterns |> variables() |> Enum.reduce(scope, &Map.put(&2, elem(&1, 0), &1))
end

defmodule ElixirScope.Instrumentation.Plan.Outcome do
  @moduledoc false
  # What became of each entry of a plan in a module: its points, or why there are none.

  @doc "`{placed, unplaced}`, see `t:ElixirScope.Instrumentation.t/0`."
  def of(entries, context, beam) do
    placed =
      for {ids, point} <- Enum.reverse(context.placed), id <- ids, reduce: %{} do
        placed -> Map.update(placed, id, [point], &[point | &1])
      end

    placed = Map.new(placed, fn {id, points} -> {id, points |> Enum.reverse() |> Enum.uniq()} end)

    unplaced =
      for entry <- entries, not is_map_key(placed, entry.id), do: {entry.id, reason(entry, context, beam)}

    {placed, Enum.uniq(unplaced)}
  end

  defp reason(%{target: target, kinds: kinds, condition: nil}, _context, %{language: :erlang} = beam)
       when elem(target, 0) in [:function, :clause] do
    functions =
      for {:function, _, name, arity, clauses} <- beam.forms, into: %{}, do: {{name, arity}, clauses}

    case {functions[{elem(target, 1), elem(target, 2)}], target} do
      {nil, _} -> :no_such_function
      {clauses, {:clause, _, _, ordinal}} when ordinal >= length(clauses) -> :no_such_clause
      _ -> if kinds -- [:calls, :args, :result] == kinds, do: :erlang, else: :nothing_there
    end
  end

  defp reason(_entry, _context, %{language: :erlang}), do: :erlang

  defp reason(entry, context, beam) do
    unbound = if beam.woven, do: beam.woven.unbound, else: %{}

    cond do
      name = unbound[entry.id] -> {:not_visible, name}
      why = Enum.find_value(context.refused, fn {ids, why} -> if entry.id in ids, do: why end) -> why
      true -> missing(entry.target, beam)
    end
  end

  defp missing({:function, name, arity}, beam), do: clause(name, arity, 0, beam)
  defp missing({:clause, name, arity, ordinal}, beam), do: clause(name, arity, ordinal, beam)
  defp missing(_, _beam), do: :nothing_there

  defp clause(name, arity, ordinal, beam) do
    case beam.positions[{name, arity}] || beam.positions[{:"MACRO-#{name}", arity + 1}] do
      nil -> :no_such_function
      clauses -> if ordinal < length(clauses), do: :nothing_there, else: :no_such_clause
    end
  end
end

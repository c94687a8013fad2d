defimpl Inspect, for: ElixirScope.ASTRepository.Query do
  # Shows a query as one would type it.

  alias ElixirScope.ASTRepository.Fault

  def inspect(query, _opts) do
    ["new()"]
    |> step("select", query.select)
    |> step("from", query.from)
    |> steps(query.where, fn condition -> "where(#{condition(condition, 8)})" end)
    |> steps(query.join, &join/1)
    |> step("group_by", query.group_by)
    |> steps(query.having || [], fn condition -> "having(#{condition(condition, 8)})" end)
    |> steps(if(query.distinct == true, do: [:distinct], else: []), fn _ -> "distinct()" end)
    |> steps(query.order_by, &order/1)
    |> step("limit", query.limit)
    |> step("offset", if(query.offset == 0, do: nil, else: query.offset))
    |> step("options", if(query.options in [nil, %{}], do: nil, else: query.options))
    |> Enum.reverse()
    |> Enum.join(" |> ")
    |> then(&"#ElixirScope.ASTRepository.Query<#{&1}>")
  end

  defp step(done, _name, nil), do: done

  defp step(done, name, fields) when name in ["select", "group_by"] and is_list(fields),
    do: ["#{name}(#{plain(fields)})" | done]

  defp step(done, name, value), do: ["#{name}(#{Fault.show(value)})" | done]

  defp steps(done, items, fun) when is_list(items) do
    if List.improper?(items), do: done, else: Enum.reduce(items, done, &[fun.(&1) | &2])
  end

  defp steps(done, _other, _fun), do: done

  defp join({type, condition}), do: "join_runtime_data(#{Fault.show(type)}, #{Fault.show(condition)})"
  defp join(other), do: "join_runtime_data(#{Fault.show(other)})"

  defp order({field, direction}), do: "order_by(#{field(field)}, #{Fault.show(direction)})"
  defp order(other), do: "order_by(#{Fault.show(other)})"

  defp condition(_condition, 0), do: "..."

  defp condition({operator, field, value}, _depth) when is_atom(operator),
    do: "{#{Kernel.inspect(operator)}, #{field(field)}, #{Fault.show(value)}}"

  defp condition({operator, [_ | _] = list}, depth) when operator in [:and, :or] do
    if List.improper?(list),
      do: Fault.show({operator, list}),
      else:
        "{#{Kernel.inspect(operator)}, [#{list |> Enum.take(20) |> Enum.map_join(", ", &condition(&1, depth - 1))}]}"
  end

  defp condition({:not, condition}, depth), do: "{:not, #{condition(condition, depth - 1)}}"
  defp condition(other, _depth), do: Fault.show(other)

  # A path reads as it is typed.
  defp field([first | rest] = path) when is_atom(first) do
    if not List.improper?(rest) and length(rest) < 8 and Enum.all?(rest, &is_atom/1),
      do: Kernel.inspect(first) <> Enum.map_join(rest, &".#{&1}"),
      else: Fault.show(path)
  end

  defp field(field), do: Fault.show(field)

  defp plain(fields),
    do: fields |> Kernel.inspect(limit: 32, printable_limit: 200, structs: false, width: :infinity)
end

defmodule ElixirScope.ASTRepository.Graph.Dot do
  @moduledoc false
  # Graphviz's language. Every name is quoted, so that any text is one.

  @doc "The graph as a `digraph`."
  def render(graph) do
    # Groups in the order in which they first come.
    groups = graph.nodes |> Enum.map(&Map.get(&1, :group)) |> Enum.uniq()
    by_group = Enum.group_by(graph.nodes, &Map.get(&1, :group))

    boxes =
      for {group, number} <- Enum.with_index(groups) do
        lines = Enum.map(by_group[group], &node_line/1)
        if group, do: box(group, number, lines), else: lines
      end

    IO.iodata_to_binary([
      "digraph ",
      quoted(to_string(graph.kind)),
      " {\n  rankdir=LR;\n  node [shape=box, fontname=\"Helvetica\"];\n",
      boxes,
      Enum.map(graph.edges, &edge_line/1),
      "}\n"
    ])
  end

  defp box(group, number, lines) do
    [
      "  subgraph cluster_#{number} {\n    label=",
      quoted(group),
      ";\n",
      Enum.map(lines, &["  ", &1]),
      "  }\n"
    ]
  end

  defp node_line(node) do
    attributes = [{"label", node.label} | node_style(node.kind)]
    ["  ", quoted(id(node.id)), list(attributes), ";\n"]
  end

  defp edge_line(edge) do
    attributes = label(edge) ++ edge_style(edge.kind)
    ["  ", quoted(id(edge.from)), " -> ", quoted(id(edge.to)), list(attributes), ";\n"]
  end

  defp label(%{label: label}) when is_binary(label), do: [{"label", label}]
  defp label(_), do: []

  defp node_style(kind) when kind in [:external, :unknown, :dynamic], do: [{"style", "dashed"}]
  defp node_style(kind) when kind in [:entry, :exit, :start, :end], do: [{"shape", "oval"}]
  defp node_style(kind) when kind in [:branch, :decision, :condition], do: [{"shape", "diamond"}]
  defp node_style(:supervisor), do: [{"shape", "box3d"}]
  defp node_style(_), do: []

  defp edge_style(kind) when kind in [:dynamic, :possible, :dispatch], do: [{"style", "dashed"}]
  defp edge_style(:compile), do: [{"color", "red"}, {"style", "bold"}]
  defp edge_style(:export), do: [{"color", "orange"}]
  defp edge_style(kind) when kind in [:error, :exception, :raise], do: [{"color", "red"}]
  defp edge_style(_), do: []

  defp list([]), do: ""

  defp list(attributes),
    do: [" [", Enum.map_intersperse(attributes, ", ", fn {key, value} -> [key, "=", quoted(value)] end), "]"]

  defp id(id) when is_integer(id), do: Integer.to_string(id)
  defp id(id), do: id

  defp quoted(text) do
    escaped =
      text
      |> String.replace("\\", "\\\\")
      |> String.replace("\"", "\\\"")
      |> String.replace(["\r\n", "\n"], "\\n")

    [?", escaped, ?"]
  end
end

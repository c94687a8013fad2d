defmodule ElixirScope.ASTRepository.Graph.Mermaid do
  @moduledoc false
  # Mermaid's flowcharts. Ids there are words, so nodes are numbered and the text is their label.

  @doc "The graph as a `flowchart`."
  def render(graph) do
    numbers = graph.nodes |> Enum.with_index() |> Map.new(fn {node, number} -> {node.id, "n#{number}"} end)
    groups = graph.nodes |> Enum.map(&Map.get(&1, :group)) |> Enum.uniq()
    by_group = Enum.group_by(graph.nodes, &Map.get(&1, :group))

    boxes =
      for {group, number} <- Enum.with_index(groups) do
        lines = Enum.map(by_group[group], &["  ", numbers[&1.id], shape(&1), "\n"])
        if group, do: box(group, number, lines), else: lines
      end

    edges = Enum.map(graph.edges, &["  ", numbers[&1.from], " ", arrow(&1), " ", numbers[&1.to], "\n"])
    IO.iodata_to_binary(["flowchart LR\n", boxes, edges])
  end

  defp box(group, number, lines) do
    ["  subgraph g#{number}[", text(group), "]\n", Enum.map(lines, &["  ", &1]), "  end\n"]
  end

  defp shape(%{kind: kind, label: label}) when kind in [:entry, :exit, :start, :end],
    do: ["([", text(label), "])"]

  defp shape(%{kind: kind, label: label}) when kind in [:branch, :decision, :condition],
    do: ["{", text(label), "}"]

  defp shape(%{kind: :supervisor, label: label}), do: ["[[", text(label), "]]"]
  defp shape(%{label: label}), do: ["[", text(label), "]"]

  defp arrow(%{label: label} = edge) when is_binary(label) and label != "",
    do: [line(edge.kind), "|", text(label), "|"]

  defp arrow(edge), do: line(edge.kind)

  defp line(kind) when kind in [:dynamic, :possible, :dispatch], do: "-.->"
  defp line(:compile), do: "==>"
  defp line(_), do: "-->"

  # Quoted text may hold anything but a quote, and HTML entities are read in it.
  defp text(text) do
    escaped =
      text
      |> String.replace("#", "#35;")
      |> String.replace("\"", "#quot;")
      |> String.replace("<", "#lt;")
      |> String.replace(">", "#gt;")
      |> String.replace(["\r\n", "\n"], "<br/>")

    [?", escaped, ?"]
  end
end

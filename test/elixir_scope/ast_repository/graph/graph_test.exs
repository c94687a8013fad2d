defmodule ElixirScope.ASTRepository.GraphTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.Graph

  doctest Graph

  defp graph do
    node = fn id, group, kind -> %{id: id, label: "label of #{id}", kind: kind, group: group} end

    Graph.new(
      :call_graph,
      [
        node.("A.f/0", "A", :function),
        node.("A.g/0", "A", :function),
        node.("B.\"odd\nname\"/1", "B", :function),
        node.(7, nil, :branch)
      ],
      [
        %{from: "A.f/0", to: "A.g/0", kind: :local},
        %{from: "A.g/0", to: "B.\"odd\nname\"/1", kind: :dynamic, label: "a|b"},
        %{from: "A.g/0", to: 7, kind: :compile, at: {1, 2}},
        %{from: "A.g/0", to: "not there", kind: :local}
      ],
      %{module: A.B, root: "x"}
    )
  end

  test "edges to nowhere are left out" do
    assert length(graph().edges) == 3
  end

  test "DOT: every name quoted, groups as boxes" do
    dot = Graph.to_dot(graph())
    assert dot =~ ~S(digraph "call_graph" {)
    assert dot =~ ~S("A.f/0" -> "A.g/0";)
    assert dot =~ ~S("A.g/0" -> "B.\"odd\nname\"/1" [label="a|b", style="dashed"];)
    assert dot =~ ~S("7" [label="label of 7", shape="diamond"];)
    assert dot =~ ~s(subgraph cluster_0 {\n    label="A";\n    "A.f/0" [label="label of A.f/0"];)
    # braces and quotes balance
    bare = Regex.replace(~r/"(\\.|[^"\\])*"/, dot, "")
    refute bare =~ ~S(")
    assert length(String.split(bare, "{")) == length(String.split(bare, "}"))
  end

  test "Mermaid: numbered nodes, text escaped" do
    mermaid = Graph.to_mermaid(graph())
    assert mermaid =~ ~s(n2["label of B.#quot;odd<br/>name#quot;/1"])
    assert mermaid =~ ~s(n1 -.->|"a|b"| n2)
    assert mermaid =~ "n1 ==> n3"
    assert mermaid =~ ~s(n3{"label of 7"})
    assert mermaid =~ ~s(subgraph g0["A"])
  end

  test "JSON: everything that is there, what has no form as text" do
    json = Graph.to_json(graph())
    assert json =~ ~s({"kind":"call_graph","meta":{"module":"A.B","root":"x"},"nodes":[{"id":"A.f/0",)
    assert json =~ ~S("to":"B.\"odd\nname\"/1","kind":"dynamic","label":"a|b")
    assert json =~ ~S("at":"{1, 2}")
  end

  test "focus: what is near, in a direction" do
    ids = fn graph -> Enum.map(graph.nodes, & &1.id) end
    assert ids.(Graph.focus(graph(), ["A.f/0"])) == ["A.f/0", "A.g/0"]
    assert ids.(Graph.focus(graph(), ["A.f/0"], depth: 2)) |> length() == 4
    assert ids.(Graph.focus(graph(), [7], direction: :out)) == [7]
    assert ids.(Graph.focus(graph(), [7], direction: :in, depth: 9)) == ["A.f/0", "A.g/0", 7]
    assert Graph.predecessors(graph(), 7) == ["A.g/0"]
  end
end

defmodule ElixirScope.ASTRepository.GraphBuilderTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository, as: Repo
  alias ElixirScope.ASTRepository.{Graph, GraphBuilder}
  alias ElixirScope.{Core, Error}

  @moduletag :tmp_dir

  @files %{
    "lib/a.ex" => """
    defmodule A do
      alias B.Deep
      import C, only: [helper: 1]
      require C

      def start(x, y \\\\ 1), do: helper(x) + Deep.run(x, y) + local(x)
      def through(fun), do: Enum.map([1], fun)
      def captured, do: through(&Deep.run/1)
      def dynamic(mod), do: mod.perform(1)
      def applied, do: apply(C, :helper, [1])
      def shown(x), do: P.show(x)
      def made, do: C.twice(local(1))
      def mfa, do: {C, :helper, [1]}
      defdelegate run(x), to: Deep
      defp local(x), do: x
      defp lost(x), do: lost_too(x)
      defp lost_too(x), do: lost(x)
    end
    """,
    "lib/b.ex" => """
    defmodule B.Deep do
      @behaviour Work
      defstruct [:c]
      def run(x, y \\\\ 0), do: x + y
      def perform(_), do: %A.Data{}
    end
    """,
    "lib/c.ex" => """
    defmodule C do
      def helper(x), do: A.start(x)
      defmacro twice(x), do: quote(do: unquote(x) + C.helper(1))
    end

    defmodule A.Data do
      defstruct [:x]
    end
    """,
    "lib/p.ex" => """
    defprotocol P do
      def show(x)
    end

    defimpl P, for: Integer do
      def show(x), do: C.helper(x)
    end
    """
  }

  setup %{tmp_dir: dir} do
    for {path, text} <- @files, do: write(dir, path, text)
    {:ok, repo} = Repo.new()
    {:ok, _} = Repo.import_project(repo, dir)
    on_exit(fn -> Repo.stop(repo) end)
    %{repo: repo}
  end

  defp write(dir, path, text) do
    path = Path.join(dir, path)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, text)
  end

  defp edges(graph), do: for(edge <- graph.edges, do: {edge.from, edge.kind, edge.to})

  test "calls, each with how it is made", %{repo: repo} do
    {:ok, graph} = GraphBuilder.call_graph(repo, dynamic: true)
    edges = edges(graph)

    for edge <- [
          {"A.start/2", :remote, "C.helper/1"},
          # `A.start/1` and `B.Deep.run/1` are what defaults make of these
          {"C.helper/1", :remote, "A.start/2"},
          {"A.start/2", :remote, "B.Deep.run/2"},
          {"A.start/2", :local, "A.local/1"},
          {"A.captured/0", :capture, "B.Deep.run/2"},
          {"A.captured/0", :local, "A.through/1"},
          {"A.applied/0", :apply, "C.helper/1"},
          {"A.mfa/0", :mfa, "C.helper/1"},
          {"A.run/1", :delegate, "B.Deep.run/2"},
          {"A.made/0", :macro, "C.twice/1"},
          {"C.twice/1", :quoted, "C.helper/1"},
          {"A.shown/1", :remote, "P.show/1"},
          {"P.show/1", :dispatch, "P.Integer.show/1"},
          {"P.Integer.show/1", :remote, "C.helper/1"},
          {"A.dynamic/1", :dynamic, "?.perform/1"},
          {"?.perform/1", :dispatch, "B.Deep.perform/1"}
        ] do
      assert edge in edges, "#{inspect(edge)} is missing in #{inspect(edges, limit: :infinity)}"
    end

    assert Enum.find(graph.nodes, &(&1.id == "A.dynamic/1")).dynamic_calls == 1
    start = Enum.find(graph.nodes, &(&1.id == "A.start/2"))
    assert %{file: "lib/a.ex", line: 6, visibility: :public, group: "A", ast_node_id: "A.start/2"} = start
    edge = Enum.find(graph.edges, &(&1.from == "A.captured/0" and &1.kind == :capture))
    assert {:ok, {:&, _, _}} = Repo.get_ast_node(repo, edge.ast_node_id)
  end

  test "what nothing leads to", %{repo: repo} do
    {:ok, lost} = GraphBuilder.unreachable(repo)
    assert Enum.map(lost, & &1.id) == ["A.lost/1", "A.lost_too/1"]
  end

  test "dependencies with the kinds of mix xref", %{repo: repo} do
    {:ok, graph} = GraphBuilder.dependency_graph(repo)

    assert Enum.sort(edges(graph)) == [
             {"A", :compile, "C"},
             {"A", :runtime, "B.Deep"},
             {"A", :runtime, "P"},
             {"B.Deep", :export, "A.Data"},
             {"C", :runtime, "A"},
             {"P.Integer", :runtime, "C"}
           ]

    {:ok, files} = GraphBuilder.dependency_graph(repo, level: :files)
    assert {"lib/a.ex", :compile, "lib/c.ex"} in edges(files)
    assert {"lib/b.ex", :export, "lib/c.ex"} in edges(files)
  end

  test "cycles, the shortest, and where to cut", %{repo: repo} do
    {:ok, [cycle]} = GraphBuilder.cycles(repo)
    assert cycle.members == ["A", "C", "P"] -- ["P"]
    assert cycle.shortest == ["A", "C"]
    assert cycle.cut.kind in [:compile, :runtime]
    assert {:ok, []} = GraphBuilder.cycles(repo, kind: :export)
    {:ok, functions} = GraphBuilder.cycles(repo, of: :functions)
    assert ["A.lost/1", "A.lost_too/1"] in Enum.map(functions, & &1.members)
  end

  test "focus: what is near", %{repo: repo} do
    {:ok, graph} = GraphBuilder.dependency_graph(repo, focus: P.Integer)
    assert Enum.map(graph.nodes, & &1.id) == ["C", "P.Integer"]
    assert {:error, %Error{reason: :unknown}} = GraphBuilder.dependency_graph(repo, focus: Nowhere)
    assert {:error, %Error{}} = GraphBuilder.call_graph(repo, focos: 1)
    assert {:error, %Error{}} = GraphBuilder.call_graph(repo, external: 1)
    assert {:error, %Error{}} = GraphBuilder.cycles(repo, of: :everything)
    assert {:error, %Error{}} = GraphBuilder.call_graph(:nobody)
  end

  test "a change mends what it touches", %{repo: repo, tmp_dir: dir} do
    {:ok, _} = GraphBuilder.call_graph(repo)
    # a body changes: one file
    write(dir, "lib/b.ex", String.replace(@files["lib/b.ex"], "x + y", "C.helper(x) + y"))
    {:ok, _} = Repo.import_project(repo, dir)
    {:ok, graph} = GraphBuilder.call_graph(repo)
    assert {"B.Deep.run/2", :remote, "C.helper/1"} in edges(graph)
    assert {:ok, %{mended: 1}} = Core.Graph.stats(repo.ref)

    # a definition goes: the files that name the module too
    write(dir, "lib/c.ex", String.replace(@files["lib/c.ex"], "defmacro twice", "defmacro thrice"))
    {:ok, _} = Repo.import_project(repo, dir)
    {:ok, graph} = GraphBuilder.call_graph(repo)
    refute Enum.any?(graph.edges, &(&1.from == "A.made/0" and &1.kind == :macro))
    assert {:ok, %{mended: mended}} = Core.Graph.stats(repo.ref)
    assert mended in 2..4

    # mended or made anew, it is the same
    {:ok, other} = Repo.new()
    {:ok, _} = Repo.import_project(other, dir)
    assert GraphBuilder.call_graph(other) == GraphBuilder.call_graph(repo)
    assert GraphBuilder.dependency_graph(other) == GraphBuilder.dependency_graph(repo)
    Repo.stop(other)

    File.rm!(Path.join(dir, "lib/c.ex"))
    {:ok, _} = Repo.import_project(repo, dir)
    {:ok, graph} = GraphBuilder.call_graph(repo)
    refute Enum.any?(graph.nodes, &(&1.id =~ "C."))
  end

  test "every form of it can be written", %{repo: repo} do
    {:ok, graph} = GraphBuilder.call_graph(repo, external: true, dynamic: true)

    for text <- [Graph.to_dot(graph), Graph.to_mermaid(graph), Graph.to_json(graph)],
        do: assert(text =~ "start")
  end
end

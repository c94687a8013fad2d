defmodule ElixirScope.Flow.DataTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Graph, GraphBuilder, ParameterAnalysis, Repository, ReturnAnalysis}

  setup do
    {:ok, repo} = ASTRepository.new()
    %{repo: repo}
  end

  defp store!(repo, code) do
    :ok = ASTRepository.store_module(repo, Code.string_to_quoted!(code, columns: true))
  end

  # Edges of the data flow of `A.f`, by the labels of their ends.
  defp flows(repo, body) do
    store!(repo, "defmodule A do\n#{body}\nend")
    {:ok, module} = ASTRepository.get_module(repo, A)
    [{name, arity} | _] = module.exports
    {:ok, %Graph{kind: :data_flow} = graph} = GraphBuilder.data_flow(repo, {A, name, arity})
    label = Map.new(graph.nodes, &{&1.id, &1.label})
    for edge <- graph.edges, do: {label[edge.from], label[edge.to], edge.kind}
  end

  test "from definitions to uses, through versions", %{repo: repo} do
    flows = flows(repo, "def f(x) do\n y = g(x)\n y = h(y, x)\n {y, x}\nend")

    assert Enum.sort(flows) ==
             Enum.sort([
               {"x@0", "g/1", :argument},
               {"g/1", "y@1", :binds},
               {"y@1", "h/2", :argument},
               {"x@0", "h/2", :argument},
               {"h/2", "y@2", :binds},
               {"y@2", "{_, _}", :part},
               {"x@0", "{_, _}", :part},
               {"{_, _}", "return", :returns}
             ])
  end

  test "through patterns, pipes, branches and closures", %{repo: repo} do
    flows =
      flows(repo, """
      def f(x, k) do
        {a, [b]} = if k, do: x, else: g()
        a |> h(b) |> case do
          {:ok, c} -> c
          d -> d
        end
        |> l(fn z -> z + k end)
      end
      """)

    for expected <- [
          {"x@0", "a@2", :destructures},
          {"g/0", "b@3", :destructures},
          {"a@2", "h/2", :argument},
          {"b@3", "h/2", :argument},
          {"h/2", "c@4", :destructures},
          {"h/2", "d@5", :binds},
          {"c@4", "l/2", :argument},
          {"d@5", "l/2", :argument},
          {"k@1", "fn", :captured},
          {"fn", "l/2", :argument},
          {"l/2", "return", :returns}
        ],
        do: assert(expected in flows, inspect(expected))

    refute {"k@1", "a@2", :destructures} in flows
    refute {"x@0", "return", :returns} in flows
  end

  test "with, for, try and rescue", %{repo: repo} do
    flows =
      flows(repo, """
      def f(x) do
        with {:ok, a} <- g(x) do
          for i <- a, do: i
        end
      rescue
        e -> h(e)
      end
      """)

    for expected <- [
          {"g/1", "a@1", :destructures},
          {"a@1", "i@2", :destructures},
          {"i@2", "for", :part},
          {"for", "return", :returns},
          {"g/1", "return", :returns},
          {"h/1", "return", :returns}
        ],
        do: assert(expected in flows, inspect({expected, flows}))
  end

  @project """
  defmodule P do
    alias P.Q
    def a(x, y), do: Q.id(x, y)
    def b(x), do: x |> a(1) |> Q.wrap()
    def c(x), do: Q.drop(x)
    def d(x, acc \\\\ []), do: if(x, do: d(x, [x | acc]), else: acc)
    def e(x), do: Outside.f(x)
  end
  """
  @other "defmodule P.Q do\n def id(x, _), do: x\n def wrap(x), do: {:ok, x}\n def drop(x) do\n IO.puts(x)\n :ok\n end\nend"

  test "between functions, through arguments and returns", %{repo: repo} do
    store!(repo, @project)
    store!(repo, @other)
    {:ok, graph} = Repository.fetch(repo, :data_flow_graph)
    edges = for e <- graph.edges, do: {e.from, e.to, e.kind}

    for expected <- [
          {"P.a/2 argument 0", "P.Q.id/2 argument 0", :passed},
          {"P.a/2 argument 1", "P.Q.id/2 argument 1", :passed},
          {"P.Q.id/2 argument 0", "P.Q.id/2 return", :returned},
          {"P.Q.id/2 return", "P.a/2 return", :handed_on},
          {"P.b/1 argument 0", "P.a/2 argument 0", :passed},
          {"P.a/2 return", "P.Q.wrap/1 argument 0", :chained}
        ],
        do: assert(expected in edges, inspect(expected))

    back = for %{kind: :argument} = n <- graph.nodes, into: %{}, do: {n.id, n.returned}

    assert back["P.a/2 argument 0"] and back["P.b/1 argument 0"] and back["P.d/2 argument 0"] and
             back["P.d/2 argument 1"]

    refute back["P.a/2 argument 1"] or back["P.c/1 argument 0"] or back["P.e/1 argument 0"]

    {:ok, near} = GraphBuilder.data_flow_between(repo, focus: ["P.c/1"])

    assert Enum.sort(Enum.map(near.nodes, & &1.id)) == [
             "P.Q.drop/1 argument 0",
             "P.Q.drop/1 return",
             "P.c/1 argument 0",
             "P.c/1 return"
           ]
  end

  test "arguments and returns of a function", %{repo: repo} do
    store!(repo, """
    defmodule R do
      def f(%{id: id} = m, 0, opts \\\\ []) when id > 1, do: {:ok, m, opts}
      def f(_m, n, o) do
        case P.g(n, o) do
          :ok -> %R.S{n: 1}
          nil -> raise "no"
          [x | _] -> x
        end
      end
    end
    """)

    {:ok, f} = ASTRepository.get_function(repo, {R, :f, 3})

    assert [
             %ParameterAnalysis{
               position: 0,
               patterns: [:pattern, :ignored],
               names: [:id, :m, :_m],
               returned: true,
               used: true
             },
             %ParameterAnalysis{
               position: 1,
               patterns: [:literal, :variable],
               names: [:n],
               returned: false,
               passed_to: [%{function: "P.g/2", position: 0}]
             },
             %ParameterAnalysis{position: 2, patterns: [:variable, :variable], default: true, returned: true}
           ] = f.parameter_analysis

    assert %ReturnAnalysis{
             raises: true,
             shapes: ["{:ok, _, _}", "%R.S{}", "x"],
             parameters: [0, 2],
             calls: ["P.g/2"]
           } = f.return_analysis

    assert Enum.map(f.return_analysis.values, & &1.kind) == [:built, :built, :raise, :variable]
  end

  test "graphs are written as DOT, Mermaid and JSON", %{repo: repo} do
    store!(repo, "defmodule A do\n def f(x), do: if(x, do: g(fn -> x end), else: raise(\"a\"))\nend")

    for build <- [&GraphBuilder.control_flow/2, &GraphBuilder.data_flow/2], of <- [{A, :f, 1}, "A.f/1"] do
      {:ok, graph} = build.(repo, of)
      assert Graph.to_dot(graph) =~ "digraph"
      assert Graph.to_mermaid(graph) =~ "flowchart"
      assert Graph.to_json(graph) =~ ~s("edges")
      assert graph.meta.function == "A.f/1"
    end

    assert {:error, %{reason: :not_found}} = GraphBuilder.control_flow(repo, {A, :nope, 1})
    assert {:error, %{reason: :invalid_argument}} = GraphBuilder.data_flow(repo, 7)
  end
end

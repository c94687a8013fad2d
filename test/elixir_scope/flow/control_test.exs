defmodule ElixirScope.Flow.ControlTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Core.Flow
  alias ElixirScope.Test.Source

  # The graph of `A.f`, its edges as `{from, to, kind}` with blocks named by their kind and number.
  defp graph(body, id \\ nil) do
    source = Source.parse!("defmodule A do\n#{body}\nend")
    {:ok, [first | _]} = Flow.complexities(source)
    {:ok, graph} = Flow.control(source, id || elem(first, 0))
    graph
  end

  defp edges(graph), do: for(e <- graph.edges, do: {kind(graph, e.from), kind(graph, e.to), e.kind})
  defp kind(graph, id), do: Enum.find(graph.nodes, &(&1.id == id)).kind
  defp names(block), do: Enum.map(block.nodes, & &1.name)
  defp count(graph, kind), do: Enum.count(graph.edges, &(&1.kind == kind))

  # What McCabe's figure is, by the definition and by hand.
  for {name, code, expected} <- [
        {"nothing branches", "def f(x), do: g(x)", 1},
        {"clauses", "def f(0), do: 1\ndef f(1), do: 2\ndef f(x), do: x", 3},
        {"if without else", "def f(x) do\n if x, do: g()\n h()\nend", 2},
        {"if that raises on both sides", "def f(x) do\n if x, do: raise(\"a\"), else: raise(\"b\")\nend", 2},
        {"case and guards",
         "def f(x) do\n case x do\n 1 -> 1\n y when y > 1 and y < 9 -> 2\n _ -> 3\n end\nend", 4},
        {"cond", "def f(x) do\n cond do\n x > 1 -> 1\n x && g(x) -> 2\n true -> 3\n end\nend", 4},
        {"for with two generators and a filter", "def f(x), do: for a <- x, a > 1, b <- a, do: {a, b}", 4},
        {"with and else",
         "def f(x) do\n with {:ok, a} <- x, {:ok, b} <- a do\n b\n else\n :error -> 1\n _ -> 2\n end\nend",
         4},
        {"receive", "def f(x) do\n receive do\n ^x -> 1\n _ -> 2\n after\n 10 -> 3\n end\nend", 3},
        {"try",
         "def f(x) do\n try do\n g(x)\n rescue\n A -> 1\n B -> 2\n catch\n _ -> 3\n after\n h()\n end\nend",
         4},
        {"rescue of a function", "def f(x) do\n if x, do: raise(\"a\")\n g(x)\nrescue\n e -> e\nend", 3},
        {"a remote or", "def f(x), do: g(x) |> Kernel.||(raise(\"a\")) |> h()", 2},
        {"closures", "def f(x), do: {fn 1 -> 2\n y -> y && x\n end, &(&1 || x)}", 4}
      ] do
    test "McCabe: #{name}" do
      assert graph(unquote(code)).meta.cyclomatic_complexity == unquote(expected)
    end
  end

  test "an if: entry, condition, two branches, join, exit" do
    graph = graph("def f(x) do\n y = if g(x), do: a(), else: b()\n c(y)\nend")
    assert Enum.map(graph.nodes, & &1.kind) == [:entry, :clause, :code, :code, :join, :exit]

    assert edges(graph) == [
             {:entry, :clause, :clause},
             {:clause, :code, true},
             {:clause, :code, false},
             {:code, :join, :next},
             {:code, :join, :next},
             {:join, :exit, :return}
           ]

    assert Enum.map(graph.nodes, &names/1) == [[], ~w(def x g if), ["a"], ["b"], ~w(= y c), []]
    assert Enum.all?(graph.nodes, & &1.reachable)
  end

  test "what stands behind a raise is flagged" do
    graph = graph("def f(x) do\n raise \"a\"\n g(x)\nend")
    assert [%{reachable: false} = lost] = Enum.reject(graph.nodes, & &1.reachable)
    assert names(lost) == ~w(x g)
    assert graph.meta.unreachable_blocks == 1
    assert {:clause, :exit, :raise} in edges(graph)
  end

  test "an else of a with that nothing leads to is flagged" do
    graph = graph("def f(x) do\n with y = x do\n y\n else\n _ -> g()\n end\nend")
    assert graph.meta.unreachable_blocks == 1
  end

  test "exceptions go to whoever rescues, through after, and on" do
    graph =
      graph(
        "def f(x) do\n try do\n g(x)\n if x, do: throw(1)\n :ok\n rescue\n e -> h(e)\n after\n z()\n end\n k()\nend"
      )

    assert {:code, :dispatch, :exception} in edges(graph)
    assert {:code, :dispatch, :raise} in edges(graph)
    assert {:dispatch, :after, :reraise} in edges(graph)
    assert {:clause, :after, :exception} in edges(graph)
    assert {:after, :exit, :reraise} in edges(graph)
    assert {:after, :join, :next} in edges(graph)
    # Behind the try nothing rescues.
    join = Enum.find(graph.nodes, &("k" in names(&1)))
    assert Enum.filter(graph.edges, &(&1.from == join.id)) |> Enum.map(& &1.kind) == [:return]
  end

  test "loops: generators and recursion" do
    graph = graph("def f(x, acc \\\\ []) do\n for a <- x, b <- a, b > 1, do: b\n f(acc, f(x))\nend")
    assert {:loop, :loop, :back} in edges(graph)
    assert count(graph, :done) == 1 and count(graph, :each) == 2 and count(graph, :recursion) == 1
    assert [%{to: 0}] = Enum.filter(graph.edges, &(&1.kind == :tail_recursion))

    for tail <- [
          "x && f(y)",
          "case x do\n _ -> f(y)\n end",
          "x |> f()",
          "if x, do: f(y)",
          "try do\n 1\n rescue\n _ -> f(y)\n end"
        ] do
      assert count(graph("def f(y) do\n #{tail}\nend"), :tail_recursion) == 1, tail
    end

    for not_tail <- [
          "[f(y)]",
          "case f(y) do\n _ -> 1\n end",
          "try do\n f(y)\n rescue\n _ -> 1\n end",
          "fn -> f(y) end",
          "f(y) + 1",
          "case [f(y)] do\n _ -> 1\n end"
        ] do
      graph = graph("def f(y) do\n #{not_tail}\nend")
      assert {count(graph, :tail_recursion), count(graph, :recursion)} == {0, 1}, not_tail
    end
  end

  test "every node that is evaluated is in one block, in the order of evaluation" do
    graph = graph("def f(x, y) do\n a = g(x, h(y)) |> k(x)\n if a and y, do: l(fn z -> m(z) end)\nend")
    all = Enum.flat_map(graph.nodes, & &1.nodes)
    assert length(Enum.uniq_by(all, & &1.ast_node_id)) == length(all)

    assert [~w(def x y h g x k |> = a and), ["y"], ["if"], ~w(fn l), ~w(-> z m)] =
             graph.nodes |> Enum.map(&names/1) |> Enum.reject(&(&1 == []))
  end

  test "only functions have one" do
    source = Source.parse!("defmodule A do\n def f, do: 1\nend")
    assert {:error, %{reason: :invalid_argument}} = Flow.control(source, "A")
    assert {:error, %{reason: :not_found}} = Flow.control(source, "A.g/0")
  end
end

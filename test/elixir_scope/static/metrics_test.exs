defmodule ElixirScope.Static.MetricsTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.Source

  # The figures of the only function `f` of a module.
  defp figures(definitions) do
    functions = functions!("defmodule A do\n#{definitions}\nend")
    {_, function} = Enum.find(functions, fn {_, function} -> function.name == :f end)
    function.metrics
  end

  defp check(metric, answers) do
    for {code, expected} <- answers do
      assert {code, figures(code)[metric]} == {code, expected}
    end
  end

  # Credo, `Credo.Check.Refactor.CyclomaticComplexity`.
  test "Credo's cyclomatic complexity" do
    check(:credo_cyclomatic, [
      {"def f(x), do: x", 1},
      {"def f(x) do\n case x do\n 1 -> 1\n 2 -> 2\n end\nend", 3},
      {"def f(x), do: (with {:ok, y} <- x do y else _ -> 1 end)", 1},
      {"def f(x), do: (receive do 1 -> x; 2 -> x end)", 1},
      {"def f(a, b) when a and b, do: a", 2},
      {"def f(x) do\n x\nrescue\n _ -> 1\nend", 1},
      {"def f(x) do\n try do x rescue _ -> 1 catch _ -> 2 end\nend", 2},
      {"def f(x), do: (for y <- x, y > 1, do: y)", 2},
      {"def f(x), do: (cond do x -> 1; true -> 2 end)", 3},
      {"def f(x), do: (if x, do: x && 1, else: x || 2)", 4},
      {"def f(x), do: (x |> case do 1 -> 1; 2 -> 2; 3 -> 3 end)", 4},
      {"def f(x), do: (fn 1 -> 1; 2 -> x end)", 1}
    ])
  end

  test "Credo's counts each clause for itself, and the function is its worst one" do
    text = "defmodule A do\ndef f(1), do: (if 1, do: 2)\ndef f(x), do: x\nend"
    assert [%{credo_cyclomatic: 2}, %{credo_cyclomatic: 1}] = functions!(text)["A.f/1"].clauses
    assert functions!(text)["A.f/1"].metrics.credo_cyclomatic == 2
  end

  test "McCabe's cyclomatic complexity" do
    check(:cyclomatic_complexity, [
      {"def f(x), do: x", 1},
      {"def f(1), do: 1\ndef f(2), do: 2\ndef f(_), do: 3", 3},
      {"def f(x, y \\\\ 1)\ndef f(1, y), do: y\ndef f(x, y), do: x + y", 2},
      {"def f(x)", 1},
      {"def f(x), do: (case x do 1 -> 1; 2 -> 2; _ -> 3 end)", 3},
      {"def f(x), do: (cond do x -> 1; true -> 2 end)", 2},
      {"def f(x), do: (receive do 1 -> x; 2 -> x after 5 -> x end)", 3},
      {"def f(x), do: (fn 1 -> x; 2 -> x end)", 2},
      {"def f(x), do: (with 1 <- x, 2 <- x do x else 1 -> 1; 2 -> 2 end)", 4},
      {"def f(x), do: (with 1 <- x, do: x)", 2},
      {"def f(x), do: (if x, do: 1, else: 2)", 2},
      {"def f(x), do: (unless x, do: 1)", 2},
      {"def f(x), do: (for y <- x, do: y)", 2},
      {"def f(x) when x > 1 and x < 9 or x == 20, do: x", 3},
      {"def f(x) do\n x\nrescue\n _ in A -> 1\n _ in B -> 2\ncatch\n _ -> 3\nend", 4},
      {"def f(x), do: (try do x rescue _ -> 1 after x end)", 2}
    ])
  end

  # SonarSource, "Cognitive Complexity", v1.5, and the examples of its text as they read in Elixir.
  test "cognitive complexity" do
    check(:cognitive_complexity, [
      {"def f(x), do: x", 0},
      {"def f(x), do: (x |> g() |> h())", 0},
      {"def f(a, b, c), do: a && b && c", 1},
      {"def f(a, b, c, d), do: a && b || c && d", 3},
      {"def f(a, b, c), do: a && not (b && c)", 2},
      {"def f(x), do: (if x, do: 1)", 1},
      {"def f(x), do: (if x, do: 1, else: 2)", 2},
      {"def f(x), do: (if x do if x do 1 end end)", 3},
      {"def f(x), do: (if x do 1 else if x do 2 else 3 end end)", 3},
      {"def f(x), do: (if x do 1 else if x do (if x, do: 1) end end)", 4},
      {"def f(x), do: (case x do 1 -> 1; 2 -> 2; 3 -> 3 end)", 1},
      {"def f(x), do: (cond do x -> (case x do 1 -> 1 end) end)", 3},
      {"def f(x), do: (for y <- x, do: (if y, do: 1))", 3},
      {"def f(x), do: (Enum.map(x, fn y -> if y, do: 1 end))", 2},
      {"def f(x), do: (Enum.map(x, &if(&1, do: 1)))", 2},
      {"def f(x), do: (with 1 <- x, do: x)", 0},
      {"def f(x), do: (with 1 <- x do x else _ -> 2 end)", 1},
      {"def f(x) do\n try do x rescue _ -> (if x, do: 1) end\nend", 3},
      {"def f(1), do: 1\ndef f(2), do: 2", 1},
      # recursion: itself, by pipe, by capture, through another, with a default
      {"def f(x), do: f(x - 1)", 1},
      {"def f(x), do: (x |> f())", 1},
      {"def f(x), do: Enum.map(x, &f/1)", 1},
      {"def f(x), do: g(x)\ndefp g(x), do: f(x)", 1},
      {"def f(x, y \\\\ 1), do: f(x)", 1},
      {"def f(x), do: f(x, 1)\ndefp f(x, y), do: x", 0},
      {"def f(x), do: g(x)\ndefp g(x), do: g(x)", 0}
    ])
  end

  test "nesting depth" do
    check(:nesting_depth, [
      {"def f(x), do: x", 0},
      {"def f(x), do: (if x, do: 1)", 1},
      {"def f(x), do: (if x do case x do 1 -> fn -> 1 end end end)", 3},
      {"def f(x), do: (with 1 <- x do for y <- x, do: y end)", 2},
      {"def f(x) do\n if x, do: 1\n if x, do: (unless x, do: 2)\nend", 2},
      {"def f(x), do: (receive do 1 -> (try do x after x end) end)", 0}
    ])
  end

  test "lines of code hold a token" do
    check(:lines_of_code, [
      {"def f(x), do: x", 1},
      {"def f(x) do\n\n  # why\n  x # yes\nend", 3},
      {"def f(1), do: 1\n\n# between\ndef f(2), do: 2", 2},
      {"@doc \"\"\"\nText\n\"\"\"\ndef f(x) do\n  x\nend", 3},
      {"def f(_) do\n  \"\"\"\n  # text\n\n  more\n  \"\"\"\nend", 6}
    ])
  end

  test "without the text, lines are those that the AST knows" do
    {:ok, quoted} =
      Code.string_to_quoted("defmodule A do\n\n # no\n def f(x) do\n  x\n end\nend",
        columns: true,
        token_metadata: true
      )

    {:ok, source} = ElixirScope.Core.Source.build("a.ex", nil, quoted)
    {:ok, [module]} = ElixirScope.Core.Source.outline(source)
    assert module.metrics.lines_of_code == 5
    assert [%{metrics: %{lines_of_code: 3}}] = module.functions
  end

  test "a module sums its functions" do
    text = "defmodule A do\ndef f(x), do: (if x, do: 1)\ndef g(x), do: (if x, do: (if x, do: 2))\nend"
    assert [%{metrics: metrics}] = outline!(text)

    assert metrics == %{
             cyclomatic_complexity: 5,
             credo_cyclomatic: 3,
             cognitive_complexity: 4,
             nesting_depth: 2,
             lines_of_code: 4
           }
  end
end

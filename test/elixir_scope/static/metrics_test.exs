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
      {"def f(x), do: (fn 1 -> 1; 2 -> x end)", 1},
      {"defmacro f(x), do: (quote do case 1 do unquote(x) end end)", 2},
      {"def f(x) do\n defmodule B do\n def g(y), do: (if y, do: 1)\n end\nend", 3}
    ])
  end

  # Credo, `Credo.Check.Refactor.ABCSize`: the example of its documentation, and what sets it apart.
  test "Credo's ABC size" do
    for {code, expected} <- [
          {"def f, do: (x = 1)", {1, 0, 0}},
          {"def f(x), do: x", {0, 0, 0}},
          {"def f(x) when is_list(x), do: x", {0, 1, 0}},
          {"def f(x), do: (if x, do: 1)", {0, 0, 1}},
          {"def f(x), do: (case x do 1 -> 1 end)", {0, 2, 0}},
          {"def f(x), do: x && 1", {0, 1, 0}},
          {"def f(x), do: x == 1 or _y", {0, 0, 1}},
          {"def f(x), do: x.name", {0, 0, 0}},
          {"def f(x), do: A.g(x)", {0, 1, 0}},
          {"def f(x), do: \"\#{g(x)}\"", {0, 0, 0}},
          {"def f(x), do: fn y -> y + x end", {0, 2, 0}},
          {"def f(x), do: fn y -> [y, x] end", {0, 3, 0}},
          {"def f(x) do\n x\nrescue\n _ -> g(1)\nend", {0, 0, 0}},
          {"defmacro f(x), do: unquote(g(x))", {0, 0, 0}}
        ] do
      {a, b, c} = expected
      assert {code, figures(code).credo_abc_size} == {code, :math.sqrt(a * a + b * b + c * c)}
    end
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

  # A, B, C; the size is the length of the vector.
  test "ABC" do
    for {code, expected} <- [
          {"x", {0, 0, 0}},
          {"(y = 1; z = y)", {2, 0, 0}},
          {"@a", {1, 0, 0}},
          {"g(x)", {0, 1, 0}},
          {"A.g(x)", {0, 1, 0}},
          {"A.g", {0, 1, 0}},
          {":a.g()", {0, 1, 0}},
          {"x.()", {0, 1, 0}},
          {"x.name", {0, 0, 0}},
          {"x.name.other", {0, 0, 0}},
          {"x.name()", {0, 1, 0}},
          {"&g/1", {0, 0, 0}},
          {"&A.g/1", {0, 0, 0}},
          {"&g(&1)", {0, 1, 0}},
          {"x |> g() |> h()", {0, 2, 0}},
          {"\"\#{x}\"", {0, 0, 0}},
          {"\"\#{g(x)}\"", {0, 1, 0}},
          {"<<x::size(8)>>", {0, 0, 0}},
          {"<<g(x)::size(8)>>", {0, 1, 0}},
          {"fn y -> y end", {0, 1, 0}},
          {"%A{x | a: {1, [2]}}", {0, 0, 0}},
          {"~w(a b)", {0, 0, 0}},
          {"sigil_args(x)", {0, 1, 0}},
          {"'\#{x}'", {0, 0, 0}},
          {":\"\#{x}\"", {0, 0, 0}},
          {":erlang.binary_to_atom(<<x>>, :utf8)", {0, 1, 0}},
          {":\"Elixir.Kernel\".in(x, [])", {0, 1, 0}},
          {"x[:a]", {0, 1, 0}},
          {"raise A", {0, 1, 0}},
          {"x + 1 > 2 and not x", {0, 0, 1}},
          {"x && 1 || 2", {0, 0, 2}},
          {"(if x, do: 1)", {0, 0, 1}},
          {"(for y <- x, do: y)", {0, 0, 1}},
          {"(with {:ok, y} <- g(x), do: y)", {0, 1, 0}},
          {"(case x do 1 -> g(x); _ -> 2 end)", {0, 3, 1}},
          {"(try do g(x) rescue _ -> h() end)", {0, 3, 1}}
        ] do
      figures = figures("def f(x) when is_list(x), do: #{code}")
      found = {figures.abc_assignments, figures.abc_branches, figures.abc_conditions}
      assert {code, found} == {code, expected}
      {a, b, c} = expected
      assert figures.abc_size == :math.sqrt(a * a + b * b + c * c)
    end
  end

  test "ABC takes in what is rescued, and adds up over clauses" do
    figures = figures("def f(1) do\n g(1)\nrescue\n _ -> 1\nend\ndef f(x), do: (y = x)")
    assert {1, 2, 0} == {figures.abc_assignments, figures.abc_branches, figures.abc_conditions}
  end

  # By hand, from the definition: N₁, N₂, h₁, h₂.
  test "Halstead's counts" do
    for {code, expected} <- [
          # def f/1 | x x
          {"def f(x), do: x", {2, 2, 2, 1}},
          # def f/2 + * | a b a b 2
          {"def f(a, b), do: a + b * 2", {4, 5, 4, 3}},
          # def f/1 |> trim/1 length/1 | x String x String
          {"def f(x), do: String.trim(x) |> String.length()", {5, 4, 5, 2}},
          # def f/1 %{} [] {} | _ a 1 2 b :ok @c
          {"def f(_), do: %{a: [1, 2], b: {:ok, @c}}", {5, 7, 5, 7}},
          # def f/1 <<>> #{} | x "a" x
          {"def f(x), do: \"a\#{x}\"", {4, 3, 4, 2}},
          # def f/1 '' #{} | x x
          {"def f(x), do: '\#{x}'", {4, 2, 4, 1}},
          # def f/1 :"" <<>> #{} | x "a" x
          {"def f(x), do: :\"a\#{x}\"", {5, 3, 5, 2}},
          # def f/1 case -> -> | x x 1 :a _ :b
          {"def f(x), do: (case x do 1 -> :a; _ -> :b end)", {5, 6, 4, 5}},
          # def f/1 map/2 & + | x Enum x &1 1
          {"def f(x), do: Enum.map(x, &(&1 + 1))", {5, 5, 5, 4}},
          # def when f/1 is_list/1 call/1 -/1 | x x x x
          {"def f(x) when is_list(x), do: x.(-x)", {6, 4, 6, 1}},
          # both clauses together: def f/1 def f/1 | 1 2 1 3
          {"def f(1), do: 2\ndef f(1), do: 3", {4, 4, 2, 3}}
        ] do
      f = figures(code)

      found =
        {f.halstead_operators, f.halstead_operands, f.halstead_distinct_operators,
         f.halstead_distinct_operands}

      assert {code, found} == {code, expected}
    end
  end

  # V = N·log₂ h, D = h₁/2 · N₂/h₂, E = D·V, worked out by hand.
  test "Halstead's figures, and maintainability" do
    f = figures("def f(a, b), do: a + b * 2")
    assert_in_delta f.halstead_volume, 25.266194299, 1.0e-6
    assert_in_delta f.halstead_difficulty, 3.333333333, 1.0e-6
    assert_in_delta f.halstead_effort, 84.220647663, 1.0e-6

    # 171 − 5.2·ln(4·log₂ 3) − 0.23·1 − 16.2·ln 1, of 171
    assert_in_delta figures("def f(x), do: x").maintainability_index, 94.249284, 1.0e-4
    # 171 − 5.2·ln(4·log₂ 3) − 0.23·1 − 16.2·ln 3
    assert_in_delta figures("def f(x) do\n x\nend").maintainability_index, 83.841359, 1.0e-4
  end

  test "maintainability stays within 0 and 100, and a module has that of its average function" do
    long = Enum.map_join(1..3000, "\n", &"x = g(#{&1}, x)")
    assert figures("def f(x) do\n#{long}\nend").maintainability_index == 0.0

    one = "def f(x), do: x"
    assert [%{metrics: single}] = outline!("defmodule A do\n#{one}\nend")
    assert [%{metrics: double}] = outline!("defmodule A do\n#{one}\ndef g(x), do: x\nend")
    assert_in_delta single.maintainability_index, 94.249284, 1.0e-4
    assert double.maintainability_index == single.maintainability_index
    assert [%{metrics: %{maintainability_index: nil}}] = outline!("defmodule A do\nend")
  end

  test "a clause has figures of its own" do
    text = "defmodule A do\ndef f(1), do: (if 1, do: 2)\ndef f(x), do: g(h(x))\nend"
    [one, two] = functions!(text)["A.f/1"].clauses
    assert %{cyclomatic_complexity: 2, cognitive_complexity: 1, nesting_depth: 1, abc_size: 1.0} = one.metrics
    assert %{cyclomatic_complexity: 1, cognitive_complexity: 0, nesting_depth: 0, abc_size: 2.0} = two.metrics
  end

  test "lines of code hold a token" do
    check(:lines_of_code, [
      {"def f(x), do: x", 1},
      {"def f(x) do\n\n  # why\n  x # yes\nend", 3},
      {"def f(1), do: 1\n\n# between\ndef f(2), do: 2", 2},
      {"@doc \"\"\"\nText\n\"\"\"\ndef f(x) do\n  x\nend", 3},
      {"def f(_) do\n  \"\"\"\n  # text\n\n  more\n  \"\"\"\nend", 6},
      {"def f(_) do\n  \"a\n  # text\n  \"\n  # comment\nend", 5}
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

    assert Map.take(metrics, ~w(cyclomatic_complexity credo_cyclomatic cognitive_complexity nesting_depth
                                 lines_of_code abc_conditions credo_abc_size)a) == %{
             abc_conditions: 3,
             credo_abc_size: 2.0,
             cyclomatic_complexity: 5,
             credo_cyclomatic: 3,
             cognitive_complexity: 4,
             nesting_depth: 2,
             lines_of_code: 4
           }
  end
end

defmodule ElixirScope.ASTRepository.SearchTest do
  use ExUnit.Case, async: true
  doctest ElixirScope.ASTRepository.Pattern

  alias ElixirScope.{ASTRepository, Error}
  alias ElixirScope.ASTRepository.{Pattern, PatternMatch, PatternMatches}

  # The code that a pattern matches, as text, in the order of the source.
  defp matched(code, pattern, options \\ []) do
    repo = repository(code)
    {:ok, %PatternMatches{} = found} = ASTRepository.find_ast_nodes_by_pattern(repo, pattern, options)

    for match <- found.matches do
      {:ok, quoted} = ASTRepository.get_ast_node(repo, match.ast_node_id)
      quoted |> Macro.to_string() |> String.replace(~r/\s+/, " ")
    end
  end

  defp captured(code, pattern, options \\ []) do
    {:ok, found} = ASTRepository.find_ast_nodes_by_pattern(repository(code), pattern, options)
    for match <- found.matches, do: Map.new(match.captures, fn {name, what} -> {name, shown(what)} end)
  end

  defp shown(nil), do: nil
  defp shown(list) when is_list(list), do: Enum.map(list, &shown/1)
  defp shown(%{code: code}), do: Macro.to_string(code)

  defp repository(code) do
    {:ok, repo} = ASTRepository.new()
    :ok = ASTRepository.store_module(repo, Code.string_to_quoted!(code, columns: true, token_metadata: true))
    repo
  end

  defp in_function(code), do: "defmodule A do\ndef f(a, b, c) do\n#{code}\nend\nend"

  describe "what is left open" do
    test "a name twice is equal code" do
      code = in_function("a == a\na == b\nf(g(1), g( 1 ))\nf(g(1), g(2))")
      assert matched(code, "x == x") == ["a == a"]
      assert matched(code, "f(x, x)") == ["f(g(1), g(1))"]
      assert matched(code, "f(_, _)") |> length() == 2
      assert matched(code, "f(_x, _x)") |> length() == 2
    end

    test "any number of things" do
      code = in_function("g()\ng(1)\ng(1, 2)\ng(2, 1)\n[1, 2, 3]")
      assert matched(code, "g(...)") == ["g()", "g(1)", "g(1, 2)", "g(2, 1)"]
      assert matched(code, "g(1, ...)") == ["g(1)", "g(1, 2)"]
      assert matched(code, "g(..., 1)") == ["g(1)", "g(2, 1)"]
      assert captured(code, "[first, ...rest]") == [%{"first" => "1", "rest" => ["2", "3"]}]
      assert captured(code, "[...most, last]") == [%{"most" => ["1", "2"], "last" => "3"}]
    end

    test "what matches first is not all that can" do
      code = in_function("g(1, :a, 2)\ng(:b)")
      assert captured(code, "g(..., x, ...) when is_atom(x)") == [%{"x" => ":a"}, %{"x" => ":b"}]
    end

    test "equal arguments, wherever they are" do
      code = in_function("g(1, 2, 1)\ng(1, 2, 3)")
      assert captured(code, "g(..., x, ..., x, ...)") == [%{"x" => "1"}]
    end

    test "keys are captured too" do
      code = in_function("[a: 1, b: 2]")
      assert captured(code, "[{k, v}, ...]") == [%{"k" => ":a", "v" => "1"}]
      assert captured(code, "{:b, v}") == [%{"v" => "2"}]
    end

    test "tuples of any size" do
      code = in_function("{:ok}\n{:ok, 1}\n{:ok, 1, 2}\n{1, :ok}\n{1, 2}")
      assert matched(code, "{:ok, ...}") == ["{:ok}", "{:ok, 1}", "{:ok, 1, 2}"]
      assert matched(code, "{_, _}") == ["{:ok, 1}", "{1, :ok}", "{1, 2}"]
    end

    test "alternatives, negations, depth" do
      code = in_function("g(1)\nh(2)\ni(3)\ng(:a)\ng([x: [1]])")
      assert matched(code, "__any__(g(1), h(_))") == ["g(1)", "h(2)"]
      assert matched(code, "g(__not__(1))") == ["g(:a)", "g(x: [1])"]
      assert matched(code, "g(__deep__(1))") == ["g(1)", "g(x: [1])"]
    end

    test "variables as they are" do
      code = in_function("g(a)\ng(b)\nh(^a)\nh(^b)\nvar!(a)")
      assert matched(code, "g(var!(a))") == ["g(a)"]
      assert matched(code, "__literal__(g(a))") == ["g(a)"]
      assert matched(code, "__literal__(var!(a))") == ["var!(a)"]
      assert captured(code, "h(^x)") == [%{"x" => "a"}, %{"x" => "b"}]
    end

    test "a pin is the capture of its name" do
      code = in_function("g(a, a)\ng(a, b)\ng(a, ^a)")
      assert matched(code, "g(x, ^x)") == ["g(a, a)"]
      assert matched(code, "g(_, __literal__(^a))") == ["g(a, ^a)"]
    end

    test "any name" do
      code = in_function("Enum.map(a, b)\nEnum.count(a)\ng(a)\nx = {1, 2, 3}")
      assert matched(code, "Enum._(...)") == ["Enum.map(a, b)", "Enum.count(a)"]
      assert matched(code, "_(_)") == ["g(a)"]
      code = "defmodule A do\n@spec f(B.t()) :: {B.u(), &B.v/1}\ndef f(x), do: x |> B.w()\nend"
      assert matched(code, "B._(...)") == ["B.t()", "B.u()", "x |> B.w()"]
      assert matched(code, "B._(...)", resolve: false, pipes: false) == ["B.t()", "B.u()", "B.w()"]
    end

    test "attributes and captured functions by their name" do
      code = "defmodule A do\n@timeout 5\n@other 6\ndef f, do: {@timeout, @other, &g/1, &h/1}\nend"
      assert matched(code, "@timeout") == ["@timeout"]
      assert matched(code, "@timeout _") == ["@timeout 5"]
      assert matched(code, "&g/1") == ["&g/1"]
    end
  end

  describe "statements" do
    test "a body is any body" do
      code = "defmodule A do\ndef f, do: 1\ndef g do\n1\n2\nend\ndef h do\nend\nend"
      assert code |> matched("def _ do ... end") |> length() == 3
      assert captured(code, "def _ do ...body end") |> Enum.map(& &1["body"]) == [["1"], ["1", "2"], []]
      assert captured(code, "def x do 1; ... end") == [%{"x" => "f"}, %{"x" => "g"}]
    end

    test "side by side, in any block" do
      code = in_function("x = 1\ng(x)\ny = 2\nh(y)\ng(y)")
      assert captured(code, "v = _; g(v)") == [%{"v" => "x"}]
      assert captured(code, "v = _; ...; g(v)") == [%{"v" => "x"}, %{"v" => "y"}]
    end

    test "blocks and keywords are equal" do
      code =
        in_function(
          "if a, do: b\nif a do\nb\nend\nif a do b else c end\nfor x <- a, into: b, do: x\nfor x <- a, into: b do\nx\nend"
        )

      assert code |> matched("if a do b end") |> length() == 2
      assert code |> matched("if(a, do: b)") |> length() == 2
      assert code |> matched("if(a, [{:do, b}, ...])") |> length() == 3
      assert code |> matched("for x <- a, into: b, do: x") |> length() == 2
      assert code |> matched("for x <- a, into: b do x end") |> length() == 2
    end
  end

  describe "names" do
    test "modules are what they stand for" do
      code =
        "defmodule A do\nalias B.C\nalias D.{E, F}\ndef f, do: [C, E, F, %C{}, __MODULE__, Elixir.B.C]\nend"

      assert code |> matched("B.C") |> Enum.frequencies() == %{"B.C" => 1, "C" => 2, "Elixir.B.C" => 1}
      assert matched(code, "D.E") -- ["E"] == ["E"]
      assert matched(code, "%B.C{}") == ["%C{}"]
      assert "__MODULE__" in matched(code, "A")
      assert matched(code, "C", resolve: false) |> Enum.uniq() == ["C"]
      assert matched(code, "C") == []
    end

    test "the module's own function, by its full name" do
      code = "defmodule A do\ndef f(x), do: g(x)\ndef h(x), do: __MODULE__.g(x)\ndef g(x), do: x\nend"
      assert matched(code, "A.g(_)") == ["g(x)", "__MODULE__.g(x)"]
    end

    test "Kernel's" do
      code = in_function("is_nil(a)\nKernel.is_nil(b)\na |> is_nil()")
      assert matched(code, "Kernel.is_nil(_)") == ["is_nil(a)", "Kernel.is_nil(b)", "a |> is_nil()"]
      assert matched(code, "is_nil(_)") == ["is_nil(a)", "a |> is_nil()"]
    end

    test "pipes in patterns are calls" do
      code = in_function("a |> g() |> h(1)\nh(g(a), 1)\na |> b")
      assert code |> matched("x |> g() |> h(_)") |> length() == 2
      assert matched(code, "h(g(_), _)", pipes: false) == ["h(g(a), 1)"]
      assert "a |> b" in matched(code, "_ |> _")
    end
  end

  describe "guards" do
    test "kinds" do
      code =
        in_function(
          ~s|g(:a)\ng(1)\ng(1.5)\ng("s")\ng([1])\ng({1, 2})\ng(%{})\ng(nil)\ng(a)\ng(h())\ng(B.C)\ng(fn -> 1 end)|
        )

      kinds = fn kind -> matched(code, "g(x) when is_#{kind}(x)") end
      assert kinds.("atom") == ["g(:a)", "g(nil)"]
      assert kinds.("number") == ["g(1)", "g(1.5)"]
      assert kinds.("binary") == [~s|g("s")|]
      assert kinds.("list") == ["g([1])"]
      assert kinds.("tuple") == ["g({1, 2})"]
      assert kinds.("map") == ["g(%{})"]
      assert kinds.("nil") == ["g(nil)"]
      assert kinds.("variable") == ["g(a)"]
      assert kinds.("call") == ["g(h())"]
      assert kinds.("module") == ["g(B.C)"]
      assert kinds.("function") == ["g(fn -> 1 end)"]
      assert kinds.("literal") == ["g(:a)", "g(1)", "g(1.5)", ~s|g("s")|, "g([1])", "g({1, 2})", "g(nil)"]
    end

    test "values" do
      code = in_function(~s|g(1)\ng(5)\ng(-1)\ng(:a)\ng("s")\ng(B)|)
      assert matched(code, "g(x) when x > 1") == ["g(5)"]
      assert matched(code, "g(x) when 1 >= x") == ["g(1)"]
      assert matched(code, "g(x) when x == :a or x == \"s\"") == ["g(:a)", ~s|g("s")|]
      assert matched(code, "g(x) when x in [1, B]") == ["g(1)", "g(B)"]
      assert matched(code, "g(x) when x not in [1, 5, :a, B] and is_literal(x)") == [~s|g("s")|]
    end

    test "captures with each other, and their number" do
      code = in_function("g(1, 1)\ng(1, 2)\ng(1, 2, 3)")
      assert matched(code, "g(x, y) when x != y") == ["g(1, 2)"]
      assert matched(code, "g(...xs) when length(xs) > 2") == ["g(1, 2, 3)"]
    end

    test "names" do
      code = "defmodule A do\ndef get_a(x), do: x\ndef get_b(x) when x, do: x\ndef set(x), do: x\nend"

      assert captured(code, "def x do _ end when x =~ ~r/^GET_/i") |> Enum.map(& &1["x"]) == [
               "get_a(x)",
               "get_b(x) when x"
             ]

      assert captured(code, "def x do _ end when x =~ \"^get_\" and not (x =~ \"b$\")") == [
               %{"x" => "get_a(x)"}
             ]

      assert matched(in_function("g(a)\nhandle_a(b)"), "_(_) when __match__ =~ ~r/^handle_/") == [
               "handle_a(b)"
             ]
    end

    test "around, within, before, behind" do
      code = "defmodule A do\ndef f do\ng(1)\nh(2)\ni(g(3))\nend\ndefp k, do: g(4)\nend"
      assert matched(code, "g(_) when inside(def(_, _))") == ["g(1)", "g(3)"]
      assert matched(code, "g(_)", not_inside: "def _ do ... end") == ["g(4)"]
      assert matched(code, "g(_)", inside: "i(_)") == ["g(3)"]
      assert matched(code, "i(_) when contains(g(_))") == ["i(g(3))"]
      assert matched(code, "g(_) when follows(h(_))") == ["g(3)"]
      assert matched(code, "g(_) when precedes(h(_))") == ["g(1)"]
      assert matched(code, "g(_)", follows: "h(_)", inside: "i(_)") == ["g(3)"]
      assert matched(code, "g(_)", not_follows: "h(_)", inside: "def(_, _)") == ["g(1)"]

      assert captured(code, "defp x do body end when contains(body, g(_))") == [
               %{"x" => "k", "body" => "g(4)"}
             ]
    end

    test "captures are shared with the patterns in a guard" do
      code = in_function("x = 1\ny = 2\ng(x)\ng(z)")
      assert matched(code, "g(v) when follows(v = _)") == ["g(x)"]
    end
  end

  describe "answers" do
    test "ids, places and captures" do
      repo = repository("defmodule A do\n  def f(a), do: Enum.map(a, & &1)\nend")
      assert {:ok, [id]} = ASTRepository.find_ast_nodes_by_pattern(repo, quote(do: Enum.map(x, _)))

      assert {:ok, %{matches: [match]} = found} =
               ASTRepository.find_ast_nodes_by_pattern(repo, "Enum.map(x, _)", [])

      assert %PatternMatch{ast_node_id: ^id, line: 2, column: 22, start: {2, 17}} = match
      assert %{"x" => %{id: variable, code: {:a, _, nil}}} = match.captures
      assert {:ok, {:a, _, nil}} = ASTRepository.get_ast_node(repo, variable)
      assert {:ok, %{line: 2, column: 22}} = ASTRepository.get_node_location(repo, id)
      assert %PatternMatches{count: 1, more?: false, files: 1, candidates: 1} = found
    end

    test "limit and offset" do
      repo = repository(in_function("g(1)\ng(2)\ng(3)"))
      find = &ASTRepository.find_ast_nodes_by_pattern(repo, "g(x) when is_integer(x)", &1)
      assert {:ok, %{count: 2, more?: true}} = find.(limit: 2)
      assert {:ok, %{count: 3, more?: false}} = find.(limit: 3)
      assert {:ok, %{count: 1, more?: false, matches: [%{captures: %{"x" => %{code: 3}}}]}} = find.(offset: 2)
      assert {:ok, %{count: 0, more?: true}} = find.(limit: 0)
    end

    test "a compiled pattern may be older than what it finds" do
      name = "brand_new_#{System.unique_integer([:positive])}"
      {:ok, pattern} = Pattern.new("#{name}(_)")
      assert_raise ArgumentError, fn -> String.to_existing_atom(name) end
      assert matched(in_function("#{name}(1)"), pattern) == ["#{name}(1)"]
    end
  end

  describe "what is refused" do
    test "with what to do" do
      repo = repository("defmodule A do\nend")

      for {pattern, options} <- [
            {"", []},
            {"f(", []},
            {"f(a: 1, ...)", []},
            {"f(x) when y > 1", []},
            {"f(x) when is_atm(x)", []},
            {"f(x) when x =~ \"(\"", []},
            {"f(x) when length(x) > :a", []},
            {<<255>>, []},
            {self(), []},
            {%{}, []},
            {"f(#{String.duplicate("x,", 5_000)} x)", []},
            {String.duplicate("f(", 40_000), []},
            {"f(x)", [insid: "g(x)"]},
            {"f(x)", [inside: "g("]},
            {"f(x)", [limit: -1]},
            {"f(x)", [timeout: :soon]},
            {"f(x)", [pipes: 1]},
            {"f(x)", :options}
          ] do
        outcome = ASTRepository.find_ast_nodes_by_pattern(repo, pattern, options)
        shown = inspect({pattern, options}, limit: 5, printable_limit: 50)
        assert match?({:error, %Error{}}, outcome), "#{shown} is not refused"
        {:error, %Error{reason: reason, message: message}} = outcome
        assert reason in [:invalid_argument, :unknown, :limit_exceeded]
        assert byte_size(message) < 1_000
      end
    end

    test "many ways to match end at the timeout" do
      items = Enum.map_join(1..300, ", ", &to_string/1)
      repo = repository(in_function("[#{items}]"))
      pattern = "[" <> String.duplicate("..., _, ", 8) <> "999]"

      assert {:error, %Error{reason: :timeout}} =
               ASTRepository.find_ast_nodes_by_pattern(repo, pattern, timeout: 50)
    end

    test "so do nested alternatives and negations" do
      repo = repository(in_function("g(#{Enum.map_join(1..24, ", ", &to_string/1)})"))
      any = Enum.map_join(1..23, ", ", fn _ -> "__any__(_, __any__(_, _), __not__(__not__(_)))" end)

      assert {:error, %Error{reason: :limit_exceeded}} =
               ASTRepository.find_ast_nodes_by_pattern(repo, "g(#{any}, 0)", timeout: 50)

      any = Enum.map_join(1..23, ", ", fn _ -> "__any__(_, __any__(_, _))" end)

      assert {:error, %Error{reason: :timeout}} =
               ASTRepository.find_ast_nodes_by_pattern(repo, "g(#{any}, 0)", timeout: 50)
    end

    test "depth is no danger" do
      deep = String.duplicate("[", 2_000) <> "1" <> String.duplicate("]", 2_000)
      repo = repository(in_function(deep))
      assert {:ok, %{count: 1}} = ASTRepository.find_ast_nodes_by_pattern(repo, deep, [])

      assert {:ok, %{count: 2_000}} =
               ASTRepository.find_ast_nodes_by_pattern(repo, "[__deep__(1)]",
                 limit: :infinity,
                 timeout: 20_000
               )
    end
  end
end

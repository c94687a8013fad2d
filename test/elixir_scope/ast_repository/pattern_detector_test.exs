defmodule ElixirScope.ASTRepository.PatternDetectorTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{CodeSmell, PatternDetector, Query}

  # The findings of one kind in the body of a module, as lines.
  defp lines(kind, body, opts \\ []), do: for(one <- findings(kind, body, opts), do: one.line)

  defp findings(kind, body, opts \\ []) do
    repo = repository()
    :ok = ASTRepository.store_module(repo, parse("defmodule My.Sample do\n#{body}\nend"))
    {:ok, found} = PatternDetector.findings(repo, [kinds: [kind]] ++ opts)
    assert Enum.all?(found, &(&1.kind == kind))

    for one <- found do
      assert {:ok, _code} = ASTRepository.get_ast_node(repo, one.ast_node_id)

      for place <- one.related,
          do: assert({:ok, _code} = ASTRepository.get_ast_node(repo, place.ast_node_id))
    end

    found
  end

  defp all_findings(body, opts) do
    repo = repository()
    :ok = ASTRepository.store_module(repo, parse("defmodule My.Sample do\n#{body}\nend"))
    {:ok, found} = PatternDetector.findings(repo, opts)
    found
  end

  defp repeat(count, text), do: Enum.map_join(1..count, "\n", fn n -> String.replace(text, "N", "#{n}") end)

  test "long functions, by clause" do
    assert lines(:long_function, "def f do\n#{repeat(59, "xN = N")}\nend") == [2]
    assert lines(:long_function, "def f do\n#{repeat(58, "xN = N")}\nend") == []
    assert lines(:long_function, "def f do\ng()\nh()\nend", thresholds: [long_function_lines: 3]) == [2]
  end

  test "deep nesting points at what is too deep, and at what is around it" do
    four = "def f(x) do\nif x do\ncase x do\n1 ->\nfor y <- x do\nif y, do: 1\nend\nend\nend\nend"

    assert [%CodeSmell{line: 7, measured: 4.0, threshold: 3, related: related}] =
             findings(:deep_nesting, four)

    assert Enum.map(related, & &1.line) == [3, 4, 6]
    assert lines(:deep_nesting, "def f(x), do: (if x, do: (for y <- x, do: (if y, do: 1)))") == []
  end

  test "large modules" do
    assert lines(:large_module, repeat(601, "def fN, do: N")) == [1]
    assert lines(:large_module, repeat(600, "def fN, do: N")) == []
  end

  test "god modules: complex, reaching out, and loose" do
    calls = repeat(6, "def gN(x), do: My.OtherN.g(if(x, do: 1), if(x, do: 2), if(x, do: 3), if(x, do: 4))")
    complex = repeat(12, "def hN(x), do: (if x && x, do: 1)")
    assert [%{line: 1, confidence: confidence}] = findings(:god_module, calls <> "\n" <> complex)
    assert confidence < 1
    # the same, but every function goes through one
    tight = String.replace(calls <> "\n" <> complex, "do: ", "do: all() && ", global: false)

    assert lines(
             :god_module,
             String.replace(tight, ~r/, do: (My|\()/, ", do: all() && \\1") <> "\ndef all, do: 1"
           ) == []

    assert lines(:god_module, complex) == []
  end

  test "feature envy: six functions of one other module of the project, few of its own" do
    envy = Enum.map_join(1..6, "\n", &"My.Cart.f#{&1}(x)")
    assert [%{measured: 6.0, related: related}] = findings(:feature_envy, "def f(x) do\n#{envy}\nend")
    assert length(related) == 6
    # one function often, a library, the namespace around, own work beside it
    assert lines(:feature_envy, "def f(x) do\n#{repeat(9, "My.Cart.f(x)")}\nend") == []
    assert lines(:feature_envy, "def f(x) do\n#{String.replace(envy, "My.", "Other.")}\nend") == []
    assert lines(:feature_envy, "def f(x) do\n#{String.replace(envy, "My.Cart", "My")}\nend") == []
    assert lines(:feature_envy, "def f(x) do\n#{envy}\ng(g(g(x)))\nend\ndef g(x), do: x") == []
  end

  test "many parameters" do
    assert lines(:many_parameters, "def f(a, b, c, d, e, f, g, h), do: a") == [2]
    assert lines(:many_parameters, "def f(a, b, c, d, e, f, g), do: a") == []
  end

  test "unused private functions, by reachability" do
    for {body, expected} <- [
          {"defp f, do: 1", [2]},
          {"defp f, do: f()", [2]},
          {"defp f(1), do: g()\ndefp g, do: f(1)", [2, 3]},
          {"def a, do: f()\ndefp f, do: g()\ndefp g, do: 1", []},
          {"def a(x), do: x |> f(1)\ndefp f(x, y), do: x + y", []},
          {"def a, do: &f/1\ndefp f(x), do: x", []},
          {"def a, do: f\ndefp f, do: 1", []},
          {"def a, do: f(1)\ndefp f(x, y \\\\ 2), do: x + y", []},
          {"def a, do: f(1)\ndefp f(x), do: x\ndefp f(x, y), do: x + y", [4]},
          {"def a, do: apply(__MODULE__, :f, [])\ndefp f, do: 1", []},
          {"plug :f\ndefp f(c, _), do: c", []},
          {"@x f()\ndefmacrop f, do: 1", []},
          {"@spec f() :: 1\n@compile {:inline, f: 0}\ndefp f, do: 1", [4]},
          {"def a(x) when g(x), do: x\ndefguardp g(x) when x > 1", []},
          {"def a, do: ~H\"<.f />\"\ndefp f(x), do: x", []},
          {"def a, do: unquote(b)()\ndefp f, do: 1", []},
          {"use MyWeb, :view\ndefp f, do: 1", []}
        ] do
      assert {body, lines(:unused_private_function, body)} == {body, expected}
    end
  end

  test "unused private functions are those that the compiler warns of" do
    body = """
      def a(x), do: b(x) |> Enum.map(&c/1)
      defp b(x), do: [x, d()]
      defp c(x), do: x
      defp d, do: 1
      defp e(x), do: g(x)
      defp g(x), do: e(x)
      defp h(x, y \\\\ 1), do: x + y
      defp i, do: 1
      def j, do: h(1) + k(2, 3)
      defp k(x), do: x
      defp k(x, y), do: x + y
      defmacrop l(x), do: x
      defmacrop m(x), do: x
      def n, do: m(1)
    """

    warned =
      ExUnit.CaptureIO.capture_io(:stderr, fn ->
        Code.compile_string("defmodule My.Sample#{System.unique_integer([:positive])} do\n#{body}\nend")
      end)

    names = Regex.scan(~r/(?:function|macro) (\w+\/\d) is unused/, warned, capture: :all_but_first)
    found = findings(:unused_private_function, body)
    ours = for one <- found, {_, name, arity} = one.function_key, do: "#{name}/#{arity}"
    assert Enum.sort(ours) == names |> List.flatten() |> Enum.sort()
    assert length(ours) == 5
  end

  test "unreachable clauses" do
    for {body, expected} <- [
          {"def f(x), do: x\ndef f(1), do: 2", [3]},
          {"def f(x, x), do: x\ndef f(1, 2), do: 2", []},
          {"def f(x) when x > 1, do: x\ndef f(1), do: 2", []},
          {"def f(1), do: 1\ndef f(1), do: 2", [3]},
          {"def f(x) when x > 1, do: 1\ndef f(x) when x > 1, do: 2", [3]},
          {"def f(x \\\\ 1)\ndef f(1), do: 1\ndef f(_), do: 2", []},
          {"def f(x) do\ncase x do\n_ -> 1\n2 -> 3\nend\nend", [5]},
          {"def f(x) do\ncase x do\n^x -> 1\n__MODULE__ -> 3\n_ -> 2\nend\nend", []},
          {"def f(x) do\ncond do\nx -> 1\ntrue -> 2\nx -> 3\nend\nend", [6]},
          {"def f, do: fn\nx -> x\n1 -> 2\nend", [4]},
          {"def f, do: fn\nx when x > 1 -> x\n1 -> 2\nend", []},
          {"if x do\ndef f(_), do: 1\nelse\ndef f(_), do: 2\nend", []}
        ] do
      assert {body, lines(:unreachable_clause, body)} == {body, expected}
    end
  end

  test "two passes for one" do
    for {code, both} <- [
          {"Enum.filter(x, &g/1) |> Enum.count()", "Enum.count/2"},
          {"x |> Enum.map(&g/1) |> Enum.join()", "Enum.map_join/3"},
          {"Enum.into(Enum.map(x, &g/1), %{})", "Enum.into/3"},
          {"x |> Enum.map(&g/1) |> Enum.concat()", "Enum.flat_map/2"}
        ] do
      assert [%{what: what}] = findings(:enum_one_pass, "def f(x), do: #{code}")
      assert what =~ both
    end

    assert [] = findings(:enum_one_pass, "def f(x), do: x |> Enum.map(&g/1) |> Enum.filter(&g/1)")
    assert [] = findings(:enum_one_pass, "def f(x), do: x |> My.Enum.filter(&g/1) |> Enum.count()")
    assert [_] = findings(:enum_one_pass, "alias Enum, as: E\ndef f(x), do: x |> E.filter(&g/1) |> E.count()")
  end

  test "chains of lists" do
    four = "x\n|> Enum.map(&g/1)\n|> Enum.filter(&g/1)\n|> Enum.uniq()\n|> Enum.take(3)"
    assert [%{measured: 4.0, line: 6, related: related}] = findings(:enum_chain, "def f(x), do: #{four}")
    assert Enum.map(related, & &1.line) == [3, 4, 5]
    assert [] = findings(:enum_chain, "def f(x), do: #{String.replace(four, "Enum", "Stream")}")
    assert [_] = findings(:enum_chain, "def f(x), do: #{four} |> Enum.sum()")
  end

  test "a query for each element" do
    for {body, expected} <- [
          {"def f(l), do: Enum.map(l, fn x -> My.Repo.get(A, x) end)", [2]},
          {"def f(l), do: Enum.each(l, &My.Repo.delete!/1)", [2]},
          {"alias My.Repo\ndef f(l) do\nfor x <- l do\nRepo.preload(x, :y)\nend\nend", [5]},
          {"def f(l), do: Enum.map(l, &g/1)\ndef g(x), do: My.Repo.get(A, x)", [2]},
          {"def f(l), do: (for x <- My.Repo.all(A), do: x)", []},
          {"def f(l), do: My.Repo.all(A) |> Enum.map(& &1.x)", []},
          {"def f(l), do: (if l, do: My.Repo.get(A, l))", []},
          {"def f(l), do: Enum.map(l, fn x -> My.Other.get(A, x) end)", []}
        ] do
      assert {body, lines(:n_plus_one, body)} == {body, expected}
    end
  end

  test "the process dictionary" do
    assert lines(:process_dictionary, "def f, do: Process.put(:a, 1)\ndef g, do: :erlang.get(:a)") == [2, 3]

    assert lines(
             :process_dictionary,
             "def f, do: Process.get(:\"$callers\")\ndef g, do: Process.alive?(self())"
           ) == []

    assert lines(:process_dictionary, "defmacro f, do: quote(do: Process.put(:a, 1))") == []
  end

  test "processes without a supervisor" do
    assert lines(:unsupervised_spawn, "def f(g), do: spawn(g)\ndef h(g), do: Task.start(g)") == [2, 3]
    assert lines(:unsupervised_spawn, "def spawn(g), do: :erlang.spawn(g)") == []
    assert lines(:unsupervised_spawn, "def f(g), do: Task.Supervisor.start_child(My.S, g)") == []

    assert lines(
             :unsupervised_spawn,
             "import Kernel, except: [spawn: 1]\ndef f(g), do: spawn(g)\ndefp spawn(g), do: g"
           ) == []
  end

  test "rescue of everything" do
    for {body, expected} <- [
          {"def f do\ng()\nrescue\n_ -> 1\nend", [5]},
          {"def f do\ntry do\ng()\nrescue\ne -> 1\nend\nend", [6]},
          {"def f do\ng()\nrescue\nArgumentError -> 1\nend", []},
          {"def f do\ng()\nrescue\ne in [A, B] -> 1\nend", []},
          {"def f do\ng()\nrescue\ne -> {:error, e}\nend", []},
          {"def f do\ng()\nrescue\n_ -> raise \"no\"\nend", []},
          {"def f do\ng()\nrescue\n_ -> Logger.error(\"no\")\nend", []}
        ] do
      assert {body, lines(:bare_rescue, body)} == {body, expected}
    end
  end

  test "atoms from input" do
    for {body, expected} <- [
          {"def f(x), do: String.to_atom(x)", [2]},
          {"def f(x), do: x |> String.to_atom()", [2]},
          {"def f(l), do: Enum.map(l, &String.to_atom/1)", [2]},
          {"def f(x), do: :\"a_\#{x}\"", [2]},
          {"def f, do: String.to_atom(\"a\")", []},
          {"def f(x), do: String.to_existing_atom(x)", []},
          {"defmacro f(x), do: String.to_atom(x)", []},
          {"@a String.to_atom(\"a\" <> \"b\")", []}
        ] do
      assert {body, lines(:atom_from_input, body)} == {body, expected}
    end
  end

  test "waiting in callbacks" do
    server = "use GenServer\n"

    for {body, expected} <- [
          {"def init(x) do\nProcess.sleep(1)\n{:ok, x}\nend", [4]},
          {"def handle_info(_, s) do\ng(s)\nend\ndefp g(s), do: GenServer.call(Other, s)", [6]},
          {"def handle_call(_, _, s) do\nTask.start(fn -> Process.sleep(1) end)\nend", []},
          {"def init(x) do\nspawn_link(&loop/0)\nend\ndefp loop do\nreceive do\n_ -> loop()\nend\nend", []},
          {"def handle_cast(_, s) do\nreceive do\nx -> x\nafter\n0 -> s\nend\nend", []},
          {"def handle_cast(_, s) do\nreceive do\nx -> x\nend\nend", [4]},
          {"def handle_continue(_, s), do: Process.sleep(1)\ndef start(x), do: GenServer.call(A, x)", []}
        ] do
      assert {body, lines(:blocking_call, server <> body)} == {body, expected}
    end

    assert lines(:blocking_call, "def init(x), do: Process.sleep(x)") == []
  end

  describe "clones" do
    @body """
      total = Enum.reduce(items, 0, fn item, sum -> sum + item.price * item.count end)
      discount = if total > 100, do: total / 10, else: 0
      tax = Float.round((total - discount) * 0.19, 2)

      case Map.fetch(rates, :country) do
        {:ok, rate} -> {:ok, total - discount + tax + rate}
        :error -> {:error, :no_rate}
      end
    """

    test "type I: layout and comments do not matter" do
      other = "# why\n" <> String.replace(@body, "\n\n", "\n\n\n# so\n")
      code = "def f(items, rates) do\n#{@body}end\ndef g(items, rates) do\n#{other}end"
      assert [%{line: line, related: [%{line: other}], measured: measured}] = findings(:clone_exact, code)
      # From Elixir 1.20 on a body of several expressions has a place of its own.
      assert {line, other} in [{3, 14}, {2, 12}]
      assert measured >= 60
      kinds = [kinds: [:clone_exact, :clone_renamed], thresholds: [clone_renamed_nodes: 60]]
      assert [%{kind: :clone_exact}] = all_findings(code, kinds)
    end

    test "type II: nor do names and literals" do
      other = @body |> String.replace("total", "sum_of_all") |> String.replace("100", "200")
      code = "def f(items, rates) do\n#{@body}end\ndef g(items, rates) do\n#{other}end"
      assert findings(:clone_exact, code) == []
      smaller = [thresholds: [clone_renamed_nodes: 60]]
      assert [%{line: 2, related: [%{line: 12}]}] = findings(:clone_renamed, code, smaller)
      # another function called is other code
      code = String.replace(code, "Float.round((sum_of_all", "Float.floor((sum_of_all")
      assert findings(:clone_renamed, code, smaller) == []
    end

    test "between files, and not in tests unless asked for" do
      root = Path.join(System.tmp_dir!(), "elixir_scope-#{System.unique_integer([:positive])}")
      on_exit(fn -> File.rm_rf!(root) end)
      module = fn name -> "defmodule #{name} do\ndef f(items, rates) do\n#{@body}end\nend\n" end
      write(root, [{"lib/a.ex", module.("A")}, {"lib/b.ex", module.("B")}, {"test/c_test.exs", module.("C")}])

      repo = repository()
      {:ok, %{errors: []}} = ASTRepository.import_project(repo, root)
      {:ok, [one]} = PatternDetector.findings(repo, kinds: [:clone_exact])
      assert {one.file, Enum.map(one.related, & &1.file)} == {"lib/a.ex", ["lib/b.ex"]}
      {:ok, [one]} = PatternDetector.findings(repo, kinds: [:clone_exact], tests: true)
      assert length(one.related) == 2
    end
  end

  test "a private function that quoted code of another module calls is not said to be unused" do
    repo = repository()

    :ok =
      ASTRepository.store_module(
        repo,
        parse("defmodule A do\nrequire B\ndefp hook, do: 1\ndefp other, do: 1\nend")
      )

    {:ok, both} = PatternDetector.findings(repo, kinds: [:unused_private_function])
    assert length(both) == 2
    :ok = ASTRepository.store_module(repo, parse("defmodule B do\ndefmacro m, do: quote(do: hook())\nend"))
    assert {:ok, [%{line: 4}]} = PatternDetector.findings(repo, kinds: [:unused_private_function])
  end

  test "a function knows its smells, also in queries" do
    repo = repository()
    :ok = ASTRepository.store_module(repo, parse("defmodule A do\ndef f(g), do: spawn(g)\ndef h, do: 1\nend"))
    {:ok, function} = ASTRepository.get_function(repo, {A, :f, 1})

    assert [%CodeSmell{kind: :unsupervised_spawn, function_key: {A, :f, 1}, line: 2, column: 15} = smell] =
             function.code_smells

    assert smell.why =~ "restarts" and smell.instead =~ "Supervisor" and smell.source != ""
    query = Query.new() |> Query.select([:function_name, :code_smells]) |> Query.from(:functions)
    assert {:ok, %{rows: rows}} = ASTRepository.query(repo, query)
    assert [%{code_smells: [^smell]}, %{code_smells: []}] = Enum.sort_by(rows, & &1.function_name)
  end

  test "every kind says why, what instead and where it comes from; every threshold its default" do
    {:ok, kinds} = PatternDetector.kinds()
    assert length(kinds) == 18

    for kind <- kinds, text <- [kind.why, kind.instead, kind.source], do: assert(String.length(text) > 10)
    thresholds = for kind <- kinds, one <- kind.thresholds, do: {one.name, one.default}
    assert thresholds[:long_function_lines] == 60
    assert Enum.all?(thresholds, fn {_, default} -> default > 0 end)
  end

  test "what is not understood is an error" do
    repo = repository()

    for {opts, reason} <- [
          {[kinds: [:long_functions]], :unknown},
          {[kinds: :long_function], :invalid_argument},
          {[thresholds: [lines: 1]], :unknown},
          {[thresholds: [parameters: -1]], :invalid_argument},
          {[thresholds: 1], :invalid_argument},
          {[tests: 1], :invalid_argument},
          {[confidence: :high], :invalid_argument},
          {[other: 1], :unknown},
          {:not_a_list, :invalid_argument}
        ] do
      assert {^opts, {:error, %{reason: ^reason, hint: _}}} = {opts, PatternDetector.findings(repo, opts)}
    end

    assert {:error, %{reason: :not_found}} = PatternDetector.findings(:nobody)
  end
end

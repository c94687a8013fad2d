defmodule ElixirScope.Integration.TestsTaskTest do
  @moduledoc """
  Which test reaches what, and the tests for a change, in a real project: every test that a change makes fail is among the chosen.
  """

  use ExUnit.Case, async: true

  alias ElixirScope.Test.{Project, PythonJSON}

  @moduletag timeout: 600_000

  @files %{
    "lib/chosen/prices.ex" => """
    defmodule Chosen.Prices do
      @rate 19
      def net(price), do: price
      def gross(price), do: price + tax(price)
      defp tax(price), do: div(price * @rate, 100)
      def never(x), do: x
    end
    """,
    "lib/chosen/macros.ex" => """
    defmodule Chosen.Macros do
      defmacro twice(x), do: quote(do: 2 * unquote(x))
      def helper(x), do: x
    end
    """,
    "lib/chosen/doubling.ex" => """
    defmodule Chosen.Doubling do
      require Chosen.Macros
      def double(x), do: Chosen.Macros.twice(x)
    end
    """,
    "lib/chosen/item.ex" => """
    defmodule Chosen.Item do
      defstruct name: "", count: 1
      def new(name), do: %__MODULE__{name: name}
    end
    """,
    "lib/chosen/box.ex" => """
    defmodule Chosen.Box do
      alias Chosen.Item
      def put(box, name), do: [%Item{name: name} | box]
      def count(box), do: box |> Enum.map(& &1.count) |> Enum.sum()
    end
    """,
    "lib/chosen/server.ex" => """
    defmodule Chosen.Server do
      use GenServer
      def start_link(opts), do: GenServer.start_link(__MODULE__, 0, opts)
      def add(server, n), do: GenServer.call(server, {:add, n})
      @impl true
      def init(n), do: {:ok, n}
      @impl true
      def handle_call({:add, n}, _from, sum), do: {:reply, sum + n, plus(sum, n)}
      defp plus(sum, n), do: sum + n
    end
    """,
    "lib/chosen/later.ex" => """
    defmodule Chosen.Later do
      def all(list), do: list |> Enum.map(&Task.async(fn -> one(&1) end)) |> Task.await_many()
      def one(x), do: x * 10

      def aside(x) do
        me = self()
        spawn(fn -> send(me, {:aside, two(x)}) end)
        receive do: ({:aside, y} -> y)
      end

      def two(x), do: x + 2
    end
    """,
    "test/async_test.exs" => """
    defmodule AsyncTest do
      use ExUnit.Case, async: true
      test "prices", do: assert Chosen.Prices.gross(100) == 119
      test "net", do: assert Chosen.Prices.net(100) == 100
      test "tasks", do: assert Chosen.Later.all([1, 2]) == [10, 20]
      test "aside", do: assert Chosen.Later.aside(1) == 3

      test "box" do
        assert [] |> Chosen.Box.put("a") |> Chosen.Box.count() == 1
      end
    end
    """,
    "test/other_async_test.exs" => """
    defmodule OtherAsyncTest do
      use ExUnit.Case, async: true
      setup do
        {:ok, item: Chosen.Item.new("x")}
      end

      test "item", %{item: item}, do: assert item.count == 1
      test "doubling", do: assert Chosen.Doubling.double(4) == 8
      describe "a server of its own" do
        setup do
          {:ok, server: start_supervised!({Chosen.Server, []})}
        end

        test "adds", %{server: server} do
          assert Chosen.Server.add(server, 3) == 3
          assert Chosen.Server.add(server, 3) == 6
        end
      end
    end
    """,
    "test/shared_test.exs" => """
    defmodule SharedTest do
      use ExUnit.Case, async: false
      setup_all do
        start_supervised!({Chosen.Server, name: :shared})
        {:ok, base: Chosen.Prices.net(5)}
      end

      test "first", %{base: base}, do: assert is_integer(Chosen.Server.add(:shared, base))
      test "second", do: assert is_integer(Chosen.Server.add(:shared, 2))
      @tag :skip
      test "skipped", do: flunk("no")
    end
    """
  }

  # `{file, from, to, tests that have to fail, whether others may be chosen}`.
  @mutations [
    {"lib/chosen/prices.ex", "price + tax(price)", "price - tax(price)", ["test prices"]},
    {"lib/chosen/prices.ex", "@rate 19", "@rate 7", ["test prices"]},
    {"lib/chosen/prices.ex", "def net(price), do: price", "def net(price), do: price * 2", ["test net"]},
    {"lib/chosen/macros.ex", "2 * unquote(x)", "3 * unquote(x)", ["test doubling"]},
    {"lib/chosen/item.ex", "count: 1", "count: 2", ["test box", "test item"]},
    {"lib/chosen/server.ex", "def init(n), do: {:ok, n}", "def init(n), do: {:ok, n + 1}",
     ["test a server of its own adds"]},
    {"lib/chosen/server.ex", "sum + n\n", "sum - n\n", ["test a server of its own adds"]},
    {"lib/chosen/later.ex", "x * 10", "x * 11", ["test tasks"]},
    {"lib/chosen/later.ex", "x + 2", "x + 3", ["test aside"]}
  ]

  defp chosen(project, args \\ []) do
    {output, 0} = Project.mix(project, ["elixir_scope.tests", "--json", "chosen.json"] ++ args, env: "test")
    document = PythonJSON.read_file(Path.join(project.dir, "chosen.json"))
    {document, Enum.sort(for test <- document["tests"], do: test["name"]), output}
  end

  test "tests that a change makes fail are chosen, others are not where it is certain" do
    project = Project.new(name: :chosen, files: @files, compilers: nil)
    {output, status} = Project.mix(project, ~w(elixir_scope.test --seed 0))
    assert status == 0, output
    refute output =~ "is not recorded"
    {document, [], output} = chosen(project)
    assert document["total"] == 10
    assert output =~ "Nothing changed that a test could tell"

    # What nobody calls concerns nobody, nor does layout.
    path = "lib/chosen/prices.ex"

    Project.write(
      project,
      path,
      String.replace(@files[path], "def never(x), do: x", "# more\n\n  def never(x), do: x + 1")
    )

    assert {%{"changed" => ["Chosen.Prices.never/1"]}, [], output} = chosen(project)
    assert output =~ "No test reaches what changed: Chosen.Prices.never/1"
    Project.write(project, path, @files[path])

    for {file, from, to, failing} <- @mutations do
      text = String.replace(@files[file], from, to)
      assert text != @files[file]
      Project.write(project, file, text)
      File.touch!(Path.join(project.dir, file), System.os_time(:second) + 2)
      {_, names, _} = chosen(project)
      {full, _} = Project.mix(project, ~w(test --seed 0))
      failed = for [_, name] <- Regex.scan(~r/^\s+\d+\) (.+) \([\w.]+\)$/m, full), do: name
      assert Enum.sort(failed) == Enum.sort(failing), "#{file}: #{to}\n#{full}"
      assert failed -- names == [], "#{file}: #{to}: not chosen, of #{inspect(names)}"
      Project.write(project, file, @files[file])
      File.touch!(Path.join(project.dir, file), System.os_time(:second) + 4)
    end

    exact(project)
    attributed(project)
    paths(project)
  end

  # Tests whose processes are their own are told apart, `async` or not.
  defp exact(project) do
    for {file, from, to, names} <- [
          {"lib/chosen/prices.ex", "price + tax", "price - tax", ["test prices"]},
          {"lib/chosen/later.ex", "x * 10", "x * 11", ["test tasks"]},
          {"lib/chosen/later.ex", "x + 2", "x + 3", ["test aside"]},
          {"lib/chosen/box.ex", "Enum.sum()", "Enum.count()", ["test box"]}
        ] do
      Project.write(project, file, String.replace(@files[file], from, to))
      assert {_, ^names, _} = chosen(project, ["--narrow"])
      Project.write(project, file, @files[file])
    end
  end

  # What is recorded of each test, in the saved repository.
  defp attributed(project) do
    script = """
    {:ok, repository} = ElixirScope.ASTRepository.load("_build/test/elixir_scope/test.scope")
    for {name, arity, module} <- [{:gross, 1, Chosen.Prices}, {:net, 1, Chosen.Prices}, {:one, 1, Chosen.Later}, {:handle_call, 3, Chosen.Server}] do
      {:ok, data} = ElixirScope.ASTRepository.get_function(repository, {module, name, arity})
      for one <- data.test_cases, do: IO.puts("CASE \#{name} \#{one.module} \#{one.name} \#{one.how} \#{one.calls} \#{one.result} \#{one.file}:\#{one.line}")
    end
    """

    Project.write(project, "cases.exs", script)
    {output, 0} = Project.mix(project, ["run", "--no-start", "cases.exs"], env: "test")
    cases = for "CASE " <> text <- String.split(output, "\n"), do: text
    assert "gross AsyncTest test prices own 1 passed test/async_test.exs:3" in cases
    assert "net SharedTest test second setup_all 1 passed test/shared_test.exs:9" in cases

    assert "one AsyncTest test tasks descendant 2 passed test/async_test.exs:5" in cases

    assert "handle_call OtherAsyncTest test a server of its own adds descendant 2 passed test/other_async_test.exs:14" in cases

    assert Enum.any?(cases, &(&1 =~ ~r/^handle_call SharedTest test first (meanwhile|setup_all|descendant) /))
  end

  # The ways to ask.
  defp paths(project) do
    {_, names, _} = chosen(project, ["lib/chosen/prices.ex"])
    # `test skipped` would be, if it ran.
    assert names == ["test first", "test net", "test prices", "test second"]

    Project.write(
      project,
      "test/new_test.exs",
      "defmodule NewTest do\n  use ExUnit.Case\n  test \"new\", do: assert true\nend\n"
    )

    assert {%{"files" => ["test/new_test.exs"]}, [], _} = chosen(project)
    {output, 0} = Project.mix(project, ~w(elixir_scope.tests --run), env: "test")
    assert output =~ ~r/1 test, 0 failures|1 passed/
    File.rm!(Path.join(project.dir, "test/new_test.exs"))

    Project.write(
      project,
      "lib/chosen/prices.ex",
      String.replace(@files["lib/chosen/prices.ex"], "price + tax", "price - tax")
    )

    {output, status} = Project.mix(project, ~w(elixir_scope.tests --narrow --run), env: "test")
    assert status != 0
    assert output =~ ~r/ 1 failure|0.1 passed/
    Project.write(project, "lib/chosen/prices.ex", @files["lib/chosen/prices.ex"])

    {output, 1} = Project.mix(project, ~w(elixir_scope.tests --repo nothing.scope), env: "test")
    assert output =~ "run mix elixir_scope.test once"
  end
end

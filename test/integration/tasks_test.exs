defmodule ElixirScope.Integration.TasksTest do
  @moduledoc """
  The tasks as a user runs them: in real projects, as processes of their own.
  """

  use ExUnit.Case, async: true

  alias ElixirScope.Test.{Project, PythonJSON}

  @moduletag timeout: 300_000

  @files %{
    "lib/sample.ex" => """
    defmodule Sample do
      def total(items), do: items |> Enum.map(&price/1) |> Enum.sum()

      def price({_name, price}), do: price
      def price(:free), do: 0

      def loop(0), do: :done
      def loop(n), do: loop(n - 1)

      def pay(amount) when amount < 0, do: raise(ArgumentError, "negative")
      def pay(amount), do: {:paid, amount}

      def refund(amount, reason) do
        cond do
          amount > 100 -> if reason == :broken, do: :ask, else: :refuse
          reason in [:broken, :late] -> :full
          true -> :half
        end
      end
    end
    """,
    "test/sample_test.exs" => """
    defmodule SampleTest do
      use ExUnit.Case

      test "the environment" do
        assert Mix.env() == :test
      end

      test "total" do
        for _ <- 1..5, do: assert Sample.total([{"tea", 3}, :free, {"日本茶", 4}]) == 7
      end

      test "loop" do
        assert Sample.loop(10_000) == :done
      end

      test "pay" do
        assert Sample.pay(3) == {:paid, 3}
        assert_raise ArgumentError, fn -> Sample.pay(-1) end
      end

      @tag :failing
      test "fails" do
        assert Sample.pay(1) == :wrong
      end
    end
    """
  }

  # What the suite calls, without the failing test.
  @calls %{{"total", 1} => 5, {"price", 1} => 15, {"loop", 1} => 10_001, {"pay", 1} => 2, {"refund", 2} => 0}

  # How ExUnit sums up, before and since Elixir 1.20.
  @passed ~r/5 tests, 0 failures, 1 excluded|4 passed/
  @failed ~r/5 tests, 1 failure|4\/5 passed/

  @direct [vars: [{"MIX_ENV", nil}]]

  defp functions(document),
    do: for(row <- document["functions"], into: %{}, do: {{row["function"], row["arity"]}, row})

  defp check_document(project, path) do
    document = PythonJSON.read_file(Path.join(project.dir, path))
    assert {document["schema"], document["version"]} == {"elixir_scope.report", 1}
    totals = document["totals"]
    assert totals["events_offered"] == totals["events_stored"] + totals["events_dropped"]
    assert totals["events_dropped"] == 0
    assert totals["events_correlated"] == totals["events_stored"]
    document
  end

  for {what, compilers} <- [
        {"the dependency and the compiler", "[:elixir_scope | Mix.compilers()]"},
        {"the dependency only", nil}
      ] do
    describe "a project with #{what}" do
      @describetag compilers: compilers

      test "is tested under observation, saved, and asked", %{compilers: compilers} do
        project = Project.new(files: @files, compilers: compilers)

        # Both environments' copies of the dependency, so that it is not compiled from nothing.
        {_, 0} = Project.mix(project, ~w(deps.loadpaths), env: "test")
        # A user sets no MIX_ENV.
        args = ~w(elixir_scope.test --json out/report.json --exclude failing --limit 3 --seed 0)
        {output, status} = Project.mix(project, args, [env: "dev"] ++ @direct)
        assert status == 0, output
        assert output =~ @passed
        assert output =~ ~r/Hot, by time.*\n +function +calls +self/
        assert output =~ ~r/Sample\.pay\/1 +1 +2 +50 %/
        assert output =~ ~r/Complex and never run.*\n.*\n +Sample\.refund\/2 +\d+ +\d+ +lib\/sample\.ex:\d+/
        assert output =~ "0 dropped; 100 % lead to a place in the source"
        assert output =~ "Saved to _build/test/elixir_scope/test.scope"

        document = check_document(project, "out/report.json")
        rows = functions(document)
        for {function, calls} <- @calls, do: assert(rows[function]["calls"] == calls, inspect(function))
        assert rows[{"pay", 1}]["errors"] == 1
        assert rows[{"total", 1}]["ast_node_id"] == "Sample.total/1"
        assert rows[{"total", 1}]["file"] == "lib/sample.ex"
        assert rows[{"total", 1}]["line"] == 2
        assert rows[{"total", 1}]["total_us"] >= rows[{"total", 1}]["self_us"]
        assert rows[{"refund", 2}]["p95_us"] == nil

        # Asked from the other environment, as users do.
        question = "from(:functions) |> where(calls > 1) |> order_by(:calls, :desc) |> limit(2)"
        {output, 0} = Project.mix(project, ["elixir_scope.query", question, "--json", "answer.json"])
        assert output =~ ~r/Sample\.loop\/1.*10001/
        assert output =~ "(2 of 4 rows)"
        answer = check_document(project, "answer.json")
        assert answer["answer"]["total"] == 4

        assert [%{"function_key" => "Sample.loop/1", "calls" => 10_001}, %{"calls" => 15}] =
                 answer["answer"]["rows"]

        assert [%{"function" => "loop", "calls" => 10_001}, %{"function" => "price"}] = answer["functions"]
        assert answer["totals"] == document["totals"]
      end
    end
  end

  test "a failing suite is reported, and fails as mix test does" do
    project = Project.new(files: @files, compilers: nil)

    {output, status} = Project.mix(project, ~w(elixir_scope.test --json r.json --no-save))
    {plain, plain_status} = Project.mix(project, ~w(test))
    assert plain =~ @failed
    assert output =~ @failed
    assert {status, output =~ "Failing"} == {plain_status, true}
    assert functions(check_document(project, "r.json"))[{"pay", 1}]["calls"] == 3
    refute File.exists?(Path.join(project.dir, "_build/test/elixir_scope/test.scope"))

    {_, 7} = Project.mix(project, ~w(elixir_scope.test --no-save --exit-status 7))
    {output, 1} = Project.mix(project, ~w(elixir_scope.test --no-save test/no_such_test.exs))
    assert output =~ "did not match"
  end

  test "code is run under observation, also code that fails" do
    project =
      Project.new(
        files: Map.put(@files, "script.exs", "IO.inspect(System.argv())\nSample.total([:free])\n"),
        compilers: nil
      )

    {output, status} =
      Project.mix(project, ~w(elixir_scope.run --json r.json script.exs --json theirs --limit))

    assert status == 0, output
    assert output =~ ~s(["--json", "theirs", "--limit"])
    assert output =~ "Saved to _build/dev/elixir_scope/run.scope"
    rows = functions(check_document(project, "r.json"))
    assert rows[{"total", 1}]["calls"] == 1
    assert rows[{"loop", 1}]["calls"] == 0

    {output, status} = Project.mix(project, ["elixir_scope.run", "--json", "r.json", "-e", "Sample.pay(-5)"])
    assert status == 1
    assert output =~ "** (ArgumentError) negative"
    assert output =~ ~r/Sample\.pay\/1 +1 +1 +100 %/
    assert functions(check_document(project, "r.json"))[{"pay", 1}]["errors"] == 1

    {_, 9} = Project.mix(project, ["elixir_scope.run", "--no-save", "-e", "exit({:shutdown, 9})"])

    {output, 0} =
      Project.mix(project, [
        "elixir_scope.run",
        "--no-save",
        "--only-modules",
        "Sample",
        "-e",
        "Sample.loop(3)"
      ])

    assert output =~ ~r/Sample\.loop\/1 +4/
    {output, 1} = Project.mix(project, ["elixir_scope.run", "--only-modules", "Nothing.*", "-e", "1"])
    assert output =~ "no module matches Nothing.*"
  end

  test "an umbrella is tested at its root" do
    dep = "{:elixir_scope, path: #{inspect(Path.expand("../..", __DIR__))}}"

    app = fn name, call ->
      module = Macro.camelize(name)

      %{
        "apps/#{name}/mix.exs" => """
        defmodule #{module}.MixProject do
          use Mix.Project

          def project do
            [app: :#{name}, version: "0.1.0", build_path: "../../_build", config_path: "../../config/config.exs",
             deps_path: "../../deps", lockfile: "../../mix.lock", deps: #{if name == "two", do: "[{:one, in_umbrella: true}]", else: "[]"}]
          end
        end
        """,
        "apps/#{name}/lib/#{name}.ex" => "defmodule #{module} do\n  def work(x), do: #{call}\nend\n",
        "apps/#{name}/test/test_helper.exs" => "ExUnit.start()\n",
        "apps/#{name}/test/#{name}_test.exs" => """
        defmodule #{module}Test do
          use ExUnit.Case
          test "works", do: for(_ <- 1..4, do: assert #{module}.work(1) == 2)
        end
        """
      }
    end

    project =
      Project.new(
        files:
          Map.merge(app.("one", "x + 1"), app.("two", "One.work(x)"))
          |> Map.put("mix.exs", """
          defmodule Umbrella.MixProject do
            use Mix.Project
            def project, do: [apps_path: "apps", version: "0.1.0", deps: [#{dep}]]
          end
          """)
      )

    {output, status} = Project.mix(project, ~w(elixir_scope.test --json r.json))
    assert status == 0, output
    rows = for row <- check_document(project, "r.json")["functions"], into: %{}, do: {row["module"], row}
    assert %{"calls" => 8, "file" => "apps/one/lib/one.ex"} = rows["One"]
    assert %{"calls" => 4} = rows["Two"]

    Project.write(project, "apps/one/test/failing_test.exs", """
    defmodule FailingTest do
      use ExUnit.Case
      test "fails", do: assert One.work(1) == 1
    end
    """)

    {output, status} = Project.mix(project, ~w(elixir_scope.test --no-save))
    assert status != 0
    assert output =~ "Observed for"
  end

  test "source is read, with what does not parse" do
    project =
      Project.new(
        files: Map.put(@files, "lib/broken.ex", "defmodule Broken do\n  def f(, do: 1\nend\n"),
        compilers: nil
      )

    {output, 0} = Project.mix(project, ~w(elixir_scope.import --json r.json))
    assert output =~ ~r/Imported in .*: \d+ modules/
    assert output =~ ~r/Sample\.refund\/2 +\d+ +\d+ +lib\/sample\.ex/
    assert output =~ ~r/lib\/broken\.ex:[23] was not read/
    assert File.exists?(Path.join(project.dir, "_build/dev/elixir_scope/import.scope"))
    assert functions(check_document(project, "r.json"))[{"total", 1}]["ast_node_id"] == "Sample.total/1"

    {output, 0} =
      Project.mix(
        project,
        ~w(elixir_scope.query --from functions --select) ++
          ["function_name, line", "--where", "cyclomatic_complexity > 3"]
      )

    assert output =~ ~r/function_name +line\nrefund +13\n\(1 row\)/

    # Wrong questions say what is right, and are not run.
    {output, 1} = Project.mix(project, ["elixir_scope.query", "from(:functions) |> where(cals > 1)"])
    assert output =~ "did you mean :calls?"
    {output, 1} = Project.mix(project, ["elixir_scope.query", "File.rm_rf!(\"lib\")"])
    assert output =~ "only the builders of a query"
    assert File.exists?(Path.join(project.dir, "lib/sample.ex"))

    {output, 0} = Project.mix(project, ~w(elixir_scope.import lib/sample.ex --json - --no-save))
    assert [_, json] = Regex.run(~r/(\{\n.*\})\n/s, output)
    assert %{"totals" => %{"modules" => 1, "events_offered" => 0}} = PythonJSON.read(json)

    {output, 1} = Project.mix(project, ~w(elixir_scope.import no/such/place))
    assert output =~ "no/such/place"
    {output, 1} = Project.mix(project, ~w(elixir_scope.import --jsn x))
    assert output =~ "did you mean --json?"
  end

  test "what is asked before anything is saved, and help" do
    project = Project.new(files: @files, compilers: nil)
    {output, 1} = Project.mix(project, ["elixir_scope.query", "from(:modules)"])
    assert output =~ "no repository is saved here yet"
    assert output =~ "mix elixir_scope.test"

    Project.write(project, "broken.scope", "this is no repository")

    {output, 1} =
      Project.mix(project, ["elixir_scope.query", "from(:modules)", "--repository", "broken.scope"])

    refute output =~ "stacktrace"
    assert output =~ "elixir_scope: "

    for task <- ~w(test run import query) do
      {output, 0} = Project.mix(project, ["elixir_scope.#{task}", "--help"], env: "dev")
      assert output =~ "--json FILE"
    end

    {output, 1} = Project.mix(project, ~w(elixir_scope.test --cover))
    assert output =~ "mix test --cover by itself"
  end
end

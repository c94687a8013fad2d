defmodule ElixirScope.Integration.DemoTest do
  use ExUnit.Case, async: true

  @moduletag timeout: 600_000

  @root Path.expand("../..", __DIR__)

  # A project that knows nothing of ElixirScope.
  setup do
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-demo-#{System.unique_integer([:positive])}-#{System.pid()}")

    on_exit(fn -> File.rm_rf!(dir) end)
    project = Path.join(dir, "plain")
    File.mkdir_p!(project)

    write(project, "mix.exs", """
    defmodule Plain.MixProject do
      use Mix.Project
      def project, do: [app: :plain, version: "0.1.0", deps: []]
    end
    """)

    write(project, "lib/plain.ex", """
    defmodule Plain do
      def twice(n) when n > 0, do: n + half(n * 2) + n - n
      def half(n), do: div(n, 2)
      def unused(a) do
        cond do
          a == 1 -> :one
          a == 2 and is_integer(a) -> :two
          true -> if a, do: :some, else: :none
        end
      end
    end
    """)

    write(project, "test/test_helper.exs", "ExUnit.start()\n")

    write(project, "test/plain_test.exs", """
    defmodule PlainTest do
      use ExUnit.Case
      test "twice", do: assert Enum.map(1..7, &Plain.twice/1) == Enum.map(1..7, & &1 * 2)
      test "error" do
        assert_raise FunctionClauseError, fn -> Plain.twice(0) end
        if System.get_env("PLAIN_FAILS"), do: flunk("as asked")
      end
    end
    """)

    {:ok, project: project, cache: Path.join(dir, "cache")}
  end

  defp write(dir, path, text) do
    target = Path.join(dir, path)
    File.mkdir_p!(Path.dirname(target))
    File.write!(target, text)
  end

  defp demo(project, cache, vars \\ []) do
    env = [{"XDG_CACHE_HOME", cache}, {"MIX_ENV", nil}, {"MIX_BUILD_PATH", nil} | vars]
    System.cmd(Path.join(@root, "bin/demo"), [project], env: env, stderr_to_stdout: true)
  end

  defp snapshot(dir) do
    for path <- Path.wildcard(Path.join(dir, "**/*"), match_dot: true), File.regular?(path), into: %{} do
      {path, File.read!(path)}
    end
  end

  test "observes a project that knows nothing of it, and leaves its files as they are", context do
    before = snapshot(context.project)

    {output, status} = demo(context.project, context.cache)
    assert status == 0, output
    assert output =~ "Plain.twice/1"
    assert output =~ "Plain.unused/1"
    assert output =~ "Question 3"
    assert snapshot(context.project) == before

    # A failing suite is still told about, and still fails.
    {output, status} = demo(context.project, context.cache, [{"PLAIN_FAILS", "1"}])
    assert status != 0
    assert output =~ "as asked"
    assert output =~ "Plain.twice/1"
    assert snapshot(context.project) == before
  end

  test "what is no Mix project is refused", context do
    {output, 2} = demo(Path.join(context.project, "lib"), context.cache)
    assert output =~ "no Mix project"
    {output, 2} = demo("/nowhere/at/all", context.cache)
    assert output =~ "no directory"
  end
end

defmodule ElixirScope.Instrumentation.StdlibTest do
  use ExUnit.Case, async: true

  @root Path.expand("../../..", __DIR__)
  @sources "ELIXIR_SCOPE_ELIXIR_SRC"

  # The Elixir sources when they are there, else what every checkout has: this project's own files.
  defp patterns do
    case System.get_env(@sources) do
      nil -> ["#{@root}/{lib,test}/**/*.{ex,exs}"]
      dir -> ["#{dir}/**/*.{ex,exs}"]
    end
  end

  # Every how many-th file a sample takes.
  defp step, do: if(System.get_env(@sources), do: 25, else: 6)

  defp script(name, step, env \\ []), do: elixir(name, ["#{step}" | patterns()], env)

  defp elixir(name, arguments, env \\ []) do
    arguments = ["-pa", Mix.Project.compile_path(), Path.join([@root, "test/scripts", name]) | arguments]
    {output, status} = System.cmd("elixir", arguments, stderr_to_stdout: true, env: env)
    assert status == 0, output
    output
  end

  defp number(output, name) do
    assert [_, number] = Regex.run(~r/\b#{name}: (\d+)/, output), output
    String.to_integer(number)
  end

  defp same_bytes(step, env \\ []) do
    output = script("stdlib.exs", step, env)
    assert number(output, "different") == 0, output
    assert number(output, "modules") >= 30, output
    refute output =~ "skipped:", output
    number(output, "files")
  end

  defp same_counts(step) do
    output = script("call_counts.exs", step)
    assert number(output, "different") == 0, output
    assert number(output, "functions") > 100, output
    assert number(output, "began") == number(output, "ended"), output
    assert number(output, "orphans") == 0, output

    assert number(output, "offered") ==
             number(output, "stored") + number(output, "dropped") + number(output, "in flight"),
           output

    assert number(output, "dropped") == 0, output
    number(output, "calls")
  end

  @tag timeout: 600_000
  test "the standard library, instrumented live, formats a sample of sources to the same bytes" do
    assert same_bytes(step()) >= 10
  end

  @tag timeout: 600_000
  test "also when everything is recorded: arguments, results, variables, expressions, branches, messages, exceptions" do
    assert same_bytes(step() * 10, [{"CAPTURE", "all"}]) >= 3
  end

  @tag timeout: 600_000
  test "every function of it is captured as often as the virtual machine counts" do
    assert same_counts(step()) > 10_000
  end

  describe "all of the Elixir sources" do
    @describetag :elixir_sources
    @describetag timeout: 3_600_000

    test "are formatted to the same bytes" do
      assert System.get_env(@sources), "set #{@sources} to the Elixir sources"
      assert same_bytes(1) >= 500
    end

    test "come with a suite, which ends the same on an instrumented standard library" do
      assert sources = System.get_env(@sources), "set #{@sources} to the Elixir sources"

      [plain, instrumented] =
        for mode <- ["plain", "instrumented"], do: elixir("elixir_suite.exs", [mode, sources])

      failed = fn output -> Regex.scan(~r/^failed: .*$/m, output) end
      assert failed.(instrumented) == failed.(plain)
      assert number(instrumented, "tests") == number(plain, "tests")
      assert number(plain, "tests") > 3_000, plain
      assert number(instrumented, "instrumented") > 200, instrumented
    end

    test "are formatted with the calls that the virtual machine counts" do
      assert System.get_env(@sources), "set #{@sources} to the Elixir sources"
      assert same_counts(1) > 1_000_000
    end
  end
end

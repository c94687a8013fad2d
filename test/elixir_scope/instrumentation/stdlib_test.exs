defmodule ElixirScope.Instrumentation.StdlibTest do
  use ExUnit.Case, async: true

  @script Path.expand("../../scripts/stdlib.exs", __DIR__)
  @root Path.expand("../../..", __DIR__)

  # The Elixir sources when they are there, else what every checkout has: this project's own files.
  defp patterns do
    case System.get_env("ELIXIR_SCOPE_ELIXIR_SRC") do
      nil -> ["#{@root}/{lib,test}/**/*.{ex,exs}"]
      dir -> ["#{dir}/**/*.{ex,exs}"]
    end
  end

  defp run(step) do
    arguments = ["-pa", Mix.Project.compile_path(), @script, "#{step}" | patterns()]
    {output, status} = System.cmd("elixir", arguments, stderr_to_stdout: true)
    assert status == 0, output

    assert [_, files, modules, different] =
             Regex.run(~r/files: (\d+), modules: (\d+), different: (\d+)$/m, output),
           output

    [files, modules, different] = Enum.map([files, modules, different], &String.to_integer/1)
    assert different == 0, output
    assert modules >= 30, output
    refute output =~ "skipped:"
    files
  end

  @tag timeout: 300_000
  test "the standard library, instrumented live, formats a sample of sources to the same bytes" do
    assert run(if(System.get_env("ELIXIR_SCOPE_ELIXIR_SRC"), do: 20, else: 5)) >= 10
  end

  @tag :elixir_sources
  @tag timeout: 3_600_000
  test "... and all of the Elixir sources" do
    assert System.get_env("ELIXIR_SCOPE_ELIXIR_SRC"), "set ELIXIR_SCOPE_ELIXIR_SRC to the Elixir sources"
    assert run(1) >= 500
  end
end

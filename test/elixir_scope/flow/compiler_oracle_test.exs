defmodule ElixirScope.Flow.CompilerOracleTest do
  # The compiler's own versions of variables over Elixir's standard library, against ours; and McCabe's figure from the graph against
  # the one that is counted. The sources must be those of the installed version.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository.{Parser, ScopeAnalyzer}
  alias ElixirScope.Core.Flow
  alias ElixirScope.Test.Source, as: Sources
  alias ElixirScope.Test.Versions

  @moduletag :elixir_sources
  @moduletag timeout: 900_000

  with {dir, _} <- Sources.elixir_sources(),
       true <- String.trim(File.read!(Path.join(dir, "VERSION"))) == System.version() do
    :ok
  else
    _ ->
      IO.puts(
        :stderr,
        "SKIPPED: 3 tests: no sources of Elixir #{System.version()} in ELIXIR_SCOPE_ELIXIR_SRC"
      )

      @moduletag skip: "the sources are not those of the installed Elixir"
  end

  @applications ~w(eex ex_unit iex logger mix elixir)

  @tag :tmp_dir
  test "two places of the standard library are one version if and only if the compiler says so", %{
    tmp_dir: out
  } do
    {dir, _} = Sources.elixir_sources()
    script = Path.expand("../../scripts/columns.exs", __DIR__)
    {said, 0} = System.cmd("elixir", [script, dir, out | @applications], stderr_to_stdout: true)
    assert length(String.split(said, "\n", trim: true)) >= length(@applications)

    compiled =
      for beam <- Path.wildcard(out <> "/*/*.beam"), do: beam |> String.to_charlist() |> Versions.compiled()

    by_file = compiled |> Enum.reject(&(elem(&1, 0) == nil)) |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))

    results =
      for {file, clauses} <- by_file do
        {:ok, source} = Parser.parse_file(file, root: dir)
        result = clauses |> Enum.concat() |> Versions.compare(Versions.found(source))
        lines = file |> File.read!() |> String.split("\n")
        assert {file, result.split, result.merged} == {file, [], []}

        # The compiler has code that nobody wrote there: of an EEx template, of another module's `__deriving__`.
        assert Enum.filter(result.missing, &written?(&1, lines)) == []
        # `Kernel.def f(x)` in a protocol: no definition that is known here.
        for {_, line, _} <- result.unbound, do: assert(Enum.at(lines, line - 1) =~ "Kernel.def")
        {result.places, length(result.missing), length(result.unbound)}
      end

    {places, missing, unbound} =
      Enum.reduce(results, {0, 0, 0}, fn {a, b, c}, {x, y, z} -> {a + x, b + y, c + z} end)

    assert places > 80_000
    assert missing < 150 and unbound < 10
  end

  defp written?({_definition, _clause, {line, column, name}}, lines) do
    text = lines |> Enum.at(line - 1, "") |> String.slice((column - 1)..-1//1)
    String.starts_with?(text, Atom.to_string(name))
  end

  test "nothing of the standard library is unused: its compiler does not warn" do
    {dir, _} = Sources.elixir_sources()

    found =
      for path <- Path.wildcard(dir <> "/lib/*/lib/**/*.ex"),
          {:ok, regions} = ScopeAnalyzer.analyze_source(File.read!(path), file: path),
          region <- regions,
          variable <- region.variables,
          do: {Path.relative_to(path, dir), variable.line, variable.name, variable.unused}

    assert length(found) > 30_000
    assert Enum.filter(found, &elem(&1, 3)) == []
  end

  test "McCabe's figure of the graph is the one that is counted, and whatever is evaluated can be reached" do
    {dir, files} = Sources.elixir_sources()

    rows =
      for path <- files,
          {:ok, source} <- [Parser.parse_file(path, root: dir)],
          {:ok, rows} = Flow.complexities(source),
          row <- rows do
        {Path.relative_to(path, dir), row}
      end

    assert length(rows) > 6_000

    different =
      for {file, {id, _graph, as_counted, counted, _, _, _, _}} <- rows, as_counted != counted, do: {file, id}

    # `@spec defguard(Macro.t())` and `defguardp` of Kernel are taken for definitions: two heads without a body.
    assert different -- [{"lib/elixir/lib/kernel.ex", "Kernel.unquote(60de84ac)/0"}] == []
    lost = for {file, {id, _, _, _, lost, _, _, _}} <- rows, lost > 0, do: {file, id}
    assert lost == []
  end
end

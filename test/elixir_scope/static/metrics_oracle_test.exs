defmodule ElixirScope.Static.MetricsOracleTest do
  # A second implementation, in another language and over another parser, asked about every clause of Elixir's sources:
  # test/tools/metrics_oracle.py.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source
  alias ElixirScope.Test.PythonJSON
  alias ElixirScope.Test.Source, as: Sources

  @moduletag :elixir_sources
  @moduletag timeout: 600_000
  @tool Path.expand("../../tools/metrics_oracle.py", __DIR__)

  @python System.find_executable("python3")
  @parser @python &&
            match?({_, 0}, System.cmd(@python, ["-c", "import tree_sitter_elixir"], stderr_to_stdout: true))

  if !@parser or Sources.elixir_sources() == nil do
    IO.puts(
      :stderr,
      "SKIPPED: metrics against a second implementation; pip install tree-sitter tree-sitter-elixir, " <>
        "and export ELIXIR_SCOPE_ELIXIR_SRC=\"$(bin/elixir-source)\""
    )

    @moduletag skip: "no tree-sitter-elixir for python3, or no ELIXIR_SCOPE_ELIXIR_SRC"
  end

  test "cyclomatic complexity, nesting and ABC agree for every clause" do
    {dir, files} = Sources.elixir_sources()
    theirs = ask(files)

    results =
      for path <- files, %{"clauses" => clauses} = Map.fetch!(theirs, path) do
        {:ok, source} = Parser.parse_file(path, file: Path.relative_to(path, dir))
        {:ok, outline} = Source.outline(source)
        compare(path, outline, clauses)
      end

    {ours, compared, differences} =
      Enum.reduce(results, {0, 0, []}, fn {ours, compared, found}, {a, b, all} ->
        {a + ours, b + compared, found ++ all}
      end)

    for difference <- Enum.take(differences, 40), do: IO.inspect(difference, label: "differs", width: 200)

    IO.puts(
      :stderr,
      "second implementation: #{compared} of #{ours} clauses compared, #{length(differences)} differ"
    )

    assert differences == []
    assert compared == ours
    assert compared > 9_000
  end

  defp ask(files) do
    list = Path.join(System.tmp_dir!(), "elixir_scope-oracle-#{System.pid()}")
    File.write!(list, Enum.join(files, "\n"))
    {json, 0} = System.cmd("sh", ["-c", "exec \"$0\" \"$1\" < \"$2\"", @python, @tool, list])
    File.rm!(list)
    PythonJSON.read(json)
  end

  defp compare(path, outline, clauses) do
    by_place = Map.new(clauses, fn [line, column | figures] -> {{line, column}, figures} end)

    ours =
      for module <- outline, function <- module.functions, clause <- function.clauses do
        {{clause.line, clause.column}, clause}
      end

    # An implementation for several types is several modules of one text.
    ours = Enum.uniq_by(ours, &elem(&1, 0))

    compared = for {place, clause} <- ours, figures = by_place[place], do: {clause, figures}

    differences =
      for {clause, [_word, _in_quote, false | theirs]} <- compared,
          figures(clause) != theirs do
        {path, clause.line, figures(clause), theirs}
      end

    missing = for {place, _} <- ours, by_place[place] == nil, do: {path, place, :only_here}
    {length(ours), length(compared), differences ++ missing}
  end

  defp figures(%{metrics: metrics}) do
    [
      metrics.credo_cyclomatic,
      metrics.nesting_depth,
      metrics.abc_assignments,
      metrics.abc_branches,
      metrics.abc_conditions
    ]
  end
end

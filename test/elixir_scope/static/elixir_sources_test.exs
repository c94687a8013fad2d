defmodule ElixirScope.Static.ElixirSourcesTest do
  # Elixir's own sources: fetched by bin/elixir-source, named by ELIXIR_SCOPE_ELIXIR_SRC.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source
  alias ElixirScope.Test.Source, as: Sources

  @moduletag :elixir_sources
  @moduletag timeout: 600_000
  @files 536
  @found 0

  case Sources.elixir_sources() do
    nil ->
      IO.puts(
        :stderr,
        "SKIPPED: 2 tests over Elixir's #{@files} sources; export ELIXIR_SCOPE_ELIXIR_SRC=\"$(bin/elixir-source)\""
      )

      @moduletag skip: "ELIXIR_SCOPE_ELIXIR_SRC names no directory"

    {_dir, files} ->
      @found length(files)
  end

  defp each_file(check) do
    {dir, files} = Sources.elixir_sources()
    assert length(files) >= @files

    files
    |> Task.async_stream(&check.(&1, Path.relative_to(&1, dir)), timeout: :infinity, ordered: false)
    |> Enum.map(fn {:ok, result} -> result end)
  end

  test "every AST comes back exactly, and no id comes twice in a file" do
    checked =
      each_file(fn path, file ->
        text = File.read!(path)
        {:ok, quoted} = Code.string_to_quoted(text, columns: true, token_metadata: true, file: file)
        {:ok, source} = Parser.parse_file(path, file: file)
        {:ok, again} = Source.quoted(source)
        {:ok, ids} = Source.ids(source)
        {:ok, stats} = Source.stats(source)
        assert again === quoted, file
        assert length(Enum.uniq(ids)) == stats.entries, file
        {stats.entries, stats.bytes}
      end)

    {entries, bytes} = Enum.unzip(checked)
    assert length(checked) == @found
    assert Enum.sum(bytes) / Enum.sum(entries) <= 50
  end

  test "the formatter changes no id unless it changes the AST" do
    strip = fn quoted -> Macro.prewalk(quoted, &Macro.update_meta(&1, fn _ -> [] end)) end

    kept =
      each_file(fn path, file ->
        text = File.read!(path)
        formatted = text |> Code.format_string!(line_length: 50) |> IO.iodata_to_binary()
        [before, behind] = for one <- [text, formatted], do: strip.(Code.string_to_quoted!(one))

        if before == behind do
          assert Sources.ids!(text, file) == Sources.ids!(formatted, file), file
          1
        else
          0
        end
      end)

    assert Enum.sum(kept) / length(kept) > 0.9
  end
end

defmodule ElixirScope.Property.MutatedSourcesTest do
  @moduledoc """
  Everything that is computed of source, over sources that nobody wrote: no question may fail, whatever the code looks
  like, and no file may be lost without a word.
  """

  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Query
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.Test.Mutate

  @own Path.expand("../../lib", __DIR__)

  test "this project's own sources, changed at random" do
    check(files(@own), 2)
  end

  @tag :long
  @tag timeout: :infinity
  test "Elixir's sources, changed at random, many times" do
    case System.get_env("ELIXIR_SCOPE_ELIXIR_SRC") do
      nil ->
        IO.puts(
          "SKIPPED: 1 test over Elixir's sources; export ELIXIR_SCOPE_ELIXIR_SRC=\"$(bin/elixir-source)\""
        )

      source ->
        rounds = String.to_integer(System.get_env("ELIXIR_SCOPE_ROUNDS", "10"))
        more = System.get_env("ELIXIR_SCOPE_MORE_SRC", "") |> String.split(":", trim: true)
        for round <- 1..rounds, do: check(Enum.flat_map([source | more], &files/1), 1, round)
    end
  end

  defp files(root), do: root |> Path.join("**/*.{ex,exs}") |> Path.wildcard() |> Enum.filter(&File.regular?/1)

  defp check(files, copies, round \\ 0) do
    root = Path.join(System.tmp_dir!(), "elixir_scope_mutated_#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)
    File.rm_rf!(root)
    seed = :rand.seed_s(:exsss, {round, 7, 11})

    {written, _} =
      for file <- files, copy <- 1..copies, reduce: {0, seed} do
        {count, seed} ->
          {text, seed} = Mutate.mutate(File.read!(file), seed)
          path = Path.join(root, "#{count}_#{copy}_#{Path.basename(file)}")
          File.mkdir_p!(root)
          File.write!(path, text)
          {count + 1, seed}
      end

    {:ok, repository} = ASTRepository.new(max_modules: 1_000_000, query_timeout_ms: 600_000)
    {:ok, result} = ASTRepository.import_project(repository, root)
    assert result.files == written
    assert result.imported + length(result.errors) == written
    # The point is programs that parse.
    assert result.imported > written / 10
    assert result.modules > 0

    for source <- [:modules, :functions] do
      fields = Schema.fields(source)
      query = Query.new() |> Query.from(source) |> Query.select(fields)
      assert {:ok, %{rows: rows}} = ASTRepository.query(repository, query)
      assert rows != []
    end

    # Saved and loaded, it is the same.
    path = Path.join(root, "saved.scope")
    :ok = ASTRepository.save(repository, path)
    assert {:ok, again} = ASTRepository.load(path, max_modules: 1_000_000)
    {:ok, before} = ASTRepository.get_statistics(repository)
    {:ok, later} = ASTRepository.get_statistics(again)
    assert later.node_count == before.node_count and later.function_count == before.function_count
    File.rm_rf!(root)
    ASTRepository.stop(repository)
  end
end

defmodule ElixirScope.ASTRepository.PatternDetectorSourcesTest do
  # Elixir's own sources compile without warnings: what the compiler would have warned of is not there.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.PatternDetector
  alias ElixirScope.Test.Source

  @moduletag :elixir_sources
  @moduletag timeout: 600_000

  if Source.elixir_sources() == nil, do: @moduletag(skip: "ELIXIR_SCOPE_ELIXIR_SRC names no directory")

  test "no private function is unused, and no clause unreachable" do
    {dir, _files} = Source.elixir_sources()
    repo = repository()
    {:ok, result} = ASTRepository.import_project(repo, dir)
    assert result.modules > 700

    {:ok, found} = PatternDetector.findings(repo, kinds: [:unused_private_function, :unreachable_clause])
    assert for(one <- found, do: {one.kind, one.file, one.line, one.what}) == []

    # and yet it does find things there
    {:ok, found} = PatternDetector.findings(repo)
    kinds = found |> Enum.map(& &1.kind) |> Enum.uniq()
    assert length(kinds) > 10
  end
end

defmodule ElixirScope.ASTRepository.SearchFormsTest do
  # One file with every form of a call, each line marked with what must be found on it.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository

  @path Path.expand("../../support/search/call_forms.txt", __DIR__)
  @external_resource @path
  @text File.read!(@path)

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_forms_#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    File.write!(Path.join(dir, "forms.ex"), @text)
    {:ok, repo} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    %{repo: repo}
  end

  # The lines with a mark, as often as the mark says.
  defp marked(marks) do
    for {line, number} <- @text |> String.split("\n") |> Enum.with_index(1),
        [_, words] <- [Regex.run(~r/## ([a-z ]+)$/, line)],
        word <- String.split(words),
        word in marks,
        do: number
  end

  defp found(repo, options) do
    {:ok, found} = ASTRepository.find_ast_nodes_by_pattern(repo, "Enum.map(_, _)", options)
    found.matches |> Enum.map(& &1.line) |> Enum.sort()
  end

  test "there are forms enough" do
    assert length(marked(["call", "capture", "apply"])) >= 60
  end

  test "calls, aliased, imported, piped, without parentheses: all, and no other", %{repo: repo} do
    assert found(repo, []) == marked(["call"])
  end

  test "captured functions when asked for", %{repo: repo} do
    assert found(repo, captures: true) == marked(["call", "capture"])
  end

  test "applied functions when asked for", %{repo: repo} do
    assert found(repo, apply: true) == marked(["call", "apply"])
    assert found(repo, apply: true, captures: true) == marked(["call", "apply", "capture"])
  end

  test "as written, without looking through names or pipes", %{repo: repo} do
    lines = found(repo, resolve: false, pipes: false)
    text = String.split(@text, "\n")

    for line <- Enum.uniq(lines), do: assert(Enum.at(text, line - 1) =~ ~r/Enum"?\."?map/)
    refute Enum.any?(lines, &(Enum.at(text, &1 - 1) =~ "E.map"))
  end

  test "the id of a match names its code", %{repo: repo} do
    {:ok, ids} = ASTRepository.find_ast_nodes_by_pattern(repo, "Enum.map(_, _)")
    assert length(Enum.uniq(ids)) == length(marked(["call"]))

    for id <- ids do
      assert {:ok, code} = ASTRepository.get_ast_node(repo, id)
      assert Macro.to_string(code) =~ "map"
    end
  end
end

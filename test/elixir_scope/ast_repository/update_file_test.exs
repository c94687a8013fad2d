defmodule ElixirScope.ASTRepository.UpdateFileTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.FileUpdate
  alias ElixirScope.Error

  @moduletag :tmp_dir

  @cart """
  defmodule Cart do
    def total(items), do: Enum.sum(items)
    def empty?(items), do: items == []
  end
  """

  setup %{tmp_dir: dir} do
    write(dir, "lib/cart.ex", @cart)
    write(dir, "lib/line.ex", "defmodule Line do\n  def price(line), do: line\nend\n")
    {:ok, repo} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repo, dir)
    %{repo: repo, dir: dir}
  end

  test "an edited file is read again, and only what is another is named", %{repo: repo, dir: dir} do
    write(dir, "lib/cart.ex", String.replace(@cart, "Enum.sum(items)", "Enum.sum(items) + 1"))

    assert {:ok, %FileUpdate{} = update} = ASTRepository.update_file(repo, Path.join(dir, "lib/cart.ex"))
    assert update.change == :modified
    assert update.root == dir and update.file == "lib/cart.ex"
    assert update.modules == [{Cart, :modified}]
    assert update.functions == [{{Cart, :total, 1}, :modified}]

    assert {:ok, ast} = ASTRepository.get_ast_node(repo, "Cart.total/1")
    assert Macro.to_string(ast) =~ "+ 1"
    assert {:ok, _} = ASTRepository.get_module(repo, Line)
  end

  test "a path relative to the project, text that is on no disk, and the same text again", %{repo: repo} do
    text = @cart <> "defmodule Cart.Extra do\n  def f, do: 1\nend\n"
    assert {:ok, update} = ASTRepository.update_file(repo, "lib/cart.ex", text: text)
    assert update.change == :modified
    assert update.modules == [{Cart.Extra, :added}]
    assert update.functions == [{{Cart.Extra, :f, 0}, :added}]

    assert {:ok, again} = ASTRepository.update_file(repo, "lib/cart.ex", text: text)
    assert again.change == :unchanged and again.modules == [] and again.version == update.version
  end

  test "comments and layout change places, not code", %{repo: repo} do
    text = "# A cart.\n\n" <> String.replace(@cart, "def total(items), do:", "def total(items),\n    do:")
    {:ok, before} = ASTRepository.get_function(repo, {Cart, :empty?, 1})
    assert {:ok, update} = ASTRepository.update_file(repo, "lib/cart.ex", text: text)
    assert update.change == :reformatted
    assert update.modules == [] and update.functions == []
    {:ok, later} = ASTRepository.get_function(repo, {Cart, :empty?, 1})
    {file, line, 3} = before.source_location
    assert later.source_location == {file, line + 3, 3}
    assert later.ast_node_id == before.ast_node_id
  end

  test "a new file and a file that is gone", %{repo: repo, dir: dir} do
    path = write(dir, "lib/new/shelf.ex", "defmodule Shelf do\nend\n")
    assert {:ok, %{change: :added, file: "lib/new/shelf.ex"}} = ASTRepository.update_file(repo, path)
    assert {:ok, _} = ASTRepository.get_module(repo, Shelf)

    assert {:ok, %{change: :removed, modules: [{Shelf, :removed}]}} = ASTRepository.remove_file(repo, path)
    assert {:error, :not_found} = ASTRepository.get_module(repo, Shelf)
    assert {:error, %Error{reason: :not_found}} = ASTRepository.remove_file(repo, path)
  end

  test "a name that two files define goes to the first, and back", %{repo: repo, dir: dir} do
    write(dir, "lib/aaa.ex", "defmodule Cart do\n  def other, do: 1\nend\n")
    {:ok, _} = ASTRepository.update_file(repo, "lib/aaa.ex")
    assert {:ok, %{exports: [other: 0]}} = ASTRepository.get_module(repo, Cart)
    {:ok, _} = ASTRepository.remove_file(repo, "lib/aaa.ex")
    assert {:ok, %{exports: [empty?: 1, total: 1]}} = ASTRepository.get_module(repo, Cart)
  end

  test "what does not parse is an error, and what is stored stays", %{repo: repo, dir: dir} do
    write(dir, "lib/cart.ex", "defmodule Cart do\n  def total(\nend\n")

    assert {:error, %Error{reason: :parse_error, details: details}} =
             ASTRepository.update_file(repo, "lib/cart.ex")

    assert details.file == "lib/cart.ex"
    assert {:ok, _} = ASTRepository.get_function(repo, {Cart, :total, 1})
  end

  test "bad arguments", %{repo: repo, dir: dir} do
    outside = write(dir <> "-outside", "x.ex", "defmodule X do\nend\n")
    on_exit(fn -> File.rm_rf!(dir <> "-outside") end)
    assert {:error, %Error{reason: :not_found, hint: hint}} = ASTRepository.update_file(repo, outside)
    assert hint =~ "root:"
    assert {:ok, %{change: :added}} = ASTRepository.update_file(repo, outside, root: Path.dirname(outside))
    assert {:error, %Error{reason: :file}} = ASTRepository.update_file(repo, Path.join(dir, "lib/none.ex"))

    for {path, opts} <- [
          {nil, []},
          {"", []},
          {<<255>>, []},
          {"lib/cart.ex", [txt: ""]},
          {"lib/cart.ex", :no},
          {"lib/cart.ex", [text: 1]},
          {"lib/cart.ex", [root: 1]}
        ] do
      assert {:error, %Error{}} = ASTRepository.update_file(repo, path, opts)
    end
  end

  defp write(dir, file, text) do
    path = Path.join(dir, file)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, text)
    path
  end
end

defmodule ElixirScope.ASTRepository.ImportTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ImportResult, Query}
  alias ElixirScope.Error

  @moduletag :tmp_dir

  @files %{
    "mix.exs" => "defmodule P.MixProject do\n  def project, do: [app: :p]\nend\n",
    "lib/a.ex" => "defmodule P.A do\n  def f(x), do: x\n  defmodule In do\n    def g, do: 1\n  end\nend\n",
    "lib/deep/b.ex" =>
      "defmodule P.B do\n  use GenServer\n  def unquote(:made)(x), do: x\n  def init(x), do: {:ok, x}\nend\n",
    "test/a_test.exs" => "defmodule P.ATest do\n  use ExUnit.Case\n  test \"x\", do: :ok\nend\n",
    "config/config.exs" => "import Config\nconfig :p, a: 1\n",
    "deps/d/lib/d.ex" => "defmodule D do\nend\n",
    "_build/x.ex" => "defmodule Built do\nend\n",
    "lib/no_source.txt" => "text"
  }

  defp ids(repo) do
    {:ok, result} = ASTRepository.query(repo, %Query{from: :ast_nodes, select: [:ast_node_id]})
    result.rows |> Enum.map(& &1.ast_node_id) |> Enum.sort()
  end

  test "finds the sources, and leaves dependencies out unless asked", %{tmp_dir: dir} do
    write(dir, @files)
    repo = repository()
    assert {:ok, %ImportResult{} = result} = ASTRepository.import_project(repo, dir)
    assert %{files: 5, imported: 5, unchanged: 0, removed: 0, errors: [], modules: 5, lines: 20} = result
    assert result.root == Path.expand(dir)
    assert {:ok, %{exports: [f: 1], source_file: "lib/a.ex"}} = ASTRepository.get_module(repo, P.A)
    assert {:ok, %{module_type: :genserver}} = ASTRepository.get_module(repo, P.B)
    assert {:error, :not_found} = ASTRepository.get_module(repo, D)
    # Code outside of modules has ids too.
    assert {:ok, {:__block__, _, [{:import, _, _} | _]}} =
             ASTRepository.get_ast_node(repo, "config/config.exs")

    assert {:ok, %{modules: 6}} = ASTRepository.import_project(repo, dir, exclude: ["_build"])
    assert {:ok, _} = ASTRepository.get_module(repo, D)
  end

  test "gives back each file's AST exactly", %{tmp_dir: dir} do
    write(dir, @files)
    repo = repository()
    {:ok, _} = ASTRepository.import_project(repo, dir)
    {:ok, %{ast: ast}} = ASTRepository.get_module(repo, P.B)
    opts = [columns: true, token_metadata: true, file: "lib/deep/b.ex"]
    assert ast === Code.string_to_quoted!(@files["lib/deep/b.ex"], opts)
  end

  test "again skips what is unchanged, takes in what changed, drops what is gone", %{tmp_dir: dir} do
    write(dir, @files)
    repo = repository()
    {:ok, first} = ASTRepository.import_project(repo, dir)
    :ok = ASTRepository.update_module(repo, P.A, &%{&1 | patterns: [:mine]})
    before = ids(repo)

    assert {:ok, again} = ASTRepository.import_project(repo, dir)
    assert %{imported: 0, unchanged: 5} = again
    assert Map.take(again, [:modules, :functions, :nodes]) == Map.take(first, [:modules, :functions, :nodes])
    assert ids(repo) == before

    write(dir, %{"lib/a.ex" => "defmodule P.A do\n  def h, do: 2\nend\n"})
    File.rm!(Path.join(dir, "lib/deep/b.ex"))
    assert {:ok, %{imported: 1, unchanged: 3, removed: 1}} = ASTRepository.import_project(repo, dir)
    # What a caller stored of a module outlives a change of its source.
    assert {:ok, %{exports: [h: 0], patterns: [:mine]}} = ASTRepository.get_module(repo, P.A)
    assert {:error, :not_found} = ASTRepository.get_module(repo, P.B)
    assert {:error, :not_found} = ASTRepository.get_module(repo, P.A.In)
  end

  test "what does not parse is an error of its file alone", %{tmp_dir: dir} do
    write(
      dir,
      Map.merge(@files, %{
        "lib/bad.ex" => "defmodule Bad do\n  def f( do\nend\n",
        "lib/latin.ex" => <<"# ", 255>>,
        "lib/empty.ex" => ""
      })
    )

    repo = repository()
    assert {:ok, result} = ASTRepository.import_project(repo, dir)
    assert result.imported == 6

    assert [
             %{file: "lib/bad.ex", line: line, reason: reason},
             %{file: "lib/latin.ex", reason: "invalid UTF-8"}
           ] = result.errors

    assert line in 2..4 and is_binary(reason)

    # A file that stops parsing takes its stale modules along.
    write(dir, %{"lib/a.ex" => "defmodule P.A do"})
    assert {:ok, %{errors: [_, _, _]}} = ASTRepository.import_project(repo, dir)
    assert {:error, :not_found} = ASTRepository.get_module(repo, P.A)
  end

  test "a name that several files define is told apart, in any order", %{tmp_dir: dir} do
    files = %{
      "lib/b.ex" =>
        "defmodule Twice do\n  def from_b, do: 1\nend\ndefmodule Twice do\n  def again, do: 1\nend\n",
      "lib/a.exs" => "defmodule Twice do\n  def from_script, do: 1\nend\n",
      "lib/z.ex" => "defmodule Twice do\n  def from_z, do: 1\nend\n"
    }

    write(dir, files)
    repo = repository()
    {:ok, %{modules: 4}} = ASTRepository.import_project(repo, dir)
    # Sources go before scripts, then by path.
    assert {:ok, %{exports: [from_b: 0]}} = ASTRepository.get_module(repo, Twice)
    all = ids(repo)
    assert all == Enum.uniq(all)
    assert Enum.any?(all, &(&1 =~ "Twice~2.again/0"))

    # One file after the other gives the same.
    other = repository()
    root = Path.join(dir, "one_by_one")

    for {path, text} <- Enum.reverse(Enum.sort(files)) do
      write(root, %{path => text})
      {:ok, _} = ASTRepository.import_project(other, root)
    end

    assert ids(other) == all

    # When the keeper goes, the next one takes its name.
    File.rm!(Path.join(root, "lib/b.ex"))
    {:ok, _} = ASTRepository.import_project(other, root)
    assert {:ok, %{exports: [from_z: 0]}} = ASTRepository.get_module(other, Twice)
  end

  test "progress is told file by file, and a single file is a project", %{tmp_dir: dir} do
    write(dir, @files)
    me = self()
    {:ok, _} = ASTRepository.import_project(repository(), dir, progress: &send(me, &1), max_concurrency: 1)
    for n <- 1..5, do: assert_received(%{done: ^n, total: 5, file: _})

    repo = repository()
    assert {:ok, %{files: 1, modules: 2}} = ASTRepository.import_project(repo, Path.join(dir, "lib/a.ex"))
    assert {:ok, _} = ASTRepository.get_module(repo, P.A.In)
  end

  test "more modules than fit are refused, and nothing is stored", %{tmp_dir: dir} do
    write(dir, @files)
    repo = repository(max_modules: 4)
    assert {:error, %Error{reason: :limit_exceeded}} = ASTRepository.import_project(repo, dir)
    assert {:ok, %{module_count: 0, file_count: 0}} = ASTRepository.get_statistics(repo)
  end

  test "links in circles end", %{tmp_dir: dir} do
    write(dir, @files)
    File.ln_s!(dir, Path.join(dir, "lib/circle"))
    assert {:ok, %{files: 5}} = ASTRepository.import_project(repository(), dir)
  end

  test "wrong paths and options are errors" do
    repo = repository()
    assert {:error, %Error{reason: :not_found}} = ASTRepository.import_project(repo, "no/such/dir")

    assert {:error, %Error{hint: "did you mean :progress?"}} =
             ASTRepository.import_project(repo, "lib", progres: 1)

    assert {:error, %Error{}} = ASTRepository.import_project(repo, "lib", max_concurrency: 0)
    assert {:error, %Error{}} = ASTRepository.import_project(repo, "lib", exclude: [1])
  end
end

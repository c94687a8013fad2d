defmodule Mix.ElixirScope.DiffTest do
  # The current directory and the shell are the VM's.
  use ExUnit.Case, async: false

  alias Mix.Tasks.ElixirScope.Diff

  @moduletag :tmp_dir
  @moduletag skip: System.find_executable("git") == nil && "needs git"

  @old """
  defmodule Shop.Cart do
    def total(items), do: items |> Enum.map(& &1.price) |> Enum.sum()
    def empty?(cart), do: cart.items == []
  end
  """

  setup %{tmp_dir: dir} do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)
    File.write!(Path.join(dir, "cart.ex"), @old)
    File.write!(Path.join(dir, "same.ex"), "defmodule Same do\nend\n")
    :ok
  end

  defp commit(dir) do
    for args <- [~w(init -q), ~w(add .), ~w(-c user.name=a -c user.email=a@b commit -q -m one)],
        do: assert({_, 0} = System.cmd("git", args, cd: dir, stderr_to_stdout: true))
  end

  defp run(dir, args) do
    File.cd!(dir, fn -> Diff.run(args) end)
    collect("")
  end

  defp collect(text) do
    receive do
      {:mix_shell, :info, [line]} -> collect(text <> IO.iodata_to_binary(line) <> "\n")
    after
      0 -> text
    end
  end

  test "functions that changed, with those that were renamed", %{tmp_dir: dir} do
    commit(dir)
    assert run(dir, []) =~ "No Elixir file differs from HEAD"

    File.write!(Path.join(dir, "cart.ex"), String.replace(@old, "total", "sum"))
    File.write!(Path.join(dir, "same.ex"), "# a comment\ndefmodule Same do\nend\n")
    File.write!(Path.join(dir, "new.ex"), "defmodule New do\n  def f, do: 1\nend\n")
    File.write!(Path.join(dir, "broken.ex"), "defmodule Broken do")
    text = run(dir, [])

    assert text =~ ~r{Shop.Cart  major change}
    assert text =~ ~r{renamed  total/1 -> sum/1 +2  name}
    refute text =~ "empty?"
    assert text =~ "No module differs in same.ex"
    assert text =~ ~r{new.ex \(new\)\n  New  added}
    assert text =~ ~r{Of \d+ ids in 3 files}
    assert_received {:mix_shell, :error, ["broken.ex:" <> _]}
  end

  test "as JSON", %{tmp_dir: dir} do
    commit(dir)
    File.write!(Path.join(dir, "cart.ex"), String.replace(@old, "total", "sum"))
    run(dir, ["HEAD", "--json", "out.json"])
    json = File.read!(Path.join(dir, "out.json"))
    assert json =~ ~s("file":"cart.ex")
    assert json =~ ~s("new":"Shop.Cart.sum/1")
    assert json =~ ~s("change_type":"major_changes")
  end

  test "what is missing is said", %{tmp_dir: dir} do
    commit(dir)
    assert_raise Mix.Error, ~r/no revision "nope".*commit, a branch or a tag/s, fn -> run(dir, ["nope"]) end
    assert_raise Mix.Error, ~r/one revision, not 2/, fn -> run(dir, ["a", "b"]) end
  end
end

defmodule Mix.Tasks.ElixirScope.SearchTest do
  # Output goes through the shell of Mix, of which there is one.
  use ExUnit.Case, async: false

  import ExUnit.CaptureIO
  alias Mix.Tasks.ElixirScope.Search

  setup do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_search_#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(dir, "lib"))
    on_exit(fn -> File.rm_rf!(dir) end)

    File.write!(Path.join(dir, "lib/a.ex"), """
    defmodule A do
      alias Enum, as: E
      def f(list), do: E.map(list, & &1)
      def g(list), do: list |> Enum.map(fn x -> x end)
      def h, do: &Enum.map/2
    end
    """)

    %{dir: dir, path: Path.join(dir, "lib/a.ex")}
  end

  defp search(args), do: capture_io(fn -> Search.run(args) end)

  test "file, line, column and the line of the source", %{dir: dir, path: file} do
    expected = """
    #{file}:3:22:  def f(list), do: E.map(list, & &1)
    #{file}:4:25:  def g(list), do: list |> Enum.map(fn x -> x end)
    """

    assert search(["Enum.map(_, _)", dir]) == expected
    assert search(["Enum.map(_, _)", file]) == expected
    assert search(["Enum.map(_, _)", dir, "--count"]) == "2\n"
    assert search(["Enum.map(_, _)", dir, "--captures", "--count"]) == "3\n"
    assert search(["Enum.map(_, _)", dir, "--no-resolve", "--count"]) == "1\n"
    assert search(["Enum.map(_, _)", dir, "--not-inside", "def g(_), do: _"]) =~ ~r/\A[^\n]*:3:22:[^\n]*\n\z/
  end

  test "JSON has the captures", %{dir: dir, path: file} do
    json = search(["Enum.map(_, fun) when is_function(fun)", dir, "--json", "-", "--limit", "1"])
    assert json =~ ~s("count":1,"more":true) or json =~ ~r/"count": ?1,\s*"more": ?true/
    assert json =~ file
    assert json =~ ~s(& &1)
    assert search(["nothing(_)", dir, "--json", "-"]) =~ ~r/"matches": ?\[\]/
  end

  test "nothing found is exit status 1, as grep has it", %{dir: dir} do
    assert catch_exit(search(["nothing(_)", dir])) == {:shutdown, 1}
  end

  test "a file that does not parse is named, the others are searched", %{dir: dir} do
    File.write!(Path.join(dir, "lib/b.ex"), "defmodule B do\n  def (\nend")

    warning =
      capture_io(:stderr, fn -> assert search(["E.map(_, _)", dir, "--no-resolve", "--count"]) == "1\n" end)

    assert warning =~ "lib/b.ex:"
  end

  test "what is wrong is said", %{dir: dir} do
    for {args, said} <- [
          {[], "needs a pattern"},
          {["f(", dir], "invalid pattern"},
          {["f(x)", dir, "more"], "one path"},
          {["f(x)", dir, "--inside", "g("], "invalid pattern"},
          {["f(x)", dir, "--repository", "x.scope"], "not both"}
        ] do
      assert_raise Mix.Error, ~r/#{said}/, fn -> search(args) end
    end
  end
end

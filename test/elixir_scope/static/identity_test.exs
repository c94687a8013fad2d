defmodule ElixirScope.Static.IdentityTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.Source

  alias ElixirScope.Core.Source

  @text File.read!(Path.expand("../../../lib/elixir_scope/ast_repository/query.ex", __DIR__))

  test "comments, blank lines and formatting change no id" do
    ids = ids!(@text)
    narrow = @text |> Code.format_string!(line_length: 40) |> IO.iodata_to_binary()
    assert narrow != @text
    assert ids!(narrow) == ids

    commented =
      @text
      |> String.split("\n")
      |> Enum.map_join("\n", &if(&1 =~ ~r/^  (def|end|@)/, do: "  # why\n\n" <> &1, else: &1))

    assert ids!(commented) == ids
  end

  test "moving functions changes no id in them" do
    functions = for n <- 1..9, do: "  def f#{n}(x) when x > #{n} do\n    g(x, #{n}) + g(x, #{n})\n  end\n"
    text = fn functions -> "defmodule A do\n#{Enum.join(functions, "\n")}end" end
    inside = fn ids -> ids |> Enum.filter(&(&1 =~ "#")) |> Enum.sort() end
    assert inside.(ids!(text.(functions))) == inside.(ids!(text.(Enum.reverse(functions))))
  end

  test "an edit changes ids of the clause that it is in, and of no other" do
    before = "defmodule A do\ndef f(1), do: g(1)\ndef f(2), do: g(2)\ndef h(x), do: x\nend"
    edited = String.replace(before, "g(2)", "g(3)")
    gone = ids!(before) -- ids!(edited)
    clause = functions!(before)["A.f/1"].clauses |> Enum.at(1)
    {inside, outside} = Enum.split_with(gone, &String.starts_with?(&1, clause.id))
    assert inside != []
    # What encloses the clause has a hash of its own for what it holds; no other function has lost an id.
    assert Enum.all?(outside, &String.starts_with?(&1, "A:"))
    refute clause.id in gone
  end

  test "`f` and `f()` are one head" do
    ids = fn head ->
      functions!("defmodule A do\ndef #{head}, do: 1\nend")["A.f/0"].clauses |> Enum.map(& &1.id)
    end

    assert ids.("f") == ids.("f()")
  end

  test "every id leads to its node" do
    source = parse!(@text)
    {:ok, ids} = Source.ids(source)
    {:ok, all} = Source.quoted(source)
    assert {:ok, all} == Code.string_to_quoted(@text, columns: true, token_metadata: true)
    assert Enum.all?(ids, &match?({:ok, _}, Source.quoted(source, &1)))

    [%{functions: [function | _]} | _] = outline!(@text)
    assert {:ok, {:def, _, _}} = Source.quoted(source, function.id)
    assert {:ok, {:defmodule, _, _}} = Source.quoted(source, "ElixirScope.ASTRepository.Query")
  end

  test "an id that names nothing is an error" do
    source = parse!("defmodule A do\nend")

    for id <- ["B", "A.f/1", "A:00000000.1", "", "A#000000", String.duplicate("A", 100_000), <<255>>, "A\0"] do
      assert {:error, %ElixirScope.Error{reason: reason}} = Source.quoted(source, id)
      assert reason in [:not_found, :invalid_argument]
    end
  end

  test "two VMs give the same ids" do
    script = """
    {:ok, source} = ElixirScope.ASTRepository.Parser.parse_string(File.read!(hd(System.argv())), file: "lib/a.ex")
    # Other atoms first: numbers differ, ids must not.
    {:ok, ids} = ElixirScope.Core.Source.ids(source)
    IO.write(:erlang.md5(Enum.join(ids, "\\n")) |> Base.encode16())
    """

    path = Path.expand("../../../lib/elixir_scope/ast_repository/query.ex", __DIR__)
    ebin = Application.app_dir(:elixir_scope, "ebin")
    args = ["-pa", ebin, "-e", script, "--", path]
    {out, 0} = System.cmd("elixir", args, stderr_to_stdout: true)
    assert String.ends_with?(out, Base.encode16(:erlang.md5(Enum.join(ids!(@text), "\n"))))
  end
end

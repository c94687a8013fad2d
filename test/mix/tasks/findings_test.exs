defmodule Mix.Tasks.ElixirScope.FindingsTest do
  use ExUnit.Case, async: false

  alias ElixirScope.Test.{CodeFixtures, PythonJSON}
  alias Mix.Tasks.ElixirScope.Findings

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    root = Path.join(System.tmp_dir!(), "elixir_scope-findings-#{System.unique_integer([:positive])}")

    CodeFixtures.write(root, [
      {"lib/a.ex", "defmodule A do\n  def f(g), do: spawn(g)\n  defp unused, do: 1\nend\n"},
      {"test/a_test.exs", "defmodule ATest do\n  def f(g), do: spawn(g)\nend\n"},
      {"lib/broken.ex", "defmodule B do"}
    ])

    on_exit(fn ->
      Mix.shell(shell)
      File.rm_rf!(root)
    end)

    {:ok, root: root}
  end

  defp run(args) do
    Findings.run(args)
    said("")
  end

  defp said(text) do
    receive do
      {:mix_shell, :info, [line]} -> said(text <> IO.iodata_to_binary([line]) <> "\n")
    after
      0 -> text
    end
  end

  test "a table with places, and totals", %{root: root} do
    text = run([root])
    assert text =~ ~r/place +kind +what +sure/
    assert text =~ ~r/lib\/a\.ex:2 +unsupervised_spawn +spawn starts a process without a supervisor +80 %/
    assert text =~ ~r/lib\/a\.ex:3 +unused_private_function/
    assert text =~ "2 findings in 3 files. 1 unsupervised_spawn, 1 unused_private_function"
    assert text =~ ~r/lib\/broken\.ex:\d was not read/
    assert run([root, "--tests"]) =~ "3 findings"
    assert run([root, "--kind", "unsupervised_spawn"]) =~ "1 findings"
    assert run([root, "--confidence", "90"]) =~ "1 findings"
    assert run([root, "--limit", "1"]) =~ "(1 shown; --limit shows more)"
    assert run([root, "--threshold", "long_function_lines=0"]) =~ "2 long_function"
  end

  test "JSON has every key", %{root: root} do
    path = Path.join(root, "out.json")
    run([root, "--json", path])
    document = PythonJSON.read_file(path)
    assert %{"schema" => "elixir_scope.findings", "version" => 1, "findings" => [one, _]} = document

    assert %{"kind" => "unsupervised_spawn", "file" => "lib/a.ex", "line" => 2, "column" => 17} = one
    assert %{"module" => "A", "function" => "f", "arity" => 1, "measured" => nil, "related" => []} = one
    assert map_size(one) == 16
  end

  test "the kinds, and what is not understood", %{root: root} do
    assert run(["--kinds"]) =~
             ~r/long_function: .*\n  instead: .*\n  source: .*\n  --threshold long_function_lines=60/

    for {args, words} <- [
          {["--kind", "bare_rescu"], ~r/did you mean bare_rescue\?/},
          {["--threshold", "parameters"], ~r/NAME=N/},
          {["--threshold", "parameter=3"], ~r/did you mean parameters\?/},
          {["--jsn", "x"], ~r/did you mean --json\?/},
          {["one", "two"], ~r/one path/}
        ] do
      assert_raise Mix.Error, words, fn -> Findings.run([root | args] |> Enum.take(-length(args))) end
    end
  end
end

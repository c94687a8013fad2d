defmodule Mix.Tasks.ElixirScope.AnalyzeTest do
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures, only: [parse: 1]

  alias ElixirScope.ASTRepository
  alias ElixirScope.Test.PythonJSON
  alias Mix.Tasks.ElixirScope.Analyze

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)
    {:ok, repository} = ASTRepository.new()

    :ok =
      ASTRepository.store_module(
        repository,
        parse("defmodule Told do\n  def slow(x), do: fast(x)\n  def fast(x), do: x\nend")
      )

    runtime = %{
      execution_statistics: %{
        call_frequency: 100,
        self_us: 900_000.0,
        total_us: 900_000.0,
        errors: 3,
        p95_us: 10_000.0
      }
    }

    :ok = ASTRepository.update_function_runtime_data(repository, {Told, :slow, 1}, runtime)
    path = Path.join(dir, "told.scope")
    :ok = ASTRepository.save(repository, path)
    {:ok, path: path}
  end

  defp said(text \\ "") do
    receive do
      {:mix_shell, :info, line} -> said(text <> IO.iodata_to_binary([line]) <> "\n")
    after
      0 -> text
    end
  end

  test "tables, and what cannot be told", %{path: path} do
    Analyze.run(["--repository", path])
    text = said()
    assert text =~ "REGRESSION: 0 of 0\n  not known: there is no baseline:"
    assert text =~ ~r/LATENCY: 0 of 0\n  not known: the event log holds no calls/
    assert text =~ "0 events were read; not recorded:"
    refute text =~ "IMPROVEMENT"
    Analyze.run(["--repository", path, "--kinds", "regression", "--baseline", path])
    assert said() =~ "no function has 20 activations on both sides"
  end

  test "JSON that Python reads", %{path: path, tmp_dir: dir} do
    json = Path.join(dir, "analysis.json")
    Analyze.run(["--repository", path, "--kinds", "risk,latency", "--json", json])
    assert said() =~ "JSON written to"

    with {:ok, document} <- PythonJSON.read(File.read!(json)) do
      assert document["schema"] == "elixir_scope.analysis"
      assert Map.keys(document["kinds"]) |> Enum.sort() == ["latency", "risk"]
      for finding <- document["findings"], do: assert(is_map(finding["evidence"]))
    end
  end

  test "what is wrong is said", %{path: path} do
    for {args, message} <- [
          {["--kinds", "hotspot"], ~r/there is no kind hotspot, did you mean hotspot_self/},
          {["--baseline", "nowhere.scope"], ~r/there is no file nowhere.scope \(--baseline\)/},
          {["--limit", "none"], ~r/--limit takes a number/},
          {["--kind", "risk"], ~r/has no option --kind, did you mean --kinds/},
          {["more"], ~r/takes no argument more/}
        ] do
      assert_raise Mix.Error, message, fn -> Analyze.run(["--repository", path | args]) end
    end

    assert_raise Mix.Error, ~r/there is no file/, fn -> Analyze.run(["--repository", "nowhere"]) end
  end
end

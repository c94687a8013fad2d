defmodule Mix.Tasks.ElixirScope.InsightsTest do
  # Output goes through the shell of Mix, of which there is one; and one capture in a VM.
  use ExUnit.Case, async: false

  import ExUnit.CaptureIO
  alias ElixirScope.ASTRepository
  alias Mix.Tasks.ElixirScope.Insights

  @compile {:no_warn_undefined, InsightsTaskSample}

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_insights_task_#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "sample.ex")

    File.write!(source, """
    defmodule InsightsTaskSample do
      def run(n), do: for(k <- 1..n, do: {safe(k)})
      def safe(k) do
        failing(k)
      rescue
        ArgumentError -> :failed
      end
      def failing(k), do: if(rem(k, 2) == 0, do: raise(ArgumentError), else: k)
      def never, do: 1
    end
    """)

    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(InsightsTaskSample)

    {:ok, observation} =
      ElixirScope.observe(fn -> InsightsTaskSample.run(10) end, modules: InsightsTaskSample, source: dir)

    saved = Path.join(dir, "run.scope")
    :ok = ASTRepository.save(observation.repository, saved)

    on_exit(fn ->
      Code.delete_path(dir)
      :code.purge(InsightsTaskSample) && :code.delete(InsightsTaskSample)
      File.rm_rf!(dir)
    end)

    {:ok, saved: saved}
  end

  defp insights(args), do: capture_io(fn -> Insights.run(args) end)

  test "a module and a function of a saved run, as text", %{saved: saved} do
    text = insights(["InsightsTaskSample", "--repository", saved])
    assert text =~ ~r/Hotspots\n.*InsightsTaskSample\.run\/1/s
    assert text =~ ~r/Cold code\n.*InsightsTaskSample\.never\/0.*ran never/s
    assert text =~ ~r/Failure cascades\n.*count 5.*InsightsTaskSample\.failing\/1/s
    assert text =~ ~r/Not known\n.*Gc impact: trace garbage collection/s
    assert text =~ "Cascades of processes: trace :procs"
    assert insights(["InsightsTaskSample.failing/1", "--repository", saved]) =~ "Sample count\n  10\n"
  end

  test "as JSON: what nobody looked at is null", %{saved: saved} do
    json = insights(["InsightsTaskSample", "--repository", saved, "--json"])
    assert json =~ ~s("calls":10)
    assert json =~ ~s("estimated":false)
    assert json =~ ~r/"gc_impact": null/
    assert json =~ ~r/"InsightsTaskSample\.never\/0": 0\.0/
  end

  test "what is wrong says what is right", %{saved: saved} do
    assert_raise Mix.Error, ~r/knows no .*NobodyIsCalledSo/, fn ->
      insights(["NobodyIsCalledSo", "--repository", saved])
    end

    assert_raise Mix.Error, ~r/never ran/, fn ->
      insights(["InsightsTaskSample.never/0", "--repository", saved])
    end

    assert_raise Mix.Error, fn -> insights(["InsightsTaskSample", "--repository", saved <> "x"]) end
    assert_raise Mix.Error, ~r/takes a module or function/, fn -> insights([]) end
    assert insights(["--help"]) =~ "--json"
  end
end

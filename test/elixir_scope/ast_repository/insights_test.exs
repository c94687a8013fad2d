defmodule ElixirScope.ASTRepository.InsightsTest do
  # One capture in a VM: no other test may observe at the same time.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ColdCode, FailureCascade, Hotspot, PerformanceCorrelator, Repository}
  alias ElixirScope.ASTRepository.{RuntimeInsights, SemanticEnricher}

  @compile {:no_warn_undefined, InsightSample}

  # What it does is known: three processes at once, five failures three deep, one function much hotter than the rest.
  @code """
  defmodule InsightSample do
    def run(parent) do
      tasks = for _ <- 1..3, do: Task.async(fn -> hold(parent) end)
      for _ <- 1..3, do: (receive do :held -> :ok end)
      for task <- tasks, do: send(task.pid, :go)
      Task.await_many(tasks)
      for n <- 1..5, do: rescued(n)
      hot(400_000)
      cool(1)
      :done
    end

    def hold(parent) do
      send(parent, :held)
      receive do
        :go -> :ok
      end
    end

    def rescued(n) do
      outer(n)
    rescue
      ArgumentError -> :rescued
    end

    def outer(n), do: [middle(n)]
    def middle(n), do: {inner(n)}
    def inner(n), do: raise(ArgumentError, "no \#{n}")

    def hot(0), do: []
    def hot(n), do: length(Enum.map(1..n, &(&1 * 2)))
    def cool(n), do: n
    def never(n), do: n
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-insights-#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "sample.ex")
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(InsightSample)

    on_exit(fn ->
      Code.delete_path(dir)
      :code.purge(InsightSample) && :code.delete(InsightSample)
      File.rm_rf!(dir)
    end)

    {:ok, observation} =
      ElixirScope.observe(fn -> InsightSample.run(self()) end, modules: InsightSample, source: dir)

    assert observation.outcome == {:ok, :done}
    {:ok, insights} = SemanticEnricher.insights(observation.repository, InsightSample)
    %{repository: observation.repository, insights: insights}
  end

  defp key(name, arity), do: {InsightSample, name, arity}
  defp of(list, name, arity), do: Enum.find(list, &(&1.function == key(name, arity)))

  test "time: the hottest function is the one that works", %{repository: repository, insights: insights} do
    assert [%Hotspot{calls: 1} = hottest | _] =
             insights.hotspots |> Enum.reject(&(&1.function == key(:hold, 1)))

    assert hottest.function in [key(:hot, 1), key(:run, 1)]
    assert of(insights.hotspots, :hot, 1).self_us > of(insights.hotspots, :cool, 1).self_us

    # The order that fprof would give, from a source of its own: reductions of each alone.
    {:reductions, before} = Process.info(self(), :reductions)
    InsightSample.hot(400_000)
    {:reductions, later} = Process.info(self(), :reductions)
    assert later - before > 100_000

    assert {:ok, [first | _] = all} = PerformanceCorrelator.hotspots(repository, by: :total, limit: 3)
    assert first.function == key(:run, 1) or first.function == key(:hold, 1)
    assert length(all) == 3
    assert {:error, %{reason: :unknown}} = PerformanceCorrelator.hotspots(repository, by: :heat)
  end

  test "cold code is what was instrumented and did not run", %{insights: insights} do
    assert [%ColdCode{calls: 0, ran: :never} = cold] = insights.cold_code
    assert cold.function == key(:never, 1)
    assert insights.code_coverage[cold.ast_node_id] == 0.0
    assert insights.code_coverage["InsightSample.cool/1"] == 1.0
  end

  test "errors: how many, where they began, how far they spread", %{insights: insights} do
    assert insights.error_frequencies == %{error: 15, aborted: 0}
    assert Enum.sum(for pattern <- insights.exception_patterns, do: pattern.count) == 15
    assert insights.exception_patterns |> Enum.flat_map(& &1.origins) |> Enum.uniq() == [key(:inner, 1)]

    assert [%FailureCascade{kind: :error, count: 5, depth_max: 3, path_cut: false} = cascade] =
             insights.failure_cascades

    assert cascade.path == [key(:inner, 1), key(:middle, 1), key(:outer, 1)]
  end

  test "concurrency and time", %{insights: insights} do
    assert %{most_at_once: 3, processes: 3, processes_exact: true, open: 0} =
             held = of(insights.concurrency_patterns, :hold, 1)

    assert held.shared_us > 0 and held.shared_us <= held.busy_us
    assert %{most_at_once: 1, processes: 1, shared_us: +0.0} = of(insights.concurrency_patterns, :cool, 1)
    assert Enum.sum(of(insights.temporal_patterns, :rescued, 1).counts) == 5
    {from, to} = insights.aggregation_period
    assert DateTime.compare(from, to) in [:lt, :eq]
  end

  test "what nobody looked at is nil, and says how to look", %{insights: insights} do
    for field <- [
          :gc_impact,
          :memory_allocations,
          :process_spawning,
          :variable_lifecycles,
          :test_effectiveness
        ] do
      assert Map.fetch!(insights, field) == nil
      assert insights.unknown[field] =~ ~r/trace|record|store/
    end

    # Every field is either told or said to be unknown.
    for {field, nil} <- Map.from_struct(insights), do: assert(is_binary(insights.unknown[field]), "#{field}")
    assert insights.confidence_level > 0.0 and insights.confidence_level < 1.0
  end

  test "functions carry their own, and what a caller stored comes first", %{repository: repository} do
    assert {:ok, %RuntimeInsights{sample_count: 5} = own} =
             SemanticEnricher.insights(repository, key(:inner, 1))

    assert [%{count: 5}] = own.failure_cascades
    assert {:ok, nil} = SemanticEnricher.insights(repository, key(:never, 1))
    assert {:error, :not_found} = SemanticEnricher.insights(repository, key(:nobody, 1))
    assert {:error, %{reason: :invalid_argument}} = SemanticEnricher.insights(repository, "x")

    stored = %RuntimeInsights{bug_correlation: %{"BUG-1" => ["InsightSample.cool/1"]}}
    :ok = ASTRepository.update_runtime_insights(repository, "InsightSample.cool/1", stored)
    assert {:ok, both} = SemanticEnricher.insights(repository, key(:cool, 1))
    assert both.bug_correlation == stored.bug_correlation
    assert both.sample_count == 1

    assert {:ok, module} = ASTRepository.get_module(repository, InsightSample)
    assert module.error_patterns == module.runtime_insights.exception_patterns
    assert {:ok, %{memory_usage: nil}} = ASTRepository.get_function(repository, key(:cool, 1))
    assert {:ok, all} = Repository.fetch(repository, :hybrid_insights)
    assert %RuntimeInsights{} = all["InsightSample.inner/1"]
  end
end

defmodule ElixirScope.ASTRepository.PerformanceAnalysisTest do
  # One capture in a VM: no other test may observe at the same time.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.PerformanceAnalysis

  @moduletag :tmp_dir
  @compile {:no_warn_undefined, [PerfSample, PerfSample.Server]}

  # Two runs on a machine that others use differ, and significantly so: what matters is set well above.
  @quiet [min_change: 2.0, min_change_us: 100.0]

  # What it does is known: `page` asks for each of 25 items, eight of them twice more; `heavy` works; `asks` waits for a server that
  # takes 3 ms; `recursive` asks in a tail recursion; `calm` calls three times; the rest never runs.
  @code ~S'''
  defmodule PerfSample do
    defmodule Server do
      use GenServer
      def start_link(_), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)
      @impl true
      def init(state), do: {:ok, state}
      @impl true
      def handle_call(:slow, _from, state) do
        PerfSample.spin(3_000)
        {:reply, :ok, state}
      end
    end

    @doc "All of it."
    def run(factor \\ 1) do
      {:ok, pid} = Server.start_link([])
      for _ <- 1..30, do: page(25)
      for _ <- 1..30, do: calm()
      for _ <- 1..60, do: heavy(factor)
      for _ <- 1..60, do: steady()
      for _ <- 1..10, do: asks()
      recursive(Enum.to_list(1..40))
      repeated()
      for n <- 1..4, do: failing(n)
      GenServer.stop(pid)
      :done
    end

    def page(n), do: Enum.map(1..n, &item(&1))
    def item(n), do: spin(40 + n - n)
    def calm, do: {once(1), once(2), once(3)}
    def once(n), do: n
    def heavy(factor), do: spin(300 * factor)
    def steady, do: spin(100)
    def asks, do: {GenServer.call(Server, :slow)}

    def recursive([]), do: :ok
    def recursive([n | rest]) do
      row(n)
      recursive(rest)
    end
    def row(n), do: spin(20 + n - n)

    def repeated, do: {for(_ <- 1..8, do: lookup(:same)), lookup(:other)}
    def lookup(key), do: {key, spin(20)}

    def failing(n) do
      if rem(n, 2) == 0, do: raise(ArgumentError, "even")
      n
    rescue
      ArgumentError -> broken(n)
    end

    def broken(n) do
      try do
        explode(n)
      rescue
        _ -> :rescued
      end
    end

    def explode(n), do: raise("no #{n}")

    def spin(us) do
      until = System.monotonic_time(:microsecond) + us
      turn(until)
    end

    defp turn(until), do: if(System.monotonic_time(:microsecond) < until, do: turn(until), else: :ok)

    def nobody_calls(n), do: helper_of_nobody(n)
    defp helper_of_nobody(n), do: n + 1

    @doc false
    def hidden, do: unreached_but_led_to()
    defp unreached_but_led_to, do: :ok
  end
  '''

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-analysis-#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "sample.ex")
    # Private functions that nothing calls are the point.
    dead = "\n  defmodule PerfSample.Dead do\n  def live, do: used()\n  defp used, do: :ok\n  end\n"
    File.write!(source, @code <> dead)

    {:ok, modules, _} =
      ExUnit.CaptureIO.with_io(:stderr, fn ->
        Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
      end)
      |> elem(0)

    Code.prepend_path(dir)
    for module <- modules, do: {:module, _} = Code.ensure_loaded(module)

    on_exit(fn ->
      Code.delete_path(dir)
      for module <- modules, do: :code.purge(module) && :code.delete(module)
      File.rm_rf!(dir)
    end)

    %{base: observe(dir, 1), source: dir}
  end

  defp observe(dir, factor) do
    {:ok, observation} =
      ElixirScope.observe(fn -> PerfSample.run(factor) end,
        modules: [PerfSample, PerfSample.Server],
        source: dir,
        coverage: true,
        capture: [:args],
        trace: [:messages]
      )

    assert observation.outcome == {:ok, :done}
    observation.repository
  end

  defp analyze(repository, request) do
    assert {:ok, %PerformanceAnalysis{} = analysis} = ASTRepository.analyze_performance(repository, request)
    analysis
  end

  defp functions(analysis), do: for(finding <- analysis.findings, do: finding.function)

  defp of(analysis, name, arity),
    do: Enum.find(analysis.findings, &(&1.function == {PerfSample, name, arity}))

  test "hotspots: who works, and who lets work", %{base: repository} do
    analysis = analyze(repository, kinds: :hotspot_self)
    # All time is spun away in one private function, called through one public one.
    assert [first | _] = analysis.findings
    assert first.function in [{PerfSample, :turn, 1}, {PerfSample, :spin, 1}]
    assert first.evidence.self_share > 0.2
    assert is_integer(first.evidence.slowest_event)
    assert first.file =~ "sample.ex" and first.line > 0 and first.ast_node_id =~ "PerfSample"
    assert {:ok, %{}} = ASTRepository.TemporalBridge.causes(repository, first.evidence.slowest_event)
    inclusive = analyze(repository, kinds: :hotspot_inclusive)
    # The run holds everything, but for what other processes do at the same time.
    assert Enum.any?(Enum.take(functions(inclusive), 3), &match?({PerfSample, :run, _}, &1))
    assert of(inclusive, :page, 1).evidence.callee_share > 0.9
    refute {PerfSample, :once, 1} in functions(analysis)
  end

  test "the same called again and again from one activation", %{base: repository} do
    analysis = analyze(repository, kinds: :n_plus_one)
    page = of(analysis, :page, 1)

    assert %{callee: {PerfSample, :item, 1}, most: 25, calls: 750, activations: 30, mean: 25.0} =
             page.evidence

    assert page.evidence.share > 0.8 and page.confidence > 0.8
    assert page.next_step =~ "list"
    # A tail recursion is one activation: forty elements, forty calls.
    assert %{callee: {PerfSample, :row, 1}, most: 40, activations: 1} = of(analysis, :recursive, 1).evidence
    sql = "select function from events where event_id = #{page.evidence.most_event}"
    assert {:ok, %{rows: [%{"function" => "PerfSample.page/1"}]}} = ASTRepository.sql(repository, sql)
    # Three calls are none.
    refute {PerfSample, :calm, 0} in functions(analysis)
    assert analyze(repository, kinds: :n_plus_one, repeats: 2, min_share: 0.0) |> of(:calm, 0)
  end

  test "equal arguments", %{base: repository} do
    analysis = analyze(repository, kinds: :repeated_work)
    found = Enum.find(analysis.findings, &(&1.evidence.callee == {PerfSample, :lookup, 1}))
    assert found.function == {PerfSample, :repeated, 0}
    assert %{equal_calls: 7, equal_most: 8, calls: 9, calls_with_arguments: 9} = found.evidence
    assert found.evidence.equal_us >= 7 * 15
    refute Enum.any?(analysis.findings, &(&1.evidence.callee == {PerfSample, :row, 1}))
    refute Enum.any?(analysis.findings, &(&1.evidence.callee == {PerfSample, :item, 1}))
  end

  test "what the time is made of", %{base: repository} do
    analysis = analyze(repository, kinds: :latency)
    assert %{cause: :callees, callees_share: share} = of(analysis, :page, 1).evidence
    assert share > 0.9
    asks = of(analysis, :asks, 0)
    assert %{cause: :messages, activations: 10, messages_us: waited} = asks.evidence
    assert waited >= 10 * 3_000 and asks.evidence.messages_share > 0.8
    assert is_integer(asks.evidence.longest_wait_event)
    spin = of(analysis, :turn, 1) || of(analysis, :spin, 1)
    assert spin.evidence.cause == :own

    for %{evidence: e} <- analysis.findings do
      assert_in_delta e.own_us + e.callees_us + e.messages_us + e.collection_us,
                      e.total_us,
                      e.total_us * 0.001 + 1
    end
  end

  test "slower than before: told, with what explains it; the rest is not", %{base: base, source: dir} do
    slower = observe(dir, 3)
    analysis = analyze(slower, [kinds: [:regression, :improvement], baseline: base] ++ @quiet)
    heavy = of(analysis, :heavy, 1)
    assert %{kind: :regression, confidence: sure} = heavy
    assert sure > 0.8
    # Three times the work; what else the machine does is in it.
    assert heavy.evidence.ratio > 1.5 and heavy.evidence.ratio < 12
    assert heavy.evidence.adjusted_p < 0.001 and heavy.evidence.adjusted_p >= heavy.evidence.p
    assert heavy.evidence.samples_before == 60
    refute {PerfSample, :steady, 0} in functions(analysis)
    refute {PerfSample, :page, 1} in functions(analysis)
    # The other way round it is an improvement.
    back = analyze(base, [kinds: [:regression, :improvement], baseline: slower] ++ @quiet)
    assert %{kind: :improvement} = of(back, :heavy, 1)
  end

  test "the same run twice has no regression", %{base: base, source: dir, tmp_dir: tmp} do
    again = observe(dir, 1)
    path = Path.join(tmp, "base.scope")
    :ok = ASTRepository.save(base, path)
    analysis = analyze(again, [kinds: :regression, baseline: path] ++ @quiet)
    assert analysis.findings == []
    assert %{examined: examined, unknown: nil} = analysis.kinds.regression
    assert examined > 5
    assert %{unknown: unknown} = analyze(base, kinds: :regression).kinds.regression
    assert unknown =~ "baseline"
  end

  test "what ran without documentation or test; what nothing leads to", %{base: repository} do
    undocumented = analyze(repository, kinds: :undocumented, limit: 100)
    assert {PerfSample, :page, 1} in functions(undocumented)
    refute {PerfSample, :turn, 1} in functions(undocumented)
    refute {PerfSample.Server, :init, 1} in functions(undocumented)
    refute Enum.any?(functions(undocumented), &match?({PerfSample, :run, _}, &1))

    dead = analyze(repository, kinds: :dead_code)
    assert {PerfSample, :nobody_calls, 1} in functions(dead)
    refute {PerfSample, :unreached_but_led_to, 0} in functions(dead)
    refute {PerfSample, :page, 1} in functions(dead)
    refute {PerfSample.Server, :handle_call, 3} in functions(dead)
    # Nothing of it was observed: nobody knows.
    refute {PerfSample.Dead, :live, 0} in functions(dead)

    assert %{unknown: unknown} = analyze(repository, kinds: :untested).kinds.untested
    assert unknown =~ "tests"
    tested = analyze(repository, kinds: :untested, tests: repository)
    assert tested.findings == [] and tested.kinds.untested.examined > 5
    {:ok, empty} = ASTRepository.new()

    assert {PerfSample, :page, 1} in functions(
             analyze(repository, kinds: :untested, tests: empty, limit: 100)
           )
  end

  test "risk and complexity", %{base: repository} do
    risk = analyze(repository, kinds: :risk)
    explode = of(risk, :explode, 1)
    assert %{errors: 2, error_rate: 1.0, calls: 2} = explode.evidence
    assert is_integer(explode.evidence.failed_event)
    refute {PerfSample, :page, 1} in functions(risk)
    complexity = analyze(repository, kinds: :complexity_time)
    assert [%{function: nil, evidence: %{rho: rho, p: p, functions: n}} | _] = complexity.findings
    assert rho >= -1 and rho <= 1 and p >= 0 and p <= 1 and n >= 10
  end

  test "everything at once, limited, and what is wrong with a request", %{base: repository} do
    analysis = analyze(repository, limit: 2)

    assert Map.keys(analysis.kinds) |> Enum.sort() ==
             (PerformanceAnalysis.kinds() -- [:improvement]) |> Enum.sort()

    for {_kind, findings} <- Enum.group_by(analysis.findings, & &1.kind), do: assert(length(findings) <= 2)
    assert analysis.sources.calls and analysis.sources.messages and analysis.sources.values
    assert analysis.complete? and analysis.events > 1_000

    for finding <- analysis.findings,
        do: assert(finding.confidence >= 0 and finding.confidence <= 1 and finding.next_step)

    for {request, reason} <- [
          {[kinds: [:hotspots]], :unknown},
          {[kind: :risk], :unknown},
          {[kinds: []], :invalid_argument},
          {[limit: 0], :invalid_argument},
          {[alpha: 2], :invalid_argument},
          {[baseline: 5], :invalid_argument},
          {[kinds: [:regression], baseline: "/nowhere/at.all"], :file},
          {:all, :invalid_argument}
        ] do
      assert {:error, %{reason: ^reason}} = ASTRepository.analyze_performance(repository, request),
             inspect(request)
    end

    assert {:error, %{}} = ASTRepository.analyze_performance(:nobody, [])
    assert {:ok, %{findings: []}} = ASTRepository.analyze_performance(elem(ASTRepository.new(), 1), [])
  end
end

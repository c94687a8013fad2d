defmodule ElixirScope.ASTRepository.InsightsEventsTest do
  @moduledoc """
  Every insight over real processes, against what those processes, or the VM, say of themselves.
  """
  # One capture in a VM: no other test may observe at the same time.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.{PerformanceCorrelator, SemanticEnricher}

  @moduletag timeout: 180_000
  @moduletag :capture_log
  @modules [InsightWorld, InsightWorld.Leader, InsightWorld.Follower, InsightWorld.Desk, InsightWorld.Work]
  @compile {:no_warn_undefined, @modules}

  @code """
  defmodule InsightWorld do
    def system do
      Supervisor.start_link([InsightWorld.Leader, InsightWorld.Follower],
        strategy: :one_for_all, max_restarts: 1_000, max_seconds: 1)
    end

    def crowd(how, n) do
      # Not the last thing it does: newer compilers make a jump of that, and who jumps away spawns nothing.
      crowd = for k <- 1..n, do: spawn(fn -> member(how, k) end)
      crowd
    end

    def member(:well, k), do: k
    def member(:ill, k), do: if(rem(k, 2) == 0, do: exit(:ill), else: k)

    def ask(parent), do: spawn_monitor(fn -> asking(parent) end)
    def asking(parent) do
      send(parent, {:asks, self()})
      [GenServer.call(InsightWorld.Leader, :boom)]
    end
  end

  defmodule InsightWorld.Leader do
    use GenServer
    def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
    def init(nil) do
      helper = spawn_link(fn -> helping() end)
      {:ok, helper}
    end
    def helping do
      receive do
        :never -> :ok
      end
    end
    def handle_call(:helper, _from, helper), do: {:reply, helper, helper}
    def handle_call(:boom, _from, helper), do: [exit(:boom) | helper]
  end

  defmodule InsightWorld.Follower do
    use GenServer
    def start_link(_), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)
    def init(n), do: {:ok, n}
  end

  defmodule InsightWorld.Desk do
    use GenServer
    def start_link(n), do: GenServer.start_link(__MODULE__, n)
    def init(n), do: {:ok, n}
    def handle_cast({:add, k}, n), do: {:noreply, n + k}
    def handle_call({:wait, ms}, _from, n) do
      Process.sleep(ms)
      {:reply, n, n}
    end
    def senders(desk, n, each) do
      for _ <- 1..n, do: spawn(fn -> writing(desk, each) end)
    end
    def writing(_desk, 0), do: :ok
    def writing(desk, n) do
      GenServer.cast(desk, {:add, 1})
      writing(desk, n - 1)
    end
    def question(desk, ms), do: {:answer, GenServer.call(desk, {:wait, ms})}
  end

  defmodule InsightWorld.Work do
    def all(n) do
      for _ <- 1..n, do: {heavy(60_000), middle(20_000), light(2_000)}
      :done
    end
    def heavy(n), do: {spin(n, 0)}
    def middle(n), do: [spin(n, 1)]
    def light(n), do: {Enum.sum(1..n)}
    def spin(0, acc), do: acc
    def spin(n, acc), do: spin(n - 1, rem(acc * 31 + n, 1_000_003))
    def nap(ms), do: {Process.sleep(ms)}
    def busy(until), do: if(System.monotonic_time(:millisecond) < until, do: busy(until), else: :ok)
    def burn(ms), do: {busy(System.monotonic_time(:millisecond) + ms)}
    def churn(n), do: length(Enum.reduce(1..n, [], fn k, acc -> if(rem(k, 50) == 0, do: [], else: [{k, [k]} | acc]) end))
    def once(n), do: n
    def branchy(n) do
      if n > 0 do
        once(n)
      else
        Integer.to_string(n)
      end
    end
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-insight-events-#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "world.ex")
    File.write!(source, @code)
    old = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.put_compiler_option(:parser_options, old)
    Code.prepend_path(dir)
    for module <- @modules, do: {:module, _} = Code.ensure_loaded(module)

    on_exit(fn ->
      ElixirScope.uninstrument(@modules)
      Code.delete_path(dir)
      for module <- @modules, do: :code.purge(module) && :code.delete(module)
      File.rm_rf!(dir)
    end)

    {:ok, dir: dir}
  end

  # Runs `fun` in a process of its own, observed with `options` and, with all that it starts, traced.
  defp observed(%{dir: dir}, options, flags, fun) do
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)
    {:ok, _} = ElixirScope.instrument(@modules, options)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    parent = self()

    {driver, monitor} =
      spawn_monitor(fn ->
        receive do
          :go -> send(parent, {:result, fun.()})
        end
      end)

    trace =
      if flags != [] do
        {:ok, trace} =
          ElixirScope.trace([],
            processes: driver,
            flags: flags,
            inherit: true,
            count: 1_000_000,
            time_ms: 60_000
          )

        trace
      end

    send(driver, :go)
    assert_receive {:result, result}, 60_000
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
    if trace, do: ElixirScope.untrace(trace)
    Capture.stop()
    :ok = Capture.flush()
    Capture.unsubscribe(repository)
    {:ok, _} = ElixirScope.uninstrument(@modules)
    Capture.ungate(:all)
    {repository, result}
  end

  defp insights!(repository, what) do
    {:ok, insights} = SemanticEnricher.insights(repository, what)
    insights
  end

  defp of(list, function), do: Enum.find(list || [], &(&1.function == function))

  defp died(pid) do
    pid |> Process.monitor() |> reason()
  end

  defp reason(ref) do
    receive do
      {:DOWN, ^ref, _, _, reason} -> reason
    after
      5_000 -> exit(:it_lives)
    end
  end

  test "a failure from process to process: linked, calling, shut down, started again", context do
    rounds = 4

    {repository, truth} =
      observed(context, [], [:processes, :messages], fn ->
        Process.flag(:trap_exit, true)
        {:ok, supervisor} = InsightWorld.system()

        truth =
          for _ <- 1..rounds do
            [leader, follower] =
              for name <- [InsightWorld.Leader, InsightWorld.Follower], do: Process.whereis(name)

            helper = GenServer.call(leader, :helper)
            watched = for pid <- [leader, helper, follower], do: Process.monitor(pid)
            {caller, asked} = InsightWorld.ask(self())
            reasons = for ref <- List.insert_at(watched, 2, asked), do: reason(ref)
            true = is_pid(caller)
            wait_until(fn -> Process.whereis(InsightWorld.Follower) not in [nil, follower] end)
            reasons
          end

        Supervisor.stop(supervisor)
        truth
      end)

    # What the processes' monitors said.
    for reasons <- truth, do: assert([:boom, :boom, {:boom, {GenServer, :call, _}}, :shutdown] = reasons)

    cascades = insights!(repository, InsightWorld.Leader).failure_cascades |> Enum.filter(&(&1.kind == :exit))
    assert Enum.sum(for it <- cascades, do: it.count) == rounds
    # Who died of it may be told in any order, and all are told.
    for cascade <- cascades do
      assert cascade.reason == ":boom"
      assert hd(cascade.path) == {InsightWorld.Leader, :handle_call, 3}
      died_of_it = Enum.zip(tl(cascade.path), cascade.how)

      assert Enum.sort(died_of_it) ==
               Enum.sort([
                 {{InsightWorld.Leader, :helping, 0}, :link},
                 {{InsightWorld, :asking, 1}, :call},
                 {{InsightWorld.Follower, :init, 1}, :supervisor}
               ])

      assert cascade.depth_max == 4 and cascade.certainty == :inferred
    end

    assert Enum.sum(for it <- cascades, do: it.restarts) == 2 * rounds
    assert Enum.all?(cascades, &(&1.restart_us > 0))
    # The caller's side of the same.
    assert Enum.any?(insights!(repository, InsightWorld).failure_cascades, &(&1.kind == :exit))
  end

  test "started processes: how many, how they ended, how many at once", context do
    {repository, truth} =
      observed(context, [], [:processes], fn ->
        well = InsightWorld.crowd(:well, 30)
        ill = InsightWorld.crowd(:ill, 20)
        for pid <- well ++ ill, do: died(pid)
        length(well ++ ill)
      end)

    spawns = insights!(repository, InsightWorld).process_spawning
    assert %{count: ^truth, ended: ^truth, failed: 10} = crowd = of(spawns, {InsightWorld, :crowd, 2})
    assert crowd.most_alive in 1..truth and crowd.mean_life_us > 0
    failed = for %{kind: :failed} = event <- insights!(repository, InsightWorld).supervision_events, do: event
    assert length(failed) == 10 and Enum.all?(failed, &(&1.reason =~ "ill" and &1.certainty == :exact))
  end

  test "mailboxes, senders and answers, against the mailbox itself and a clock", context do
    {repository, truth} =
      observed(context, [capture: [:calls, :messages]], [:messages], fn ->
        {:ok, desk} = InsightWorld.Desk.start_link(0)
        # All of it lies there before the first is taken.
        :sys.suspend(desk)
        for pid <- InsightWorld.Desk.senders(desk, 4, 25), do: died(pid)
        {:message_queue_len, most} = Process.info(desk, :message_queue_len)
        :sys.resume(desk)
        times = for _ <- 1..5, do: elem(:timer.tc(fn -> InsightWorld.Desk.question(desk, 8) end), 0)
        state = :sys.get_state(desk)
        GenServer.stop(desk)
        %{most: most, times: times, state: state}
      end)

    assert truth.most == 100 and truth.state == 100
    flows = insights!(repository, InsightWorld.Desk).message_flows
    cast = Enum.find(flows, &(&1.to == {InsightWorld.Desk, :handle_cast, 2}))

    assert %{
             count: 100,
             from: {InsightWorld.Desk, :writing, 2},
             pattern: :fan_in,
             senders: 4,
             senders_exact: true
           } = cast

    assert cast.queue_max == truth.most
    assert_in_delta cast.queue_mean, 50.5, 0.01
    call = Enum.find(flows, &(&1.to == {InsightWorld.Desk, :handle_call, 3} and &1.kind == :call))
    assert %{count: 5, replies: 5, pattern: :request_reply, from: {InsightWorld.Desk, :question, 2}} = call
    mean = Enum.sum(truth.times) / 5
    assert call.mean_reply_us >= 8_000 and call.mean_reply_us <= mean
    assert call.mean_reply_us > mean * 0.5
    assert call.max_reply_us <= Enum.max(truth.times)
  end

  test "states of a server, against :sys.get_state", context do
    {repository, truth} =
      observed(context, [capture: [:args, :result]], [], fn ->
        {:ok, desk} = InsightWorld.Desk.start_link(0)

        changed =
          for k <- [0, 1, 2, 0, 0, 7, 1, 0] do
            before = :sys.get_state(desk)
            GenServer.cast(desk, {:add, k})
            :sys.get_state(desk) != before
          end

        InsightWorld.Desk.question(desk, 0)
        GenServer.stop(desk)
        Enum.count(changed, & &1)
      end)

    mutations = insights!(repository, InsightWorld.Desk).state_mutations
    assert %{changed: ^truth, unchanged: unchanged} = of(mutations, {InsightWorld.Desk, :handle_cast, 2})
    assert unchanged == 8 - truth
    assert %{changed: 0, unchanged: 1} = of(mutations, {InsightWorld.Desk, :handle_call, 3})
    transformed = insights!(repository, InsightWorld.Desk).data_transformations
    assert %{count: 8, to: "{:noreply, ...}"} = of(transformed, {InsightWorld.Desk, :handle_cast, 2})
  end

  test "where time goes, against the VM's own call_time", context do
    # Calls of `spin` would weigh by what watching costs, on either side: it belongs to its callers.
    watched =
      for {name, arity} <- [heavy: 1, middle: 1, light: 1, all: 1], do: {InsightWorld.Work, name, arity}

    # Both use a clock on the wall, and others use the machine: one of several.
    assert Enum.any?(1..8, fn _ -> as_the_vm_says?(watched, context.dir) end)
  end

  defp as_the_vm_says?(watched, dir) do
    work = fn -> InsightWorld.Work.all(100) end
    truth = call_times(watched, work)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)

    points =
      for {_, name, arity} <- watched,
          do: %{module: InsightWorld.Work, function: {name, arity}, kinds: [:calls]}

    {:ok, _} = ElixirScope.instrument(InsightWorld.Work, capture: [], points: points)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    :done = work.()
    Capture.stop()
    :ok = Capture.flush()
    Capture.unsubscribe(repository)
    {:ok, _} = ElixirScope.uninstrument(InsightWorld.Work)
    {:ok, hotspots} = PerformanceCorrelator.hotspots(repository)
    same = insights!(repository, InsightWorld.Work).hotspots
    assert Enum.map(same, & &1.function) == for(it <- hotspots, it.self_us > 0, do: it.function)
    assert Enum.sort(Enum.map(hotspots, & &1.function)) == Enum.sort(watched)
    whole = truth |> Map.values() |> Enum.map(&elem(&1, 1)) |> Enum.sum()

    near? =
      for hotspot <- hotspots do
        {calls, us} = Map.fetch!(truth, hotspot.function)
        assert hotspot.calls == calls and hotspot.recorded == calls
        refute hotspot.estimated
        abs(hotspot.self_share - us / whole) < 0.15
      end

    # With what it called, the first one is the one that called.
    assert {:ok, [%{function: {_, :all, 1}} = all | _]} =
             PerformanceCorrelator.hotspots(repository, by: :total)

    assert_in_delta all.total_us, hotspots |> Enum.map(& &1.self_us) |> Enum.sum(), 1.0
    Enum.all?(near?) and abs(all.total_us - whole) < whole * 0.5
  end

  defp call_times(functions, work) do
    for function <- functions, do: :erlang.trace_pattern(function, true, [:local, :call_time])
    :erlang.trace(self(), true, [:call])
    work.()
    :erlang.trace(self(), false, [:call])

    truth =
      for function <- functions, into: %{} do
        {:call_time, [{_, calls, seconds, us}]} = :erlang.trace_info(function, :call_time)
        {function, {calls, seconds * 1_000_000 + us}}
      end

    for function <- functions, do: :erlang.trace_pattern(function, false, [:local, :call_time])
    truth
  end

  test "a part of the calls, scaled and marked", context do
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, context.dir)
    {:ok, _} = ElixirScope.instrument(InsightWorld.Work, sampling_rate: 0.25)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    for n <- 1..2_000, do: InsightWorld.Work.light(n)
    Capture.stop()
    :ok = Capture.flush()
    light = {InsightWorld.Work, :light, 1}
    assert {:ok, [hotspot]} = PerformanceCorrelator.hotspots(repository, limit: 1)
    assert %{function: ^light, calls: 2_000, estimated: true} = hotspot
    assert hotspot.recorded in 300..700
    insights = insights!(repository, InsightWorld.Work)
    assert %{calls: 2_000, estimated: true, recorded: recorded} = own = of(insights.hotspots, light)
    assert recorded == hotspot.recorded and insights.sample_count == recorded
    assert_in_delta own.self_us, hotspot.self_us, 0.01
    {:ok, stats} = ASTRepository.get_function(repository, light, fields: [:execution_statistics])
    assert_in_delta own.self_us, stats.execution_statistics.self_us * 2_000 / recorded, 1.0
    # Fewer samples, less confidence; and none that was called is cold.
    assert of(insights.cold_code, light) == nil
    assert insights.confidence_level < 1.0 - 2 * 1.96 * 1.96 / 2_000 / 2
    ElixirScope.uninstrument(InsightWorld.Work)
  end

  test "collections, against what the process counts of itself", context do
    {repository, truth} =
      observed(context, [], [:garbage_collection], fn ->
        parent = self()

        churner = fn ->
          # Of the whole VM, which does little else meanwhile.
          {before, words_before, _} = :erlang.statistics(:garbage_collection)
          InsightWorld.Work.churn(200_000)
          {later, words_later, _} = :erlang.statistics(:garbage_collection)
          send(parent, {:collected, {later - before, words_later - words_before}})
        end

        pid = spawn(churner)

        receive do
          {:collected, truth} -> died(pid) && truth
        end
      end)

    churn = {InsightWorld.Work, :churn, 1}
    insights = insights!(repository, InsightWorld.Work)
    {collections, words} = truth
    assert collections > 100
    assert %{minor: minor, major: major} = gc = of(insights.gc_impact, churn)
    assert_in_delta minor + major, collections, collections * 0.1
    assert gc.total_us > 0 and gc.share_of_self_time > 0 and gc.share_of_self_time <= 1
    memory = of(insights.memory_allocations, churn)
    assert memory.samples == minor + major
    assert_in_delta memory.freed_bytes / :erlang.system_info(:wordsize), words, words * 0.15
    # What is freed was allocated; what is allocated last need not be freed yet.
    assert_in_delta memory.allocated_bytes, memory.freed_bytes, memory.freed_bytes * 0.15
    {:ok, function} = ASTRepository.get_function(repository, churn)
    assert %{minor_collections: ^minor, source: :garbage_collections} = function.memory_usage
    assert function.memory_usage.allocated_bytes == memory.allocated_bytes
  end

  test "who sleeps and who works, from the scheduler", context do
    {repository, _} =
      observed(context, [], [:scheduling], fn ->
        for _ <- 1..3, do: InsightWorld.Work.nap(25)
        InsightWorld.Work.burn(60)
      end)

    {nap, burn} = {{InsightWorld.Work, :nap, 1}, {InsightWorld.Work, :burn, 1}}
    {:ok, %{performance_profile: %{cpu_usage: asleep}}} = ASTRepository.get_function(repository, nap)
    {:ok, %{performance_profile: %{cpu_usage: at_work}}} = ASTRepository.get_function(repository, burn)
    assert asleep < 0.3 and at_work > 0.5
    pattern = of(insights!(repository, InsightWorld.Work).concurrency_patterns, nap)
    assert pattern.waits >= 3 and pattern.wait_us >= 70_000
  end

  # Debian has :cover in a package of its own.
  if not Code.ensure_loaded?(:cover), do: @tag(skip: "there is no :cover here")

  test "what did not run, against :cover", context do
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, context.dir)
    {:ok, _} = ElixirScope.instrument(InsightWorld.Work, coverage: true)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    for n <- 1..3, do: InsightWorld.Work.branchy(n)
    Capture.stop()
    :ok = Capture.flush()
    {:ok, _} = ElixirScope.uninstrument(InsightWorld.Work)
    coverage = insights!(repository, InsightWorld.Work).code_coverage
    uncovered = cover_lines(context.dir)

    lines =
      for {id, +0.0} <- coverage,
          {:ok, place} <- [ASTRepository.get_node_location(repository, id)],
          do: place.line

    assert lines != []
    # Whatever is said not to have run is on a line that :cover says did not run; and the branch is found.
    assert for(line <- Enum.uniq(lines) -- uncovered, do: Enum.at(String.split(@code, "\n"), line - 1)) == []
    never = Enum.find_index(String.split(@code, "\n"), &(&1 =~ "Integer.to_string(n)")) + 1
    assert never in lines
    assert coverage["InsightWorld.Work.once/1"] == 1.0
    assert coverage["InsightWorld.Work.heavy/1"] == 0.0
    assert coverage["InsightWorld.Work.branchy/1"] > 0.0 and coverage["InsightWorld.Work.branchy/1"] < 1.0
  end

  @compile {:no_warn_undefined, :cover}

  # Lines with code that did not run, heads of functions too, in the same run under :cover.
  defp cover_lines(dir) do
    {:ok, _} = :cover.start()
    {:ok, _} = :cover.compile_beam(String.to_charlist(Path.join(dir, "#{InsightWorld.Work}.beam")))
    for n <- 1..3, do: InsightWorld.Work.branchy(n)
    {:ok, lines} = :cover.analyse(InsightWorld.Work, :calls, :line)
    {:ok, functions} = :cover.analyse(InsightWorld.Work, :coverage, :function)
    :cover.stop()
    :code.purge(InsightWorld.Work)
    {:module, _} = :code.load_file(InsightWorld.Work)
    cold = for {{_, name, arity}, {0, _}} <- functions, do: {name, arity}
    text = String.split(@code, "\n")

    heads =
      for {name, _} <- cold,
          {line, number} <- Enum.with_index(text, 1),
          String.contains?(line, "def #{name}("),
          do: number

    for({{_, line}, 0} <- lines, do: line) ++ heads
  end

  defp wait_until(condition, left \\ 400) do
    cond do
      condition.() -> :ok
      left == 0 -> exit(:it_did_not_happen)
      true -> Process.sleep(5) && wait_until(condition, left - 1)
    end
  end
end

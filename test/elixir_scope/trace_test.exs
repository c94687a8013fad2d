defmodule ElixirScope.TraceTest do
  use ExUnit.Case, async: false

  import ElixirScope.Trace, only: [condition: 1]

  alias ElixirScope.{ASTRepository, Capture, Native, Trace}
  alias ElixirScope.Trace.Keeper

  defmodule Target do
    def f(x) when x > 5, do: g(x) + 1
    def f(x), do: x
    def g(x), do: x * 2
    def calls_untraced(x), do: g(x) + 1
    def any(_), do: :ok
    def boom(x), do: raise(ArgumentError, "no #{x}")
    def loop(0), do: :done
    def loop(n), do: loop(n - 1)
  end

  setup do
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    {:ok, handle} = ASTRepository.Handle.ref(repository)

    on_exit(fn ->
      ElixirScope.untrace(:all)
      assert Native.traces_open() == []

      for f <- [f: 1, g: 1, loop: 1],
          {n, a} = f,
          do: assert({:traced, false} = :erlang.trace_info({Target, n, a}, :traced))
    end)

    %{handle: handle}
  end

  defp stats(handle, name, arity) do
    :ok = Capture.flush(60_000)
    {:ok, stats} = Native.runtime_function_stats(handle, {Target, name, arity})
    stats
  end

  defp kinds(handle) do
    :ok = Capture.flush(60_000)
    {:ok, events} = Native.runtime_events(handle, 100_000)
    Enum.frequencies_by(events, & &1.kind)
  end

  test "calls, returns and exceptions are those that happened, nested as they were", %{handle: handle} do
    {:ok, trace} = ElixirScope.trace(Target, processes: self())
    for x <- 1..10, do: Target.f(x)
    assert_raise ArgumentError, fn -> Target.boom(1) end
    assert Target.loop(100) == :done
    :ok = ElixirScope.untrace(trace)

    assert %{calls: 10, returned: 10, errors: 0, open: 0} = stats(handle, :f, 1)
    assert %{calls: 5, returned: 5} = stats(handle, :g, 1)
    assert %{calls: 1, returned: 0, errors: 1, open: 0} = stats(handle, :boom, 1)
    assert %{calls: 101, returned: 101, open: 0} = stats(handle, :loop, 1)
    {:ok, edges} = Native.runtime_edges(handle)
    assert {{Target, :f, 1}, {Target, :g, 1}, :call, 5} in edges
    assert %{state: :stopped, taken: 117} = Trace.status(trace)
  end

  test "a condition says which calls", %{handle: handle} do
    least = 7

    {:ok, _} =
      ElixirScope.trace({Target, :f, condition(fn x when x > ^least and x in 1..9 -> true end)},
        processes: self()
      )

    for x <- 1..10, do: Target.f(x)
    assert stats(handle, :f, 1).calls == 2

    assert {:error, %{reason: :invalid_argument}} =
             ElixirScope.trace({Target, :f, quote(do: fn x when foo(x) -> 1 end)}, processes: self())

    assert {:error, %{reason: :invalid_argument}} =
             ElixirScope.trace({Target, :f, quote(do: fn x, y when x > y -> 1 end)}, processes: self())
  end

  test "what is not said, unknown, or without an end is refused" do
    assert {:error, %{reason: :invalid_argument, hint: hint}} = ElixirScope.trace({Target, :f, 1})
    assert hint =~ ":all"
    assert {:error, %{hint: hint}} = ElixirScope.trace({Target, :f, 1}, processes: self(), coutn: 1)
    assert hint =~ "count"

    for bad <- [[count: :infinity], [count: 0], [time_ms: -1], [rate: 5]] do
      assert {:error, %{reason: :invalid_argument}} =
               ElixirScope.trace({Target, :f, 1}, [processes: self()] ++ bad)
    end

    assert {:error, %{reason: :not_found}} = ElixirScope.trace({Target, :nope, 1}, processes: self())
    assert {:error, %{reason: :not_found}} = ElixirScope.trace({NoSuchModule, :f, 1}, processes: self())
  end

  test "messages, processes, scheduling and garbage collection", %{handle: handle} do
    pid =
      spawn(fn ->
        receive do
          {:go, to} -> send(to, :hello)
        end

        :erlang.garbage_collect()
        spawn(fn -> :ok end)
      end)

    flags = [:messages, :processes, :scheduling, :garbage_collection]
    {:ok, trace} = ElixirScope.trace([processes: pid, flags: flags, values: :messages], count: 1_000)
    monitor = Process.monitor(pid)
    send(pid, {:go, self()})
    assert_receive :hello
    assert_receive {:DOWN, ^monitor, _, _, _}
    :ok = ElixirScope.untrace(trace)
    seen = kinds(handle)

    for kind <- [:message_arrived, :message_sent, :spawn, :process_exit, :gc_begin, :gc_end],
        do: assert(seen[kind] >= 1, inspect({kind, seen}))

    assert seen.message_sent == 1 and seen.spawn == 1 and seen.process_exit == 1
    assert seen[:scheduled_in] >= 1
  end

  test "where it goes on is told, in code that nobody traces, too", %{handle: handle} do
    caller = spawn_link(fn -> receive do: ({:go, to} -> send(to, {:got, Target.calls_untraced(3)})) end)
    {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: caller, return_to: true)
    send(caller, {:go, self()})
    assert_receive {:got, 7}, 5_000
    :ok = ElixirScope.untrace(trace)
    :ok = Capture.flush(60_000)
    {:ok, events} = Native.runtime_events(handle, 1_000)

    assert [{:value, {Target, :calls_untraced, 1}}] =
             for(%{kind: :return_to} = event <- events, do: event.value)

    assert %{calls: 1, returned: 1} = stats(handle, :g, 1)
  end

  test "a trace has its own bounds of values", %{handle: handle} do
    text = String.duplicate("long ", 60)

    for {bounds, n} <- Enum.with_index([[], [bytes: 64], [mode: :shape], [mode: :off]]) do
      {:ok, trace} =
        ElixirScope.trace({Target, :any, 1},
          processes: self(),
          values: [:arguments],
          returns: false,
          capture_config: bounds
        )

      Target.any({n, text})
      :ok = ElixirScope.untrace(trace)
    end

    :ok = Capture.flush(60_000)
    {:ok, events} = Native.runtime_events(handle, 1_000)
    seen = for %{kind: :enter, mfa: {Target, :any, 1}} = event <- events, do: event.value
    assert [{:value, [{0, ^text}]}, cut, shape, nil] = seen
    assert inspect(cut) =~ "long" and byte_size(inspect(cut)) < byte_size(text)
    refute inspect(shape) =~ "long"

    assert {:error, %{reason: :unknown}} =
             ElixirScope.trace({Target, :any, 1}, processes: self(), capture_config: [size: 3])
  end

  test "a flood stops at the count, with a slack of one event a thread", %{handle: handle} do
    {:ok, trace} = ElixirScope.trace([processes: self(), flags: :messages], count: 1_000)
    sink = spawn(fn -> Process.sleep(:infinity) end)
    for n <- 1..200_000, do: send(sink, n)
    Process.exit(sink, :kill)
    assert {:ok, %{state: :count, taken: taken}} = Trace.await(trace)
    assert taken in 1_000..(1_000 + System.schedulers() * 2)
    seen = kinds(handle)
    assert Map.get(seen, :message_sent, 0) + Map.get(seen, :message_arrived, 0) == taken
    assert :erlang.trace_info(self(), :flags) == {:flags, []}
  end

  test "rate and time end a trace" do
    {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: self(), rate: {10, 60_000})
    for x <- 1..100, do: Target.g(x)
    assert {:ok, %{state: :rate, taken: taken}} = Trace.await(trace)
    assert taken in 10..12
    {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: self(), time_ms: 50)
    assert {:ok, %{state: :time, taken: 0}} = Trace.await(trace)
  end

  test "it ends with its owner, however that one ends" do
    test = self()

    owner =
      spawn(fn ->
        {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: test)
        send(test, trace)
        Process.sleep(:infinity)
      end)

    assert_receive %Trace{} = trace, 5_000
    assert Trace.status(trace).state == :on
    Process.exit(owner, :kill)
    assert {:ok, %{state: :owner_died}} = Trace.await(trace)
  end

  test "a keeper that is killed leaves nothing behind" do
    {:ok, _} =
      ElixirScope.trace(
        [functions: {Target, :g, 1}, processes: [self(), :new], flags: [:calls, :messages]],
        []
      )

    keeper = Process.whereis(Keeper)
    Process.exit(keeper, :kill)
    wait_until(fn -> Process.whereis(Keeper) not in [nil, keeper] and Native.traces_open() == [] end)
    Keeper.close(0)
    assert :erlang.trace_info({Target, :g, 1}, :traced) == {:traced, false}
    assert :erlang.trace_info(self(), :flags) == {:flags, []}
    assert {:tracer, []} = :erlang.trace_info(:new_processes, :tracer)
  end

  test "another tracer is respected, and not disturbed" do
    tracer = spawn(fn -> Process.sleep(:infinity) end)
    :erlang.trace(self(), true, [:call, {:tracer, tracer}])
    :erlang.trace_pattern({Target, :g, 1}, true, [:local])

    if Trace.Session.available?() do
      assert {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: self())
      Target.g(1)
      assert Trace.status(trace).taken == 1
      ElixirScope.untrace(trace)
    else
      assert {:error, %{reason: :busy, details: %{tracer: ^tracer}}} =
               ElixirScope.trace({Target, :g, 1}, processes: self())

      assert {:error, %{reason: :busy, details: %{tracer: ^tracer}}} =
               ElixirScope.trace({Target, :f, 1}, processes: self())
    end

    for x <- 1..3, do: Target.g(x)
    assert :erlang.trace_info({Target, :g, 1}, :traced) == {:traced, :local}
    assert :erlang.trace_info(self(), :tracer) == {:tracer, tracer}
    {:message_queue_len, got} = Process.info(tracer, :message_queue_len)
    assert got in [3, 4]
    :erlang.trace(self(), false, [:all])
    :erlang.trace_pattern({Target, :g, 1}, false, [:local])
    Process.exit(tracer, :kill)
  end

  test "breakpoints count what the VM counts" do
    {:ok, trace} = ElixirScope.trace({Target, :g, 1}, processes: self(), measure: [:count, :time])
    for x <- 1..25, do: Target.g(x)
    assert {:ok, %{{Target, :g, 1} => %{count: 25, time: [{pid, 25, _, _}]}}} = Trace.measured(trace)
    assert pid == self()
    :ok = Trace.reset(trace)
    assert {:ok, %{{Target, :g, 1} => %{count: 0}}} = Trace.measured(trace)
    assert Trace.status(trace).taken == 0
  end

  test "counts equal call_count breakpoints under load, while schedulers come and go", %{handle: handle} do
    online = System.schedulers_online()
    {:ok, trace} = ElixirScope.trace(Target, processes: :new, count: 1_000_000, time_ms: 30_000)

    tasks =
      for n <- 1..4,
          do:
            Task.async(fn ->
              for x <- 1..500, do: Target.g(x + n)
              :ok
            end)

    for n <- [1, online, 1, online],
        do:
          (
            :erlang.system_flag(:schedulers_online, n)
            Process.sleep(2)
          )

    Task.await_many(tasks)
    ElixirScope.untrace(trace)
    assert %{calls: 2_000, returned: 2_000} = stats(handle, :g, 1)
  end

  test "on and off under load leaves accounts that balance", %{handle: _handle} do
    load = spawn(fn -> Stream.repeatedly(fn -> Target.f(9) end) |> Stream.run() end)

    for _ <- 1..30 do
      {:ok, trace} = ElixirScope.trace(Target, processes: load, count: 5_000)
      Process.sleep(1)
      :ok = ElixirScope.untrace(trace)
    end

    Process.exit(load, :kill)
    :ok = Capture.flush(60_000)
    stats = Capture.stats()
    assert stats.offered == stats.stored + stats.in_flight + Enum.sum(Map.values(stats.dropped))
    assert stats.began == stats.ended + stats.open
  end

  test "a run can be observed with the messages and processes around it" do
    run = fn ->
      task = Task.async(fn -> Target.g(2) end)
      Task.await(task)
    end

    observed = ElixirScope.observe(run, modules: Version, trace: [:messages, :processes])
    assert {:ok, %{outcome: {:ok, 4}} = observation} = observed
    {:ok, handle} = ASTRepository.Handle.ref(observation.repository)
    seen = kinds(handle)

    for kind <- [:spawn, :spawned, :message_sent, :message_arrived],
        do: assert(seen[kind] >= 1, inspect({kind, seen}))

    assert Trace.list() == []
    assert :erlang.trace_info(self(), :flags) == {:flags, []}
  end

  # Nobody reads: what is recorded stays within the rings, whatever is thrown at them, and all of it is accounted for.
  test "a flood with the collector stopped takes no memory, and all goes on afterwards", %{handle: handle} do
    {:ok, _} = ElixirScope.trace(Target, processes: self(), count: 100_000_000, returns: false)
    for x <- 1..200_000, do: Target.g(x)
    collector = Process.whereis(ElixirScope.Capture.Collector)
    :ok = :sys.suspend(collector)
    before_kb = resident_kb()
    began = Capture.stats()
    for x <- 1..1_000_000, do: Target.g(x)
    stats = Capture.stats()
    assert stats.offered - began.offered == 1_000_000
    assert stats.dropped.ring_full > began.dropped.ring_full
    assert stats.offered == stats.stored + stats.in_flight + Enum.sum(Map.values(stats.dropped))
    # Rings of this machine's threads, and what the VM itself does meanwhile.
    assert resident_kb() - before_kb < 32 * 1024
    :ok = :sys.resume(collector)
    :ok = Capture.flush(60_000)
    before = stats(handle, :g, 1).calls
    for x <- 1..100, do: Target.g(x)
    assert stats(handle, :g, 1).calls == before + 100
  end

  defp resident_kb do
    :erlang.garbage_collect()
    [_, kb] = Regex.run(~r/VmRSS:\s+(\d+) kB/, File.read!("/proc/self/status"))
    String.to_integer(kb)
  end

  defp wait_until(fun, tries \\ 200) do
    cond do
      fun.() -> :ok
      tries == 0 -> flunk("did not come true")
      true -> Process.sleep(10) && wait_until(fun, tries - 1)
    end
  end
end

defmodule ElixirScope.Harmless.CollectorTest do
  # Whoever reads the rings is too slow, stands still, or is killed: memory stays within bounds, as the operating system
  # sees it, accounts are exact, and all goes on by itself afterwards.
  use ExUnit.Case, async: false

  alias ElixirScope.{Capture, Core}
  alias ElixirScope.Capture.Collector
  alias ElixirScope.Test.{Load, Probed, Resident}

  # What the rings of a few threads may take, with values, and what the VM itself does meanwhile.
  @cap_kb 24 * 1024

  setup do
    {:ok, _} = Probed.register()
    {:ok, store} = Core.Runtime.new(4 * 1024 * 1024)
    :ok = Capture.subscribe(store)
    :ok = Capture.start()

    on_exit(fn ->
      with pid when is_pid(pid) <- Process.whereis(Collector), do: :sys.resume(pid)
      Capture.stop()
      Capture.flush(30_000)
      Capture.unsubscribe(store)
    end)

    {:ok, store: store}
  end

  defp calls(store) do
    case Core.Runtime.function_stats(store, {Probed, :leaf, 1}) do
      {:ok, nil} -> 0
      {:ok, stats} -> stats.calls
    end
  end

  defp balanced do
    now = Capture.stats()
    assert now.offered == now.stored + now.in_flight + Enum.sum(Map.values(now.dropped))
    now
  end

  # Many calls by two processes, each with two records.
  defp flood(calls) do
    1..2
    |> Enum.map(fn _ -> Task.async(fn -> Enum.each(1..calls, &Probed.leaf/1) end) end)
    |> Task.await_many(120_000)

    2 * calls
  end

  defp seen_by_collector(store) do
    before = calls(store)
    for n <- 1..100, do: Probed.leaf(n)
    :ok = Capture.flush(30_000)
    assert calls(store) == before + 100
  end

  test "a flood of ten times what is read keeps within the memory of the rings, and is accounted for", %{
    store: store
  } do
    :ok = :sys.suspend(Collector)
    # The rings are full, and their memory is there, when it begins.
    flood(100_000)
    :ok = Capture.flush(30_000)
    flood(100_000)
    before = balanced()
    peak = Resident.peak_kb()

    for _ <- 1..20 do
      offered = balanced().offered
      flood(50_000)
      # A tenth of it at most: one chunk of every ring, by turns.
      target = balanced().stored + div(balanced().offered - offered, 10) - 4 * 512
      read_until(target)
    end

    now = balanced()
    offered = now.offered - before.offered
    assert offered == 20 * 2 * 50_000 * 2 - unopened(now, before)
    assert now.stored - before.stored <= offered / 10
    assert now.stored > before.stored
    assert now.dropped.ring_full > before.dropped.ring_full
    assert peak.() < @cap_kb

    :ok = :sys.resume(Collector)
    :ok = Capture.flush(30_000)
    assert Capture.stats().open == 0
    seen_by_collector(store)
  end

  # What could not begin has no end either: nothing is offered for it.
  defp unopened(now, before), do: now.dropped.ring_full - before.dropped.ring_full

  defp read_until(target) do
    if Capture.stats().stored < target do
      Core.Capture.ingest(0, false)
      read_until(target)
    end
  end

  test "a collector that stands still costs what the rings are, and the application nothing", %{store: store} do
    flood(100_000)
    :ok = :sys.suspend(Collector)
    flood(100_000)
    before = balanced()
    peak = Resident.peak_kb()
    flood(1_000_000)
    now = balanced()
    assert now.stored == before.stored
    assert now.offered - before.offered == now.dropped.ring_full - before.dropped.ring_full
    assert peak.() < @cap_kb
    :ok = :sys.resume(Collector)
    :ok = Capture.flush(30_000)
    seen_by_collector(store)
  end

  test "killed within a slice: its successor finds the seat taken, and takes over when it is free", %{
    store: store
  } do
    :ok = Capture.flush(30_000)
    before = balanced()
    :ok = :sys.suspend(Collector)

    after_death =
      for _ <- 1..10 do
        flood(60_000)
        {reader, monitor} = spawn_monitor(fn -> Core.Capture.ingest(10_000_000, true) end)
        # Nobody else reads: who finds the seat taken met the reader at work.
        met? = until_busy(monitor)
        Process.exit(reader, :kill)
        if met?, do: assert_receive({:DOWN, ^monitor, _, _, _}, 10_000)
        busy = Core.Capture.ingest(0, false)
        :ok = Capture.flush(30_000)
        busy
      end

    # Its slice outlived it at least once, was not joined by a second one, and ended.
    assert :busy in after_death
    :ok = :sys.resume(Collector)
    :ok = Capture.flush(30_000)
    now = balanced()
    assert now.in_flight == 0 and now.open == 0 and now.orphans == before.orphans
    assert now.began - before.began == now.ended - before.ended
    assert calls(store) * 2 == now.stored - before.stored
    seen_by_collector(store)
  end

  defp until_busy(monitor) do
    receive do
      {:DOWN, ^monitor, _, _, _} -> false
    after
      0 -> Core.Capture.ingest(0, false) == :busy or until_busy(monitor)
    end
  end

  test "whatever is killed of what reads and guards, the next one goes on", %{store: store} do
    :ok = Capture.start(overflow: :wait)
    load = Load.start(2, fn n -> Probed.leaf(n) == n end)

    for name <- [Collector, ElixirScope.Trace.Keeper, ElixirScope.Capture.Leases, Collector],
        _ <- 1..5 do
      killed(name)
      Process.sleep(2)
    end

    did = Load.stop(load)
    :ok = Capture.flush(30_000)
    assert calls(store) == did.done and did.wrong == 0
    assert Capture.active?()
    seen_by_collector(store)
  end

  defp killed(name) do
    case Process.whereis(name) do
      nil ->
        Process.sleep(1)
        killed(name)

      pid ->
        monitor = Process.monitor(pid)
        Process.exit(pid, :kill)
        assert_receive {:DOWN, ^monitor, _, _, _}, 10_000
    end
  end
end

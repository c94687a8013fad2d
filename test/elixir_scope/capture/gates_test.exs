defmodule ElixirScope.Capture.GatesTest do
  # There is one capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.Capture.Gate
  alias ElixirScope.{Capture, Core, Error}
  alias ElixirScope.Test.Probed

  @leaf {Probed, :leaf, 1}
  @processes 8

  setup do
    {:ok, _} = Probed.register()
    {:ok, store} = Core.Runtime.new(16 * 1024 * 1024)
    :ok = Capture.subscribe(store)
    {:ok, _} = Capture.ungate(:all)
    :ok = Capture.start(overflow: :wait)

    on_exit(fn ->
      Capture.ungate(:all)
      Capture.limits([])
      Capture.stop()
      Capture.flush()
      Capture.unsubscribe(store)
    end)

    {:ok, store: store}
  end

  defp calls(store, name \\ :leaf) do
    :ok = Capture.flush()

    case Core.Runtime.function_stats(store, {Probed, name, 1}) do
      {:ok, nil} -> 0
      {:ok, stats} -> stats.calls
    end
  end

  defp gate(selection \\ @leaf) do
    {:ok, [gate]} = Capture.gates(selection)
    gate
  end

  defp crowd(times) do
    1..@processes
    |> Enum.map(fn _ -> Task.async(fn -> for n <- 1..times, do: Probed.leaf(n) end) end)
    |> Task.await_many(60_000)

    @processes * times
  end

  test "what eight processes call is counted exactly, and what is recorded is what passed", %{store: store} do
    {:ok, 1} = Capture.configure(@leaf, sampling_rate: 0.25)
    all = crowd(2_500)
    %Gate{} = gate = gate()
    assert gate.seen == all
    assert gate.passed == calls(store)
    assert gate.refused.sampled_out == all - gate.passed
    assert gate.estimated and round(gate.scale * gate.passed) == all
    # Five standard deviations of the binomial distribution.
    assert_in_delta gate.passed, all * 0.25, 5 * :math.sqrt(all * 0.25 * 0.75)
  end

  test "an activation is recorded whole or not at all", %{store: store} do
    {:ok, 1} = Capture.configure({Probed, :outer, 1}, sampling_rate: 0.5)
    for n <- 1..1_000, do: Probed.outer(n)
    :ok = Capture.flush()
    {:ok, outer} = Core.Runtime.function_stats(store, {Probed, :outer, 1})
    assert outer.calls == gate({Probed, :outer, 1}).passed
    assert outer.calls == outer.returned
    assert calls(store) == 2_000
  end

  test "hits are exact under concurrency, and then the point is off", %{store: store} do
    {:ok, 1} = Capture.configure(@leaf, hits: 777)
    crowd(1_000)
    gate = gate()
    assert {gate.passed, gate.status, gate.hits_left} == {777, :hit_limit, 0}
    assert calls(store) == 777
    # Off: nobody asks the gate any more.
    for n <- 1..100, do: Probed.leaf(n)
    assert gate().seen == gate.seen
    {:ok, 1} = Capture.configure(@leaf, hits: 3)
    for n <- 1..100, do: Probed.leaf(n)
    assert calls(store) == 780
  end

  test "no second has more than the rate", %{store: store} do
    {:ok, 1} = Capture.configure(@leaf, rate: 200)
    deadline = System.monotonic_time(:millisecond) + 2_500

    passes = fn passes, times ->
      before = gate().passed
      Probed.leaf(1)
      now = System.monotonic_time(:microsecond)
      times = if gate().passed > before, do: [now | times], else: times
      if System.monotonic_time(:millisecond) < deadline, do: passes.(passes, times), else: Enum.reverse(times)
    end

    times = passes.(passes, [])
    assert length(times) == calls(store)
    # Two looks at the clock lie around a pass: a millisecond for the two of them.
    densest =
      times
      |> Enum.map(fn start -> Enum.count(times, &(&1 >= start and &1 < start + 999_000)) end)
      |> Enum.max()

    assert densest <= 200
    assert gate().refused.rate_limited > 0
    assert length(times) > 300
  end

  test "time ends a gate", %{store: store} do
    {:ok, 1} = Capture.configure(@leaf, for: 60)
    Probed.leaf(1)
    Process.sleep(80)
    for n <- 1..50, do: Probed.leaf(n)
    assert calls(store) == 1
    assert %Gate{status: :expired, refused: %{expired: 1}} = gate()
  end

  test "a gate that counts only" do
    {:ok, 1} = Capture.configure(@leaf, enabled: false)
    all = crowd(100)
    assert %Gate{seen: ^all, passed: 0, refused: %{disabled: ^all}, scale: nil, status: :disabled} = gate()
  end

  test "a thousand changes under load lose no count", %{store: store} do
    {:ok, 1} = Capture.configure(@leaf, sampling_rate: 0.5)
    parent = self()

    workers =
      for _ <- 1..4 do
        spawn_link(fn ->
          work = fn work, n ->
            Probed.leaf(n)

            receive do
              :stop -> send(parent, {:did, n})
            after
              0 -> work.(work, n + 1)
            end
          end

          work.(work, 1)
        end)
      end

    for n <- 1..1_000 do
      {:ok, 1} = Capture.configure(@leaf, sampling_rate: rem(n, 10) / 10, enabled: rem(n, 3) != 0)
    end

    Enum.each(workers, &send(&1, :stop))
    did = for _ <- workers, do: receive(do: ({:did, n} -> n))
    gate = gate()
    assert gate.seen == Enum.sum(did)
    assert gate.passed == calls(store)
  end

  test "the whole capture stops by itself", %{store: store} do
    :ok = Capture.start(max_events: 100, overflow: :wait)
    all = crowd(100)
    assert calls(store) == 100
    assert %Gate{passed: 100, status: :hit_limit} = Capture.limits()
    assert all > 100
    wait_until(fn -> not Capture.active?() end)
    :ok = Capture.start()
    assert Capture.limits() == nil
    for n <- 1..10, do: Probed.leaf(n)
    assert calls(store) == 110
    :ok = Capture.start(max_seconds: 0.05)
    wait_until(fn -> not Capture.active?() end)
  end

  test "what is wrong is said, with the nearest right word" do
    assert {:error, %Error{reason: :unknown, hint: hint}} = Capture.configure(@leaf, sampling_rat: 0.1)
    assert hint =~ ":sampling_rate"
    assert {:error, %Error{reason: :unknown}} = Capture.configure(@leaf, priority: :hihg)

    for options <- [
          [sampling_rate: 1.5],
          [rate: 0],
          [burst: 3],
          [rate: 3, burst: 4],
          [hits: -1],
          [for: 0],
          [enabled: 1],
          [capture_config: [depth: -1]],
          [capture_config: 5],
          :nonsense
        ] do
      assert {:error, %Error{reason: :invalid_argument, hint: hint}} = Capture.configure(@leaf, options)
      assert is_binary(hint)
    end

    assert {:error, %Error{reason: :unknown}} = Capture.configure(@leaf, kinds: [:variable])
    assert {:error, %Error{reason: :not_found}} = Capture.configure(%{}, hits: 1)
    assert {:error, %Error{}} = Capture.start(max_events: 0)
    assert {:ok, []} = Capture.gates()
  end

  test "bounds of values are set one by one, and a limit is taken away with nil" do
    {:ok, 1} = Capture.configure(@leaf, capture_config: [mode: :shape, depth: 3], hits: 5)
    {:ok, 1} = Capture.configure(@leaf, capture_config: [time_us: 7], hits: nil)
    assert %Gate{capture_config: %{mode: :shape, depth: 3, time_us: 7}, hits_left: nil} = gate()
    {:ok, 1} = Capture.configure(@leaf, capture_config: nil)
    assert gate().capture_config == nil
    {:ok, 1} = Capture.ungate(Probed)
    assert {:ok, []} = Capture.gates(Probed)
  end

  defp wait_until(fun, tries \\ 200) do
    cond do
      fun.() -> :ok
      tries == 0 -> flunk("it never happened")
      true -> Process.sleep(10) && wait_until(fun, tries - 1)
    end
  end
end

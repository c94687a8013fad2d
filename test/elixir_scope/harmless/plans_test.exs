defmodule ElixirScope.Harmless.PlansTest do
  # What is observed changes while everything runs: plans, gates, conditions, points, and how many schedulers there are.
  # More cycles: ELIXIR_SCOPE_CYCLES.
  use ExUnit.Case, async: false

  @compile {:no_warn_undefined, [PlannedUnderLoad]}

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.Test.Load

  @cycles String.to_integer(System.get_env("ELIXIR_SCOPE_CYCLES", "100"))
  @workers 4
  @module PlannedUnderLoad
  @f {@module, :f, 1}

  setup do
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-plans-#{System.unique_integer([:positive])}-#{System.pid()}")

    File.mkdir_p!(dir)
    Code.prepend_path(dir)

    source = """
    defmodule #{inspect(@module)} do
      def f(x) do
        y = x * 2
        z = if y > 100, do: y - x, else: g(x)
        send(self(), {:noted, z})
        receive do
          {:noted, n} -> n
        end
      end
      def g(x), do: x
    end
    """

    {[{@module, binary}], _} =
      ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_string(source, "p.ex") end)

    File.write!(Path.join(dir, "#{@module}.beam"), binary)
    :code.purge(@module)
    {:module, @module} = :code.load_file(@module)
    :code.purge(@module)
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    {:ok, handle} = ASTRepository.Handle.ref(repository)

    on_exit(fn ->
      Capture.stop()
      Capture.enable(@module)
      Capture.ungate(@module)
      Capture.flush()
      Capture.unsubscribe(repository)
      Code.delete_path(dir)
      File.rm_rf!(dir)
      :code.purge(@module)
      :code.delete(@module)
      :code.purge(@module)
    end)

    %{handle: handle}
  end

  defp stats(handle) do
    {:ok, stats} = ElixirScope.Native.runtime_function_stats(handle, @f)
    stats
  end

  defp balanced do
    now = Capture.stats()
    assert now.offered == now.stored + now.in_flight + Enum.sum(Map.values(now.dropped))
    assert now.began == now.ended + now.open
    now
  end

  defp instrument(options), do: patiently(fn -> ElixirScope.instrument(@module, options) end)

  # A process that was stopped within old code keeps it until it goes on.
  defp patiently(change, tries \\ 1_000) do
    case change.() do
      {:error, %{reason: :old_code_in_use}} when tries > 0 ->
        Process.sleep(2)
        patiently(change, tries - 1)

      {:ok, result} ->
        result
    end
  end

  # Each of them lets every call of f/1 come to its gate.
  @open [
    [],
    [capture: [:args]],
    [capture: [:all]],
    [points: [%{function: {:f, 1}, kinds: [:variables, :branches, :messages]}]]
  ]

  @settings [
    [sampling_rate: 0.5],
    [sampling_rate: 1.0, priority: :low],
    [priority: :critical, capture_config: [mode: :shape]],
    [enabled: false],
    [enabled: true, capture_config: [mode: :full, bytes: 128]],
    [rate: 1_000, burst: 50],
    [rate: nil, sampling_rate: 0.0],
    [sampling_rate: 0.1, capture_config: [depth: 2]]
  ]

  test "a gate counts every call, whatever its settings and the plan become meanwhile", %{handle: handle} do
    instrument(hd(@open))
    {:ok, _} = Capture.configure(@f, sampling_rate: 0.25)
    :ok = Capture.start(overflow: :wait)
    load = Load.start(@workers, fn n -> @module.f(n) == n end)

    turn = fn n ->
      if rem(n, 5) == 0, do: instrument(Enum.at(@open, rem(div(n, 5), length(@open))))
      {:ok, _} = Capture.configure(@f, Enum.at(@settings, rem(n, length(@settings))))
      Process.sleep(1)
    end

    Enum.each(1..40, turn)
    warm = balanced()
    Enum.each(41..(40 + @cycles), turn)
    now = balanced()
    # The same plan is the same build: nothing more is known of it the second time.
    assert {now.builds, now.points} == {warm.builds, warm.points}

    did = Load.stop(load)
    assert %{wrong: 0, killed: 0} = did
    :ok = Capture.flush(30_000)
    {:ok, gates} = Capture.gates(@f)
    # Bounds of values have gates of their own.
    assert [gate] = Enum.filter(gates, fn gate -> Enum.any?(gate.points, &(&1.kind == :calls)) end)
    assert gate.seen == did.done
    assert gate.seen == gate.passed + Enum.sum(Map.values(gate.refused))
    assert Enum.all?([:sampled_out, :disabled, :rate_limited], &(gate.refused[&1] > 0))
    f = stats(handle)
    assert {f.calls, f.returned + f.tailed, f.open} == {gate.passed, gate.passed, 0}
    assert balanced().open == 0
  end

  test "conditions, points and whole modules come and go, and nothing stays open or is kept", %{
    handle: handle
  } do
    :ok = Capture.start()
    load = Load.start(@workers, fn n -> @module.f(n) == n end)

    condition = fn quoted ->
      [capture: [], points: [%{function: {:f, 1}, kinds: [:args, :result], when: quoted}]]
    end

    changes = [
      fn -> instrument(capture: [:all]) end,
      fn -> {:ok, _} = Capture.disable(@f) end,
      fn -> instrument(condition.(quote(do: rem(x, 2) == 0))) end,
      fn -> {:ok, _} = Capture.enable(@f) end,
      fn -> {:ok, _} = Capture.configure(@module, hits: 100) end,
      fn -> instrument(condition.(quote(do: x > 10 and is_integer(x)))) end,
      fn -> {:ok, _} = Capture.configure(@f, for: 1) end,
      fn -> {:ok, _} = Capture.ungate(@module) end,
      fn -> :ok = Capture.stop() end,
      fn -> instrument(condition.(quote(do: hd(x) == 3))) end,
      fn -> :ok = Capture.start(overflow: :wait) end,
      fn -> {:ok, _} = Capture.disable(@module) end,
      fn -> patiently(fn -> ElixirScope.uninstrument(@module) end) end,
      fn -> {:ok, _} = Capture.enable(@module) end,
      fn -> :ok = Capture.start() end
    ]

    turn = fn n ->
      Enum.at(changes, rem(n, length(changes))).()
      Process.sleep(1)
    end

    Enum.each(0..29, turn)
    warm = balanced()
    terms = :persistent_term.info().count
    Enum.each(30..(29 + @cycles), turn)
    now = balanced()
    assert {now.builds, now.points} == {warm.builds, warm.points}
    assert :persistent_term.info().count - terms < 5

    did = Load.stop(load)
    assert %{wrong: 0, killed: 0} = did
    assert did.done > @cycles
    :ok = Capture.stop()
    :ok = Capture.flush(30_000)
    assert balanced().open == 0
    assert stats(handle).open == 0 and stats(handle).calls <= did.done
  end

  test "schedulers come and go, dirty ones too: every call is told", %{handle: handle} do
    instrument(capture: [:args, :result])
    :ok = Capture.start(overflow: :wait)
    before = Capture.stats()
    load = Load.start(@workers, fn n -> @module.f(n) == n end)
    online = System.schedulers_online()
    dirty = :erlang.system_info(:dirty_cpu_schedulers_online)

    for n <- 1..@cycles do
      :erlang.system_flag(:schedulers_online, rem(n, online) + 1)
      :erlang.system_flag(:dirty_cpu_schedulers_online, rem(n, min(dirty, rem(n, online) + 1)) + 1)
      Process.sleep(1)
    end

    :erlang.system_flag(:schedulers_online, online)
    :erlang.system_flag(:dirty_cpu_schedulers_online, dirty)
    did = Load.stop(load)
    assert %{wrong: 0, killed: 0} = did
    :ok = Capture.flush(30_000)
    f = stats(handle)
    assert {f.calls, f.returned, f.open} == {did.done, did.done, 0}
    now = balanced()
    assert now.dropped == before.dropped and now.orphans == before.orphans
    assert :erlang.system_info(:schedulers_online) == online
  end
end

defmodule ElixirScope.Harmless.ReloadTest do
  # Code is upgraded, purged, deleted and loaded again while processes run it, with probes, and with traces. More cycles:
  # ELIXIR_SCOPE_CYCLES.
  use ExUnit.Case, async: false

  @compile {:no_warn_undefined, [ReloadedUnderLoad]}

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.Instrumentation.Loader
  alias ElixirScope.Test.Load

  @cycles String.to_integer(System.get_env("ELIXIR_SCOPE_CYCLES", "100"))
  @workers 4
  @module ReloadedUnderLoad

  setup do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-reload-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    File.mkdir_p!(dir)
    Code.prepend_path(dir)
    file = Path.join(dir, "#{@module}.beam")
    versions = for version <- 1..2, do: compile(version)
    File.write!(file, hd(versions))
    # Compiling loads, too.
    :code.purge(@module)
    {:module, @module} = :code.load_file(@module)
    :code.purge(@module)

    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    {:ok, handle} = ASTRepository.Handle.ref(repository)

    on_exit(fn ->
      Capture.stop()
      Capture.flush()
      Capture.unsubscribe(repository)
      Code.delete_path(dir)
      File.rm_rf!(dir)
      :code.purge(@module)
      :code.delete(@module)
      :code.purge(@module)
    end)

    %{beam: file, versions: versions, handle: handle}
  end

  defp compile(version) do
    source = """
    defmodule #{inspect(@module)} do
      def f(x), do: g(x) - #{version}
      def g(x) do
        y = x + #{version}
        try do
          if y < 0, do: throw(y), else: y
        catch
          z -> -z
        end
      end
      def park(to), do: (send(to, {:parked, self()}); receive(do: (:never -> back())))
      def back, do: :ok
    end
    """

    {[{@module, binary}], _} =
      ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_string(source, "r.ex") end)

    binary
  end

  defp stats(handle, name, arity) do
    {:ok, stats} = ElixirScope.Native.runtime_function_stats(handle, {@module, name, arity})
    stats
  end

  # What the machinery of code keeps, and what we keep for it.
  defp kept do
    for pid <- [self(), Process.whereis(:code_server)], do: :erlang.garbage_collect(pid)
    {:memory, code_server} = Process.info(Process.whereis(:code_server), :memory)

    %{
      modules: length(:code.all_loaded()),
      code_server: code_server,
      code_bytes: :erlang.memory(:code),
      atoms: :erlang.system_info(:atom_count),
      terms: :persistent_term.info().count,
      builds: Capture.stats().builds,
      points: Capture.stats().points
    }
  end

  # Modules that were needed for the first time meanwhile are all that may be more: much less than one thing a cycle.
  defp assert_nothing_kept(now, warm) do
    assert now.builds == warm.builds and now.points == warm.points
    assert now.modules - warm.modules < 10
    assert now.terms - warm.terms < 5
    assert now.atoms - warm.atoms < @cycles / 2
    assert now.code_bytes - warm.code_bytes < @cycles * 2_000
    assert now.code_server - warm.code_server < @cycles * 1_000
  end

  defp park do
    parent = self()
    {pid, monitor} = spawn_monitor(fn -> @module.park(parent) end)
    receive do: ({:parked, ^pid} -> {pid, monitor})
  end

  test "instrumented code is upgraded and purged: every call is told, once, and nothing stays behind",
       context do
    binaries =
      for version <- context.versions do
        {:ok, %{binary: binary}} =
          Instrumentation.instrument_binary(version, capture: [:args, :result, :variables])

        binary
      end

    {:ok, _} = Loader.load_instrumented(@module, hd(binaries), String.to_charlist(context.beam))
    :ok = Capture.start(overflow: :wait)
    before = Capture.stats()
    load = Load.start(@workers, fn n -> @module.f(n) == n end)

    upgrade = fn n ->
      {pid, monitor} = park()
      binary = Enum.at(binaries, rem(n, 2))
      assert {:ok, :loaded} = Loader.load_instrumented(@module, binary, String.to_charlist(context.beam))
      # Whoever is still in the version before ends here.
      assert :code.purge(@module)
      assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 10_000
    end

    for n <- 1..10, do: upgrade.(n)
    warm = kept()
    for n <- 11..@cycles, do: upgrade.(n)
    assert_nothing_kept(kept(), warm)

    did = Load.stop(load)
    :ok = Capture.stop()
    :ok = Capture.flush(30_000)
    now = Capture.stats()
    assert did.wrong == 0 and did.done > @cycles
    assert now.dropped == before.dropped
    assert now.offered == now.stored + now.in_flight + Enum.sum(Map.values(now.dropped))

    for {name, arity} <- [f: 1, g: 1, park: 1],
        do: assert(stats(context.handle, name, arity).open == 0, inspect({name, did}))

    assert now.began - before.began == now.ended - before.ended
    assert now.orphans == before.orphans and now.lost == before.lost

    f = stats(context.handle, :f, 1)
    assert f.calls in did.done..did.begun and f.open == 0
    assert f.returned >= did.done and f.returned + f.aborted == f.calls
    assert f.aborted <= did.killed
    assert %{calls: @cycles, aborted: @cycles, returned: 0} = stats(context.handle, :park, 1)
  end

  for traced <- [false, true] do
    @tag traced: traced
    test "plain code, probes, no code at all, in turn, traced: #{traced}", context do
      file = String.to_charlist(context.beam)
      :ok = Capture.start()
      load = Load.start(@workers, fn n -> @module.f(n) == n end)

      turn = fn n ->
        trace = if context.traced, do: trace()

        case rem(n, 4) do
          0 ->
            # A hot upgrade, as a release does it.
            binary = Enum.at(context.versions, rem(div(n, 4), 2))
            File.write!(context.beam, binary)
            :code.purge(@module)
            {:module, @module} = :code.load_binary(@module, file, binary)

          1 ->
            assert {:ok, _} = patiently(fn -> ElixirScope.instrument(@module, capture: [:all]) end)

          2 ->
            # Found again by whoever calls it next.
            :code.purge(@module)
            :code.delete(@module)
            :code.purge(@module)

          3 ->
            assert {:ok, _} = patiently(fn -> ElixirScope.instrument(@module) end)
            assert {:ok, _} = patiently(fn -> ElixirScope.uninstrument(@module) end)
        end

        if trace, do: assert(ElixirScope.untrace(trace) == :ok)
      end

      for n <- 1..16, do: turn.(n)
      warm = kept()
      for n <- 17..(16 + div(@cycles, 4) * 4), do: turn.(n)
      now = kept()
      did = Load.stop(load)
      assert_nothing_kept(now, warm)
      assert did.wrong == 0 and did.done > @cycles

      :ok = Capture.stop()
      :ok = Capture.flush(30_000)
      now = Capture.stats()
      assert now.offered == now.stored + now.in_flight + Enum.sum(Map.values(now.dropped))
      assert now.began == now.ended + now.open
      assert now.open == 0
      assert :erlang.trace_info({@module, :f, 1}, :traced) == {:traced, false}
      assert ElixirScope.Native.traces_open() == []
    end
  end

  # What is instrumented when it begins is left out of a trace: its probes report.
  defp trace do
    options = [processes: :existing, flags: [:calls], count: 100_000_000]

    case ElixirScope.trace([functions: @module] ++ options, []) do
      {:ok, trace} -> trace
      {:error, %{reason: :not_found}} -> nil
      {:error, %{reason: :invalid_argument}} -> nil
    end
  end

  # A process that was stopped within old code keeps it until it goes on.
  defp patiently(change, tries \\ 500) do
    case change.() do
      {:error, %{reason: :old_code_in_use}} when tries > 0 ->
        Process.sleep(2)
        patiently(change, tries - 1)

      result ->
        result
    end
  end
end

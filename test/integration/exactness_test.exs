defmodule ElixirScope.Integration.ExactnessTest do
  @moduledoc """
  Many processes at once, with recursion, tail loops, exceptions through many frames, throws, exits, tasks and kills:
  counts against the VM's own call counters, times against the event log's own arithmetic.
  """

  # Capture and call counters belong to the whole VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}

  @source """
  defmodule ElixirScope.ExactnessSample do
    def run(seed, steps) do
      :rand.seed(:exsss, {seed, seed, seed})
      each(steps)
    end

    def each(0), do: :done

    def each(n) do
      step(:rand.uniform(7))
      each(n - 1)
    end

    def step(1), do: deep(:rand.uniform(12))
    def step(2), do: even(:rand.uniform(30))
    def step(3), do: caught(:rand.uniform(9))
    def step(4), do: thrown(:rand.uniform(9))
    def step(5), do: exited(:rand.uniform(9))
    def step(6), do: Enum.reduce(1..3, 0, fn x, acc -> leaf(x) + acc end)
    def step(7), do: after_all(:rand.uniform(4))

    def leaf(x), do: x + 1

    def deep(0), do: leaf(0)
    def deep(n), do: 1 + deep(n - 1)

    def even(0), do: true
    def even(n), do: odd(n - 1)
    def odd(0), do: false
    def odd(n), do: even(n - 1)

    def caught(n) do
      fall(n, :raise)
    rescue
      e in ArgumentError -> leaf(byte_size(e.message))
    end

    def thrown(n) do
      fall(n, :throw)
    catch
      x -> leaf(x)
    end

    def exited(n) do
      fall(n, :exit)
    catch
      :exit, _ -> leaf(n)
    end

    def after_all(n) do
      try do
        caught(n)
      after
        leaf(n)
      end
    end

    def fall(0, :raise), do: raise(ArgumentError, "bottom")
    def fall(0, :throw), do: throw(1)
    def fall(0, :exit), do: exit(:bottom)
    def fall(n, how), do: leaf(fall(n - 1, how))

    def park(parent, depth), do: {parked(parent, depth), leaf(1)}
    def parked(parent, 0), do: (send(parent, {:parked, self()}); receive do :never -> :ok end)
    def parked(parent, n), do: leaf(parked(parent, n - 1))
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_exactness_#{System.pid()}")
    File.mkdir_p!(Path.join(dir, "lib"))
    file = Path.join(dir, "lib/sample.ex")
    File.write!(file, @source)
    before = Code.compiler_options(parser_options: [columns: true], debug_info: true)
    [{module, binary}] = Code.compile_string(@source, file)
    Code.compiler_options(Enum.to_list(before))
    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, ^module} = :code.load_file(module)

    on_exit(fn ->
      ElixirScope.uninstrument([module])
      Code.delete_path(dir)
      :code.purge(module)
      :code.delete(module)
      File.rm_rf!(dir)
    end)

    %{sample: module, dir: dir}
  end

  setup %{sample: module, dir: dir} do
    {:ok, repository} = ASTRepository.start_link(event_log_mb: 256)
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, dir)
    {:ok, _} = ElixirScope.instrument([module], [])
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    on_exit(fn -> Capture.stop() end)
    %{repository: repository, before: Capture.stats()}
  end

  test "every call is counted, closed once, and every nanosecond belongs to one activation", context do
    %{sample: module, repository: repository, before: before} = context
    :erlang.trace_pattern({module, :_, :_}, true, [:local, :call_count])

    tasks = for seed <- 1..40, do: Task.async(fn -> module.run(seed, 150) end)
    assert Enum.uniq(Task.await_many(tasks, 60_000)) == [:done]

    parent = self()
    parked = for depth <- 1..20, do: spawn(fn -> module.park(parent, depth) end)
    for pid <- parked, do: assert_receive({:parked, ^pid}, 5_000)

    for pid <- parked do
      ref = Process.monitor(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^ref, :process, ^pid, :killed}, 5_000
    end

    counted =
      for {name, arity} <- module.module_info(:functions),
          {:call_count, count} <- [:erlang.trace_info({module, name, arity}, :call_count)],
          is_integer(count),
          into: %{},
          do: {{module, name, arity}, count}

    :erlang.trace_pattern({module, :_, :_}, false, [:local, :call_count])
    :ok = Capture.stop()
    :ok = Capture.flush(30_000)
    after_all = Capture.stats()

    # The accounts
    assert after_all.offered - before.offered == after_all.stored - before.stored
    assert after_all.dropped == before.dropped
    assert after_all.in_flight == 0
    assert after_all.began - before.began == after_all.ended - before.ended
    assert after_all.orphans == before.orphans
    assert after_all.lost == before.lost

    # Calls, against the VM's counters
    functions =
      for {key, _} <- counted, {:ok, data} <- [ASTRepository.get_function(repository, key)], into: %{} do
        {key, data}
      end

    observed = for {key, %{call_frequency: n}} <- functions, into: %{}, do: {key, n || 0}
    public = for {{_, name, _} = key, n} <- counted, not generated?(name), into: %{}, do: {key, n}
    assert map_size(public) == 14
    assert observed == public

    # Endings: each call ended in exactly one way
    for {key, %{execution_statistics: s}} <- functions do
      assert s.returned + s.tail_calls + s.errors + s.aborted == s.call_frequency, inspect(key)
    end

    killed =
      for {{_, name, _}, %{execution_statistics: s}} <- functions, name in [:park, :parked], do: s.aborted

    assert Enum.sum(killed) == 20 + Enum.sum(Enum.map(1..20, &(&1 + 1)))

    # Times: nothing negative; self times add up to the time of the activations that nobody called
    events =
      Enum.flat_map(functions, fn {_, data} ->
        {:ok, events} = ASTRepository.get_correlated_events(repository, data.ast_node_id, limit: 100_000)
        events
      end)

    assert length(events) == Enum.sum(Map.values(public))
    assert Enum.all?(events, &(&1.duration_ns >= 0))
    assert length(Enum.uniq_by(events, & &1.correlation_id)) == length(events)

    # Nobody calls run/2, each/1 (which only ever is jumped to) and park/2 from within; all else runs inside them.
    roots = for(event <- events, event.function in [:run, :each, :park], do: event.duration_ns) |> Enum.sum()

    self_ns =
      for({_, %{execution_statistics: s}} <- functions, do: s.self_us * 1_000) |> Enum.sum() |> round()

    assert_in_delta self_ns, roots, length(events)

    # Every event leads to a node
    for event <- Enum.take_random(events, 500) do
      assert {:ok, id} = ASTRepository.correlate_event(repository, event)
      assert ASTRepository.ast_node_exists?(repository, id)
    end
  end

  defp generated?(name),
    do: name in [:__info__, :module_info] or String.starts_with?(Atom.to_string(name), "-")
end

defmodule ElixirScope.Harmless.TraceTest do
  # A trace that was left on takes itself away, whoever of those that guard it is gone.
  use ExUnit.Case, async: false

  alias ElixirScope.{Capture, Native, Trace}
  alias ElixirScope.Capture.Collector
  alias ElixirScope.Trace.Keeper

  defmodule Target do
    def f(x), do: x + 1
  end

  setup do
    on_exit(fn ->
      {:ok, _} = Application.ensure_all_started(:elixir_scope)
      ElixirScope.untrace(:all)
      :sys.resume(Collector)
      Capture.flush(30_000)
      assert nothing_left?()
    end)

    %{others: spawn_link(fn -> Process.sleep(:infinity) end)}
  end

  # What the VM itself says.
  defp nothing_left? do
    :erlang.trace_info({Target, :f, 1}, :traced) == {:traced, false} and
      :erlang.trace_info(self(), :flags) == {:flags, []} and
      match?({_, []}, :erlang.trace_info(:new_processes, :tracer)) and
      Native.traces_open() == []
  end

  defp flood(calls), do: Enum.each(1..calls, &Target.f/1)

  @limits [count: [count: 1_000], rate: [rate: {500, 60_000}], time: [time_ms: 100, count: 1_000_000]]

  for {limit, options} <- @limits do
    test "by #{limit}, while nobody reads what it records" do
      :ok = :sys.suspend(Collector)
      {:ok, trace} = ElixirScope.trace({Target, :f, 1}, [processes: [self(), :new]] ++ unquote(options))
      flood(20_000)
      if unquote(limit) == :time, do: Process.sleep(150)
      assert {:ok, %{state: unquote(limit)}} = Trace.await(trace, 20_000)
      assert nothing_left?()
      # The collector is as it was: asleep until it is woken.
      assert {:ok, %{suspended: true}} = suspended(Collector)
    end
  end

  defp suspended(name) do
    {:status, _, _, [_, state | _]} = :sys.get_status(name)
    {:ok, %{suspended: state == :suspended}}
  end

  test "whatever dies: the collector, the keeper, or both, under load" do
    load = spawn_link(fn -> Stream.repeatedly(fn -> Target.f(1) end) |> Stream.run() end)

    for names <- [[Collector], [Keeper], [Collector, Keeper], [Keeper, Collector]] do
      {:ok, trace} = ElixirScope.trace({Target, :f, 1}, processes: load, count: 1_000_000_000, time_ms: 400)
      Process.sleep(5)
      for name <- names, pid = Process.whereis(name), is_pid(pid), do: Process.exit(pid, :kill)
      # A successor of the keeper takes away what it finds; a collector's death ends no trace, its time does.
      assert eventually(&nothing_left?/0)
      assert eventually(fn -> is_pid(Process.whereis(Keeper)) and trace.id not in Keeper.open_ids() end)
    end

    Process.unlink(load)
    Process.exit(load, :kill)
  end

  test "its starter ends, by itself or killed, while the collector is dead" do
    test = self()

    for how <- [:normal, :kill] do
      starter =
        spawn(fn ->
          {:ok, trace} = ElixirScope.trace({Target, :f, 1}, processes: test, count: 1_000_000)
          send(test, {:on, trace})
          receive do: (:end -> :ok)
        end)

      assert_receive {:on, trace}, 5_000
      flood(100)
      Process.exit(Process.whereis(Collector), :kill)
      if how == :kill, do: Process.exit(starter, :kill), else: send(starter, :end)
      assert {:ok, %{state: :owner_died}} = Trace.await(trace, 20_000)
      assert nothing_left?()
    end
  end

  test "the application stops, or is killed from the top" do
    for how <- [:stop, :kill] do
      {:ok, _} = Application.ensure_all_started(:elixir_scope)
      {:ok, _} = ElixirScope.trace({Target, :f, 1}, processes: [self(), :new], count: 1_000_000_000)
      flood(1_000)

      ExUnit.CaptureLog.capture_log(fn ->
        case how do
          :stop -> Application.stop(:elixir_scope)
          :kill -> Process.exit(Process.whereis(ElixirScope.Supervisor), :kill)
        end

        assert eventually(fn -> Process.whereis(Keeper) == nil end)
      end)

      flood(1_000)
      # What the application could not do any more, its limits do; and whoever starts it again.
      assert :erlang.trace_info({Target, :f, 1}, :traced) == {:traced, false} or how == :kill
      assert eventually(fn -> match?({:ok, _}, Application.ensure_all_started(:elixir_scope)) end)
      assert eventually(&nothing_left?/0)
    end
  end

  defp eventually(fun, tries \\ 1_000) do
    cond do
      fun.() -> true
      tries == 0 -> false
      true -> Process.sleep(10) && eventually(fun, tries - 1)
    end
  end
end

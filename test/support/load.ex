defmodule ElixirScope.Test.Load do
  @moduledoc false
  # Processes that call a function over and over, and count what they did by themselves: the truth that accounts are
  # compared with. Who is killed in the midst of a call is replaced.

  @begun 1
  @done 2
  @wrong 3

  defstruct [:counters, :keeper]

  @doc "Starts `processes` that run `call`, which gives whether its result was right."
  def start(processes, call) when is_function(call, 1) do
    counters = :counters.new(3, [:write_concurrency])
    parent = self()

    keeper =
      spawn_link(fn ->
        Process.flag(:trap_exit, true)
        all = for _ <- 1..processes, into: %{}, do: {spawn_link(fn -> work(counters, call, 0) end), true}
        keep(all, counters, call, parent)
      end)

    %__MODULE__{counters: counters, keeper: keeper}
  end

  @doc "Lets everybody end his call: `%{begun: _, done: _, wrong: _, killed: _}`."
  def stop(%__MODULE__{} = load) do
    monitor = Process.monitor(load.keeper)
    send(load.keeper, :stop)
    receive do: ({:DOWN, ^monitor, _, _, _} -> :ok)
    counts(load)
  end

  def counts(%__MODULE__{counters: counters}) do
    done = :counters.get(counters, @done)
    begun = :counters.get(counters, @begun)
    %{begun: begun, done: done, wrong: :counters.get(counters, @wrong), killed: begun - done}
  end

  defp keep(all, counters, call, parent) do
    receive do
      {:EXIT, ^parent, reason} ->
        exit(reason)

      {:EXIT, pid, _reason} ->
        all = Map.delete(all, pid)
        keep(Map.put(all, spawn_link(fn -> work(counters, call, 0) end), true), counters, call, parent)

      :stop ->
        Enum.each(Map.keys(all), &send(&1, :stop))
        gone(Map.keys(all))
    end
  end

  defp gone([]), do: :ok
  defp gone(all), do: receive(do: ({:EXIT, pid, _} -> gone(List.delete(all, pid))))

  defp work(counters, call, n) do
    :counters.add(counters, @begun, 1)
    right = call.(n)
    :counters.add(counters, @done, 1)
    unless right, do: :counters.add(counters, @wrong, 1)

    receive do
      :stop -> :ok
    after
      # Now and then a pause, so that a machine with few cores gets round to what is tested.
      if(rem(n, 32) == 31, do: 1, else: 0) -> work(counters, call, n + 1)
    end
  end
end

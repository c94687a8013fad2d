defmodule ElixirScope.Trace.Around do
  @moduledoc false
  # The traces of an observed run: the calling process, the processes of the applications that the observed modules belong
  # to, and whatever begins meanwhile.

  alias ElixirScope.Trace

  # A run ends by itself, and the trace with it: these only bound what would run for ever.
  @count 100_000_000
  @time_ms 12 * 3_600_000

  @doc "Begins it: `{:ok, trace}`, or `{:ok, nil}` where nothing is wanted."
  def start(flags, _modules) when flags in [nil, []], do: {:ok, nil}

  def start(flags, modules) do
    processes = Enum.uniq([self(), :new | of_applications(modules)])
    Trace.start([flags: flags, processes: processes], count: @count, time_ms: @time_ms)
  end

  def stop(nil), do: :ok
  def stop(trace), do: Trace.stop(trace)

  # What an application starts has its master as group leader.
  defp of_applications(modules) do
    masters =
      for application <- modules |> Enum.map(&Application.get_application/1) |> Enum.uniq(),
          application not in [nil, :elixir_scope],
          master = :application_controller.get_master(application),
          is_pid(master),
          do: master

    for pid <- Process.list(), masters != [], leader(pid) in masters, do: pid
  end

  defp leader(pid) do
    case Process.info(pid, :group_leader) do
      {:group_leader, leader} -> leader
      nil -> nil
    end
  end
end

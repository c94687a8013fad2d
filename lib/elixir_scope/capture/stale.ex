defmodule ElixirScope.Capture.Stale do
  @moduledoc false
  # Activations that are over without anybody having said so: an exception unwound them, and code without probes
  # caught it and went on in the same process (a `throw` out of a GenServer's callback, for one). What such a process
  # calls next would seem called by them for ever.
  #
  # So a process that has something open and has been silent for a second is looked at, once for a silence: if it
  # waits, and its stack is short enough to be seen whole, then what is not on it is over. Whoever is busy, or deep in
  # calls, is left alone; its stale activations end with the next one below them that reports, or with the process.

  alias ElixirScope.Core

  @quiet_ms 1_000
  @suspects 16
  # A stack trace of the VM holds 8 entries by default: one that is shorter is whole.
  @whole 8
  @tries 100

  @doc """
  Looks at suspects, if there are any, from a short-lived process: whoever is asked for his stack may take his
  time to answer.
  """
  def check do
    case Core.Capture.suspects(@quiet_ms, @suspects) do
      [_ | _] = pids -> spawn(fn -> look(pids) end)
      _ -> :ok
    end
  end

  defp look(pids) do
    seen = stacks(pids, [])
    # What was recorded before the looks has to be read before they count.
    if read_until(Core.Capture.now(), @tries), do: retire(seen)
  end

  defp stacks([pid | rest], seen) do
    before = Core.Capture.now()

    case :erlang.process_info(pid, [:status, :current_stacktrace]) do
      [status: :waiting, current_stacktrace: trace] when length(trace) < @whole ->
        stacks(rest, [{pid, functions(trace, []), before} | seen])

      _ ->
        stacks(rest, seen)
    end
  end

  defp stacks([], seen), do: seen

  defp functions([{module, name, arity, _} | rest], found) when is_integer(arity) do
    functions(rest, [{module, name, arity} | found])
  end

  defp functions([_ | rest], found), do: functions(rest, found)
  defp functions([], found), do: found

  defp read_until(_ticks, 0), do: false

  defp read_until(ticks, tries) do
    _ = Core.Capture.ingest(1_000, false)

    if Core.Capture.visible?(ticks) do
      true
    else
      pause()
      read_until(ticks, tries - 1)
    end
  end

  defp pause do
    receive do
    after
      1 -> :ok
    end
  end

  # `:busy` and whatever reported meanwhile: the process is a suspect again after its next silence.
  defp retire([{pid, stack, ticks} | rest]) do
    retire(pid, stack, ticks, @tries)
    retire(rest)
  end

  defp retire([]), do: :ok

  defp retire(pid, stack, ticks, tries) do
    if Core.Capture.retire(pid, stack, ticks) == :busy and tries > 0 do
      pause()
      retire(pid, stack, ticks, tries - 1)
    end
  end
end

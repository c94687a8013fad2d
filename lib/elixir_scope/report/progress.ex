defmodule ElixirScope.Report.Progress do
  @moduledoc """
  Says on standard error what takes long: nothing for the first two seconds, then one line that is kept up
  to date on a terminal, or one plain line for each step where there is none.
  """

  @quiet_ms 2_000
  @tick_ms 500

  @doc """
  Runs `fun` and gives its value. `label` is what is being done ("Reading source files").

  Options: `:quiet_ms` (2000), `:device` (`:stderr`), `:terminal` (whether standard error is one; found out
  when absent).
  """
  @spec run(String.t(), (() -> value), keyword()) :: value when value: term()
  def run(label, fun, opts \\ []) do
    teller = start(label, opts)

    try do
      fun.()
    after
      stop(teller)
    end
  end

  # Linked to nothing and monitoring its caller: it must neither take the work down nor outlive it.
  defp start(label, opts) do
    caller = self()
    began = System.monotonic_time(:millisecond)
    # The group leader of the caller may belong to a test; standard error is named.
    state = %{
      label: label,
      began: began,
      device: Keyword.get(opts, :device, :stderr),
      terminal: Keyword.get(opts, :terminal)
    }

    spawn(fn ->
      reference = Process.monitor(caller)
      wait(state, reference, Keyword.get(opts, :quiet_ms, @quiet_ms))
    end)
  end

  defp stop(teller) do
    reference = Process.monitor(teller)
    send(teller, {:stop, self()})

    receive do
      {:DOWN, ^reference, _, _, _} -> :ok
    after
      1_000 -> Process.exit(teller, :kill)
    end
  end

  defp wait(state, reference, timeout) do
    receive do
      {:stop, _} -> :ok
      {:DOWN, ^reference, _, _, _} -> :ok
    after
      timeout ->
        terminal = if is_nil(state.terminal), do: terminal?(), else: state.terminal
        if terminal, do: spin(%{state | terminal: true}, reference), else: say_once(state, reference)
    end
  end

  defp say_once(state, reference) do
    IO.puts(state.device, state.label <> " ...")

    receive do
      {:stop, _} -> :ok
      {:DOWN, ^reference, _, _, _} -> :ok
    end
  end

  defp spin(state, reference) do
    IO.write(state.device, "\r#{state.label} ... #{seconds(state)} s")

    receive do
      {:stop, _} -> clear(state)
      {:DOWN, ^reference, _, _, _} -> clear(state)
    after
      @tick_ms -> spin(state, reference)
    end
  end

  # Carriage return, erase to the end of the line.
  defp clear(state), do: IO.write(state.device, "\r\e[K")

  defp seconds(state), do: div(System.monotonic_time(:millisecond) - state.began, 1_000)

  @doc """
  Is standard error a terminal? A child process inherits it and can tell, on every version of Erlang.
  """
  @spec terminal?() :: boolean()
  def terminal? do
    match?({_, 0}, System.cmd("sh", ["-c", "test -t 2"]))
  rescue
    ErlangError -> false
  end
end

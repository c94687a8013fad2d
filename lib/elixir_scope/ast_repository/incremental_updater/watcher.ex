defmodule ElixirScope.ASTRepository.IncrementalUpdater.Watcher do
  @moduledoc false
  # From the native watch to an updater. The thread that waits for the operating system must not touch the VM, so this
  # process looks: every `@look_ms` it asks one NIF whether anything happened, which is one load on a normal scheduler.
  # A NIF that waits would hold a dirty scheduler for as long as the watch lives, to save a microsecond a second.
  #
  # A path is passed on when nothing more happened to it for `@quiet_ms`, at the latest `@quiet_max_ms` after it was
  # first seen: an editor writes a file several times, and a file that is written without an end is read all the same.

  use GenServer

  alias ElixirScope.Core

  @look_ms 25
  @quiet_ms 50
  @quiet_max_ms 500
  @exclude ~w(deps _build node_modules cover doc .git .elixir_ls .lexical .hex)
  # The usual allowance of a user is 8,192 watches at the least.
  @native_max 4_096
  @poll_ms 2_000

  def start_link(updater, paths, backend) do
    roots = paths |> Enum.map(&Path.expand/1) |> Enum.uniq()

    with {:ok, watch} <- Core.Watch.start(roots, @exclude, backend, @native_max, @poll_ms),
         do: GenServer.start_link(__MODULE__, {updater, watch})
  end

  def status(watcher), do: GenServer.call(watcher, :status)

  @impl true
  def init({updater, watch}) do
    # So that terminate/2 runs: the thread ends before this process does.
    Process.flag(:trap_exit, true)
    {:ok, look(%{updater: updater, watch: watch, waiting: %{}})}
  end

  @impl true
  def handle_call(:status, _from, state) do
    {:ok, status} = Core.Watch.status(state.watch)
    {:reply, status, state}
  end

  @impl true
  def handle_info(:look, state) do
    state = if Core.Watch.pending?(state.watch), do: take(state), else: state
    {:noreply, state |> pass_on() |> look()}
  end

  def handle_info({:EXIT, _updater, reason}, state), do: {:stop, reason, state}
  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state), do: Core.Watch.stop(state.watch)

  defp look(state) do
    Process.send_after(self(), :look, @look_ms)
    state
  end

  defp take(state) do
    case Core.Watch.take(state.watch) do
      {:ok, taken} ->
        if taken.overflow, do: send(state.updater, :watch_overflow)
        if taken.removed, do: send(state.updater, :watch_removed)
        now = now_ms()

        waiting =
          Enum.reduce(taken.files, state.waiting, fn path, waiting ->
            Map.update(waiting, path, {now, now}, fn {first, _last} -> {first, now} end)
          end)

        %{state | waiting: waiting}

      {:error, _too_many_directories} ->
        send(state.updater, :watch_overflow)
        state
    end
  end

  defp pass_on(%{waiting: waiting} = state) when waiting == %{}, do: state

  defp pass_on(state) do
    now = now_ms()

    {ready, waiting} =
      Enum.split_with(state.waiting, fn {_path, {first, last}} ->
        now - last >= @quiet_ms or now - first >= @quiet_max_ms
      end)

    if ready != [], do: send(state.updater, {:watched, Enum.map(ready, &elem(&1, 0))})
    %{state | waiting: Map.new(waiting)}
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end

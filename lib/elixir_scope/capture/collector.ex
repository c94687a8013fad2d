defmodule ElixirScope.Capture.Collector do
  @moduledoc false
  # Drives ingest while capture is on: about every millisecond one slice of at most one millisecond, on a dirty scheduler. When
  # capture is off it sleeps and wakes for nobody.
  #
  # What it observes may be what it is made of, so it is ignored by capture, and its loop calls nothing but
  # `:erlang` and the native side. It holds no data: killed and started again, it finds everything in the native
  # capture. A slice that its predecessor left running still has the seat; the successor meets `:busy` and comes again.

  use GenServer

  alias ElixirScope.Capture.{Stale, Structs}
  alias ElixirScope.{Core, OwnProcess}

  @slice_us 1_000
  @pause_ms 1
  # After `stop`, while so much is still open that its ends could overflow a ring.
  @watch_ms 200
  @stale_ms 1_000

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Switches capture on, and ingest with it."
  def start(overflow), do: call({:start, overflow})

  @doc "Switches capture off; ingest goes on until everything recorded before has been read."
  def stop, do: call(:stop)

  @doc """
  Ingest goes on while traces record, whether capture is on or not. Nobody waits for that: who guards traces has to be there for
  the next one, however the collector is. One that is started again finds out by itself.
  """
  def read, do: GenServer.cast(__MODULE__, :read)

  @doc "Traces record no more: ingest goes on until everything recorded before has been read."
  def drain, do: GenServer.cast(__MODULE__, :drain)

  defp call(message), do: OwnProcess.call(__MODULE__, message)

  # The state: `{slice, stale, until}`. `slice` and `stale` name the messages that are awaited: the next slice, and the
  # next look for stale activations (nil when none is: asleep). After `stop` there is work until everything before
  # `until` (ticks) was read, and while traces record; `until` is nil while capture is on.
  @asleep {nil, nil, nil}

  @impl true
  def init(_) do
    cond do
      Core.Capture.active?() -> {:ok, wake(nil)}
      Core.Capture.recording?() -> {:ok, wake(Core.Capture.now())}
      true -> {:ok, @asleep}
    end
  end

  @impl true
  def handle_call({:start, overflow}, _from, {slice, stale, _until} = state) do
    case Core.Capture.start(overflow) do
      :ok when slice == nil -> {:reply, :ok, wake(nil)}
      :ok -> {:reply, :ok, {slice, stale, nil}}
      error -> {:reply, error, state}
    end
  end

  def handle_call(:stop, _from, {slice, stale, until}) do
    case Core.Capture.stop() do
      :ok -> {:reply, :ok, {slice, stale, Core.Capture.now()}}
      error -> {:reply, error, {slice, stale, until}}
    end
  end

  @impl true
  def handle_cast(:read, {nil, _stale, _until}), do: {:noreply, wake(Core.Capture.now())}
  def handle_cast(:read, state), do: {:noreply, state}

  def handle_cast(:drain, {slice, stale, until}) do
    {:noreply, {slice, stale, until && Core.Capture.now()}}
  end

  @impl true
  def handle_info({:slice, slice}, {slice, stale, until}) do
    case Core.Capture.ingest(@slice_us, false) do
      {:ok, true} ->
        {:noreply, {next(:slice, 0), stale, until}}

      {:ok, false} ->
        _ = Structs.check()
        {:noreply, after_round(stale, until || stop_if_spent())}

      :busy ->
        {:noreply, {next(:slice, @pause_ms), stale, until}}

      {:error, _} ->
        {:noreply, @asleep}
    end
  end

  def handle_info({:stale, stale}, {slice, stale, until}) when slice != nil do
    _ = Stale.check()
    {:noreply, {slice, next(:stale, @stale_ms), until}}
  end

  # Of a time before it fell asleep.
  def handle_info(_other, state), do: {:noreply, state}

  # The whole capture has used up its limits: the probes refuse already, now they do not even ask.
  defp stop_if_spent do
    if Core.Gates.spent?() and Core.Capture.stop() == :ok, do: Core.Capture.now()
  end

  defp wake(until) do
    be_ignored()
    {next(:slice, 0), next(:stale, @stale_ms), until}
  end

  defp next(what, pause_ms) do
    name = make_ref()
    message = {what, name}
    if pause_ms == 0, do: send(self(), message), else: :erlang.send_after(pause_ms, self(), message)
    name
  end

  defp after_round(stale, nil), do: {next(:slice, @pause_ms), stale, nil}

  defp after_round(stale, until) do
    cond do
      not Core.Capture.visible?(until) -> {next(:slice, 0), stale, until}
      Core.Capture.recording?() -> {next(:slice, @pause_ms), stale, until}
      # Ends of what is open are recorded even when capture is off. A few fit into the rings until somebody flushes;
      # many do not.
      Core.Capture.pending?() -> {next(:slice, @watch_ms), stale, until}
      true -> @asleep
    end
  end

  # The list of ignored processes is short: a predecessor's place is taken over.
  defp be_ignored do
    key = {__MODULE__, :ignored}

    case :persistent_term.get(key, nil) do
      pid when pid == self() ->
        :ok

      old ->
        if is_pid(old), do: Core.Capture.unignore(old)
        Core.Capture.ignore(self())
        :persistent_term.put(key, self())
    end
  end
end

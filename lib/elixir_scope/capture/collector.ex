defmodule ElixirScope.Capture.Collector do
  @moduledoc false
  # Drives ingest while capture is on: about every millisecond one slice of at most one millisecond, on a dirty scheduler. When
  # capture is off it sleeps and wakes for nobody.
  #
  # What it observes may be what it is made of, so it is ignored by capture, and its loop calls nothing but
  # `:erlang` and the native side. It holds no data: killed and started again, it finds everything in the native
  # capture. A slice that its predecessor left running still has the seat; the successor meets `:busy` and comes again.

  use GenServer

  alias ElixirScope.Core

  @slice_us 1_000
  @pause_ms 1
  # After `stop`, while so much is still open that its ends could overflow a ring.
  @watch_ms 200

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Switches capture on, and ingest with it."
  def start(overflow), do: call({:start, overflow})

  @doc "Switches capture off; ingest goes on until everything recorded before has been read."
  def stop, do: call(:stop)

  defp call(message) do
    GenServer.call(__MODULE__, message, 30_000)
  catch
    :exit, {:noproc, _} ->
      {:error,
       %ElixirScope.Error{
         reason: :not_started,
         message: "ElixirScope is not running",
         hint: "start it: Application.ensure_all_started(:elixir_scope)"
       }}
  end

  # The state: `{slice, until}`. `slice` names the message that is awaited next (nil when none is: asleep). After `stop` there is
  # work until everything before `until` (ticks) was read; `until` is nil while capture is on.
  @impl true
  def init(_) do
    if Core.Capture.active?(), do: {:ok, wake()}, else: {:ok, {nil, nil}}
  end

  @impl true
  def handle_call({:start, overflow}, _from, state) do
    case Core.Capture.start(overflow) do
      :ok -> {:reply, :ok, wake()}
      error -> {:reply, error, state}
    end
  end

  def handle_call(:stop, _from, {slice, _until}) do
    case Core.Capture.stop() do
      :ok -> {:reply, :ok, {slice, Core.Capture.now()}}
      error -> {:reply, error, {slice, nil}}
    end
  end

  @impl true
  def handle_info({:slice, slice}, {slice, until}) do
    case Core.Capture.ingest(@slice_us, false) do
      {:ok, true} -> {:noreply, {next(0), until}}
      {:ok, false} -> {:noreply, after_round(until)}
      :busy -> {:noreply, {next(@pause_ms), until}}
      {:error, _} -> {:noreply, {nil, nil}}
    end
  end

  # A slice that was called off by a `start`.
  def handle_info(_other, state), do: {:noreply, state}

  defp wake do
    be_ignored()
    {next(0), nil}
  end

  defp next(pause_ms) do
    slice = make_ref()
    message = {:slice, slice}
    if pause_ms == 0, do: send(self(), message), else: :erlang.send_after(pause_ms, self(), message)
    slice
  end

  defp after_round(nil), do: {next(@pause_ms), nil}

  defp after_round(until) do
    cond do
      not Core.Capture.visible?(until) -> {next(0), until}
      # Ends of what is open are recorded even when capture is off. A few fit into the rings until somebody flushes; many do not.
      Core.Capture.pending?() -> {next(@watch_ms), until}
      true -> {nil, nil}
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

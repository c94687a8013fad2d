defmodule ElixirScope.Trace.Keeper do
  @moduledoc false
  # Guards every trace: opens it, looks at its gate, and takes it away on a limit, its owner's death, on request, and when the
  # application stops. What has to be taken away is kept outside of this process too: killed and started again, it
  # finds what its predecessor left, and takes it away.

  use GenServer

  alias ElixirScope.Capture.Collector
  alias ElixirScope.{Core, Error, OwnProcess}
  alias ElixirScope.Trace.{Legacy, Session}

  @poll_ms 20
  @ended_max 256
  @close_tries 200

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Opens a trace: `{:ok, id}`."
  def open(plan), do: call({:open, plan})

  def close(id), do: call({:close, id})
  def measured(id), do: call({:measured, id})
  def reset(id), do: call({:reset, id})

  @doc "What is known of a trace: `%{state: _, taken: _, refused: _}`; nil when nothing is."
  def look(id) do
    case :ets.lookup(__MODULE__, id) do
      [{^id, %{state: :on}}] -> live(id)
      [{^id, ended}] -> ended
      [] -> nil
    end
  rescue
    ArgumentError -> nil
  end

  defp live(id) do
    case Core.Trace.status(id) do
      {state, taken, refused} -> %{state: state, taken: taken, refused: refused}
      _ -> %{state: :ended, taken: 0, refused: 0}
    end
  end

  @doc "The ids of the traces that are on, oldest first."
  def open_ids do
    __MODULE__ |> :ets.select([{{:"$1", %{state: :on}}, [], [:"$1"]}]) |> Enum.sort()
  rescue
    ArgumentError -> []
  end

  defp call(message), do: OwnProcess.call(__MODULE__, message, 60_000)

  # State: `%{id => %{backend, undo, owner}}`.

  @impl true
  def init(_) do
    Process.flag(:trap_exit, true)
    be_ignored()
    :ets.new(__MODULE__, [:named_table, :protected, read_concurrency: true])
    for {backend, undo} <- left(), do: take_away(backend, undo)
    keep(%{})
    # Gates that were opened for traces that were never set.
    with ids when is_list(ids) <- Core.Trace.all(), do: Enum.each(ids, &Core.Trace.close/1)
    {:ok, %{}}
  end

  @impl true
  def handle_call({:open, plan}, _from, traces) do
    with {:ok, id} <- Core.Trace.open(plan.limits, plan.options, plan.bounds),
         backend = backend(),
         {:ok, undo} <- set(backend, completed(plan), id) do
      owner = if is_pid(plan.owner), do: Process.monitor(plan.owner)
      :ets.insert(__MODULE__, {id, %{state: :on}})
      traces = Map.put(traces, id, %{backend: backend, undo: undo, owner: owner})
      keep(traces)
      Collector.read()
      if map_size(traces) == 1, do: poll()
      {:reply, {:ok, id}, traces}
    else
      error -> {:reply, error, traces}
    end
  end

  def handle_call({:close, id}, _from, traces) do
    case traces do
      %{^id => _} -> {:reply, :ok, finish(traces, id, :stopped)}
      _ -> {:reply, :ok, traces}
    end
  end

  def handle_call({measure, id}, _from, traces) when measure in [:measured, :reset] do
    case traces do
      %{^id => %{backend: backend, undo: undo}} -> {:reply, {:ok, apply(backend, measure, [undo])}, traces}
      _ -> {:reply, {:error, ended()}, traces}
    end
  end

  @impl true
  def handle_info(:poll, traces) do
    traces =
      Enum.reduce(traces, traces, fn {id, _}, traces ->
        case Core.Trace.status(id) do
          {:on, _, _} -> traces
          {over, _, _} -> finish(traces, id, over)
          _ -> finish(traces, id, :ended)
        end
      end)

    if traces != %{}, do: poll()
    {:noreply, traces}
  end

  def handle_info({:DOWN, reference, :process, _, _}, traces) do
    case Enum.find(traces, fn {_, trace} -> trace.owner == reference end) do
      {id, _} -> {:noreply, finish(traces, id, :owner_died)}
      nil -> {:noreply, traces}
    end
  end

  def handle_info(_other, traces), do: {:noreply, traces}

  @impl true
  def terminate(_reason, traces) do
    Enum.reduce(Map.keys(traces), traces, &finish(&2, &1, :application_stopped))
  end

  defp poll, do: :erlang.send_after(@poll_ms, self(), :poll)

  defp backend, do: if(Session.available?(), do: Session, else: Legacy)

  # Conditions with what is done when they hold.
  defp completed(plan) do
    actions = if :ends in plan.options, do: [{:exception_trace}], else: []

    functions =
      for {function, heads} <- plan.functions do
        {function, for({head, guards} <- heads, do: {head, guards, actions})}
      end

    %{plan | functions: functions}
  end

  defp set(backend, plan, id) do
    case backend.set(plan, id) do
      {:ok, undo} ->
        {:ok, undo}

      error ->
        close_gate(id, @close_tries)
        error
    end
  end

  defp finish(traces, id, reason) do
    {%{backend: backend, undo: undo, owner: owner}, traces} = Map.pop!(traces, id)
    if owner, do: Process.demonitor(owner, [:flush])
    Core.Trace.stop(id)
    backend.clear(undo)

    {taken, refused} =
      case Core.Trace.status(id) do
        {_, taken, refused} -> {taken, refused}
        _ -> {0, 0}
      end

    close_gate(id, @close_tries)
    :ets.insert(__MODULE__, {id, %{state: reason, taken: taken, refused: refused}})
    forget_old()
    keep(traces)
    Collector.drain()
    traces
  end

  defp take_away(backend, undo) do
    Core.Trace.stop(undo.id)
    backend.clear(undo)
    close_gate(undo.id, @close_tries)
  rescue
    # A session may be gone by itself.
    ArgumentError -> close_gate(undo.id, @close_tries)
  end

  # The ring may be full, when nobody reads: then we do.
  defp close_gate(_id, 0), do: :ok

  defp close_gate(id, tries) do
    if Core.Trace.close(id) == :busy do
      _ = Core.Capture.ingest(1_000, false)
      Process.sleep(1)
      close_gate(id, tries - 1)
    else
      :ok
    end
  end

  # Ids grow: the smallest ended ones are the oldest.
  defp forget_old do
    if :ets.info(__MODULE__, :size) > @ended_max do
      ended = :ets.select(__MODULE__, [{{:"$1", %{state: :"$2"}}, [{:"=/=", :"$2", :on}], [:"$1"]}])
      ended |> Enum.sort() |> Enum.take(div(@ended_max, 2)) |> Enum.each(&:ets.delete(__MODULE__, &1))
    end
  end

  ## What a successor needs

  defp keep(traces) do
    kept = for {_, %{backend: backend, undo: undo}} <- traces, do: {backend, weak(backend, undo)}
    :persistent_term.put({__MODULE__, :open}, kept)
  end

  defp left, do: :persistent_term.get({__MODULE__, :open}, [])

  defp weak(Session, undo), do: Session.weak(undo)
  defp weak(Legacy, undo), do: undo

  # The list of ignored processes is short: a predecessor's place is taken over.
  defp be_ignored do
    key = {__MODULE__, :ignored}
    old = :persistent_term.get(key, nil)
    if is_pid(old), do: Core.Capture.unignore(old)
    Core.Capture.ignore(self())
    :persistent_term.put(key, self())
  end

  defp ended do
    %Error{reason: :not_found, message: "this trace is over", hint: "read what it measured before it ends"}
  end
end

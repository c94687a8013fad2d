defmodule ElixirScope.Capture.Leases do
  @moduledoc false
  # What was instrumented for a time, or for a number of hits, is restored when these are over: an observation that
  # somebody forgot removes itself.
  #
  # The gates keep the limits, exactly and by themselves; this process only tidies up after them. What it has to do is kept
  # outside of it, so that one that is started again goes on where its predecessor ended.

  use GenServer

  alias ElixirScope.Capture.{Gate, Gates}
  alias ElixirScope.{Core, OwnProcess}
  alias ElixirScope.Instrumentation.{Live, Loader}

  @key {__MODULE__, :leases}
  # How often it looks whether hits are used up, or tries again to restore a module whose old code is in use.
  @look_ms 250

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc """
  Restores `modules` when `for_ms` (or nil) is over, or when every gate of them with a limit of hits has used it up
  (`hits?`).
  """
  def add(modules, for_ms, hits?), do: OwnProcess.call(__MODULE__, {:add, modules, for_ms, hits?})

  @doc "No more for these modules: they were restored, or are to stay."
  def drop(modules) do
    GenServer.call(__MODULE__, {:drop, modules}, 30_000)
  catch
    :exit, {:noproc, _} -> :ok
  end

  @doc "`[{module, milliseconds_left | nil}]`."
  def list do
    now = now()
    for {module, {until, _hits}} <- leases(), do: {module, until && max(until - now, 0)}
  end

  @impl true
  def init(_) do
    if leases() != %{}, do: look_later()
    {:ok, nil}
  end

  @impl true
  def handle_call({:add, modules, for_ms, hits?}, _from, state) do
    lease = {for_ms && now() + for_ms, hits?}
    if leases() == %{}, do: look_later()
    put(Enum.reduce(modules, leases(), &Map.put(&2, &1, lease)))
    {:reply, :ok, state}
  end

  def handle_call({:drop, modules}, _from, state) do
    put(Map.drop(leases(), modules))
    {:reply, :ok, state}
  end

  @impl true
  def handle_info(:look, state) do
    leases = leases()
    over = over(leases)
    if over != [], do: put(Map.drop(leases(), restore(over)))
    if leases() != %{}, do: look_later()
    {:noreply, state}
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp over(leases) do
    now = now()
    gates = if Enum.any?(leases, fn {_, {_, hits?}} -> hits? end), do: gates(), else: []

    for {module, {until, hits?}} <- leases,
        (until != nil and now >= until) or (hits? and used_up?(module, gates)),
        do: module
  end

  defp gates do
    case Gates.list(:all) do
      {:ok, gates} -> gates
      {:error, _} -> []
    end
  end

  # All of the module's gates that begin calls are over.
  defp used_up?(module, gates) do
    own =
      for %Gate{functions: functions} = gate <- gates,
          Enum.any?(functions, &(elem(&1, 0) == module)),
          do: gate

    limited = Enum.filter(own, &(&1.hits_left != nil))
    limited != [] and Enum.all?(limited, &(&1.status in [:hit_limit, :expired]))
  end

  # Those that are done: restored, or no longer instrumented. A module whose old code somebody still runs is tried again;
  # its points are off meanwhile.
  defp restore(modules) do
    instrumented = Loader.instrumented()
    {present, gone} = Enum.split_with(modules, &(&1 in instrumented))

    restored =
      case present == [] || Live.uninstrument(present) do
        true -> []
        {:ok, result} -> result.modules ++ result.unchanged
        {:error, _} -> []
      end

    done = gone ++ restored
    Enum.each(done, &Core.Gates.clear/1)
    done
  end

  defp look_later, do: :erlang.send_after(@look_ms, self(), :look)
  defp now, do: :erlang.monotonic_time(:millisecond)
  defp leases, do: :persistent_term.get(@key, %{})
  defp put(leases), do: :persistent_term.put(@key, leases)
end

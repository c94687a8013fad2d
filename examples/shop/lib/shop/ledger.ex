defmodule Shop.Ledger do
  @moduledoc "What was sold. Keeps the last sales and the running total."
  use GenServer

  @kept 1_000

  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @spec record(Shop.customer(), non_neg_integer) :: :ok
  def record(customer, total), do: GenServer.cast(__MODULE__, {:record, customer, total})

  @doc "`%{count: ..., revenue: ...}` since the start."
  def summary, do: GenServer.call(__MODULE__, :summary)

  @doc "The last sales, newest first."
  def recent, do: GenServer.call(__MODULE__, :recent)

  @impl true
  def init(nil), do: {:ok, %{count: 0, revenue: 0, recent: []}}

  @impl true
  def handle_cast({:record, customer, total}, state) do
    recent = Enum.take([{customer, total} | state.recent], @kept)
    {:noreply, %{state | count: state.count + 1, revenue: state.revenue + total, recent: recent}}
  end

  @impl true
  def handle_call(:summary, _from, state), do: {:reply, Map.take(state, [:count, :revenue]), state}
  def handle_call(:recent, _from, state), do: {:reply, state.recent, state}
end

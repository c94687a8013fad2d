defmodule Shop.Cart do
  @moduledoc "One process per customer, found through a Registry."
  use GenServer, restart: :transient

  alias Shop.Catalog

  def start_link(customer), do: GenServer.start_link(__MODULE__, customer, name: via(customer))

  @doc "The name under which a customer's cart is found."
  def via(customer), do: {:via, Registry, {Shop.CartRegistry, customer}}

  def add(cart, sku, quantity), do: GenServer.call(cart, {:add, sku, quantity})
  def items(cart), do: GenServer.call(cart, :items)
  def empty(cart), do: GenServer.call(cart, :empty)

  @impl true
  def init(customer), do: {:ok, %{customer: customer, items: %{}}}

  @impl true
  def handle_call({:add, sku, quantity}, _from, state) do
    case Catalog.reserve(sku, quantity) do
      :ok -> {:reply, :ok, put_in_cart(state, sku, quantity)}
      {:error, _reason} = error -> {:reply, error, state}
    end
  end

  def handle_call(:items, _from, state), do: {:reply, state.items, state}
  def handle_call(:empty, _from, state), do: {:reply, :ok, %{state | items: %{}}}

  defp put_in_cart(state, sku, quantity) do
    update_in(state.items, &Map.update(&1, sku, quantity, fn already -> already + quantity end))
  end
end

defmodule Shop.Catalog do
  @moduledoc "Products and their stock, in an ETS table that everybody reads and only this process writes."
  use GenServer

  @table __MODULE__

  @type product :: %{sku: Shop.sku(), name: String.t(), price: pos_integer, tags: [atom]}

  def start_link(_opts), do: GenServer.start_link(__MODULE__, seed(), name: __MODULE__)

  @doc "The product with this number, read without asking the process."
  @spec fetch(Shop.sku()) :: {:ok, product} | :error
  def fetch(sku) do
    case :ets.lookup(@table, sku) do
      [{^sku, product, _stock}] -> {:ok, product}
      [] -> :error
    end
  end

  @doc "All products."
  @spec all() :: [product]
  def all, do: for({_sku, product, _stock} <- :ets.tab2list(@table), do: product)

  @doc "How many are left."
  @spec stock(Shop.sku()) :: non_neg_integer
  def stock(sku), do: :ets.lookup_element(@table, sku, 3)

  @doc "Takes `quantity` out of the stock."
  @spec reserve(Shop.sku(), pos_integer) :: :ok | {:error, :unknown_product | :out_of_stock}
  def reserve(sku, quantity), do: GenServer.call(__MODULE__, {:reserve, sku, quantity})

  @doc "Puts `quantity` back."
  @spec restock(Shop.sku(), pos_integer) :: :ok
  def restock(sku, quantity), do: GenServer.cast(__MODULE__, {:restock, sku, quantity})

  @impl true
  def init(products) do
    :ets.new(@table, [:named_table, :protected, read_concurrency: true])
    for {product, stock} <- products, do: :ets.insert(@table, {product.sku, product, stock})
    {:ok, nil}
  end

  @impl true
  def handle_call({:reserve, sku, quantity}, _from, state) do
    {:reply, take(:ets.lookup(@table, sku), quantity), state}
  end

  @impl true
  def handle_cast({:restock, sku, quantity}, state) do
    :ets.update_counter(@table, sku, {3, quantity})
    {:noreply, state}
  end

  defp take([], _quantity), do: {:error, :unknown_product}
  defp take([{_sku, _product, stock}], quantity) when stock < quantity, do: {:error, :out_of_stock}

  defp take([{sku, _product, _stock}], quantity) do
    :ets.update_counter(@table, sku, {3, -quantity})
    :ok
  end

  defp seed do
    for n <- 1..120 do
      tags = for {tag, every} <- [tea: 2, coffee: 3, cup: 5, gift: 7], rem(n, every) == 0, do: tag
      {%{sku: "P#{n}", name: "Product #{n}", price: 100 + rem(n * 37, 900), tags: tags}, 1_000_000}
    end
  end
end

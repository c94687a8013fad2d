defmodule Shop do
  @moduledoc "A small shop: put products into a cart, check out, read the reports."

  alias Shop.{Cart, CartSupervisor, Checkout}

  @type customer :: String.t()
  @type sku :: String.t()

  @doc "Puts `quantity` of a product into the customer's cart, which is started when there is none."
  @spec add(customer, sku, pos_integer) :: :ok | {:error, :unknown_product | :out_of_stock}
  def add(customer, sku, quantity \\ 1) do
    customer |> CartSupervisor.cart() |> Cart.add(sku, quantity)
  end

  @doc "What is in the cart, as `%{sku => quantity}`."
  @spec items(customer) :: %{sku => pos_integer}
  def items(customer), do: customer |> CartSupervisor.cart() |> Cart.items()

  @doc "Pays for the cart and empties it. A declined payment leaves the cart as it was."
  @spec checkout(customer, keyword) :: {:ok, receipt :: map} | {:error, term}
  defdelegate checkout(customer, opts \\ []), to: Checkout, as: :run
end

defmodule Shop.Checkout do
  @moduledoc "From a full cart to a receipt: price, payment in a task of its own, ledger."

  alias Shop.{Cart, CartSupervisor, Catalog, Ledger, Payment, Pricing}

  @doc "See `Shop.checkout/2`. Options: those of `Shop.Pricing.total/2`."
  def run(customer, opts \\ []) do
    cart = CartSupervisor.cart(customer)

    with {:ok, lines} <- lines(Cart.items(cart)),
         total = Pricing.total(lines, opts),
         {:ok, payment} <- pay(customer, total) do
      :ok = Cart.empty(cart)
      :ok = Ledger.record(customer, total)
      {:ok, %{customer: customer, total: total, payment: payment, lines: lines}}
    end
  end

  defp lines(items) when map_size(items) == 0, do: {:error, :empty_cart}

  defp lines(items) do
    {:ok,
     for {sku, quantity} <- items, {:ok, product} <- [Catalog.fetch(sku)] do
       {product, quantity}
     end}
  end

  # The task is not linked: a declined payment must not take the customer along.
  defp pay(customer, total) do
    task = Task.Supervisor.async_nolink(Shop.PaymentTasks, Payment, :charge, [customer, total])

    case Task.yield(task, 5_000) || Task.shutdown(task) do
      {:ok, reference} -> {:ok, reference}
      {:exit, {%Payment.Declined{} = declined, _stack}} -> {:error, declined}
      {:exit, reason} -> {:error, reason}
      nil -> {:error, :timeout}
    end
  end
end

defmodule Shop.CartSupervisor do
  @moduledoc "Starts carts when they are first asked for."
  use DynamicSupervisor

  def start_link(_opts), do: DynamicSupervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil), do: DynamicSupervisor.init(strategy: :one_for_one)

  @doc "The customer's cart."
  @spec cart(Shop.customer()) :: pid
  def cart(customer) do
    case Registry.lookup(Shop.CartRegistry, customer) do
      [{pid, _value}] -> pid
      [] -> start(customer)
    end
  end

  defp start(customer) do
    case DynamicSupervisor.start_child(__MODULE__, {Shop.Cart, customer}) do
      {:ok, pid} -> pid
      # Somebody else was quicker.
      {:error, {:already_started, pid}} -> pid
    end
  end
end

defmodule Shop.Payment do
  @moduledoc "Stands for the bank."

  defmodule Declined do
    @moduledoc "The bank refuses."
    defexception [:customer, :amount]

    @impl true
    def message(%{customer: customer, amount: amount}), do: "#{customer} cannot pay #{amount}"
  end

  @doc "Charges the customer; raises `Shop.Payment.Declined` for amounts that end in 13."
  @spec charge(Shop.customer(), pos_integer) :: String.t()
  def charge(customer, amount) do
    authorise(customer, amount)
    reference(customer, amount)
  end

  defp authorise(customer, amount) when rem(amount, 100) == 13 do
    raise Declined, customer: customer, amount: amount
  end

  defp authorise(_customer, _amount), do: :ok

  defp reference(customer, amount) do
    :crypto.hash(:sha256, "#{customer}:#{amount}") |> Base.encode16(case: :lower) |> binary_part(0, 12)
  end
end

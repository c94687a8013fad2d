defmodule Shop.Load do
  @moduledoc "A repeatable load: customers who fill carts and check out, one after the other or side by side."

  @doc """
  `steps` steps by each of `clients` processes; gives how the checkouts ended.

      iex> %{ok: ok, declined: _} = Shop.Load.run(100)
      iex> ok > 0
      true
  """
  @spec run(pos_integer, pos_integer) :: %{ok: non_neg_integer, declined: non_neg_integer}
  def run(steps, clients \\ 4) do
    1..clients
    |> Enum.map(fn client ->
      Task.async(fn -> loop(steps, client, client * 7919, %{ok: 0, declined: 0}) end)
    end)
    |> Task.await_many(:infinity)
    |> Enum.reduce(&Map.merge(&1, &2, fn _outcome, a, b -> a + b end))
  end

  defp loop(0, _client, _random, outcomes), do: outcomes

  defp loop(steps, client, random, outcomes) do
    random = next(random)
    loop(steps - 1, client, random, step("customer-#{client}", random, outcomes))
  end

  defp step(customer, random, outcomes) do
    :ok = Shop.add(customer, "P#{rem(random, 120) + 1}", rem(random, 12) + 1)
    if rem(random, 500) == 0, do: Shop.Report.similar()

    if rem(random, 3) == 0 do
      Map.update!(outcomes, outcome(Shop.checkout(customer, member: rem(random, 2) == 0)), &(&1 + 1))
    else
      outcomes
    end
  end

  defp outcome({:ok, _receipt}), do: :ok
  defp outcome({:error, %Shop.Payment.Declined{}}), do: :declined

  # Park and Miller's minimal standard generator: the same load every time.
  defp next(random), do: rem(random * 48_271, 2_147_483_647)
end

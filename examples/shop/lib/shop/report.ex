defmodule Shop.Report do
  @moduledoc "Reports over the catalogue and the ledger."

  alias Shop.{Catalog, Ledger}

  @doc "Pairs of products that share tags, best first. Slow on purpose: every product against every other."
  def similar(limit \\ 5) do
    products = Catalog.all()

    pairs = for a <- products, b <- products, a.sku < b.sku, do: {similarity(a, b), a.sku, b.sku}
    pairs |> Enum.sort(:desc) |> Enum.take(limit)
  end

  defp similarity(a, b) do
    shared = MapSet.intersection(MapSet.new(a.tags), MapSet.new(b.tags))
    MapSet.size(shared) * 100 - abs(a.price - b.price)
  end

  @doc "Revenue per customer over the last sales, as a tail-recursive fold."
  def by_customer, do: fold(Ledger.recent(), %{})

  defp fold([], sums), do: sums

  defp fold([{customer, total} | rest], sums),
    do: fold(rest, Map.update(sums, customer, total, &(&1 + total)))

  @doc "The customers as CSV. Nobody asked for it yet."
  def csv(separator \\ ";") do
    for {customer, revenue} <- by_customer(), into: "" do
      if String.contains?(customer, separator) or String.contains?(customer, "\"") do
        ~s("#{String.replace(customer, "\"", "\"\"")}"#{separator}#{revenue}\n)
      else
        "#{customer}#{separator}#{revenue}\n"
      end
    end
  end
end

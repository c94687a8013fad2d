defmodule ShopTest do
  use ExUnit.Case, async: true

  # A customer of its own for each test: carts are independent.
  setup context, do: {:ok, customer: "#{context.test}"}

  test "a cart adds up", %{customer: customer} do
    assert :ok = Shop.add(customer, "P1")
    assert :ok = Shop.add(customer, "P1", 2)
    assert :ok = Shop.add(customer, "P2")
    assert Shop.items(customer) == %{"P1" => 3, "P2" => 1}
  end

  test "what is not there cannot be bought", %{customer: customer} do
    assert {:error, :unknown_product} = Shop.add(customer, "P0")
    assert {:error, :out_of_stock} = Shop.add(customer, "P1", 10_000_000)
    assert Shop.items(customer) == %{}
  end

  test "a checkout empties the cart and is recorded", %{customer: customer} do
    :ok = Shop.add(customer, "P3", 2)
    assert {:ok, %{total: total, payment: <<_::binary-size(12)>>}} = Shop.checkout(customer)
    assert Shop.items(customer) == %{}
    assert {customer, total} in Shop.Ledger.recent()
    assert Shop.Report.by_customer()[customer] == total
  end

  test "an empty cart is not checked out", %{customer: customer} do
    assert {:error, :empty_cart} = Shop.checkout(customer)
  end

  test "a declined payment leaves the cart as it was", %{customer: customer} do
    :ok = Shop.add(customer, sku_with_declined_total())
    assert {:error, %Shop.Payment.Declined{} = declined} = Shop.checkout(customer)
    assert Exception.message(declined) =~ "cannot pay"
    assert map_size(Shop.items(customer)) == 1
  end

  test "stock is taken and put back", %{customer: customer} do
    before = Shop.Catalog.stock("P99")
    :ok = Shop.add(customer, "P99", 5)
    assert Shop.Catalog.stock("P99") == before - 5
    Shop.Catalog.restock("P99", 5)
    assert %{count: _} = Shop.Ledger.summary()
    assert :sys.get_state(Shop.Catalog) == nil
    assert Shop.Catalog.stock("P99") == before
  end

  test "similar products share tags" do
    assert [{score, _, _} | _] = Shop.Report.similar(3)
    assert score > 0
  end

  # One piece costs its price, 490 for shipping and 50 for the piece.
  defp sku_with_declined_total do
    Enum.find_value(Shop.Catalog.all(), &(rem(&1.price + 540, 100) == 13 && &1.sku))
  end
end

defmodule Shop.PricingTest do
  use ExUnit.Case, async: true

  alias Shop.Pricing

  @tea %{sku: "T", name: "Tea", price: 1_000, tags: [:tea]}
  @gift %{sku: "G", name: "Gift", price: 1_000, tags: [:gift]}

  test "shipping is free above 100 in Germany" do
    assert Pricing.total([{@gift, 5}]) == 5_000 + 490 + 250
    assert Pricing.total([{@gift, 11}]) == 11_000 - 550
  end

  test "tea in bulk is cheaper" do
    assert Pricing.total([{@tea, 20}]) == 20_000 - 2_000
  end

  test "members and coupons" do
    assert Pricing.total([{@gift, 2}], member: true) == 1_900 + 590
    assert Pricing.total([{@gift, 2}], coupon: "HALF") == 1_000 + 590
    assert Pricing.total([{@gift, 2}], coupon: "TENNER") == 2_000 + 590
  end
end

defmodule Shop.LoadTest do
  # Not beside the others: it buys what they count.
  use ExUnit.Case, async: false
  doctest Shop.Load

  test "the load is the same every time" do
    assert Shop.Load.run(300, 2) == Shop.Load.run(300, 2)
  end
end

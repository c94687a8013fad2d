defmodule Shop.LoadTest do
  use ExUnit.Case, async: true
  doctest Shop.Load

  test "the load is the same every time" do
    assert Shop.Load.run(300, 2) == Shop.Load.run(300, 2)
  end
end

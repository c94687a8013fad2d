defmodule ElixirScope.SuggestTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Suggest

  test "names what is near, and lists what is valid when nothing is" do
    assert Suggest.nearest(:modul, [:functions, :modules]) == :modules
    assert Suggest.nearest(:zzz, [:functions, :modules]) == nil
    assert Suggest.nearest(%{}, [:a]) == nil
    assert Suggest.nearest(String.duplicate("x", 1_000_000), ["x"]) == nil
    assert Suggest.nearest(<<255>>, ["x"]) == nil
    assert Suggest.hint(:zzz, [:functions, :modules]) == "valid: :functions, :modules"
  end
end

defmodule ElixirScope.TestSelection.ChangesTest do
  use ExUnit.Case, async: true

  alias ElixirScope.TestSelection.Changes

  @cart """
  defmodule Cart do
    @moduledoc "Carts."
    use Agent
    @rate 3

    @doc "Adds."
    @spec add(map, term) :: map
    def add(cart, item), do: Map.update(cart, item, 1, &(&1 + 1))

    def total(cart) do
      cart |> Map.values() |> Enum.sum()
    end

    defmacro rate, do: @rate
    defp unused(x), do: x
  end
  """

  defp of(edits) do
    new =
      Enum.reduce(edits, @cart, fn {from, to}, text ->
        assert text =~ from
        String.replace(text, from, to)
      end)

    Changes.of(@cart, new, "lib/cart.ex")
  end

  test "layout, comments, types and a moved line are nothing" do
    assert :unchanged = of([{"  @rate 3", "\n\n  # the rate\n  @rate   3"}])

    assert {:ok, %{functions: [], around: false, docs: false}} =
             of([{"@spec add(map, term) :: map", "@spec add(map, atom) :: map"}])
  end

  test "a function that differs, comes, goes, or gets another name" do
    assert {:ok, %{functions: [%{old: "Cart.total/1", new: "Cart.total/1", macro: false}], around: false}} =
             of([{"Enum.sum()", "Enum.count()"}])

    assert {:ok, %{functions: [%{old: nil, new: "Cart.empty?/1"}], around: false}} =
             of([{"  defp unused(x), do: x", "  defp unused(x), do: x\n  def empty?(cart), do: cart == %{}"}])

    assert {:ok, %{functions: [%{old: "Cart.unused/1", new: nil}], around: false}} =
             of([{"  defp unused(x), do: x\n", ""}])

    assert {:ok, %{functions: functions}} = of([{"def total(", "def sum("}])
    assert [%{old: "Cart.total/1", new: "Cart.sum/1"}] = functions
  end

  test "a clause that is added, or that changes its place" do
    assert {:ok, %{functions: [%{old: "Cart.total/1"}], around: false}} =
             of([{"  def total(cart) do", "  def total(nil), do: 0\n\n  def total(cart) do"}])

    two = "defmodule A do\n  def f(:a), do: 1\n  def f(_), do: 2\nend\n"
    swapped = "defmodule A do\n  def f(_), do: 2\n  def f(:a), do: 1\nend\n"
    assert {:ok, changes} = Changes.of(two, swapped, "a.ex")
    assert [%{old: "A.f/1"}] = changes.functions
  end

  test "a macro is told apart" do
    assert {:ok, %{functions: [%{old: "Cart.rate/0", macro: true}]}} = of([{"do: @rate", "do: @rate * 2"}])
  end

  test "what stands around functions" do
    for edit <- [
          {"@rate 3", "@rate 4"},
          {"use Agent", "use GenServer"},
          {"@rate 3", "@rate 3\n  defstruct [:a]"}
        ] do
      assert {:ok, %{around: true, functions: [], modules: ["Cart"]}} = of([edit])
    end
  end

  test "docs are told" do
    assert {:ok, %{docs: true, around: false, functions: []}} = of([{"Adds.", "Adds one."}])
  end

  test "modules that come and go" do
    assert {:ok, %{came: ["Cart.Line"], around: true}} =
             of([{"  defmacro rate", "  defmodule Line do\n    def f, do: 1\n  end\n\n  defmacro rate"}])

    assert {:ok, %{went: ["Cart"], functions: functions}} = Changes.of(@cart, nil, "lib/cart.ex")

    assert Enum.sort(for one <- functions, do: one.old) == [
             "Cart.add/2",
             "Cart.rate/0",
             "Cart.total/1",
             "Cart.unused/1"
           ]

    assert {:error, _} = Changes.of(@cart, "defmodule Cart do", "lib/cart.ex")
  end
end

defmodule ElixirScope.Report.TableTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report.{Numbers, Table, Width}

  doctest Table
  doctest Numbers

  @columns [{"function", :left, flex: true, cut: :start}, {"calls", :right}, {"at", :left, flex: true}]

  test "columns start at the same place in every row, wide characters included" do
    lines =
      @columns
      |> Table.render([["日本.語/0", "1", "x"], ["A.b/0", "12345678", "x"], ["e\u0301.f/1", "2", "x"]])
      |> String.split("\n")

    assert lines |> Enum.map(&Width.of/1) |> Enum.uniq() |> length() <= 2
    assert [first | rest] = for(line <- tl(lines), do: line |> String.split("x") |> hd() |> Width.of())
    assert Enum.all?(rest, &(&1 == first))
  end

  test "no line is wider than asked, as long as flexible columns can give way" do
    rows = [
      [String.duplicate("a", 70), "1", String.duplicate("b", 50)],
      ["short", "2", "日本" <> String.duplicate("c", 40)]
    ]

    for width <- [40, 60, 79, 100, 140] do
      widest =
        @columns |> Table.render(rows, width: width, indent: 2) |> String.split("\n") |> Enum.map(&Width.of/1)

      assert Enum.max(widest) <= width
    end

    # and nothing is cut when there is room
    refute Table.render(@columns, rows, width: 140) =~ "…"
  end

  test "columns of a higher rank give way first" do
    columns = [{"name", :left, flex: true}, {"place", :left, flex: 2, min: 10}]
    row = [String.duplicate("a", 40), String.duplicate("b", 30)]

    widths = fn width ->
      [_, line] = columns |> Table.render([row], width: width) |> String.split("\n")
      line |> String.split("  ") |> Enum.map(&Width.of/1)
    end

    assert widths.(72) == [40, 30]
    assert widths.(60) == [40, 18]
    assert widths.(50) == [38, 10]
  end

  test "a cell never steers the terminal" do
    text = Table.render([{"a", :left}], [["x\e[31my\nz\r"]])
    refute text =~ "\e"
    assert length(String.split(text, "\n")) == 2
  end
end

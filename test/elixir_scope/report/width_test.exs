defmodule ElixirScope.Report.WidthTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report.Width

  doctest Width

  # As `wcswidth` of a terminal counts them.
  for {text, columns} <- [
        {"", 0},
        {"a", 1},
        {"abc", 3},
        {"é", 1},
        {"e\u0301", 1},
        {"日本語", 6},
        {"a日b", 4},
        {"한글", 4},
        {"🎉", 2},
        {"👩‍👩‍👧", 2},
        {"❤️", 2},
        {"ﬁ…µ", 3},
        {"ｆ", 2},
        {"a\u200Bb", 2}
      ] do
    test "#{inspect(text)} takes #{columns}" do
      assert Width.of(unquote(text)) == unquote(columns)
    end
  end

  test "what is not UTF-8 does no harm" do
    assert Width.of(<<?a, 0xFF, ?b>>) == 3
  end

  test "fit cuts to exactly the columns there are, wide characters included" do
    assert Width.fit("abcdef", 6) == "abcdef"
    assert Width.fit("abcdef", 4) == "abc…"
    assert Width.fit("abcdef", 4, :start) == "…def"
    # the second wide character would need a fifth column
    assert Width.fit("日本語", 4) == "日…"
    assert Width.fit("日本語", 4, :start) == "…語"
    assert Width.fit("abc", 1) == "…"
  end

  test "pad fills to columns, not to characters" do
    assert Width.pad("日", 4, :left) == "日  "
    assert Width.pad("日", 4, :right) == "  日"
    assert Width.pad("abc", 2, :left) == "abc"
  end
end

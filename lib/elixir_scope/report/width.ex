defmodule ElixirScope.Report.Width do
  @moduledoc """
  How many columns of a terminal a text takes, and text cut or padded to a number of columns.

  East Asian wide characters and emoji take two columns, combining marks and other zero-width characters none
  (Unicode TR 11, "wide" and "fullwidth"; ambiguous characters count as one, as terminals do outside East Asia).

      iex> ElixirScope.Report.Width.of("日本")
      4
  """

  # First and last code point of the wide blocks, in order.
  @wide [
    {0x1100, 0x115F},
    {0x231A, 0x231B},
    {0x2329, 0x232A},
    {0x23E9, 0x23EC},
    {0x25FD, 0x25FE},
    {0x2614, 0x2615},
    {0x2648, 0x2653},
    {0x26A1, 0x26A1},
    {0x2705, 0x2705},
    {0x274C, 0x274C},
    {0x2753, 0x2755},
    {0x2795, 0x2797},
    {0x2E80, 0x303E},
    {0x3041, 0x33FF},
    {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF},
    {0xA960, 0xA97C},
    {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},
    {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},
    {0x17000, 0x18AFF},
    {0x1B000, 0x1B2FF},
    {0x1F004, 0x1F004},
    {0x1F18E, 0x1F18E},
    {0x1F191, 0x1F19A},
    {0x1F200, 0x1F320},
    {0x1F32D, 0x1F335},
    {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393},
    {0x1F3A0, 0x1F3CA},
    {0x1F3E0, 0x1F3F0},
    {0x1F400, 0x1F43E},
    {0x1F440, 0x1F440},
    {0x1F442, 0x1F4FC},
    {0x1F4FF, 0x1F53D},
    {0x1F550, 0x1F567},
    {0x1F595, 0x1F596},
    {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5},
    {0x1F6CC, 0x1F6CC},
    {0x1F6D0, 0x1F6D2},
    {0x1F6EB, 0x1F6EC},
    {0x1F6F4, 0x1F6FC},
    {0x1F7E0, 0x1F7EB},
    {0x1F90C, 0x1F9FF},
    {0x1FA70, 0x1FAFF},
    {0x20000, 0x3FFFD}
  ]

  @doc "The columns that `text` takes on one line."
  @spec of(String.t()) :: non_neg_integer()
  def of(text), do: of(text, 0)

  # Plain text is nearly all of it, and takes no look at Unicode: two ASCII characters never join into one.
  defp of(<<char>>, width) when char in 0x20..0x7E, do: width + 1

  defp of(<<char, next, rest::binary>>, width) when char in 0x20..0x7E and next in 0x20..0x7E,
    do: of(<<next, rest::binary>>, width + 1)

  defp of(text, width) do
    case String.next_grapheme(text) do
      nil -> width
      {grapheme, rest} -> of(rest, width + grapheme(grapheme))
    end
  end

  defp grapheme(grapheme) do
    case String.to_charlist(grapheme) do
      [char | rest] -> if 0xFE0F in rest, do: 2, else: char(char)
      [] -> 0
    end
  rescue
    # not UTF-8: terminals show one replacement character
    UnicodeConversionError -> 1
  end

  defp char(char) when char < 0x20 or char in 0x7F..0x9F, do: 0
  defp char(char) when char in 0x0300..0x036F or char in 0x200B..0x200F or char == 0xFEFF, do: 0
  defp char(char) when char < 0x1100, do: 1
  defp char(char), do: if(Enum.any?(@wide, fn {first, last} -> char in first..last end), do: 2, else: 1)

  @doc """
  `text` in at most `columns` columns, with `…` where something was left out: at the end, or with `:start`
  at the beginning (the end of a path says more than its beginning).
  """
  @spec fit(String.t(), pos_integer(), :end | :start) :: String.t()
  def fit(text, columns, side \\ :end) do
    cond do
      of(text) <= columns -> text
      columns <= 1 -> "…"
      side == :end -> take(String.graphemes(text), columns - 1, []) <> "…"
      side == :start -> "…" <> (text |> String.graphemes() |> Enum.reverse() |> take_last(columns - 1, []))
    end
  end

  defp take([grapheme | rest], left, taken) do
    width = grapheme(grapheme)
    if width <= left, do: take(rest, left - width, [grapheme | taken]), else: take([], 0, taken)
  end

  defp take([], _left, taken), do: taken |> Enum.reverse() |> IO.iodata_to_binary()

  defp take_last([grapheme | rest], left, taken) do
    width = grapheme(grapheme)
    if width <= left, do: take_last(rest, left - width, [grapheme | taken]), else: take_last([], 0, taken)
  end

  defp take_last([], _left, taken), do: IO.iodata_to_binary(taken)

  @doc "`text` with spaces up to `columns` columns, on its right (`:left` aligned) or on its left (`:right` aligned)."
  @spec pad(String.t(), non_neg_integer(), :left | :right) :: String.t()
  def pad(text, columns, align) do
    spaces = String.duplicate(" ", max(columns - of(text), 0))
    if align == :left, do: text <> spaces, else: spaces <> text
  end
end

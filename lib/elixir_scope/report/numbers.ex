defmodule ElixirScope.Report.Numbers do
  @moduledoc """
  Numbers as people read them: durations with a unit, counts with separators, bytes.
  """

  @doc """
  A duration given in microseconds, with three significant digits.

      iex> Enum.map([0.42, 15.25, 4_321, 7_654_321, 200_000_000, nil], &ElixirScope.Report.Numbers.duration/1)
      ["0.42 µs", "15.3 µs", "4.32 ms", "7.65 s", "3 min 20 s", "-"]
  """
  @spec duration(number() | nil) :: String.t()
  def duration(nil), do: "-"
  def duration(us) when us < 0, do: "-" <> duration(-us)
  def duration(us) when us < 999.5, do: digits(us) <> " µs"
  def duration(us) when us < 999_500, do: digits(us / 1_000) <> " ms"
  def duration(us) when us < 119_500_000, do: digits(us / 1_000_000) <> " s"

  def duration(us) do
    seconds = round(us / 1_000_000)
    "#{count(div(seconds, 60))} min #{rem(seconds, 60)} s"
  end

  defp digits(number) when number == 0, do: "0"
  defp digits(number) when number < 9.995, do: :erlang.float_to_binary(number / 1, decimals: 2)
  defp digits(number) when number < 99.95, do: :erlang.float_to_binary(number / 1, decimals: 1)
  defp digits(number), do: number |> round() |> Integer.to_string()

  @doc """
  A count with separators.

      iex> Enum.map([7, 1234, 1_234_567], &ElixirScope.Report.Numbers.count/1)
      ["7", "1,234", "1,234,567"]
  """
  @spec count(integer() | nil) :: String.t()
  def count(nil), do: "-"
  def count(number) when number < 0, do: "-" <> count(-number)
  def count(number) when number < 1_000, do: Integer.to_string(number)

  def count(number) do
    count(div(number, 1_000)) <>
      "," <> (number |> rem(1_000) |> Integer.to_string() |> String.pad_leading(3, "0"))
  end

  @doc """
  A count and its noun.

      iex> {ElixirScope.Report.Numbers.of(1, "call"), ElixirScope.Report.Numbers.of(2, "match", "matches")}
      {"1 call", "2 matches"}
  """
  @spec of(integer(), String.t(), String.t() | nil) :: String.t()
  def of(number, one, many \\ nil)
  def of(1, one, _many), do: "1 " <> one
  def of(number, one, many), do: count(number) <> " " <> (many || one <> "s")

  @doc """
  A share as a percentage. What is neither nothing nor all is never shown as such.

      iex> Enum.map([{0, 9}, {1, 3}, {99_999, 100_000}, {9, 9}, {0, 0}], fn {a, b} -> ElixirScope.Report.Numbers.share(a, b) end)
      ["0 %", "33 %", "> 99 %", "100 %", "-"]
  """
  @spec share(number(), number()) :: String.t()
  def share(_part, whole) when whole == 0, do: "-"
  def share(part, _whole) when part == 0, do: "0 %"

  def share(part, whole) do
    percent = part * 100 / whole

    cond do
      part == whole -> "100 %"
      percent < 1 -> "< 1 %"
      percent > 99 and part < whole -> "> 99 %"
      true -> "#{round(percent)} %"
    end
  end
end

defmodule ElixirScope.Sources.Logger.Message do
  @moduledoc false
  # The text of a log record, within bounds whatever it is made of. It is cut at a blank, so that no half of a token is
  # left over that redaction would not know.

  @bytes_max 4_096
  @chars_max 4_096

  @doc "The text; `\"...\"` for what cannot be shown."
  @spec text(map()) :: String.t()
  def text(%{msg: {:string, chars}}), do: chars |> bounded() |> cut()

  def text(%{msg: {:report, report}, meta: meta}), do: report |> of_report(meta) |> cut()

  def text(%{msg: {format, arguments}}) when is_list(arguments) do
    format |> :io_lib.format(arguments, chars_limit: @chars_max) |> bounded() |> cut()
  end

  def text(_other), do: "..."

  defp of_report(report, %{report_cb: callback}) when is_function(callback, 1) do
    {format, arguments} = callback.(report)
    format |> :io_lib.format(arguments, chars_limit: @chars_max) |> bounded()
  end

  defp of_report(report, %{report_cb: callback}) when is_function(callback, 2) do
    report |> callback.(%{depth: 20, chars_limit: @chars_max, single_line: true}) |> bounded()
  end

  defp of_report(report, _meta), do: inspect(report, limit: 50, printable_limit: @bytes_max, structs: false)

  # Chardata of any size: not more of it is read than is kept.
  defp bounded(text) when is_binary(text), do: text
  defp bounded(chars), do: chars |> take([], @bytes_max + 1) |> elem(0) |> Enum.reverse() |> to_text()

  defp take(_chars, taken, left) when left <= 0, do: {taken, 0}
  defp take([], taken, left), do: {taken, left}

  defp take([head | tail], taken, left) do
    {taken, left} = take(head, taken, left)
    take(tail, taken, left)
  end

  defp take(text, taken, left) when is_binary(text), do: {[text | taken], left - byte_size(text)}
  defp take(char, taken, left) when is_integer(char), do: {[char | taken], left - 1}
  defp take(_other, taken, left), do: {taken, left}

  defp to_text(list) do
    case :unicode.characters_to_binary(list) do
      text when is_binary(text) -> text
      {_, text, _} -> text
    end
  end

  defp cut(text) when byte_size(text) <= @bytes_max,
    do: if(String.valid?(text), do: text, else: inspect(text))

  defp cut(text) do
    kept = binary_part(text, 0, @bytes_max)

    kept =
      case :binary.matches(kept, [" ", "\n", "\t"]) do
        [] -> ""
        found -> binary_part(kept, 0, found |> List.last() |> elem(0))
      end

    if String.valid?(kept), do: kept <> " ...", else: "..."
  end
end

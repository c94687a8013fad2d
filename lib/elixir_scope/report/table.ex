defmodule ElixirScope.Report.Table do
  @moduledoc ~S"""
  Rows of text in columns that line up, in a given width.

  A column is `{title, align}` or `{title, align, opts}`, `align` being `:left` or `:right`. When the rows
  are wider than `width`, columns with `flex: true` give way (with `flex: 2` before these), the widest
  first, down to `:min` columns each (8 by default); what is cut ends (or with `cut: :start` begins) with
  `…`.

      iex> columns = [{"function", :left}, {"calls", :right}]
      iex> text = ElixirScope.Report.Table.render(columns, [["Cart.add/2", "12"], ["Cart.total/1", "7"]])
      iex> String.split(text, ~r/\R/)
      ["function      calls", "Cart.add/2       12", "Cart.total/1      7"]
  """

  alias ElixirScope.Report.Width

  @gap 2
  @flex_min 8

  @type column :: {String.t(), :left | :right} | {String.t(), :left | :right, keyword()}

  @doc "The table as lines of text. Options: `:width` (columns, none by default) and `:indent` (spaces before each line)."
  @spec render([column()], [[String.t()]], keyword()) :: String.t()
  def render(columns, rows, opts \\ []) do
    columns = Enum.map(columns, &column/1)
    rows = Enum.map(rows, fn row -> Enum.map(row, &clean/1) end)
    indent = Keyword.get(opts, :indent, 0)
    widths = columns |> natural(rows) |> shrink(columns, Keyword.get(opts, :width), indent)
    margin = String.duplicate(" ", indent)

    [Enum.map(columns, & &1.title) | rows]
    |> Enum.map_join("\n", fn row -> margin <> line(row, columns, widths) end)
  end

  defp column({title, align}), do: column({title, align, []})

  defp column({title, align, opts}) do
    %{
      title: title,
      align: align,
      flex: rank(Keyword.get(opts, :flex, false)),
      min: max(Keyword.get(opts, :min, @flex_min), Width.of(title)),
      cut: Keyword.get(opts, :cut, :end)
    }
  end

  defp rank(false), do: 0
  defp rank(true), do: 1
  defp rank(rank) when is_integer(rank), do: rank

  # A cell is one line, and shows no control character: text from a program must not steer the terminal.
  defp clean(text), do: String.replace(text, ~r/[\x{0}-\x{1F}\x{7F}-\x{9F}]+/u, " ")

  defp natural(columns, rows) do
    rows
    |> Enum.map(fn row -> Enum.map(row, &Width.of/1) end)
    |> Enum.reduce(Enum.map(columns, &Width.of(&1.title)), &Enum.zip_with(&1, &2, fn a, b -> max(a, b) end))
  end

  defp shrink(widths, _columns, nil, _indent), do: widths

  defp shrink(widths, columns, width, indent) do
    over = indent + Enum.sum(widths) + @gap * (length(widths) - 1) - width
    widths |> Enum.zip(columns) |> narrow(over) |> Enum.map(&elem(&1, 0))
  end

  defp narrow(pairs, over) when over <= 0, do: pairs

  # The columns of the highest rank give way first; among them the widest.
  defp narrow(pairs, over) do
    flexible =
      for {{width, column}, ix} <- Enum.with_index(pairs),
          column.flex > 0 and width > column.min,
          do: {column.flex, width, ix}

    case Enum.sort(flexible, :desc) do
      [] ->
        pairs

      [{rank, widest, ix} | rest] ->
        # down to the next widest of its rank at once, so that the loop is as long as there are columns
        {_, column} = Enum.at(pairs, ix)
        next = with [{^rank, second, _} | _] when second < widest <- rest, do: second, else: (_ -> column.min)
        next = if match?([{^rank, ^widest, _} | _], rest), do: widest - 1, else: next
        target = Enum.max([widest - over, next, column.min])
        narrow(List.replace_at(pairs, ix, {target, column}), over - (widest - target))
    end
  end

  defp line(row, columns, widths) do
    [row, columns, widths]
    |> Enum.zip_with(fn [cell, column, width] ->
      cell |> Width.fit(width, column.cut) |> Width.pad(width, column.align)
    end)
    |> Enum.join(String.duplicate(" ", @gap))
    |> String.trim_trailing()
  end
end

defmodule ElixirScope.Report.Answer do
  @moduledoc """
  The rows of a query as a table, and as plain JSON values.
  """

  alias ElixirScope.ASTRepository.QueryResult
  alias ElixirScope.Report.{Numbers, Table}

  @cell_bytes_max 200

  @doc "The table, and how many rows it is of how many. Options: `:width`."
  @spec render(QueryResult.t(), [atom() | String.t()], keyword()) :: String.t()
  def render(%QueryResult{rows: []}, _fields, _opts), do: "No row meets the conditions.\n"

  def render(%QueryResult{} = result, fields, opts) do
    cells = for row <- result.rows, do: Enum.map(fields, &(row |> Map.get(&1) |> cell(&1)))

    columns =
      for {field, ix} <- Enum.with_index(fields) do
        align = if numbers?(result.rows, field), do: :right, else: :left
        cut = if ix == 0 or field in [:file, :source_file], do: :start, else: :end
        {title(field), align, flex: align == :left, cut: cut}
      end

    Table.render(columns, cells, Keyword.take(opts, [:width])) <> "\n" <> footer(result)
  end

  defp title(field), do: field |> to_string() |> String.split(".") |> List.last()

  defp numbers?(rows, field) do
    values = for row <- rows, value = Map.get(row, field), value != nil, do: value
    values != [] and Enum.all?(values, &is_number/1)
  end

  defp footer(result) do
    # What a limit cut off was not always counted.
    total = result.total || result.count

    counted =
      if result.count < total,
        do: "#{Numbers.count(result.count)} of #{Numbers.of(total, "row")}",
        else: Numbers.of(total, "row")

    lost =
      if result.complete?,
        do: "",
        else:
          "Figures of the run are lower bounds: #{Numbers.of(result.dropped, "event was", "events were")} lost.\n"

    "(#{counted})\n" <> lost
  end

  # Units are in the names of the fields; values stay as they are, so that they can be compared and typed
  # into a query.
  defp cell(nil, _field), do: "-"
  defp cell(float, _field) when is_float(float), do: decimal(float)

  defp cell(integer, field) when is_integer(integer) and field in [:line, :column],
    do: Integer.to_string(integer)

  defp cell(integer, _field) when is_integer(integer), do: Integer.to_string(integer)

  defp cell(value, _field) do
    case plain(value) do
      text when is_binary(text) -> cut(text)
      other -> other |> brief() |> cut()
    end
  end

  # As short as a value inside a value can be said; JSON has it whole.
  defp brief(%{} = map),
    do: map |> Enum.sort() |> Enum.map_join(", ", fn {key, value} -> "#{key}: #{brief(value)}" end)

  defp brief(list) when is_list(list), do: Enum.map_join(list, "; ", &brief/1)
  defp brief(float) when is_float(float), do: decimal(float)
  defp brief(other), do: to_string(other)

  # A call of a few nanoseconds is 0.000012 ms, and not nothing.
  defp decimal(float) when abs(float) >= 1, do: :erlang.float_to_binary(float, decimals: 3)
  defp decimal(float), do: :erlang.float_to_binary(float, [:compact, decimals: 6])

  defp cut(text) when byte_size(text) <= @cell_bytes_max, do: text
  defp cut(text), do: String.slice(text, 0, @cell_bytes_max) <> "…"

  @doc """
  A value of a row as JSON can hold it: functions as `Mod.fun/1`, modules and atoms as Elixir writes them,
  times in ISO 8601, structs as objects without their `nil` fields, anything else as Elixir shows it.

      iex> ElixirScope.Report.Answer.plain({Enum, :map, 2})
      "Enum.map/2"
  """
  @spec plain(term()) :: term()
  def plain(value) when is_number(value) or is_boolean(value) or is_nil(value), do: value
  def plain(text) when is_binary(text), do: if(String.valid?(text), do: text, else: inspect(text))
  def plain(atom) when is_atom(atom), do: named(atom)

  def plain({module, name, arity}) when is_atom(module) and is_atom(name) and is_integer(arity),
    do: "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, name)}/#{arity}"

  def plain({name, arity}) when is_atom(name) and is_integer(arity),
    do: "#{Macro.inspect_atom(:remote_call, name)}/#{arity}"

  def plain({file, line, column}) when is_binary(file) and is_integer(line),
    do: if(column, do: "#{file}:#{line}:#{column}", else: "#{file}:#{line}")

  def plain(%DateTime{} = time), do: DateTime.to_iso8601(time)

  def plain(%_{} = struct),
    do: for({key, value} <- Map.from_struct(struct), value != nil, into: %{}, do: {key, plain(value)})

  def plain(%{} = map), do: Map.new(map, fn {key, value} -> {key(plain(key)), plain(value)} end)
  def plain([]), do: []

  def plain(list) when is_list(list),
    do: if(List.improper?(list), do: shown(list), else: Enum.map(list, &plain/1))

  def plain(other), do: shown(other)

  # Modules by their names; other atoms without the colon, as their own text.
  defp named(atom) do
    case Atom.to_string(atom) do
      "Elixir." <> _ -> inspect(atom)
      text -> text
    end
  end

  defp key(key) when is_binary(key), do: key
  defp key(other), do: inspect(other)

  defp shown(term), do: inspect(term, limit: 50, printable_limit: 500)
end

defmodule ElixirScope.Report.JSON do
  @moduledoc """
  A small, strict JSON encoder (RFC 8259), so that no package is needed to write a report.

  Takes maps with atom or text keys, keyword-free lists, UTF-8 binaries, integers, floats, booleans, `nil`
  and atoms (written as text). `ordered/1` marks a list of pairs as an object whose keys stay in that order.
  Anything else is an error: a report with a hole in it would be worse than none.

      iex> ElixirScope.Report.JSON.encode(%{calls: 3, p95_us: nil})
      {:ok, ~s({"calls":3,"p95_us":null})}

      iex> {:error, error} = ElixirScope.Report.JSON.encode(%{pid: self()})
      iex> error.reason
      :not_json
  """

  alias ElixirScope.Error

  @depth_max 64

  @typedoc "A list of pairs that becomes an object with its keys in this order."
  @opaque ordered :: {:ordered, [{atom() | String.t(), term()}]}

  @doc "Marks pairs as an object with its keys in the given order."
  @spec ordered([{atom() | String.t(), term()}]) :: ordered()
  def ordered(pairs) when is_list(pairs), do: {:ordered, pairs}

  @doc """
  The JSON text of `term`. `pretty: true` puts every element of the outer two levels on a line of its own.
  """
  @spec encode(term(), keyword()) :: {:ok, String.t()} | {:error, Error.t()}
  def encode(term, opts \\ []) do
    lines = if Keyword.get(opts, :pretty, false), do: 2, else: 0
    {:ok, term |> value(0, lines) |> IO.iodata_to_binary()}
  catch
    {:not_json, what} ->
      {:error,
       %Error{
         reason: :not_json,
         message: "this cannot be written as JSON: #{what}",
         hint: "use maps, lists, UTF-8 text, numbers, booleans and nil",
         details: %{}
       }}
  end

  defp value(_term, depth, _lines) when depth > @depth_max, do: refuse("more than #{@depth_max} levels")
  defp value(nil, _depth, _lines), do: "null"
  defp value(true, _depth, _lines), do: "true"
  defp value(false, _depth, _lines), do: "false"
  defp value(atom, _depth, _lines) when is_atom(atom), do: text(Atom.to_string(atom))
  defp value(binary, _depth, _lines) when is_binary(binary), do: text(binary)
  defp value(integer, _depth, _lines) when is_integer(integer), do: Integer.to_string(integer)
  # The shortest text that reads back as the same float; BEAM floats are finite.
  defp value(float, _depth, _lines) when is_float(float), do: Float.to_string(float)
  defp value({:ordered, pairs}, depth, lines), do: object(pairs, depth, lines)
  defp value(%_{} = struct, _depth, _lines), do: refuse(shown(struct))
  defp value(%{} = map, depth, lines), do: map |> Map.to_list() |> Enum.sort() |> object(depth, lines)

  defp value(list, depth, lines) when is_list(list) do
    if List.improper?(list), do: refuse(shown(list))
    wrap("[", Enum.map(list, &value(&1, depth + 1, lines)), "]", depth, lines)
  end

  defp value(other, _depth, _lines), do: refuse(shown(other))

  defp object(pairs, depth, lines) do
    members =
      Enum.map(pairs, fn {key, value} ->
        [key(key), separator(depth, lines), value(value, depth + 1, lines)]
      end)

    wrap("{", members, "}", depth, lines)
  end

  defp separator(depth, lines), do: if(depth < lines, do: ": ", else: ":")

  defp wrap(open, [], close, _depth, _lines), do: [open, close]

  defp wrap(open, members, close, depth, lines) when depth < lines do
    indent = String.duplicate("  ", depth + 1)
    [open, ?\n, indent, Enum.intersperse(members, [",\n", indent]), ?\n, String.duplicate("  ", depth), close]
  end

  defp wrap(open, members, close, _depth, _lines), do: [open, Enum.intersperse(members, ","), close]

  defp key(key) when is_atom(key) and key not in [nil, true, false], do: text(Atom.to_string(key))
  defp key(key) when is_binary(key), do: text(key)
  defp key(other), do: refuse("the key " <> shown(other))

  defp text(binary) do
    if not String.valid?(binary), do: refuse("text that is not UTF-8: " <> shown(binary))
    [?", escape(binary, binary, 0, 0, []), ?"]
  end

  # Copies runs that need no escape as sub-binaries of the original.
  defp escape(<<>>, original, from, length, done), do: [done, binary_part(original, from, length)]

  defp escape(<<byte, rest::binary>>, original, from, length, done)
       when byte < 0x20 or byte in [?", ?\\, 0x7F] do
    done = [done, binary_part(original, from, length), escaped(byte)]
    escape(rest, original, from + length + 1, 0, done)
  end

  defp escape(<<_, rest::binary>>, original, from, length, done),
    do: escape(rest, original, from, length + 1, done)

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(?\n), do: "\\n"
  defp escaped(?\r), do: "\\r"
  defp escaped(?\t), do: "\\t"
  defp escaped(byte), do: ["\\u", byte |> Integer.to_string(16) |> String.pad_leading(4, "0")]

  @spec refuse(String.t()) :: no_return()
  defp refuse(what), do: throw({:not_json, what})

  defp shown(term), do: inspect(term, limit: 5, printable_limit: 60, structs: false)
end

defmodule ElixirScope.ASTRepository.Fault do
  @moduledoc false
  # The errors of this API, built in one manner. What an error shows of a hostile argument is bounded.

  alias ElixirScope.{Core, Error, Suggest}

  @spec invalid(atom(), term(), String.t()) :: {:error, Error.t()}
  def invalid(what, value, hint) do
    {:error,
     %Error{
       reason: :invalid_argument,
       message: "invalid #{label(what)}: #{show(value)}",
       hint: hint,
       details: %{what: what}
     }}
  end

  @spec unknown(atom(), term(), [atom() | String.t()]) :: {:error, Error.t()}
  def unknown(what, name, valid) do
    {:error,
     %Error{
       reason: :unknown,
       message: "unknown #{label(what)} #{show(name)}",
       hint: Suggest.hint(name, valid),
       details: %{what: what, nearest: Suggest.nearest(name, valid)}
     }}
  end

  @spec not_found(atom(), term(), String.t() | nil) :: {:error, Error.t()}
  def not_found(what, key, hint \\ nil) do
    {:error,
     %Error{
       reason: :not_found,
       message: "no such #{label(what)}: #{show(key)}",
       hint: hint,
       details: %{what: what}
     }}
  end

  @spec not_implemented(String.t(), String.t()) :: {:error, Error.t()}
  def not_implemented(function, hint) do
    {:error,
     %Error{
       reason: :not_implemented,
       message: "#{function} is not implemented yet",
       hint: hint,
       details: %{function: function}
     }}
  end

  @shown_depth_max 4
  @shown_items_max 6
  @shown_bytes_max 80

  @doc "A term as text: short, whatever it is, and without what is secret in it."
  @spec show(term()) :: String.t()
  def show(term) do
    # A deep term is cut before it is inspected: indenting it would take memory by the square of its depth.
    # Structs are shown without their own `Inspect`, which belongs to whoever sent them and may raise.
    # Who gives us something wrong may give us what nobody is to read in a log.
    term
    |> cut(@shown_depth_max)
    |> inspect(limit: 40, structs: false, width: 200)
    |> Core.Values.redact_text()
  end

  defp cut(_term, 0), do: :...
  defp cut(list, depth) when is_list(list), do: cut_list(list, depth - 1, @shown_items_max)

  defp cut(tuple, depth) when is_tuple(tuple) and tuple_size(tuple) <= @shown_items_max,
    do: tuple |> Tuple.to_list() |> Enum.map(&cut(&1, depth - 1)) |> List.to_tuple()

  defp cut(tuple, _depth) when is_tuple(tuple), do: {:..., :tuple, tuple_size(tuple)}
  defp cut(%name{}, _depth) when is_atom(name), do: {:%, name, :...}

  defp cut(map, depth) when is_map(map) and map_size(map) <= @shown_items_max,
    do: Map.new(map, fn {key, value} -> {cut(key, depth - 1), cut(value, depth - 1)} end)

  defp cut(map, _depth) when is_map(map), do: {:..., :map, map_size(map)}

  defp cut(text, _depth) when is_binary(text) and byte_size(text) > @shown_bytes_max,
    do: binary_part(text, 0, @shown_bytes_max)

  defp cut(bits, _depth) when is_bitstring(bits) and bit_size(bits) > 8 * @shown_bytes_max, do: :...
  defp cut(other, _depth), do: other

  defp cut_list([], _depth, _left), do: []
  defp cut_list(_list, _depth, 0), do: [:...]
  defp cut_list([head | tail], depth, left), do: [cut(head, depth) | cut_list(tail, depth, left - 1)]
  defp cut_list(tail, depth, _left), do: cut(tail, depth)

  defp label(what), do: what |> to_string() |> String.replace("_", " ")
end

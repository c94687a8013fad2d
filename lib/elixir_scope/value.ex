defmodule ElixirScope.Value do
  @moduledoc """
  Values that were recorded, as terms.

  A value that was recorded whole is the term that it was. Where something is missing, a struct stands in its place and
  says what and why: `ElixirScope.Value.Truncated`, `ElixirScope.Value.Redacted`, `ElixirScope.Value.Opaque`.
  """

  alias ElixirScope.Value.{Opaque, Redacted, Truncated}

  @doc """
  Whether a recorded value is whole: nothing in it was cut, withheld, or cannot be had back.

      iex> ElixirScope.Value.whole?(%{a: [1, 2]})
      true
      iex> ElixirScope.Value.whole?([%ElixirScope.Value.Redacted{kind: :binary, by: :key}])
      false
  """
  @spec whole?(term()) :: boolean()
  def whole?(value), do: whole_all?([value])

  # With a list of what is still to be looked at: a recorded value may be as deep as its bounds allowed.
  defp whole_all?([]), do: true
  defp whole_all?([%module{} | _]) when module in [Opaque, Redacted, Truncated], do: false

  defp whole_all?([map | rest]) when is_map(map) do
    whole_all?(:maps.fold(fn key, value, rest -> [key, value | rest] end, rest, map))
  end

  defp whole_all?([tuple | rest]) when is_tuple(tuple), do: whole_all?(Tuple.to_list(tuple) ++ rest)
  defp whole_all?([[head | tail] | rest]), do: whole_all?([head, tail | rest])
  defp whole_all?([_ | rest]), do: whole_all?(rest)
end

defmodule ElixirScope.Suggest do
  @moduledoc false
  # "Did you mean": the nearest of the valid names, for the hints of errors.

  @nearness_min 0.7
  @listed_max 12
  @name_bytes_max 200

  @doc "The valid name nearest to `name`, or `nil` when none is near."
  @spec nearest(term(), [atom() | String.t()]) :: atom() | String.t() | nil
  def nearest(name, valid) when is_atom(name) or is_binary(name) do
    text = to_string(name)

    if String.valid?(text) and byte_size(text) <= @name_bytes_max do
      {score, best} =
        valid
        |> Enum.map(&{String.jaro_distance(text, to_string(&1)), &1})
        |> Enum.max_by(&elem(&1, 0), fn -> {0.0, nil} end)

      if score >= @nearness_min, do: best
    end
  end

  def nearest(_name, _valid), do: nil

  @doc "The hint for an unknown name: the nearest valid one, or what the valid ones are."
  @spec hint(term(), [atom() | String.t()]) :: String.t()
  def hint(name, valid) do
    case nearest(name, valid) do
      nil -> "valid: " <> listed(valid)
      nearest -> "did you mean #{inspect(nearest)}?"
    end
  end

  defp listed(valid) do
    shown = valid |> Enum.take(@listed_max) |> Enum.map_join(", ", &inspect/1)
    if length(valid) > @listed_max, do: shown <> ", ...", else: shown
  end
end

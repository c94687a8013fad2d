defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Request do
  @moduledoc false
  # What is asked of an analysis, looked at.

  alias ElixirScope.ASTRepository.{Fault, Repository}

  @kinds ~w(hotspot_self hotspot_inclusive regression improvement latency n_plus_one repeated_work complexity_time
            untested undocumented dead_code risk)a
  @unasked [:improvement]

  defstruct kinds: @kinds -- @unasked,
            limit: 20,
            baseline: nil,
            tests: nil,
            from: nil,
            to: nil,
            alpha: 0.05,
            min_change: 1.25,
            min_change_us: 1.0,
            min_samples: 20,
            samples: 2_000,
            repeats: 10,
            min_share: 0.05,
            crap: 30,
            timeout: 60_000

  @samples_max 100_000

  def kinds, do: @kinds

  def new(%__MODULE__{} = request), do: {:ok, request}
  def new(request) when is_map(request) and not is_struct(request), do: request |> Map.to_list() |> new()

  def new(request) do
    if Keyword.keyword?(request),
      do: Enum.reduce_while(request, {:ok, %__MODULE__{}}, &put/2),
      else: Fault.invalid(:request, request, "give a keyword list or a map")
  end

  defp put({name, value}, {:ok, request}) do
    if Map.has_key?(Map.from_struct(request), name) do
      case check(name, value) do
        {:ok, value} -> {:cont, {:ok, Map.put(request, name, value)}}
        error -> {:halt, error}
      end
    else
      {:halt, Fault.unknown(:option, name, request |> Map.from_struct() |> Map.keys())}
    end
  end

  defp check(:kinds, kind) when is_atom(kind) and kind not in [nil, true, false], do: check(:kinds, [kind])

  defp check(:kinds, kinds) do
    cond do
      not is_list(kinds) or List.improper?(kinds) or kinds == [] ->
        Fault.invalid(:kinds, kinds, "give a list of kinds")

      wrong = Enum.find(kinds, &(&1 not in @kinds)) ->
        Fault.unknown(:kind, wrong, @kinds)

      true ->
        # In the order of an answer, each once.
        {:ok, Enum.filter(@kinds, &(&1 in kinds))}
    end
  end

  defp check(name, value) when name in [:baseline, :tests] do
    case value do
      nil -> {:ok, nil}
      %Repository{} -> {:ok, value}
      path when is_binary(path) -> {:ok, path}
      who when is_pid(who) or is_atom(who) or is_tuple(who) -> {:ok, who}
      other -> Fault.invalid(name, other, "give a repository, or the path of a saved one")
    end
  end

  defp check(name, nil) when name in [:from, :to], do: {:ok, nil}
  defp check(name, ns) when name in [:from, :to] and is_integer(ns) and ns >= 0, do: {:ok, ns}

  defp check(name, %DateTime{} = time) when name in [:from, :to],
    do: {:ok, max(DateTime.to_unix(time, :nanosecond), 0)}

  defp check(name, n) when name in [:limit, :min_samples, :timeout] and is_integer(n) and n > 0,
    do: {:ok, min(n, 0xFFFF_FFFF)}

  defp check(:samples, n) when is_integer(n) and n in 1..@samples_max, do: {:ok, n}
  defp check(:repeats, n) when is_integer(n) and n > 1, do: {:ok, n}
  defp check(name, n) when name in [:alpha, :min_share] and is_number(n) and n >= 0 and n <= 1, do: {:ok, n}
  defp check(:min_change, n) when is_number(n) and n >= 1, do: {:ok, n}
  defp check(name, n) when name in [:min_change_us, :crap] and is_number(n) and n >= 0, do: {:ok, n}
  defp check(name, other), do: Fault.invalid(name, other, "see ElixirScope.ASTRepository.PerformanceAnalysis")
end

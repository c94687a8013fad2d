defmodule ElixirScope.ASTRepository.PerformanceCorrelator do
  @moduledoc """
  Where the time of a running program goes, by node of its source.

      {:ok, [hottest | _]} = PerformanceCorrelator.hotspots(repository, limit: 5)
      hottest.self_share
      #=> 0.41
  """

  alias ElixirScope.ASTRepository.{Fault, FunctionData, Handle, Hotspot, Repository}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @doc """
  The functions that time is spent in, hottest first, as `ElixirScope.ASTRepository.Hotspot`s.

    * `:by` - `:self` (the default: time in the function itself) or `:total` (with what it called)
    * `:limit` - how many (20)
  """
  @spec hotspots(ElixirScope.ASTRepository.repository(), keyword()) ::
          {:ok, [Hotspot.t()]} | {:error, Error.t()}
  def hotspots(repository, opts \\ []) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, by} <- by(Keyword.get(opts, :by, :self)),
         {:ok, limit} <- limit(Keyword.get(opts, :limit, 20)),
         {:ok, functions} <- Core.Runtime.functions(ref) do
      scales = scales()
      functions = Enum.map(functions, fn {key, stats} -> {key, stats, Map.get(scales, key, 1.0)} end)
      whole = functions |> Enum.map(fn {_, stats, scale} -> stats.self_ns * scale end) |> Enum.sum()

      {:ok,
       functions
       |> Enum.sort_by(fn {key, stats, scale} -> {-Map.fetch!(stats, by) * scale, key} end)
       |> Enum.take(limit)
       |> Enum.map(&hotspot(&1, max(whole, 1), scales))}
    end
  end

  # Of functions of which a part was recorded: what the recorded figures are to be multiplied with.
  defp scales do
    case ElixirScope.Capture.gates() do
      {:ok, gates} ->
        for(
          %{estimated: true, passed: passed} = gate when passed > 0 <- gates,
          :calls in gate.kinds,
          function <- gate.functions,
          do: {function, gate.seen, passed}
        )
        |> Enum.group_by(&elem(&1, 0))
        |> Map.new(fn {function, all} ->
          {function, Enum.sum(Enum.map(all, &elem(&1, 1))) / Enum.sum(Enum.map(all, &elem(&1, 2)))}
        end)

      {:error, _} ->
        %{}
    end
  end

  @doc "`%{ast_node_id => ElixirScope.ASTRepository.ExecutionStatistics}` of every function that ran."
  @spec correlate(ElixirScope.ASTRepository.repository()) :: {:ok, map()} | {:error, Error.t()}
  def correlate(repository), do: Repository.fetch(repository, :performance_correlation)

  @doc "The profile of one function; its `:cpu_usage` needs a trace of scheduling."
  @spec profile(ElixirScope.ASTRepository.repository(), FunctionData.key()) ::
          {:ok, ElixirScope.ASTRepository.PerformanceProfile.t() | nil} | {:error, :not_found | Error.t()}
  def profile(repository, key) do
    with {:ok, function} <- ElixirScope.ASTRepository.get_function(repository, key),
         do: {:ok, function.performance_profile}
  end

  defp by(:self), do: {:ok, :self_ns}
  defp by(:total), do: {:ok, :total_ns}
  defp by(other), do: Fault.unknown(:order, other, [:self, :total])

  defp limit(limit) when is_integer(limit) and limit > 0, do: {:ok, limit}
  defp limit(other), do: Fault.invalid(:limit, other, "give a number from 1 on")

  defp hotspot({key, stats, scale}, whole, scales) do
    %Hotspot{
      function: key,
      calls: round(stats.calls * scale),
      self_us: stats.self_ns * scale / 1_000,
      total_us: stats.total_ns * scale / 1_000,
      self_share: stats.self_ns * scale / whole,
      p95_us: stats.p95_ns && stats.p95_ns / 1_000,
      recorded: stats.calls,
      estimated: is_map_key(scales, key)
    }
  end
end

defmodule ElixirScope.Observation.Totals do
  @moduledoc false
  # The totals of a run: what the capture counted meanwhile, and what the repository holds. The capture
  # counts for the whole VM and never starts again from zero, so a run is a difference.

  alias ElixirScope.{ASTRepository, Report}
  alias ElixirScope.Observation.Boundary
  alias ElixirScope.Report.{Collect, Output}

  @format :elixir_scope_totals_1

  @doc """
  What was counted between two `ElixirScope.Capture.stats/0`, without the events of the run's boundary. `without_node` is how many events without a
  node the repository held before.
  """
  def between(before, later, own_events, without_node) do
    dropped =
      Map.new(later.dropped, fn {reason, count} -> {reason, count - Map.get(before.dropped, reason, 0)} end)

    # Calls that are open when capture stops still report their end, at any time: what is on its way at this
    # moment belongs to neither side, and `offered = stored + dropped` holds.
    %{
      offered: later.offered - later.in_flight - (before.offered - before.in_flight) - own_events,
      stored: later.stored - before.stored - own_events,
      dropped: dropped,
      in_flight: later.in_flight,
      points: later.points - Boundary.own().points,
      without_node: without_node
    }
  end

  @doc "The totals of a report."
  def of(repository, counted, duration_us) do
    with {:ok, stats} <- ASTRepository.get_statistics(repository),
         {:ok, without_node} <- Collect.events_without_node(repository) do
      {:ok,
       %{
         modules: stats.module_count,
         functions: stats.function_count,
         nodes: stats.node_count,
         points: counted.points,
         events_offered: counted.offered,
         events_stored: counted.stored,
         events_dropped: counted.dropped |> Map.values() |> Enum.sum(),
         events_correlated: counted.stored - min(without_node - counted.without_node, counted.stored),
         duration_ms: duration_us / 1_000
       }}
    end
  end

  @doc "The totals where nothing ran."
  def of_source(repository, duration_us) do
    of(
      repository,
      %{offered: 0, stored: 0, dropped: %{}, in_flight: 0, points: 0, without_node: 0},
      duration_us
    )
  end

  ## Beside a saved repository

  @doc "Keeps the totals of a run beside the repository saved at `path`: it holds what happened, they say what was lost."
  def keep(path, totals) do
    totals = Map.put(totals, :saved_at_us, System.os_time(:microsecond))
    Output.write(beside(path), :erlang.term_to_binary({@format, totals}))
  end

  @doc "When the totals beside `path` were kept, in microseconds; 0 when there are none."
  def kept_at_us(path) do
    with {:ok, bytes} <- File.read(beside(path)),
         {:ok, %{saved_at_us: at}} when is_integer(at) <- decode(bytes) do
      at
    else
      _ -> 0
    end
  end

  @doc "The totals kept for the repository at `path`; `nil` for what is not known of it."
  def kept(path, repository) do
    with {:ok, bytes} <- File.read(beside(path)),
         {:ok, totals} <- decode(bytes) do
      {:ok, totals}
    else
      _ -> unknown(repository)
    end
  end

  defp beside(path), do: path <> ".totals"

  defp decode(bytes) do
    with {@format, %{} = totals} <- :erlang.binary_to_term(bytes, [:safe]),
         true <- Enum.all?(Report.totals(), &is_number(totals[&1])) do
      {:ok, totals}
    else
      _ -> :error
    end
  rescue
    ArgumentError -> :error
  end

  defp unknown(repository) do
    with {:ok, totals} <- of_source(repository, 0) do
      run = [:points, :events_offered, :events_stored, :events_dropped, :events_correlated, :duration_ms]
      {:ok, Map.merge(totals, Map.new(run, &{&1, nil}))}
    end
  end
end

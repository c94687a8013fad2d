defmodule ElixirScope.ASTRepository.Health do
  @moduledoc false
  # Health is looked for, not assumed: every check reads the store.

  alias ElixirScope.ASTRepository.{Handle, HealthStatus, Query, Questions}
  alias ElixirScope.Core

  @degraded_failures_max 2
  @gb 1024 * 1024 * 1024

  def check(repository) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, facts} <- Core.Repository.health(handle.ref) do
      checks = checks(handle, facts)
      failed = for {_name, {:error, _}} = check <- checks, do: check

      {:ok,
       %HealthStatus{
         status: status(failed),
         timestamp: DateTime.utc_now(),
         checks: checks,
         failed_checks: failed,
         recommendations: Enum.map(failed, &recommendation/1)
       }}
    end
  end

  defp checks(%{configuration: config} = handle, facts) do
    thresholds = config.alert_thresholds

    [
      accessible: accessible(handle, thresholds.query_latency_p95_ms),
      indexes: indexes(facts.broken_records),
      correlations: directions(facts.correlations_agree),
      correlated_nodes: dangling(facts, thresholds.correlation_accuracy),
      capacity: capacity(facts, config),
      memory: memory(facts.total_memory_bytes, thresholds.memory_usage_gb),
      losses: losses(facts)
    ]
  end

  # A real question, end to end, within the time that is promised.
  defp accessible(handle, limit_ms) do
    {us, result} = :timer.tc(fn -> Questions.query(handle, %Query{from: :modules, limit: 1}) end)

    case result do
      {:ok, _} when us <= limit_ms * 1_000 -> :ok
      {:ok, _} -> {:error, "a query took #{div(us, 1_000)} ms; #{limit_ms} ms are allowed"}
      {:error, error} -> {:error, error.message}
    end
  end

  defp indexes([]), do: :ok

  defp indexes(broken),
    do: {:error, "records that their own ids do not lead back to: #{Enum.join(Enum.take(broken, 5), ", ")}"}

  defp directions(true), do: :ok
  defp directions(false), do: {:error, "the two directions of the correlation index disagree"}

  # Only when code is stored: a repository may hold correlations alone.
  defp dangling(%{correlated_nodes: 0}, _limit), do: :ok
  defp dangling(%{module_count: 0}, _limit), do: :ok

  defp dangling(facts, limit) do
    found = 1 - facts.dangling_nodes / facts.correlated_nodes

    if found >= limit,
      do: :ok,
      else:
        {:error,
         "#{facts.dangling_nodes} of #{facts.correlated_nodes} correlated nodes are not in the repository"}
  end

  defp capacity(facts, config) do
    cond do
      facts.module_count >= config.max_modules ->
        {:error, "max_modules (#{config.max_modules}) is reached"}

      facts.correlation_count >= config.max_correlations ->
        {:error, "max_correlations (#{config.max_correlations}) is reached"}

      true ->
        :ok
    end
  end

  defp memory(bytes, limit_gb) do
    if bytes <= limit_gb * @gb,
      do: :ok,
      else: {:error, "#{Float.round(bytes / @gb, 2)} GB are in use; #{limit_gb} GB are allowed"}
  end

  defp losses(%{events_lost: 0}), do: :ok

  defp losses(%{events_lost: lost}),
    do: {:error, "#{lost} runtime events were dropped while this repository was subscribed"}

  defp status([]), do: :healthy

  defp status(failed) when length(failed) <= @degraded_failures_max,
    do: if(broken?(failed), do: :unhealthy, else: :degraded)

  defp status(_failed), do: :unhealthy

  # A store that cannot be trusted is not merely degraded.
  defp broken?(failed), do: Enum.any?(failed, fn {name, _} -> name in [:indexes, :correlations] end)

  defp recommendation({:accessible, _}),
    do: "look at what runs beside it; raise alert_thresholds.query_latency_p95_ms if the machine is slow"

  defp recommendation({:indexes, _}), do: "import the project again, or load a saved repository"
  defp recommendation({:correlations, _}), do: "restore a snapshot or a saved repository, and report this"
  defp recommendation({:correlated_nodes, _}), do: "import the project whose nodes the correlations name"
  defp recommendation({:capacity, _}), do: "raise the limit in the repository's options"

  defp recommendation({:memory, _}),
    do: "lower event_log_mb, import less, or raise alert_thresholds.memory_usage_gb"

  defp recommendation({:losses, _}),
    do: "observe less, or with overflow: :wait; counts and times are lower bounds"
end

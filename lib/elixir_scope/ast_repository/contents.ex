defmodule ElixirScope.ASTRepository.Contents do
  @moduledoc false
  # The fields of a `%Repository{}` that live in the native store, computed when asked for.

  alias ElixirScope.ASTRepository.{
    Fault,
    FunctionData,
    GraphBuilder,
    Handle,
    InstrumentationPoint,
    ModuleData
  }

  alias ElixirScope.ASTRepository.{Nodes, Observed, PatternDetector, Processes, Query, Questions, Repository}
  alias ElixirScope.Capture.Sampling
  alias ElixirScope.Core

  @computed ~w(modules function_definitions pattern_matches instrumentation_points correlation_index
               performance_correlation call_graph dependency_graph data_flow_graph supervision_tree hybrid_insights
               static_analysis runtime_analysis last_updated domain_concepts business_rules architectural_patterns
               runtime_event_bridge temporal_correlation execution_timelines variable_lifecycles causal_relationships)a
  @carried ~w(repository_id creation_timestamp version configuration)a
  @hidden ~w(ref pid)a

  # What decodes code, or asks for it again for each record.
  @module_fields_left_out ~w(ast ast_node_mapping)a

  def fetch(repository, field) when field in @carried do
    with {:ok, handle} <- Handle.repository(repository), do: Map.fetch(handle, field)
  end

  def fetch(repository, field) when field in @computed do
    with {:ok, handle} <- Handle.repository(repository), do: compute(field, handle)
  end

  def fetch(repository, field) do
    with {:ok, _handle} <- Handle.repository(repository), do: Fault.unknown(:field, field, names())
  end

  defp compute(:modules, handle) do
    fields = names(ModuleData) -- @module_fields_left_out

    with {:ok, rows} <- rows(handle, :modules, fields),
         do: {:ok, Map.new(rows, &{&1.module_name, struct(ModuleData, &1)})}
  end

  defp compute(:function_definitions, handle) do
    with {:ok, rows} <- rows(handle, :functions, names(FunctionData) -- [:ast]),
         do: {:ok, Map.new(rows, &{&1.function_key, struct(FunctionData, &1)})}
  end

  defp compute(:instrumentation_points, handle) do
    with {:ok, rows} <- rows(handle, :functions, [:instrumentation_points]) do
      {:ok,
       rows
       |> Enum.flat_map(&(&1.instrumentation_points || []))
       |> Enum.group_by(fn %InstrumentationPoint{ast_node_id: id} -> id end)}
    end
  end

  defp compute(:correlation_index, handle) do
    with {:ok, all} <- Nodes.all_correlations(handle), do: {:ok, Map.new(all)}
  end

  defp compute(:performance_correlation, handle) do
    with {:ok, rows} <- ran(handle, [:function_key, :ast_node_id, :execution_statistics]),
         do: {:ok, Map.new(rows, &{&1.ast_node_id, Sampling.mark(&1.execution_statistics, &1.function_key)})}
  end

  defp compute(:data_flow_graph, handle), do: GraphBuilder.data_flow_between(handle)

  defp compute(:call_graph, handle), do: GraphBuilder.call_graph(handle)
  defp compute(:dependency_graph, handle), do: GraphBuilder.dependency_graph(handle)

  defp compute(:supervision_tree, handle), do: Processes.supervision_tree(handle, running: true)

  defp compute(:hybrid_insights, handle) do
    query = Query.new() |> Query.select([:ast_node_id, :runtime_insights]) |> Query.from(:functions)

    with {:ok, result} <- Questions.query(handle, query) do
      {:ok,
       for(
         row <- result.rows,
         row.runtime_insights != nil,
         into: %{},
         do: {row.ast_node_id, row.runtime_insights}
       )}
    end
  end

  defp compute(field, handle)
       when field in [
              :runtime_event_bridge,
              :temporal_correlation,
              :execution_timelines,
              :variable_lifecycles,
              :causal_relationships
            ],
       do: Observed.field(field, handle)

  # By kind: what is found is no error, and stands in no order of its own.
  defp compute(:pattern_matches, handle) do
    with {:ok, findings} <- PatternDetector.findings(handle), do: {:ok, Enum.group_by(findings, & &1.kind)}
  end

  defp compute(:domain_concepts, handle), do: meanings(handle, :concepts)
  defp compute(:business_rules, handle), do: meanings(handle, :rules)
  defp compute(:architectural_patterns, handle), do: meanings(handle, :patterns)

  defp compute(:static_analysis, handle),
    do: counts(handle, ~w(module_count function_count clause_count node_count file_count)a)

  defp compute(:runtime_analysis, handle),
    do: counts(handle, ~w(event_count correlation_count insight_count runtime_memory_bytes)a)

  defp compute(:last_updated, handle) do
    query =
      Query.new()
      |> Query.select([:last_updated])
      |> Query.from(:modules)

    with {:ok, result} <- Questions.query(handle, query) do
      {:ok,
       result.rows
       |> Enum.map(& &1.last_updated)
       |> Enum.max(DateTime, fn -> handle.creation_timestamp end)}
    end
  end

  defp meanings(handle, what) do
    with {:ok, all} <- Core.Meaning.meanings(handle.ref, what), do: {:ok, Map.new(all, &{&1.id, &1})}
  end

  defp counts(handle, names) do
    with {:ok, statistics} <- Questions.statistics(handle), do: {:ok, Map.take(statistics, names)}
  end

  defp rows(handle, source, fields) do
    with {:ok, result} <- Questions.query(handle, Query.new() |> Query.select(fields) |> Query.from(source)),
         do: {:ok, result.rows}
  end

  defp ran(handle, fields) do
    query =
      Query.new()
      |> Query.select(fields)
      |> Query.from(:functions)
      |> Query.join_runtime_data(:inner, {:has_performance_data})

    with {:ok, result} <- Questions.query(handle, query), do: {:ok, result.rows}
  end

  defp names, do: names(Repository) -- @hidden
  defp names(struct), do: struct |> struct() |> Map.from_struct() |> Map.keys()
end

defmodule ElixirScope.ASTRepository.Repository do
  @moduledoc """
  A handle to one repository: who it is, its settings, and the native store behind it.

  Handles are cheap to copy and to send within a node. Of the fields that the specification lists, the handle itself
  carries `:repository_id`, `:creation_timestamp`, `:version` (of the schema) and `:configuration`; the others are
  in the native store, and `fetch/2` computes them from there.

  Every function here is one of `ElixirScope.ASTRepository`, under the name that the specification's own tests use;
  only `fetch/2` and `health_check/1` are this module's.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Config, Contents, Health}
  alias ElixirScope.Error

  @schema_version 1

  defstruct [
    :modules,
    :function_definitions,
    :pattern_matches,
    :dependency_graph,
    :call_graph,
    :data_flow_graph,
    :supervision_tree,
    :domain_concepts,
    :business_rules,
    :architectural_patterns,
    :instrumentation_points,
    :correlation_index,
    :runtime_event_bridge,
    :temporal_correlation,
    :static_analysis,
    :runtime_analysis,
    :hybrid_insights,
    :performance_correlation,
    :execution_timelines,
    :variable_lifecycles,
    :causal_relationships,
    :repository_id,
    :creation_timestamp,
    :last_updated,
    :version,
    :configuration,
    # Ours: the native handle, and the process that owns it if one does.
    :ref,
    :pid
  ]

  @type t :: %__MODULE__{
          repository_id: String.t(),
          creation_timestamp: DateTime.t(),
          version: pos_integer(),
          configuration: Config.t(),
          ref: reference(),
          pid: pid() | nil
        }

  @doc "The version of the schema that handles made here have."
  @spec schema_version() :: pos_integer()
  def schema_version, do: @schema_version

  @doc """
  A field of the repository, computed from the store.

    * `:modules` - `%{module_name => ElixirScope.ASTRepository.ModuleData}`, without their ASTs, which
      `ElixirScope.ASTRepository.get_module/2` decodes
    * `:function_definitions` - `%{key => ElixirScope.ASTRepository.FunctionData}`, likewise
    * `:instrumentation_points` - `%{ast_node_id => [ElixirScope.ASTRepository.InstrumentationPoint]}`
    * `:correlation_index` - `%{correlation_id => ast_node_id}`
    * `:performance_correlation` - `%{ast_node_id => ElixirScope.ASTRepository.ExecutionStatistics}` of what ran
    * `:data_flow_graph` - how values go between functions, see `ElixirScope.ASTRepository.GraphBuilder.data_flow_between/2`
    * `:call_graph`, `:dependency_graph` - `ElixirScope.ASTRepository.Graph`, as `ElixirScope.ASTRepository.GraphBuilder` makes
      them; edges of the call graph say how often they were observed
    * `:hybrid_insights` - `%{ast_node_id => ElixirScope.ASTRepository.RuntimeInsights}` of functions, stored or observed
    * `:domain_concepts` - `%{module => ElixirScope.ASTRepository.DomainConcept}`
    * `:business_rules` - `%{ast_node_id => ElixirScope.ASTRepository.BusinessRule}`
    * `:architectural_patterns` - `%{"Module:pattern" => ElixirScope.ASTRepository.ArchPattern}`
    * `:pattern_matches` - `%{kind => [ElixirScope.ASTRepository.CodeSmell]}`, see `ElixirScope.ASTRepository.PatternDetector`
    * `:static_analysis`, `:runtime_analysis` - maps of counts
    * `:last_updated` - `DateTime` of the last change
    * `:repository_id`, `:creation_timestamp`, `:version`, `:configuration` - what the handle carries

  Of the event log, from its newest 10,000 events:

    * `:temporal_correlation` - `%{{from_ns, to_ns} => [event_id]}`: at most 60 ranges of one length, those in which something happened
    * `:execution_timelines` - `%{ast_node_id => ElixirScope.ASTRepository.ExecutionTimeline}` of functions: their own activations,
      without what happened within (`TemporalBridge.execution_timeline/3` has that)
    * `:variable_lifecycles` - `%{variable_id => ElixirScope.ASTRepository.VariableLifecycle}` of the functions that ran, at most 200
      of them, with 20 values each
    * `:causal_relationships` - `%{"from-to:kind" => ElixirScope.ASTRepository.CausalRelationship}` by event ids, without plain calls
    * `:runtime_event_bridge` - whether events come in, and what became of them: `%{capturing:, log:, capture:}`, as of
      `ElixirScope.ASTRepository.TemporalBridge.stats/1` and `ElixirScope.Capture.stats/0` (`nil` without the native library)

  Any other name gives `:unknown`, with the nearest right one.
  """
  @spec fetch(ASTRepository.repository(), atom()) :: {:ok, term()} | {:error, Error.t()}
  defdelegate fetch(repository, field), to: Contents

  @doc "`:healthy`, `:degraded` or `:unhealthy`: the status of `ElixirScope.ASTRepository.health_check/1`."
  @spec health_check(ASTRepository.repository()) ::
          {:ok, :healthy | :degraded | :unhealthy} | {:error, Error.t()}
  def health_check(repository) do
    with {:ok, health} <- Health.check(repository), do: {:ok, health.status}
  end

  defdelegate new(opts \\ []), to: ASTRepository
  defdelegate start_link(opts \\ []), to: ASTRepository
  defdelegate stop(repository), to: ASTRepository
  defdelegate store_module(repository, module_data), to: ASTRepository
  defdelegate get_module(repository, module_name), to: ASTRepository
  defdelegate update_module(repository, module_name, update_fn), to: ASTRepository
  defdelegate delete_module(repository, module_name), to: ASTRepository
  defdelegate store_function(repository, function_data), to: ASTRepository
  defdelegate get_function(repository, function_key), to: ASTRepository
  defdelegate get_ast_node(repository, ast_node_id, opts \\ []), to: ASTRepository
  defdelegate ast_node_exists?(repository, ast_node_id), to: ASTRepository
  defdelegate get_instrumentation_points(repository, ast_node_id), to: ASTRepository
  defdelegate store_correlation(repository, correlation_id, ast_node_id), to: ASTRepository
  defdelegate get_ast_node_by_correlation(repository, correlation_id), to: ASTRepository
  defdelegate get_correlations_for_ast_node(repository, ast_node_id), to: ASTRepository
  defdelegate get_all_correlations(repository), to: ASTRepository
  defdelegate correlate_event(repository, event), to: ASTRepository
  defdelegate query(repository, query), to: ASTRepository
  defdelegate create_snapshot(repository), to: ASTRepository
  defdelegate restore_snapshot(repository, snapshot), to: ASTRepository

  defimpl Inspect do
    def inspect(repository, _opts) do
      owner = if repository.pid, do: " of #{Kernel.inspect(repository.pid)}", else: ""
      "#ElixirScope.ASTRepository.Repository<#{repository.repository_id}#{owner}>"
    end
  end
end

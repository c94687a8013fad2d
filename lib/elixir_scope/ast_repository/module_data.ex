defmodule ElixirScope.ASTRepository.ModuleData do
  @moduledoc """
  A module: its source, what is computed from it, and what the running program reported.

  What you store you get back, exactly; a field that you left `nil` is computed when it can be.
  `ElixirScope.ASTRepository.store_module/2` needs `:module_name` only.

  Computed when left `nil`:

    * from the source - `:compilation_hash` (hex digest), `:module_type`, `:complexity_metrics`, `:maintainability_index`,
      `:exports` (public functions and macros as `{name, arity}`), `:source_file` of an import,
      `:callbacks` (functions that implement one), `:patterns`, `:architectural_role`, `:domain_concepts` (modules: what
      it is, leads to or works on), `:business_rules` (`ElixirScope.ASTRepository.BusinessRule`; see
      `ElixirScope.ASTRepository.SemanticAnalyzer`, which says why, how sure, and from which nodes),
      `:documentation_score` (0.0 to 1.0: documented public functions, types and the module itself, over all of them)
    * from the messages of the whole project - `:message_flows` (`ElixirScope.ASTRepository.MessageFlow`: those that begin or end in
      this module)
    * from the whole project - `:dependencies` (modules that it needs, others' too; `ElixirScope.ASTRepository.GraphBuilder` has
      the kinds)
    * from the running program - `:execution_frequency` (`%{{module, name, arity} => calls}`),
      `:performance_data` (`%{{module, name, arity} => ElixirScope.ASTRepository.ExecutionStatistics}`),
      `:instrumentation_points`, `:runtime_insights`, `:test_coverage` (0.0 to 1.0, see
      `ElixirScope.ASTRepository.Coverage`)
    * from the repository - `:correlation_metadata` (the correlation ids that a caller stored for nodes of this
      module), `:last_updated`, `:version_history` (versions of its file that are kept, oldest first, the present one last)

  `:ast_node_mapping` is large, so it is filled by `get_module(repo, name, fields: [:ast_node_mapping])` only;
  `ElixirScope.ASTRepository.get_ast_node/2` gives the node of one id.

  `:error_patterns` (`ElixirScope.ASTRepository.ExceptionPattern`: reasons, how often, where they began) comes from the event log.
  `:first_instrumented` is when this VM first knew points of it, unless a caller stored a time; `nil` where it was not instrumented in
  this VM, and in rows of queries.
  """

  alias ElixirScope.ASTRepository.{BusinessRule, ComplexityMetrics, ExecutionStatistics, FunctionData}
  alias ElixirScope.ASTRepository.{InstrumentationPoint, RuntimeInsights, VersionEntry}

  defstruct [
    :module_name,
    :ast,
    :source_file,
    :compilation_hash,
    :instrumentation_points,
    :ast_node_mapping,
    :correlation_metadata,
    :module_type,
    :complexity_metrics,
    :dependencies,
    :exports,
    :callbacks,
    :patterns,
    :runtime_insights,
    :execution_frequency,
    :performance_data,
    :error_patterns,
    :message_flows,
    :domain_concepts,
    :business_rules,
    :architectural_role,
    :first_instrumented,
    :last_updated,
    :version_history,
    :test_coverage,
    :documentation_score,
    :maintainability_index
  ]

  @type t :: %__MODULE__{
          module_name: module(),
          ast: Macro.t() | nil,
          source_file: String.t() | nil,
          compilation_hash: String.t() | nil,
          instrumentation_points: [InstrumentationPoint.t()] | nil,
          ast_node_mapping: %{optional(String.t()) => Macro.t()} | nil,
          correlation_metadata: %{optional(binary() | integer() | atom()) => String.t()} | nil,
          module_type: atom() | nil,
          complexity_metrics: ComplexityMetrics.t() | map() | nil,
          dependencies: [module()] | nil,
          exports: [{atom(), arity()}] | nil,
          callbacks: [{atom(), arity()}] | nil,
          patterns: [atom()] | nil,
          runtime_insights: RuntimeInsights.t() | nil,
          execution_frequency: %{optional(FunctionData.key()) => non_neg_integer()} | nil,
          performance_data: %{optional(FunctionData.key()) => ExecutionStatistics.t()} | nil,
          error_patterns: list() | nil,
          message_flows: list() | nil,
          domain_concepts: [module()] | list() | nil,
          business_rules: [BusinessRule.t()] | list() | nil,
          architectural_role: atom() | nil,
          first_instrumented: DateTime.t() | nil,
          last_updated: DateTime.t() | nil,
          version_history: [VersionEntry.t()] | nil,
          test_coverage: float() | nil,
          documentation_score: float() | nil,
          maintainability_index: float() | nil
        }
end

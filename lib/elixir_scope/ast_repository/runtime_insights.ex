defmodule ElixirScope.ASTRepository.RuntimeInsights do
  @moduledoc """
  What the running program taught about a node, a function or a module.

  `ElixirScope.ASTRepository.update_runtime_insights/3` stores one for a node; fields that it leaves `nil` keep what was there.
  What is stored comes before what is computed. For a module (`ElixirScope.ASTRepository.get_module/2`) and a function
  (`ElixirScope.ASTRepository.SemanticEnricher.insights/2`), computed from what was observed:

    * of every run - `:call_patterns` (`%{caller => [callee]}`, of modules), `:execution_frequency` (of modules), `:hotspots`,
      `:cold_code`, `:error_frequencies` (`%{error: n, aborted: n}`, of modules), `:code_coverage` (`%{ast_node_id => share}`: of
      each function, and 0.0 where code that did not run begins), `:sample_count` (calls), `:confidence_level`, `:last_updated`
    * of the events of its log - `:temporal_patterns`, `:concurrency_patterns`, `:exception_patterns`, `:failure_cascades`,
      `:aggregation_period` (of the first and last call)
    * where the source was on - `:message_flows` (`ElixirScope.ASTRepository.ObservedFlow`), `:process_spawning`,
      `:supervision_events`, `:memory_allocations`, `:gc_impact`, `:state_mutations`, `:data_transformations`

  `:variable_lifecycles` (`ElixirScope.ASTRepository.VariableLifecycle`, where bindings were recorded) is filled by
  `ElixirScope.ASTRepository.SemanticEnricher.insights/2`; in fields of modules and rows of queries it is `nil`.

  `:unknown` is `%{field => what to switch on}` for every other field, which is `nil`: a list that is empty says that nothing of the
  kind happened, `nil` that nobody looked.

  `:confidence_level` is 1 − w, times the share of events that were not lost: w is the width of the 95 % score interval of the
  error rate over the calls that ended (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, 209–212). 0.0 for no call, 0.93 for a hundred without an
  error, towards 1.0.
  """

  defstruct [
    :call_patterns,
    :execution_frequency,
    :temporal_patterns,
    :concurrency_patterns,
    :hotspots,
    :cold_code,
    :memory_allocations,
    :gc_impact,
    :error_frequencies,
    :exception_patterns,
    :failure_cascades,
    :message_flows,
    :process_spawning,
    :supervision_events,
    :data_transformations,
    :state_mutations,
    :variable_lifecycles,
    :code_coverage,
    :test_effectiveness,
    :bug_correlation,
    :business_rule_usage,
    :feature_utilization,
    :user_journey_mapping,
    :aggregation_period,
    :sample_count,
    :confidence_level,
    :last_updated,
    :unknown
  ]

  @type t :: %__MODULE__{
          call_patterns: map() | nil,
          execution_frequency: map() | nil,
          temporal_patterns: list() | nil,
          concurrency_patterns: list() | nil,
          hotspots: list() | nil,
          cold_code: list() | nil,
          memory_allocations: list() | nil,
          gc_impact: list() | nil,
          error_frequencies: map() | nil,
          exception_patterns: list() | nil,
          failure_cascades: list() | nil,
          message_flows: list() | nil,
          process_spawning: list() | nil,
          supervision_events: list() | nil,
          data_transformations: list() | nil,
          state_mutations: list() | nil,
          variable_lifecycles: list() | nil,
          code_coverage: map() | nil,
          test_effectiveness: map() | nil,
          bug_correlation: map() | nil,
          business_rule_usage: map() | nil,
          feature_utilization: map() | nil,
          user_journey_mapping: list() | nil,
          aggregation_period: {DateTime.t(), DateTime.t()} | nil,
          sample_count: non_neg_integer() | nil,
          confidence_level: float() | nil,
          last_updated: DateTime.t() | nil,
          unknown: %{optional(atom()) => String.t()} | nil
        }
end

defmodule ElixirScope.ASTRepository.RuntimeInsights do
  @moduledoc """
  What the running program taught about a node, a function or a module.

  `ElixirScope.ASTRepository.update_runtime_insights/3` stores one for a node; fields that it leaves `nil` keep
  what was there. For a module, `ElixirScope.ASTRepository.get_module/2` computes, from what was observed:
  `:call_patterns` (`%{caller => [callee]}`, keys of functions), `:execution_frequency`, `:error_frequencies`
  (`%{error: n, aborted: n}`), `:sample_count` (calls) and `:last_updated`.

  Every other field is `nil` unless a caller stored it, until a later step fills it.
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
    :last_updated
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
          last_updated: DateTime.t() | nil
        }
end

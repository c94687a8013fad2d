defmodule ElixirScope.ASTRepository.InstrumentationPoint do
  @moduledoc """
  A place of the source where instrumentation reports.

  Filled now: `:point_id` (the point's number as text), `:ast_node_id`, `:source_location` (`{file, line, column}`),
  `:instrumentation_type` (`:function_entry` for a clause, which reports its exits too, `:tail_call` or
  `:try`), `:correlation_strategy` (`:correlation_id`), `:correlation_metadata` (`:module`, `:function`, `:arity`,
  `:clause`, `:build`, and `:target` of a tail call), `:enabled`, `:execution_frequency` and `:trigger_count`
  (calls of the clause that the point belongs to, for clause points).

  Where the point has a gate (`ElixirScope.Capture.configure/2`): `:sampling_rate`, `:capture_config`, `:priority`, `:created_at`,
  `:last_triggered`, and as `:trigger_count` and `:execution_frequency` what passed and what was seen, of all that shares the gate.

  `ElixirScope.ASTRepository.InstrumentationMapper` makes planned points of the types `:function_entry`, `:function_exit`,
  `:variable_capture`, `:expression_trace`, `:branch`, `:message_send`, `:message_receive`, `:exception` and `:custom`, with
  `:conditions`, `:custom_logic`, `:tags` and `:description` too; its `estimate/2` and `measure/1` fill `:overhead_estimate`
  (nanoseconds), `:average_duration` (nanoseconds of one report) and `:impact_assessment`. Live points have none of these.

  `:runtime_mapping` is `%{number => place}`: by the numbers under which the code reports, `%{kind:, module:, function:, arity:,
  clause:, line:, column:, target:, ast_node_id:}`. A live point has one; a planned one as many as there are places that it means,
  with `:hits` and `:bytes` when it was measured. `get_correlated_events/3` has what happened at a node.
  """

  defstruct [
    :point_id,
    :ast_node_id,
    :source_location,
    :instrumentation_type,
    :capture_config,
    :sampling_rate,
    :conditions,
    :custom_logic,
    :correlation_strategy,
    :correlation_metadata,
    :runtime_mapping,
    :overhead_estimate,
    :execution_frequency,
    :impact_assessment,
    :enabled,
    :priority,
    :tags,
    :description,
    :created_at,
    :last_triggered,
    :trigger_count,
    :average_duration
  ]

  @type t :: %__MODULE__{
          point_id: String.t(),
          ast_node_id: String.t() | nil,
          source_location: {String.t() | nil, non_neg_integer(), non_neg_integer() | nil} | nil,
          instrumentation_type: atom(),
          capture_config: term(),
          sampling_rate: float() | nil,
          conditions: list() | nil,
          custom_logic: Macro.t() | nil,
          correlation_strategy: :correlation_id | :line_based | :pattern_based,
          correlation_metadata: map() | nil,
          runtime_mapping: map() | nil,
          overhead_estimate: float() | nil,
          execution_frequency: non_neg_integer() | nil,
          impact_assessment: :low | :medium | :high | nil,
          enabled: boolean() | nil,
          priority: :low | :medium | :high | :critical | nil,
          tags: [String.t()] | nil,
          description: String.t() | nil,
          created_at: DateTime.t() | nil,
          last_triggered: DateTime.t() | nil,
          trigger_count: non_neg_integer() | nil,
          average_duration: float() | nil
        }
end

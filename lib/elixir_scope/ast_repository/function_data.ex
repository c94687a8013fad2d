defmodule ElixirScope.ASTRepository.FunctionData do
  @moduledoc """
  A function: where it stands, how complex it is, and how it ran.

  What you store you get back, exactly; a field that you left `nil` is computed when it can be.
  `ElixirScope.ASTRepository.store_function/2` needs `:module_name`, `:function_name` and `:arity`, or
  `:function_key`.

  Computed when left `nil`:

    * from the source - `:ast_node_id`, `:ast` (one clause as it is, several in a `:__block__`), `:source_location`
      (`{file, line, column}`), `:visibility`, `:signature` (an `ElixirScope.ASTRepository.FunctionSignature`),
      `:documentation` (an `ElixirScope.ASTRepository.Documentation`), `:complexity_metrics`,
      `:cyclomatic_complexity`, `:cognitive_complexity`, `:lines_of_code`, `:code_smells`
      (`ElixirScope.ASTRepository.CodeSmell`s of this function with the default thresholds; clones, which lie between
      functions, are given by `ElixirScope.ASTRepository.PatternDetector` only)
    * from the variables of the source - `:local_variables` (`ElixirScope.ASTRepository.VariableInfo`), `:variable_mutations`
      (`ElixirScope.ASTRepository.VariableMutation`), `:scope_analysis` (an `ElixirScope.ASTRepository.ScopeAnalysis` for each clause),
      `:parameter_analysis` (an `ElixirScope.ASTRepository.ParameterAnalysis` for each argument), `:return_analysis` (an
      `ElixirScope.ASTRepository.ReturnAnalysis`)
    * from the messages of the whole project - `:message_sends` (`ElixirScope.ASTRepository.MessageSend`), `:message_receives`
      (`ElixirScope.ASTRepository.MessageReceive`); see `ElixirScope.ASTRepository.Processes`
    * from the running program - `:execution_statistics`, `:call_frequency` (calls), `:average_duration`
      (milliseconds), `:error_rate` (0.0 to 1.0), `:performance_profile`, `:last_executed`, `:instrumentation_points`,
      `:test_coverage` (0.0 to 1.0, see `ElixirScope.ASTRepository.Coverage`)
    * from the calls of the whole project, static and observed - `:calls_made` and `:called_by`, lists of
      `ElixirScope.ASTRepository.FunctionCall`, those observed most often first
    * from the repository - `:function_key`, `:creation_timestamp`, `:last_modified`

  From points that were registered for them: `:variable_capture_points`, `:expression_trace_points`, `:custom_injection_points`
  (`ElixirScope.ASTRepository.InstrumentationPoint`). `:memory_usage` (`ElixirScope.ASTRepository.MemoryUsage`) and the `:cpu_usage` of
  `:performance_profile` need a trace of garbage collection and of scheduling, and are `nil` without.

  From the event log: `:execution_history` (the newest 100 activations, oldest first, as `ElixirScope.ASTRepository.RuntimeEvent`s
  with arguments and results where these were recorded; `nil` when the log holds none), and, filled by
  `get_function(repo, key, fields: [:variable_lifecycles])` only, `:variable_lifecycles` (`ElixirScope.ASTRepository.VariableLifecycle`
  of each version of each variable). Both are `nil` in rows of queries.

  `:test_cases` (`ElixirScope.ASTRepository.TestCase`) holds what `mix elixir_scope.test` or a caller stored; `nil` otherwise.
  """

  alias ElixirScope.ASTRepository.{
    CodeSmell,
    ComplexityMetrics,
    Documentation,
    ExecutionStatistics,
    FunctionSignature
  }

  alias ElixirScope.ASTRepository.{
    FunctionCall,
    InstrumentationPoint,
    MemoryUsage,
    PerformanceProfile,
    ScopeAnalysis
  }

  alias ElixirScope.ASTRepository.{ParameterAnalysis, ReturnAnalysis, RuntimeEvent}
  alias ElixirScope.ASTRepository.{VariableInfo, VariableLifecycle, VariableMutation}

  defstruct [
    :module_name,
    :function_name,
    :arity,
    :function_key,
    :ast_node_id,
    :ast,
    :source_location,
    :visibility,
    :signature,
    :complexity_metrics,
    :cyclomatic_complexity,
    :cognitive_complexity,
    :lines_of_code,
    :parameter_analysis,
    :return_analysis,
    :instrumentation_points,
    :variable_capture_points,
    :expression_trace_points,
    :custom_injection_points,
    :execution_statistics,
    :call_frequency,
    :average_duration,
    :memory_usage,
    :error_rate,
    :performance_profile,
    :local_variables,
    :variable_mutations,
    :scope_analysis,
    :calls_made,
    :called_by,
    :message_sends,
    :message_receives,
    :test_coverage,
    :test_cases,
    :documentation,
    :code_smells,
    :creation_timestamp,
    :last_modified,
    :last_executed,
    :execution_history,
    # Beyond the specification.
    :variable_lifecycles
  ]

  @typedoc "Module, name and arity: what identifies a function."
  @type key :: {module(), atom(), arity()}

  @type t :: %__MODULE__{
          module_name: module(),
          function_name: atom(),
          arity: arity(),
          function_key: key() | nil,
          ast_node_id: String.t() | nil,
          ast: Macro.t() | nil,
          source_location: {String.t(), pos_integer(), pos_integer() | nil} | nil,
          visibility: :public | :private | nil,
          signature: FunctionSignature.t() | map() | nil,
          complexity_metrics: ComplexityMetrics.t() | map() | nil,
          cyclomatic_complexity: non_neg_integer() | nil,
          cognitive_complexity: non_neg_integer() | nil,
          lines_of_code: non_neg_integer() | nil,
          parameter_analysis: [ParameterAnalysis.t()] | nil,
          return_analysis: ReturnAnalysis.t() | nil,
          instrumentation_points: [InstrumentationPoint.t()] | nil,
          variable_capture_points: list() | nil,
          expression_trace_points: list() | nil,
          custom_injection_points: list() | nil,
          execution_statistics: ExecutionStatistics.t() | map() | nil,
          call_frequency: non_neg_integer() | nil,
          average_duration: float() | nil,
          memory_usage: MemoryUsage.t() | term(),
          error_rate: float() | nil,
          performance_profile: PerformanceProfile.t() | map() | nil,
          local_variables: [VariableInfo.t()] | nil,
          variable_mutations: [VariableMutation.t()] | nil,
          scope_analysis: [ScopeAnalysis.t()] | nil,
          calls_made: [FunctionCall.t()] | nil,
          called_by: [FunctionCall.t()] | nil,
          message_sends: list() | nil,
          message_receives: list() | nil,
          test_coverage: float() | nil,
          test_cases: list() | nil,
          documentation: Documentation.t() | term(),
          code_smells: [CodeSmell.t()] | list() | nil,
          creation_timestamp: DateTime.t() | nil,
          last_modified: DateTime.t() | nil,
          last_executed: DateTime.t() | nil,
          execution_history: [RuntimeEvent.t()] | list() | nil,
          variable_lifecycles: [VariableLifecycle.t()] | nil
        }
end

defmodule ElixirScope.ASTRepository.RuntimeEvent do
  @moduledoc """
  Something that happened in the running program, with whatever it knows about where it came from.

    * `:event_id` - integer, ordered by time; `nil` for an event that did not come from the event log
    * `:event_type` - `:call` (one activation) from the event log; any atom from a caller
    * `:timestamp` - when it began, in nanoseconds since the Unix epoch
    * `:duration_ns` - how long the activation took, entry to end; `nil` when it has not ended
    * `:result` - how the activation ended: `:return`, `:tail`, `:error` or `:aborted`
    * `:pid` - the process
    * `:correlation_id` - the activation (a non-zero integer), or whatever a caller stored with
      `ElixirScope.ASTRepository.store_correlation/3`
    * `:point`, `:build` - the instrumentation point, and the build of the module that holds it
    * `:module`, `:function`, `:arity`, `:file`, `:line`, `:column` - the place
    * `:ast_node_id` - the node, when it is known
    * `:arguments`, `:result_value` - of a call, where values were recorded; `:value` - of what happened within one
    * `:variable` - of a binding; `:peer` - the other process of a message, a spawn or a link
    * `:metadata` - a map with what else is known

  An event that a caller builds needs just enough for one strategy of
  `ElixirScope.ASTRepository.correlate_event/2`: a correlation id or a point, a file and a line, or a module with
  function and arity.
  """

  defstruct [
    :event_id,
    :event_type,
    :timestamp,
    :duration_ns,
    :result,
    :pid,
    :correlation_id,
    :point,
    :build,
    :module,
    :function,
    :arity,
    :file,
    :line,
    :column,
    :ast_node_id,
    :arguments,
    :result_value,
    :value,
    :variable,
    :peer,
    metadata: %{}
  ]

  @type t :: %__MODULE__{
          event_id: non_neg_integer() | nil,
          event_type: atom() | nil,
          timestamp: integer() | nil,
          duration_ns: non_neg_integer() | nil,
          result: :return | :tail | :error | :aborted | nil,
          pid: pid() | nil,
          correlation_id: integer() | binary() | atom() | nil,
          point: non_neg_integer() | nil,
          build: non_neg_integer() | nil,
          module: module() | nil,
          function: atom() | nil,
          arity: arity() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          ast_node_id: String.t() | nil,
          arguments: [term()] | nil,
          result_value: term(),
          value: term(),
          variable: atom() | nil,
          peer: pid() | nil,
          metadata: map()
        }
end

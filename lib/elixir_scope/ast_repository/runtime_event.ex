defmodule ElixirScope.ASTRepository.RuntimeEvent do
  @moduledoc """
  Something that happened in the running program, with whatever it knows about where it came from.

    * `:event_id` - integer, ordered by time; below 0 for one that a caller stored; `nil` for one that was only built
    * `:event_type` - one of `types/0` from the event log (`:call` is one activation, with its end); any atom from a caller
    * `:timestamp` - when it began, in nanoseconds since the Unix epoch
    * `:duration_ns` - how long the activation took, entry to end; `nil` when it has not ended
    * `:result` - how the activation ended: `:return`, `:tail`, `:error` or `:aborted`
    * `:pid` - the process; `nil` for one of another VM (a saved repository), which `metadata.process` names as text
    * `:correlation_id` - the activation (a non-zero integer), or whatever a caller stored with
      `ElixirScope.ASTRepository.store_correlation/3`
    * `:point`, `:build` - the instrumentation point, and the build of the module that holds it
    * `:module`, `:function`, `:arity`, `:file`, `:line`, `:column` - the place
    * `:ast_node_id` - the node, when it is known
    * `:arguments`, `:result_value` - of a call, where values were recorded; `:value` - of what happened within one
    * `:variable` - of a binding; `:peer` - the other process of a message, a spawn or a link
    * `:metadata` - a map with what else is known: `:reason` of an error (exception, atom, or first atom of a tuple), `:version` of a
      binding's variable (as the compiler numbers it), `:recorded` (which of `:arguments`, `:result_value`, `:value` were recorded: `nil`
      may be a value too), `:process` and `:peer` of another VM, `:then` of code that changed since

  An event that a caller builds needs just enough for one strategy of
  `ElixirScope.ASTRepository.correlate_event/2`: a correlation id or a point, a file and a line, or a module with
  function and arity.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Value

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
          event_id: integer() | nil,
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

  @calls [:call, :return, :tail, :error, :aborted, :lost]
  @within [:binding, :expression, :branch, :message_sent, :message_received, :exception, :custom, :note]
  @traced [:vm_message_sent, :vm_message_arrived, :vm_sent_to_none, :spawn, :spawned, :process_exit] ++
            [:link, :unlink, :register, :unregister, :scheduled_in, :scheduled_out, :gc_begin, :gc_end] ++
            [:return_to]
  @types @calls ++ @within ++ @traced

  @doc """
  What the event log knows: activations and their ends (`:return`, `:tail`, `:error`, `:aborted`, `:lost`), what happens within
  them, and what the VM tells of processes.

      iex> :binding in ElixirScope.ASTRepository.RuntimeEvent.types()
      true
  """
  @spec types() :: [atom()]
  def types, do: @types

  @doc false
  # Of a caller's option: `nil` restricts nothing. What comes from callers may have any type, but for those events
  # nothing asks here.
  def types(nil), do: {:ok, nil}

  def types(types) when is_list(types) do
    case Enum.find(types, &(&1 not in @types)) do
      nil -> {:ok, types}
      other -> Fault.unknown(:type, other, @types)
    end
  end

  def types(other), do: Fault.invalid(:types, other, "give a list of types")

  @doc """
  A value of the event, `:arguments`, `:result_value` or `:value`: `{:ok, term}`, or `:not_recorded`.

      iex> alias ElixirScope.ASTRepository.RuntimeEvent
      iex> RuntimeEvent.recorded(%RuntimeEvent{value: nil, metadata: %{recorded: [:value]}}, :value)
      {:ok, nil}
      iex> RuntimeEvent.recorded(%RuntimeEvent{value: nil}, :value)
      :not_recorded
  """
  @spec recorded(t(), :arguments | :result_value | :value) :: {:ok, term()} | :not_recorded
  def recorded(%__MODULE__{metadata: metadata} = event, field) do
    case {Map.fetch!(event, field), metadata} do
      {nil, %{recorded: fields}} when is_list(fields) ->
        if field in fields, do: {:ok, nil}, else: :not_recorded

      {nil, _} ->
        :not_recorded

      {value, _} ->
        {:ok, value}
    end
  end

  @doc """
  Whether something of the event's values is missing: cut off, withheld, or such that it cannot be had back (see `ElixirScope.Value`).

      iex> alias ElixirScope.ASTRepository.RuntimeEvent
      iex> RuntimeEvent.truncated?(%RuntimeEvent{value: %ElixirScope.Value.Truncated{kind: :list, by: :width}})
      true
      iex> RuntimeEvent.truncated?(%RuntimeEvent{arguments: [1, "two"]})
      false
  """
  @spec truncated?(t()) :: boolean()
  def truncated?(%__MODULE__{arguments: arguments, result_value: result, value: value}),
    do: not Value.whole?([arguments, result, value])
end

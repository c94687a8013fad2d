defmodule ElixirScope.ASTRepository.TemporalBridge do
  @moduledoc """
  What happened, by time: events of a range, of a node, of a process, of an activation.

      {:ok, events} = TemporalBridge.get_events_in_range(repo, from_ns, to_ns, types: [:call], limit: 100)
      {:ok, page} = TemporalBridge.get_events_in_range(repo, from_ns, to_ns, after: List.last(events))

  Times are nanoseconds since 1970, both ends included. Answers are in the order of time, events that callers stored
  (`store_event/2`) among those of the event log; of one nanosecond, those of the log come first. Options of every question:

    * `types: [type]` - of `ElixirScope.ASTRepository.RuntimeEvent`, or a type that a stored event has; without it everything
      but ends (`:return`, `:tail`, `:error`, `:aborted`, `:lost`), which `:call` tells of
    * `limit: n` (1,000), `newest_first: true`
    * `after: event`, `before: event` - how to go on: an event of an earlier answer, or its `event_id`. With the event
      itself that works also when it is not kept any more

  Errors: `:corrupt` when events that went to the disk cannot be read back, with which; `:not_found` for a node, and for the
  id of a stored event that is not kept any more; `:unknown` for a type or an option, with the nearest one.
  """

  alias ElixirScope.ASTRepository.{Fault, Handle, RuntimeEvent, Schema}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @limit_max 100_000
  @options ~w(types limit newest_first after before)a
  @int64 -0x8000_0000_0000_0000..0x7FFF_FFFF_FFFF_FFFF

  @type answer :: {:ok, [RuntimeEvent.t()]} | {:error, Error.t()}

  @doc "Events between two times, those that callers stored among them."
  @spec get_events_in_range(term(), integer() | nil, integer() | nil, keyword()) :: answer()
  def get_events_in_range(repository, from_ns, to_ns, opts \\ []),
    do: ask(repository, %{from: from_ns, to: to_ns}, opts)

  @doc """
  Events of a node, whatever its id names. Of a file, a module and a function: all that happened in them. Of a clause: its
  calls. Of a variable, a call, an expression: what was recorded of it. With `within: true` also what happened inside of
  a clause or an expression. Events of older versions of the code count where the node is the same one.

      {:ok, [%{event_type: :binding, value: 3}]} = TemporalBridge.get_events_for_node(repo, "Cart.add/2#c41f:9be02d.1")
  """
  @spec get_events_for_node(term(), String.t(), keyword()) :: answer()
  def get_events_for_node(repository, node, opts \\ []) do
    with :ok <- Schema.node_id(node),
         {:ok, within, opts} <- within(opts),
         do: ask(repository, %{node: node, within: within}, opts)
  end

  defp within(opts) do
    {within, opts} = if Keyword.keyword?(opts), do: Keyword.pop(opts, :within, false), else: {false, opts}

    if is_boolean(within),
      do: {:ok, within, opts},
      else: Fault.invalid(:within, within, "give true or false")
  end

  @doc """
  Events of a process of this VM; or, in a repository that was saved, of one of the VM that recorded it, named as its
  events name it in `metadata.process`: `"#PID<0.123.0>"`.
  """
  @spec get_events_for_process(term(), pid() | String.t(), keyword()) :: answer()
  def get_events_for_process(repository, pid, opts \\ [])

  def get_events_for_process(repository, pid, opts) when is_pid(pid) and node(pid) == node(),
    do: ask(repository, %{pid: pid}, opts)

  def get_events_for_process(repository, "#PID<" <> _ = process, opts),
    do: ask(repository, %{pid: process}, opts)

  def get_events_for_process(_repository, other, _opts) do
    Fault.invalid(
      :pid,
      other,
      "give a pid of this node, or as text one of the VM that was recorded: \"#PID<0.123.0>\""
    )
  end

  @doc "Events of an activation: the call, and what happened within it; or those stored with this correlation id."
  @spec get_events_for_correlation(term(), term(), keyword()) :: answer()
  def get_events_for_correlation(repository, id, opts \\ []), do: ask(repository, %{token: id}, opts)

  @doc "Everything, in the order of time; the newest `limit:` with `newest_first: true`."
  @spec get_all_events(term(), keyword()) :: answer()
  def get_all_events(repository, opts \\ []), do: ask(repository, %{}, opts)

  @doc """
  Stores an event that did not come from the capture, at its `:timestamp` (now, without one), in whatever order they come.
  Answers give it with an `event_id` below 0; what it had itself is in its `metadata`. They are bounded by an eighth of the
  event log's bytes, by half its number of events, and by their age; the oldest go first, counted in `stats/1`.
  """
  @spec store_event(term(), RuntimeEvent.t() | map()) :: :ok | {:error, Error.t()}
  def store_event(repository, event) when is_map(event) do
    at_ns = Map.get(event, :timestamp) || System.os_time(:nanosecond)

    with {:ok, ref} <- Handle.ref(repository),
         :ok <- time(at_ns) do
      fields = event |> Map.delete(:__struct__) |> Map.put(:timestamp, at_ns) |> own_id()
      Core.Events.store(ref, at_ns, Map.get(event, :ast_node_id), Map.get(event, :event_type), fields)
    end
  end

  def store_event(_repository, other), do: Fault.invalid(:event, other, "give a map or a RuntimeEvent")

  defp own_id(%{event_id: nil} = fields), do: Map.delete(fields, :event_id)

  defp own_id(%{event_id: id} = fields) do
    metadata = with %{metadata: %{} = metadata} <- fields, do: metadata, else: (_ -> %{})
    fields |> Map.delete(:event_id) |> Map.put(:metadata, Map.put(metadata, :event_id, id))
  end

  defp own_id(fields), do: fields

  @doc "What the log keeps, on the disk too, what it dropped, and what came late; as a map of counts."
  @spec stats(term()) :: {:ok, map()} | {:error, Error.t()}
  def stats(repository) do
    with {:ok, ref} <- Handle.ref(repository), do: Core.Events.stats(ref)
  end

  defp ask(repository, wanted, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, opts} <- options(opts),
         :ok <- types(ref, opts[:types]),
         {:ok, from_event} <- cursor(:after, opts[:after]),
         {:ok, to_event} <- cursor(:before, opts[:before]),
         :ok <- time(wanted[:from]),
         :ok <- time(wanted[:to]),
         filter =
           {wanted[:node], wanted[:within] || false, wanted[:pid], wanted[:token], opts[:types],
            wanted[:from], wanted[:to], from_event, to_event, opts[:newest_first]},
         {:ok, events} <- Core.Events.read(ref, filter, opts[:limit]),
         do: {:ok, Enum.map(events, &event/1)}
  end

  defp types(_ref, nil), do: :ok

  defp types(ref, types) do
    if is_list(types) and not List.improper?(types) do
      with [_ | _] = others <- types -- RuntimeEvent.types(),
           {:ok, brought} <- Core.Events.types(ref),
           [other | _] <- others -- brought do
        Fault.unknown(:event_type, other, RuntimeEvent.types() ++ brought)
      else
        [] -> :ok
        error -> error
      end
    else
      Fault.invalid(:types, types, "give a list of event types")
    end
  end

  defp cursor(_name, nil), do: {:ok, nil}

  defp cursor(_name, %{event_id: id, timestamp: at_ns})
       when is_integer(id) and id in @int64 and is_integer(at_ns) and at_ns in @int64,
       do: {:ok, {id, at_ns}}

  defp cursor(_name, id) when is_integer(id) and id in @int64, do: {:ok, {id, nil}}

  defp cursor(name, other),
    do: Fault.invalid(name, other, "give an event of an earlier answer, or its event_id")

  defp event(%RuntimeEvent{} = logged), do: logged
  defp event(brought), do: struct(RuntimeEvent, Map.delete(brought, :__struct__))

  defp time(nil), do: :ok
  defp time(ns) when is_integer(ns) and ns in @int64, do: :ok
  defp time(other), do: Fault.invalid(:timestamp, other, "give nanoseconds since 1970, or nil")

  defp options(opts) do
    defaults = [limit: 1_000, newest_first: false]

    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      name = Enum.find(Keyword.keys(opts), &(&1 not in @options)) ->
        Fault.unknown(:option, name, @options)

      not (is_integer(opts[:limit] || 0) and (opts[:limit] || 0) in 0..@limit_max) ->
        Fault.invalid(:limit, opts[:limit], "give an integer from 0 to #{@limit_max}")

      true ->
        {:ok, Keyword.merge(defaults, opts)}
    end
  end

  @doc false
  # Of a process, between two times.
  def process_events(repository, process, {from_ns, to_ns}, opts),
    do: ask(repository, %{pid: process, from: from_ns, to: to_ns}, opts)

  @doc false
  # Of a function (`{module, name, arity}`, known or not) or a node with all in it, between two times.
  def function_events(repository, node, {from_ns, to_ns}, opts),
    do: ask(repository, %{node: node, within: true, from: from_ns, to: to_ns}, opts)

  @doc """
  What happened in order, with who called whom: an `ElixirScope.ASTRepository.ExecutionTimeline`.

      {:ok, timeline} = TemporalBridge.execution_timeline(repo, {MyApp.Cart, :total, 1}, limit: 50)
      for entry <- timeline.entries, do: {entry.depth, entry.kind, entry.event.function}

  The target is a pid (or the text of one of a saved repository), a `correlation_id` or an event (the activation with
  all in it, and what its tail calls went on as), `{module, name, arity}`, a module or the id of a node (its newest activations, each with
  all in it), `{:correlation, id}` of events that a caller stored, `{from_ns, to_ns}`, or `:all`.

    * `:limit` - entries (500, at most 20,000). Of a process, a node or all: the newest, unless `newest_first: false`
    * `:from`, `:to` - nanoseconds since 1970, both included
    * `:types` - of these types only; without it everything but scheduling and garbage collections
    * `:process` - of this process only, a pid or its text
    * `:depth` - entries no deeper than this, 0 for the outermost

  Errors: `:not_found`, `:unknown` for an option or a type, `:invalid_argument`.
  """
  @spec execution_timeline(term(), term(), keyword()) ::
          {:ok, ElixirScope.ASTRepository.ExecutionTimeline.t()} | {:error, Error.t()}
  defdelegate execution_timeline(repository, target, opts \\ []), to: __MODULE__.Timelines, as: :build

  @doc """
  The lives of variables: where each version is bound, by what, where it is used, and what it was, value by value, in which
  activation. A list of `ElixirScope.ASTRepository.VariableLifecycle`, in the order of the source.

      {:ok, [total]} = TemporalBridge.variable_lifecycle(repo, {MyApp.Cart, :total, 1}, name: :sum, version: 2)
      for value <- total.values, do: {value.at, value.value}

  The target is `{module, name, arity}`, the id of a function or clause, the id of a node (the variables that are bound there, take
  their value from it, or are used there), a `correlation_id` or an event (that activation only). Values come from recorded bindings
  (`capture: [:variables]`, `:parameters`) and arguments (`:args`); without them there are the source's facts and no values.

    * `:name`, `:version` - of this name, of this version of the source only
    * `:values` - the newest so many of each (100)
    * `:events` - so many of the newest events of the function are looked at (10,000, at most 100,000)
    * `:from`, `:to` - nanoseconds since 1970

  Errors: `:not_found`, `:unknown` for an option, `:invalid_argument`.
  """
  @spec variable_lifecycle(term(), term(), keyword()) ::
          {:ok, [ElixirScope.ASTRepository.VariableLifecycle.t()]} | {:error, Error.t()}
  defdelegate variable_lifecycle(repository, target, opts \\ []), to: __MODULE__.Lifecycles, as: :build

  # Causes, states and steps: see `ElixirScope.ASTRepository.TemporalBridge.Causes`.
  alias ElixirScope.ASTRepository.TemporalBridge.Causes
  defdelegate causes(repository, event, opts \\ []), to: Causes
  defdelegate effects(repository, event, opts \\ []), to: Causes
  defdelegate causality(repository, event, opts \\ []), to: Causes
  defdelegate message_edges(repository, opts \\ []), to: Causes
  defdelegate causal_relationships(repository, opts \\ []), to: Causes
  defdelegate state_at(repository, pid, moment, opts \\ []), to: Causes
  defdelegate step(repository, event, motion, opts \\ []), to: Causes
end

defmodule ElixirScope.ASTRepository.TemporalBridge do
  @moduledoc """
  What happened, by time: events of a range, of a node, of a process, of an activation.

      {:ok, events} = TemporalBridge.get_events_in_range(repo, from_ns, to_ns, types: [:call], limit: 100)
      {:ok, page} = TemporalBridge.get_events_in_range(repo, from_ns, to_ns, after: List.last(events).event_id)

  Times are nanoseconds since 1970, both ends included. Answers are in the order of time. Options of every question:

    * `types: [type]` - of `ElixirScope.ASTRepository.RuntimeEvent`; without it everything but ends (`:return`, `:tail`,
      `:error`, `:aborted`, `:lost`), which `:call` tells of
    * `limit: n` (1,000), `newest_first: true`
    * `after: event_id`, `before: event_id` - how to go on; then only events of the log are given

  Errors: `:corrupt` when events that went to the disk cannot be read back, with which; `:not_found` for a node.
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

  @doc "Events of a module or function."
  @spec get_events_for_node(term(), String.t(), keyword()) :: answer()
  def get_events_for_node(repository, node, opts \\ []) do
    with :ok <- Schema.node_id(node), do: ask(repository, %{node: node}, opts)
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
  They are bounded by an eighth of the event log's bytes; the oldest go first, counted in `stats/1`.
  """
  @spec store_event(term(), RuntimeEvent.t() | map()) :: :ok | {:error, Error.t()}
  def store_event(repository, event) when is_map(event) do
    at_ns = Map.get(event, :timestamp) || System.os_time(:nanosecond)

    with {:ok, ref} <- Handle.ref(repository),
         :ok <- time(at_ns) do
      fields = event |> Map.delete(:__struct__) |> Map.put(:timestamp, at_ns)
      Core.Events.store(ref, at_ns, Map.get(event, :ast_node_id), Map.get(event, :event_type), fields)
    end
  end

  def store_event(_repository, other), do: Fault.invalid(:event, other, "give a map or a RuntimeEvent")

  @doc "What the log keeps, on the disk too, what it dropped, and what came late; as a map of counts."
  @spec stats(term()) :: {:ok, map()} | {:error, Error.t()}
  def stats(repository) do
    with {:ok, ref} <- Handle.ref(repository), do: Core.Events.stats(ref)
  end

  defp ask(repository, wanted, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, opts} <- options(opts),
         :ok <- time(wanted[:from]),
         :ok <- time(wanted[:to]),
         {:ok, logged} <- logged(ref, wanted, opts),
         {:ok, brought} <- brought(ref, wanted, opts) do
      {:ok, merge(logged, brought, opts)}
    end
  end

  defp logged(_ref, %{token: id}, _opts) when not (is_integer(id) and id > 0), do: {:ok, []}
  defp logged(_ref, %{to: to}, _opts) when is_integer(to) and to < 0, do: {:ok, []}

  defp logged(ref, wanted, opts) do
    from = wanted[:from] && max(wanted[:from], 0)

    filter =
      {wanted[:node], wanted[:pid], wanted[:token], opts[:types], from, wanted[:to], opts[:after],
       opts[:before], opts[:newest_first]}

    with {:ok, events} <- Core.Events.read(ref, filter, opts[:limit]),
         do: {:ok, Enum.map(events, &event/1)}
  end

  # Where a reader goes on from an event of the log, what was brought was given already.
  defp brought(ref, wanted, opts) do
    if opts[:after] || opts[:before] do
      {:ok, []}
    else
      field =
        case wanted do
          %{pid: pid} when is_pid(pid) -> {:pid, pid}
          %{pid: _past} -> {:pid, :none}
          %{token: id} -> {:correlation_id, id}
          _ -> nil
        end

      node = with {module, name, arity} <- wanted[:node], do: "#{inspect(module)}.#{name}/#{arity}"
      filter = {node, opts[:types], wanted[:from], wanted[:to], field, opts[:newest_first]}

      with {:ok, events} <- Core.Events.brought(ref, filter, opts[:limit]),
           do: {:ok, Enum.map(events, &event/1)}
    end
  end

  defp merge(logged, [], _opts), do: logged

  defp merge(logged, brought, opts) do
    order = if opts[:newest_first], do: :desc, else: :asc
    (logged ++ brought) |> Enum.sort_by(& &1.timestamp, order) |> Enum.take(opts[:limit])
  end

  defp event(fields), do: struct(RuntimeEvent, Map.delete(fields, :__struct__))

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
  # Of a function (`{module, name, arity}`, known or not) or a node, between two times.
  def function_events(repository, node, {from_ns, to_ns}, opts),
    do: ask(repository, %{node: node, from: from_ns, to: to_ns}, opts)

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

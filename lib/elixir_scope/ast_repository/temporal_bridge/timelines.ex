defmodule ElixirScope.ASTRepository.TemporalBridge.Timelines do
  @moduledoc false
  # From events of the log to an `ExecutionTimeline`: the stack of every process is replayed, so that each entry knows
  # how deep it stands and in whose activation.

  alias ElixirScope.ASTRepository.{ExecutionTimeline, Fault, Handle, RuntimeEvent, TemporalBridge}
  alias ElixirScope.Core

  @ends [:return, :tail, :error, :aborted, :lost]
  @shown RuntimeEvent.types() -- [:scheduled_in, :scheduled_out, :gc_begin, :gc_end]
  @options [:limit, :types, :from, :to, :newest_first, :process, :depth]
  @limit 500
  @limit_max 20_000
  # Activations of a node that are looked into.
  @activations_max 200

  def options, do: @options

  def build(repository, target, opts) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, opts} <- check(opts),
         {:ok, target} <- target(target),
         {:ok, jumps} <- jumps(handle.ref),
         opts = Map.put(opts, :jumps, jumps),
         {:ok, events, truncated, node} <- events(handle, target, opts),
         {:ok, gaps} <- gaps(handle) do
      entries = events |> replay(jumps) |> chosen(opts)
      {kept, left_out} = kept(entries, target, opts)
      {:ok, timeline(target, node, kept, truncated or left_out, of_this_vm(gaps, kept))}
    end
  end

  @doc "A timeline of entries that were made before."
  def timeline(target, node, entries, truncated, gaps) do
    times = Enum.map(entries, & &1.event.timestamp)

    %ExecutionTimeline{
      target: target,
      ast_node_id: node,
      from: Enum.min(times, fn -> nil end),
      to: Enum.max(times, fn -> nil end),
      entries: entries,
      processes: entries |> Enum.map(& &1.process) |> Enum.uniq() |> Enum.reject(&is_nil/1),
      activations: Enum.count(entries, &(&1.kind == :call)),
      truncated: truncated,
      gaps: gaps
    }
  end

  # The newest of what has no beginning of its own, the first of what has.
  defp kept(entries, target, opts) do
    more = length(entries) - opts.limit
    newest? = opts.newest_first and (target == :all or elem(target, 0) in [:process, :function, :node])

    cond do
      more <= 0 -> {entries, false}
      newest? -> {Enum.drop(entries, more), true}
      true -> {Enum.take(entries, opts.limit), true}
    end
  end

  # What this VM dropped says nothing of what another one recorded.
  defp of_this_vm(gaps, entries) do
    if entries != [] and Enum.all?(entries, &(&1.event.pid == nil and &1.process != nil)),
      do: %{gaps | dropped: nil},
      else: gaps
  end

  ## What is asked for

  defp check(opts) do
    with true <- Keyword.keyword?(opts) || Fault.invalid(:options, opts, "give a keyword list"),
         nil <- Enum.find(Keyword.keys(opts), &(&1 not in @options)),
         {:ok, types} <- RuntimeEvent.types(opts[:types]),
         limit when is_integer(limit) and limit in 1..@limit_max//1 <- Keyword.get(opts, :limit, @limit),
         {:depth, depth} when depth == nil or (is_integer(depth) and depth >= 0) <- {:depth, opts[:depth]} do
      {:ok,
       %{
         limit: limit,
         types: types,
         from: opts[:from],
         to: opts[:to],
         newest_first: Keyword.get(opts, :newest_first, true) == true,
         process: opts[:process],
         depth: depth
       }}
    else
      {:error, _} = error -> error
      {:depth, depth} -> Fault.invalid(:depth, depth, "give a depth from 0")
      name when is_atom(name) and name != nil -> Fault.unknown(:option, name, @options)
      limit -> Fault.invalid(:limit, limit, "give a number of entries from 1 to #{@limit_max}")
    end
  end

  # `{:process, p} | {:activation, id} | {:function, mfa} | {:node, id} | {:correlation, id} | :all`
  defp target(:all), do: {:ok, :all}
  defp target(pid) when is_pid(pid), do: {:ok, {:process, pid}}
  defp target("#PID<" <> _ = past), do: {:ok, {:process, past}}
  defp target(%RuntimeEvent{correlation_id: id}) when id != nil, do: target({:correlation, id})
  defp target(id) when is_integer(id) and id > 0, do: {:ok, {:activation, id}}
  defp target({:correlation, id}) when is_integer(id) and id > 0, do: {:ok, {:activation, id}}
  defp target({:correlation, id}), do: {:ok, {:correlation, id}}

  defp target({module, name, arity}) when is_atom(module) and is_atom(name) and arity in 0..255,
    do: {:ok, {:function, {module, name, arity}}}

  defp target({from, to}) when is_integer(from) and is_integer(to), do: {:ok, {:range, from, to}}

  defp target(module) when is_atom(module) and module not in [nil, true, false],
    do: {:ok, {:node, inspect(module)}}

  defp target(id) when is_binary(id), do: {:ok, {:node, id}}

  defp target(other) do
    Fault.invalid(
      :target,
      other,
      "give a pid, a correlation_id or an event, {module, name, arity}, the id of a node, {:correlation, id}, {from_ns, to_ns}, or :all"
    )
  end

  # Two events more than entries: a call is two of them.
  defp read(opts), do: [types: @shown, limit: opts.limit * 2 + 2]

  defp events(handle, :all, opts), do: range(handle, opts.from, opts.to, opts)
  defp events(handle, {:range, from, to}, opts), do: range(handle, from, to, %{opts | newest_first: false})

  defp events(handle, {:process, pid}, opts) do
    with {:ok, events} <-
           within(TemporalBridge.process_events(handle, pid, {opts.from, opts.to}, ordered(opts)), opts),
         do: {:ok, in_order(events, opts), length(events) > opts.limit * 2, nil}
  end

  defp events(handle, {:activation, id}, opts) do
    with {:ok, [call | _]} <- TemporalBridge.get_events_for_correlation(handle, id, types: [:call], limit: 1),
         {:ok, events, cut} <- inside(handle, call, opts) do
      {:ok, events, cut, call.ast_node_id}
    else
      {:ok, []} ->
        Fault.not_found(:activation, id, "the event log does not hold it, or does not hold it any more")

      error ->
        error
    end
  end

  defp events(handle, {:correlation, id}, opts) do
    with {:ok, events} <- TemporalBridge.get_events_for_correlation(handle, id, limit: opts.limit + 1),
         do: {:ok, events, length(events) > opts.limit, nil}
  end

  defp events(handle, {:function, {module, name, arity} = mfa}, opts) do
    id = "#{inspect(module)}.#{name}/#{arity}"
    known = ElixirScope.ASTRepository.ast_node_exists?(handle, id)
    of_node(handle, mfa, if(known, do: id), opts)
  end

  defp events(handle, {:node, id}, opts), do: of_node(handle, id, id, opts)

  defp of_node(handle, node, id, opts) do
    most = min(opts.limit, @activations_max)

    case calls(handle, node, most + 1, opts) do
      # Inside of a clause no call begins: what was recorded at the node itself.
      {:ok, []} ->
        with {:ok, events} <-
               TemporalBridge.function_events(handle, node, {opts.from, opts.to}, ordered(opts)),
             do: {:ok, in_order(events, opts), length(events) > opts.limit * 2, id}

      {:ok, calls} ->
        {shown, more} = Enum.split(calls, most)

        with {:ok, events, truncated} <- each(handle, shown, opts),
             do: {:ok, events, truncated or more != [], id}

      error ->
        error
    end
  end

  defp calls(handle, mfa, most, opts) do
    TemporalBridge.function_events(handle, mfa, {opts.from, opts.to},
      types: [:call],
      limit: most,
      newest_first: opts.newest_first
    )
  end

  # The newest activations, each with what happened in it; one within another is told there.
  defp each(handle, calls, opts) do
    calls
    |> Enum.reduce_while({:ok, %{}, false}, fn call, {:ok, found, cut} ->
      cond do
        is_map_key(found, call.event_id) ->
          {:cont, {:ok, found, cut}}

        map_size(found) > opts.limit * 2 ->
          {:halt, {:ok, found, true}}

        true ->
          with {:ok, events, more} <- inside(handle, call, opts),
               do: {:cont, {:ok, Map.merge(found, Map.new(events, &{&1.event_id, &1})), cut or more}},
               else: (error -> {:halt, error})
      end
    end)
    |> case do
      {:ok, found, truncated} ->
        {:ok, found |> Map.values() |> Enum.sort_by(&{&1.timestamp, &1.event_id}), truncated}

      error ->
        error
    end
  end

  # From the beginning of an activation to its end, in its process, and what its tail calls went on as.
  defp inside(handle, call, opts) do
    {process, to} =
      {call.pid || call.metadata[:process], call.duration_ns && call.timestamp + call.duration_ns}

    # A jump's end is where the next one begins.
    to = if call.result == :tail, do: nil, else: to

    with {:ok, events} <- TemporalBridge.process_events(handle, process, {call.timestamp, to}, read(opts)) do
      {own, ended?} = events |> Enum.drop_while(&(&1.event_id != call.event_id)) |> until_end(opts.jumps)
      {:ok, own, not ended? and length(events) >= opts.limit * 2 + 2}
    end
  end

  # Only up to the end of the activation, or of the chain of jumps that it began. Where a jump led to code that is not
  # observed, what comes next is its caller's.
  defp until_end(events, jumps) do
    {kept, _stack, _left, ended?} =
      Enum.reduce_while(events, {[], [], nil, false}, fn event, {kept, stack, left, _} ->
        cond do
          stack == [] and left != nil and not own?(event, left, jumps) ->
            {:halt, {kept, stack, left, true}}

          event.event_type in @ends ->
            stack = step(event, stack)
            left = if event.event_type == :tail, do: function(event)
            ended? = stack == [] and left == nil
            {if(ended?, do: :halt, else: :cont), {[event | kept], stack, left, ended?}}

          event.event_type == :call ->
            {:cont, {[event | kept], step(event, stack), nil, false}}

          true ->
            {:cont, {[event | kept], stack, left, false}}
        end
      end)

    {Enum.reverse(kept), ended?}
  end

  # What the VM tells of the process may come between a jump and where it led.
  defp own?(%{event_type: :call} = event, left, jumps), do: MapSet.member?(jumps, {left, function(event)})
  defp own?(%{module: nil}, _left, _jumps), do: true
  defp own?(_event, _left, _jumps), do: false

  defp function(event), do: {event.module, event.function, event.arity}

  defp step(%{event_type: :call, correlation_id: id}, stack), do: [id | stack]

  defp step(%{event_type: type, correlation_id: id}, stack) when type in @ends do
    case Enum.drop_while(stack, &(&1 != id)) do
      [] -> stack
      [_ | below] -> below
    end
  end

  defp step(_event, stack), do: stack

  defp range(handle, from, to, opts) do
    with {:ok, events} <-
           within(TemporalBridge.get_events_in_range(handle, from, to, ordered(opts)), opts),
         do: {:ok, in_order(events, opts), length(events) > opts.limit * 2, nil}
  end

  defp ordered(opts), do: [newest_first: opts.newest_first] ++ read(opts)

  defp within({:ok, events}, %{process: nil}), do: {:ok, events}

  defp within({:ok, events}, %{process: process}),
    do: {:ok, Enum.filter(events, &(process(&1) == process or &1.pid == process))}

  defp within(error, _opts), do: error

  defp in_order(events, %{newest_first: true}), do: Enum.reverse(events)
  defp in_order(events, _opts), do: events

  defp jumps(ref) do
    with {:ok, edges} <- Core.Runtime.edges(ref),
         do: {:ok, for({caller, callee, :tail, _} <- edges, into: MapSet.new(), do: {caller, callee})}
  end

  @doc "What may be missing between events of a repository."
  def gaps(handle) do
    with {:ok, stats} <- TemporalBridge.stats(handle) do
      dropped =
        case ElixirScope.Capture.stats() do
          %{dropped: dropped} -> dropped |> Map.values() |> Enum.sum()
          _ -> nil
        end

      {:ok, %{dropped: dropped, evicted: stats.evicted + stats.brought_evicted}}
    end
  end

  @doc "Entries of calls, none within another."
  def flat(calls) do
    for call <- calls do
      %{event: call, kind: :call, depth: 0, parent: nil, process: process(call), jump: false}
    end
  end

  ## The stacks

  @doc "Entries of events in the order of time."
  def replay(events, jumps) do
    {entries, _} = events |> in_process_order() |> Enum.map_reduce(%{}, &place(&1, &2, jumps))
    entries |> Enum.reject(&is_nil/1) |> without_empty_ends()
  end

  # Clocks of two threads differ by nanoseconds, and a process may move between them; ids keep its order.
  defp in_process_order(events) do
    {events, _} =
      events
      |> Enum.sort_by(&{&1.event_id, &1.timestamp})
      |> Enum.map_reduce(%{}, fn event, latest ->
        name = process(event)
        at = max(event.timestamp, Map.get(latest, name, event.timestamp))
        {{at, event}, Map.put(latest, name, at)}
      end)

    events |> Enum.sort_by(fn {at, event} -> {at, event.event_id} end) |> Enum.map(&elem(&1, 1))
  end

  defp place(event, processes, jumps) do
    name = process(event)
    {stack, left} = Map.get(processes, name, {[], nil})
    function = function(event)
    entry = %{event: event, kind: event.event_type, depth: 0, parent: nil, process: name, jump: false}

    case event.event_type do
      :call ->
        jump = left != nil and MapSet.member?(jumps, {left, function})
        entry = %{entry | depth: length(stack), parent: List.first(stack), jump: jump}
        {entry, Map.put(processes, name, {[event.correlation_id | stack], nil})}

      type when type in @ends ->
        below = step(event, stack)
        entry = %{entry | kind: :end, depth: length(below), parent: List.first(below)}
        {entry, Map.put(processes, name, {below, if(type == :tail, do: function)})}

      _ ->
        # What an anonymous function did in another activation's time stands where the process was.
        {%{entry | depth: length(stack), parent: List.first(stack)}, processes}
    end
  end

  # A call says how it ended; where nothing stands between, its end says nothing more.
  defp without_empty_ends(entries) do
    entries
    |> Enum.reduce({[], %{}}, fn entry, {kept, last} ->
      id = entry.event.correlation_id

      case {entry.kind, last[entry.process]} do
        {:end, {:call, ^id}} -> {kept, Map.put(last, entry.process, {:end, id})}
        {kind, _} -> {[entry | kept], Map.put(last, entry.process, {kind, id})}
      end
    end)
    |> elem(0)
    |> Enum.reverse()
  end

  defp process(%{pid: pid}) when is_pid(pid), do: inspect(pid)
  defp process(%{metadata: %{process: process}}), do: process
  defp process(_), do: nil

  defp chosen(entries, %{types: types, depth: depth}) do
    Enum.filter(entries, fn entry ->
      (depth == nil or entry.depth <= depth) and
        (types == nil or entry.event.event_type in types or (entry.kind == :end and :call in types))
    end)
  end
end

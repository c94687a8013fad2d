defmodule ElixirScope.FlightRecorder.Triggers do
  @moduledoc false
  # What is looked at, again and again: notes of crashes, slow calls, conditions, and processes that are to be watched.
  # A trigger is `%{kind:, what:, lines:}`: `what` in a few words, for the file's name too, `lines` for the text.

  alias ElixirScope.{ASTRepository, Capture, Core}
  alias ElixirScope.ASTRepository.{FunctionData, TemporalBridge}
  alias ElixirScope.FlightRecorder.Files
  alias ElixirScope.Sources.Crash
  alias ElixirScope.Value.Truncated

  @ends [:return, :tail, :error, :aborted]
  @page 1_000
  @open_max 1_000
  @reported_max 1_000
  @condition_ms 1_000
  # {mode, depth, width, bytes, time_ns}
  @reason_bounds {:full, 16, 100, 16_384, 1_000_000}

  defstruct [
    :repository,
    :ref,
    :crash?,
    :notes,
    slow: [],
    conditions: [],
    watched: %{},
    unwatched: [],
    failed: 0
  ]

  def new(repository, on) do
    with {:ok, ref} <- ASTRepository.Handle.ref(repository),
         {:ok, slow} <- slow(repository, for({:slow, mfa, ms} <- on, do: {mfa, ms})) do
      {:ok,
       %__MODULE__{
         repository: repository,
         ref: ref,
         crash?: :crash in on,
         slow: slow,
         conditions:
           for(
             {fun, n} <- on |> Enum.filter(&is_function/1) |> Enum.with_index(1),
             do: %{fun: fun, n: n, after: nil}
           ),
         unwatched: for({:exit, target} <- on, do: target)
       }}
    end
  end

  # A function that the repository knows by name only has a node, by which its events are found.
  defp slow(repository, wanted) do
    Enum.reduce_while(wanted, {:ok, []}, fn {{m, f, a} = mfa, ms}, {:ok, all} ->
      data = %FunctionData{module_name: m, function_name: f, arity: a}

      with :ok <- ASTRepository.store_function(repository, data),
           {:ok, %{ast_node_id: node}} <- ASTRepository.get_function(repository, mfa, fields: [:ast_node_id]) do
        node = node || Exception.format_mfa(m, f, a)
        {:cont, {:ok, [%{mfa: mfa, ms: ms, node: node, after: nil, reported: []} | all]}}
      else
        error -> {:halt, error}
      end
    end)
  end

  ## Processes

  @doc "Watches those that are there; a name that nobody has is tried again."
  def watch(state) do
    {watched, unwatched} =
      Enum.reduce(state.unwatched, {state.watched, []}, fn target, {watched, unwatched} ->
        case whereis(target) do
          nil -> {watched, [target | unwatched]}
          pid -> {Map.put(watched, Process.monitor(pid), target), unwatched}
        end
      end)

    %{state | watched: watched, unwatched: unwatched}
  end

  defp whereis(name) when is_atom(name), do: Process.whereis(name)
  defp whereis(pid), do: pid

  @doc "What the end of a process is: `{trigger | nil, state}`. The next process with the name is watched in its turn."
  def down(state, reference, pid, reason) do
    case Map.pop(state.watched, reference) do
      {nil, _} ->
        {nil, state}

      {target, watched} ->
        again = if is_atom(target), do: [target], else: []
        state = %{state | watched: watched, unwatched: again ++ state.unwatched}

        # It was gone before it was watched: nothing of it was recorded.
        if reason == :noproc,
          do: {nil, state},
          else:
            {trigger(:exit, inspect(target), ["#{inspect(pid)} exited: #{Files.show(recorded(reason))}"]),
             state}
    end
  end

  # It did not come by the rings, so what must not be seen is taken out here.
  defp recorded(reason) do
    with {:ok, bytes} <- Core.Values.encode(reason, @reason_bounds),
         {:ok, value} <- Core.Values.decode(bytes) do
      value
    else
      _ -> :not_shown
    end
  end

  ## Looking

  @doc "Looks at everything once: `{triggers, state}`."
  def look(state) do
    {crashes, state} = crashes(state)
    {slow, state} = slow_calls(state)
    {held, state} = conditions(state)
    {crashes ++ slow ++ held, watch(state)}
  end

  defp crashes(%{crash?: false} = state), do: {[], state}

  defp crashes(state) do
    case TemporalBridge.get_all_events(state.repository, from(state.notes) ++ [types: [:note], limit: @page]) do
      {:ok, [_ | _] = notes} ->
        found =
          for note <- notes,
              source(note.value) == :crash,
              crash = Crash.of_value(note.value),
              do: crash(note, crash)

        # A supervisor tells of its child's crash as well, and says less.
        {of_supervisor, own} = Enum.split_with(found, & &1.supervisor?)
        all = for one <- own ++ of_supervisor, do: one.trigger
        {all |> together(), %{state | notes: List.last(notes).event_id}}

      _none ->
        {[], state}
    end
  end

  # Several reports of one look are most often of one crash: one trigger, that tells of all.
  defp together([]), do: []

  defp together([first | rest]),
    do: [%{first | lines: Enum.uniq(first.lines ++ Enum.flat_map(rest, & &1.lines))}]

  # Exceptions that were caught are notes of the same form.
  defp source({source, _place, _data}), do: source
  defp source(%Truncated{kept: [source | _]}), do: source
  defp source(_other), do: nil

  defp crash(note, %{type: type, exception: exception} = data) do
    what = if is_atom(exception) and exception != nil, do: inspect(exception), else: Files.show(data.class)
    name = data[:name] || note.pid

    frames =
      for {m, f, a, file, line} <- Enum.take(data.frames, 8),
          is_atom(m) and is_atom(f) and is_integer(a),
          do: "  at #{Exception.format_mfa(m, f, a)}#{if is_binary(file), do: " #{file}:#{line}"}"

    head = "#{type} #{Files.show(name)} of #{inspect(note.pid)}: #{Files.show(data.reason)}"
    %{trigger: trigger(:crash, what, [head | frames]), supervisor?: type == :supervisor}
  end

  defp slow_calls(state) do
    {found, slow} = state.slow |> Enum.map(&slow_call(state, &1)) |> Enum.unzip()
    {Enum.concat(found), %{state | slow: slow}}
  end

  # The statistics are a few words: the log is read only when they say that there is something to find.
  defp slow_call(state, one) do
    limit = one.ms * 1_000_000

    case Core.Runtime.function_stats(state.ref, one.mfa) do
      {:ok, %{calls: _} = stats} ->
        {open, one} = if stats.open > 0, do: open(state, one, limit), else: {[], one}
        {ended, one} = if (stats.max_ns || 0) >= limit, do: ended(state, one, limit), else: {[], one}
        {open ++ ended, one}

      _none ->
        {[], one}
    end
  end

  defp ended(state, one, limit) do
    opts = from(one.after) ++ [types: @ends, limit: @page]

    case TemporalBridge.get_events_for_node(state.repository, one.node, opts) do
      {:ok, [_ | _] = events} ->
        slow = for %{duration_ns: ns} = event <- events, is_integer(ns), ns >= limit, do: {event, ns}
        {found, one} = report(one, slow, "took")
        {found, %{one | after: List.last(events).event_id}}

      _none ->
        {[], one}
    end
  end

  # What has not ended is slow as well, and may never end.
  defp open(state, one, limit) do
    opts = [types: [:call], limit: @open_max, newest_first: true]
    now = System.os_time(:nanosecond)

    case TemporalBridge.get_events_for_node(state.repository, one.node, opts) do
      {:ok, events} ->
        slow =
          for %{result: nil} = event <- events,
              now - event.timestamp >= limit,
              do: {event, now - event.timestamp}

        report(one, slow, "has not ended after")

      _none ->
        {[], one}
    end
  end

  # Each activation once.
  defp report(one, slow, verb) do
    {m, f, a} = one.mfa
    mfa = Exception.format_mfa(m, f, a)
    new = Enum.reject(slow, fn {event, _} -> event.correlation_id in one.reported end)

    found =
      for {event, ns} <- new do
        trigger(:slow, mfa, [
          "#{mfa} of #{inspect(event.pid)} #{verb} #{Float.round(ns / 1_000_000, 3)} ms; the limit is #{one.ms} ms"
        ])
      end

    reported = Enum.map(new, fn {event, _} -> event.correlation_id end) ++ one.reported
    {found, %{one | reported: Enum.take(reported, @reported_max)}}
  end

  ## Conditions

  defp conditions(%{conditions: []} = state), do: {[], state}

  defp conditions(state) do
    {found, conditions} = state.conditions |> Enum.map(&condition(state, &1)) |> Enum.unzip()
    failed = Enum.count(found, &(&1 == :failed))
    held = for {:held, n} <- found, do: trigger(:condition, "#{n}", ["condition #{n} of :on held"])
    {held, %{state | conditions: conditions, failed: state.failed + failed}}
  end

  defp condition(state, one) do
    case TemporalBridge.get_all_events(state.repository, from(one.after) ++ [limit: @page]) do
      {:ok, [_ | _] = events} ->
        result = with true <- ask(one.fun, events), do: {:held, one.n}
        {result, %{one | after: List.last(events).event_id}}

      _none ->
        {false, one}
    end
  end

  # In a process of its own: it may raise, exit, or never come back.
  defp ask(fun, events) do
    {pid, reference} =
      spawn_monitor(fn ->
        _ = Capture.ignore(self())
        # Quietly: a crash report of this process would be a trigger of its own.
        exit({:shutdown, {:answer, answer(fun, events)}})
      end)

    result =
      receive do
        {:DOWN, ^reference, _, _, {:shutdown, {:answer, answer}}} -> answer
        {:DOWN, ^reference, _, _, _} -> :failed
      after
        @condition_ms ->
          Process.demonitor(reference, [:flush])
          Process.exit(pid, :kill)
          :failed
      end

    _ = Capture.unignore(pid)
    result
  end

  defp answer(fun, events) do
    if fun.(events), do: true, else: false
  catch
    _, _ -> :failed
  end

  defp from(nil), do: []
  defp from(id), do: [after: id]

  @doc false
  def trigger(kind, what, lines), do: %{kind: kind, what: what, lines: lines}
end

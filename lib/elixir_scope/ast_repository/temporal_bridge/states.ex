defmodule ElixirScope.ASTRepository.TemporalBridge.States do
  @moduledoc false
  # From the places that the native side gives to how a process stood.

  alias ElixirScope.ASTRepository.ProcessState
  alias ElixirScope.ASTRepository.TemporalBridge.Answer

  def of(found, pid) do
    events = Map.new(found.events, fn {id, raw} -> {id, Answer.event(raw)} end)
    all = fn ids -> for id <- ids, event = events[id], do: event end
    stack = found.stack |> Enum.map(&frame(&1, events)) |> Enum.reverse()
    {state, from} = state(events[found.in_callback], events[found.last_result])

    process = %ProcessState{
      pid: pid,
      at: found.at_ns,
      status: found.status,
      stack: stack,
      state: state,
      state_from: from,
      mailbox: all.(found.waiting),
      unaccounted: all.(found.unaccounted),
      links: found.links,
      names: for(%{metadata: %{value: {:ok, name}}} <- all.(found.names), do: name),
      spawned: events[found.spawned],
      exited: events[found.exited],
      last_event: events[found.last]
    }

    %{process | missing: missing(process, found)}
  end

  defp frame({token, began, inside, _cut}, events) do
    event = events[began]

    versions =
      for id <- inside, %{event_type: :binding} = bound <- [events[id]], name = name(bound) do
        {name, bound.metadata[:version], bound.metadata[:value] || :not_recorded}
      end

    %{
      module: event.module,
      function: event.function,
      arity: event.arity,
      line: event.line,
      correlation_id: token,
      arguments: event.metadata[:value] || :not_recorded,
      bindings: Map.new(versions, fn {name, _version, value} -> {name, value} end),
      versions: versions,
      event: event
    }
  end

  defp name(event), do: event.metadata[:variable] || event.line

  # While a callback runs the state is what it was given; before and after, what the last one gave.
  defp state(%{metadata: %{value: {:ok, [_ | _] = arguments}}, function: function} = event, _last)
       when function != :init do
    # As `:sys.get_state/1` gives it: of a state machine its state and its data.
    case {function, arguments} do
      {:handle_event, [_type, _content, state, data]} -> {{:ok, {state, data}}, event}
      _ -> {{:ok, List.last(arguments)}, event}
    end
  end

  defp state(%{}, _last), do: {:not_recorded, nil}

  defp state(_running, %{metadata: %{value: {:ok, result}}} = event) do
    case result do
      {:reply, _, state} -> {{:ok, state}, event}
      {:reply, _, state, _} -> {{:ok, state}, event}
      {:noreply, state} -> {{:ok, state}, event}
      {:noreply, state, _} -> {{:ok, state}, event}
      {:ok, state} -> {{:ok, state}, event}
      {:ok, state, _} -> {{:ok, state}, event}
      {:stop, _, _, state} -> {{:ok, state}, event}
      {:stop, _, state} -> {{:ok, state}, event}
      {:next_state, state, data} -> {{:ok, {state, data}}, event}
      {:next_state, state, data, _} -> {{:ok, {state, data}}, event}
      _ -> {:not_recorded, nil}
    end
  end

  defp state(_, _), do: {:not_recorded, nil}

  defp missing(process, found) do
    [
      {:monitors, "the VM does not tell who monitors whom"},
      not found.messages_seen && {:mailbox, "arrivals at this process are not traced"},
      not found.links_seen && {:links, "links of this process are not traced, or there were none"},
      Enum.any?(found.stack, &elem(&1, 3)) &&
        {:bindings, "of each call only its newest 256 events are looked at"},
      process.state == :not_recorded && {:state, "no result or argument of a callback was recorded"},
      not found.from_birth && {:past, "its beginning is not in what was looked at"},
      found.more_before && {:stack, "what began before #{elem(found.window, 0)} is not known"},
      found.gaps && {:stack, "records were dropped"},
      found.gated && {:stack, "gates held some calls back"}
    ]
    |> Enum.filter(& &1)
  end
end

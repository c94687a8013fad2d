defmodule ElixirScope.Core.Temporal do
  @moduledoc false
  # Causes, effects, states and steps over the event log of a native store.

  alias ElixirScope.{Core, Native}

  @doc "`bounds` is `{depth, count, events_before, events_after, deadline_ms}`."
  def walk(ref, event_id, back?, bounds),
    do: Core.call(fn -> Native.temporal_walk(ref, event_id, back?, bounds) end)

  def relations(ref, pid, from_ns, to_ns, limit),
    do: Core.call(fn -> Native.temporal_relations(ref, pid, from_ns, to_ns, limit) end)

  def state(ref, pid, at_ns, event_id, before),
    do: Core.call(fn -> Native.temporal_state(ref, pid, at_ns, event_id, before) end)

  def step(ref, event_id, forward?, motion, global?, limit),
    do: Core.call(fn -> Native.temporal_step(ref, event_id, forward?, motion, global?, limit) end)
end

defmodule ElixirScope.Core.Temporal do
  @moduledoc false
  # Causes, effects, states and steps over the event log of a native store.

  alias ElixirScope.{Core, Native}

  @doc """
  `bounds` is `{depth, count, events_before, events_after}`. `timeout_ms` bounds every question; a caller that dies ends it.
  """
  def walk(ref, event_id, back?, bounds, timeout_ms),
    do: Core.call(fn -> Native.temporal_walk(ref, event_id, back?, bounds, care(timeout_ms)) end)

  def relations(ref, pid, from_ns, to_ns, limit, timeout_ms),
    do: Core.call(fn -> Native.temporal_relations(ref, pid, from_ns, to_ns, limit, care(timeout_ms)) end)

  def state(ref, pid, at_ns, event_id, before, timeout_ms),
    do: Core.call(fn -> Native.temporal_state(ref, pid, at_ns, event_id, before, care(timeout_ms)) end)

  def step(ref, event_id, forward?, motion, global?, limit, timeout_ms) do
    care = care(timeout_ms)
    Core.call(fn -> Native.temporal_step(ref, event_id, forward?, motion, global?, limit, care) end)
  end

  # And whether gates have refused any calls: then there were some that nobody recorded.
  defp care(timeout_ms) do
    gates = Core.Gates.list()
    {timeout_ms, is_list(gates) and Enum.any?(gates, &refused_calls?/1)}
  end

  defp refused_calls?(gate) do
    Enum.any?(gate.refused, fn {_why, count} -> count > 0 end) and
      Enum.any?(gate.points, &(elem(&1, 1) in ["clause", "foreign"]))
  end
end

defmodule ElixirScope.ASTRepository.IncrementalUpdater.Subscribers do
  @moduledoc false
  # Who is told what changed. Sending never waits; who does not read is left out, and told how often.

  alias ElixirScope.ASTRepository.IncrementalUpdater
  alias ElixirScope.ASTRepository.IncrementalUpdater.State

  def add(state, pid) do
    if is_map_key(state.subscribers, pid),
      do: state,
      else: put_in(state.subscribers[pid], %{monitor: Process.monitor(pid), missed: 0})
  end

  def remove(state, pid) do
    case pop_in(state.subscribers[pid]) do
      {nil, state} ->
        state

      {%{monitor: monitor}, state} ->
        Process.demonitor(monitor, [:flush])
        state
    end
  end

  def notify(state, event), do: Enum.reduce(state.subscribers, state, &tell(&1, event, &2))

  defp tell({pid, %{missed: missed} = subscriber}, event, state) do
    if full?(pid, state.options.max_mailbox) do
      state = State.count(state, :missed)
      put_in(state.subscribers[pid], %{subscriber | missed: missed + 1})
    else
      if missed > 0, do: send(pid, {IncrementalUpdater, self(), {:missed, missed}})
      send(pid, {IncrementalUpdater, self(), event})
      state = State.count(state, :notified)
      put_in(state.subscribers[pid], %{subscriber | missed: 0})
    end
  end

  # Of a process of another node nobody here knows how much it has to read.
  defp full?(pid, max) when node(pid) == node() do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, waiting} -> waiting >= max
      nil -> true
    end
  end

  defp full?(_pid, _max), do: false
end

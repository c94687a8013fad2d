defmodule ElixirScope.Test.CausesTruth do
  @moduledoc """
  Compares what was recorded of the system in `test/fixtures/supervised` with the truth that the system kept itself.

  Every function gives a map with what it looked at, and the lists of what is not as it was.
  """

  @doc "Messages: found, by the right sender, to the right receiver, taken by the right clause, exact."
  def messages(truth, edges) do
    by_uid =
      Enum.group_by(
        for(edge <- edges, edge.kind not in [:down, :exit], n = uid(edge.message), do: {n, edge}),
        &elem(&1, 0),
        &elem(&1, 1)
      )

    took = for {:took, n, receiver, place, line} <- truth, into: %{}, do: {n, {receiver, place, line}}
    ran = for {:ran, n, receiver} <- truth, into: %{}, do: {n, receiver}
    sent = for {:sent, n, sender, receiver} <- truth, do: {n, sender, receiver}

    judged =
      for {n, sender, receiver} <- sent do
        {receiver, clause} =
          case took[n] do
            nil -> {ran[n] || receiver, nil}
            {receiver, place, line} -> {receiver, {place, line}}
          end

        {judge(by_uid[n] || [], sender, receiver, clause, ran[n] != nil), n, {sender, receiver, clause},
         by_uid[n]}
      end

    numbers = MapSet.new(sent, &elem(&1, 0))

    invented = for {n, found} <- by_uid, n not in numbers, edge <- found, do: edge

    judged
    |> Enum.group_by(&elem(&1, 0))
    |> Map.put(:invented, invented)
  end

  defp judge([], _sender, _receiver, _clause, _ran), do: :missing
  defp judge([_, _ | _], _sender, _receiver, _clause, _ran), do: :twice

  defp judge([edge], sender, receiver, clause, ran) do
    handled =
      edge.handled && {{edge.handled.module, edge.handled.function, edge.handled.arity}, edge.handled.line}

    cond do
      edge.sender not in [nil, sender] ->
        :wrong_sender

      receiver != nil and edge.receiver not in [nil, receiver] ->
        :wrong_receiver

      handled not in [nil, clause] ->
        :wrong_clause

      clause != nil and handled == nil ->
        :no_clause

      edge.certainty == :exact ->
        :exact

      # It came to nobody, or to somebody who died before he took it.
      clause == nil and not ran and edge.certainty == :open ->
        :never_taken

      true ->
        edge.certainty
    end
  end

  @doc "Causes that are messages: joins of two events whose values carry numbers, and not the same."
  def misjoined(joins) do
    for %{kind: kind, from: from, to: to} = join <- joins,
        kind in [:message, :reply, :timer],
        one = uid(from.metadata[:value]),
        other = uid(to.metadata[:value]),
        one != other,
        do: join
  end

  @doc "Spawns, deaths and restarts: of each kind what is found, what is missing, what is wrong, and what is not exact."
  def joins(truth, joins) do
    of = Enum.group_by(joins, & &1.kind)
    of = fn kind -> of[kind] || [] end
    spawns = for edge <- of.(:spawn), do: {{edge.from.pid, edge.to.pid}, edge}
    parents = for {:spawned, parent, child} <- truth, into: %{}, do: {child, parent}
    asked_for = for {:asked_for, process, child} <- truth, do: {process, child}

    %{
      spawn:
        compare(for({:spawned, parent, child} <- truth, do: {parent, child}), spawns, fn {_, child} = pair ->
          parents[child] && pair not in asked_for
        end),
      monitor: deaths(truth, :down, of.(:monitor)),
      exit: deaths(truth, :exit, Enum.filter(of.(:exit), &(&1.to.event_type == :vm_message_arrived))),
      together: together(truth, Enum.filter(of.(:exit), &(&1.to.event_type == :process_exit))),
      restart: restarts(truth, of.(:restart), of.(:spawn))
    }
  end

  defp compare(expected, found, known?) do
    pairs = Enum.group_by(found, &elem(&1, 0), &elem(&1, 1))

    %{
      found: Enum.count(expected, &is_map_key(pairs, &1)),
      missing: Enum.reject(expected, &is_map_key(pairs, &1)),
      inferred: for(pair <- expected, [edge | _] <- [pairs[pair]], edge.certainty != :exact, do: edge),
      wrong: for({pair, [edge | _]} <- pairs, known?.(pair), pair not in expected, do: edge)
    }
  end

  # The watcher is told of the death of whom he watched; of a signal he is told without any death.
  defp deaths(truth, row, edges) do
    expected = for {^row, told, died} <- truth, do: {told, died}
    signalled = for {:signal, told, sender} <- truth, do: {told, sender}
    found = for edge <- edges, do: {{edge.to.pid, edge.from.pid}, edge}
    compare(expected, found, &(&1 in signalled))
  end

  # Of the loops it is known who dies with whom.
  defp together(truth, edges) do
    expected = for {:together, first, second} <- truth, do: {first, second}
    found = for edge <- edges, do: {{edge.from.pid, edge.to.pid}, edge}
    compare(expected, found, fn _ -> true end)
  end

  # Each but the first of a child is a successor, of the one before it. Where others are started again with one that died, it is one
  # of these that the supervisor is told of.
  defp restarts(truth, edges, spawns) do
    child_of = for edge <- spawns, into: %{}, do: {edge.from.event_id, edge.to.pid}
    children = for {:child, id, n, pid, supervisor} <- truth, do: {{id, supervisor}, n, pid}

    lines = children |> Enum.sort_by(&elem(&1, 1)) |> Enum.group_by(&elem(&1, 0), &elem(&1, 2))

    successors =
      for {key, [_ | later] = all} <- lines, {before, pid} <- Enum.zip(all, later), do: {key, before, pid}

    expected = for {{_id, supervisor}, _before, pid} <- successors, do: {supervisor, pid}
    found = for edge <- edges, child = child_of[edge.to.event_id], do: {{edge.to.pid, child}, edge}

    alone =
      for {{{kind, _}, _}, before, pid} when kind in [:worker, :dynamic] <- successors,
          into: %{},
          do: {pid, before}

    wrong_cause =
      for {{_, child}, edge} <- found, is_map_key(alone, child), told_of(edge.from) != alone[child], do: edge

    expected |> compare(found, fn _ -> true end) |> Map.update!(:wrong, &(&1 ++ wrong_cause))
  end

  defp told_of(%{metadata: %{value: {:ok, {:EXIT, pid, _}}}}), do: pid
  defp told_of(_), do: nil

  @doc "The number of a message, wherever in it."
  def uid({:uid, n}) when is_integer(n), do: n
  def uid(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> uid()
  def uid([head | tail]), do: uid(head) || uid(tail)
  def uid(%_{}), do: nil
  def uid(%{} = map), do: map |> Map.to_list() |> uid()
  def uid(_), do: nil
end

defmodule ElixirScope.ASTRepository.HybridContext.Evidence do
  @moduledoc false
  # What is known of a function, from what the native side tells, its source file and the event log; all of it without secrets.

  alias ElixirScope.ASTRepository.{ExecutionStatistics, RuntimeEvent}
  alias ElixirScope.ASTRepository.HybridContext.Item
  alias ElixirScope.Core
  alias ElixirScope.Report.Timeline.Words

  # Newest calls among which those to show are chosen.
  @calls_looked_at 8
  # Functions of which recorded calls are shown: reading them is most of the work.
  @told_ranks 12
  # A part that has less room than this is not looked for.
  @tokens_min 12
  @file_bytes_max 4 * 1024 * 1024

  @doc "What an item says of itself before anything is looked up."
  def item(raw, rank) do
    %Item{
      rank: rank,
      ast_node_id: raw.ast_node_id,
      function: raw.function,
      kind: raw.kind,
      file: raw.file,
      line: raw.line,
      end_line: raw.end_line,
      score: raw.share,
      proximity: raw.proximity,
      seed: raw.seed,
      why: why(raw),
      statistics: statistics(raw.statistics)
    }
  end

  defp statistics(nil), do: nil
  defp statistics(%{} = stats), do: struct(ExecutionStatistics, Map.delete(stats, :__struct__))

  ## Why

  defp why(raw) do
    interest = raw.interest
    failing = if interest.failing > 0, do: failing(raw, interest), else: []

    repeated =
      for one <- raw.calls.items,
          one.per_call,
          do: "calls #{one.ast_node_id} #{decimal(one.per_call)} times a call"

    repeatedly =
      for one <- raw.called_by.items,
          one.per_call,
          do: "called #{decimal(one.per_call)} times by one call of #{one.ast_node_id}"

    Enum.concat([
      if(raw.seed, do: ["asked for"], else: []),
      failing,
      swallowed(raw, interest),
      if(interest.unheard > 0, do: ["sends a message that its receiver takes in no clause"], else: []),
      if(interest.heat >= 0.3, do: ["#{round(100 * interest.heat * interest.heat)} % of all time"], else: []),
      Enum.take(repeated, 1),
      Enum.take(repeatedly, 1),
      if(raw.change, do: ["#{raw.change.kind} in the newest version"], else: [])
    ])
  end

  defp failing(raw, interest) do
    from = for one <- raw.calls.items, one.failed > 0, one.count > 0, do: one.ast_node_id

    cond do
      interest.origin > 0 -> ["its calls failed, by its own code or what is not observed"]
      from != [] -> ["failed by way of #{hd(from)}"]
      true -> ["its calls failed"]
    end
  end

  defp swallowed(_raw, %{swallowed: share}) when share == 0, do: []

  defp swallowed(raw, _interest) do
    from = for one <- raw.calls.items, one.failed > 0, one.count > 0, do: one.ast_node_id
    ["went on after #{List.first(from) || "what it called"} had failed"]
  end

  defp decimal(float), do: :erlang.float_to_binary(float / 1, decimals: 1)

  ## Parts

  @doc "The value of a part, or `nil`. `room` is how many tokens there are for it."
  def part(_part, _raw, _item, _request, _handle, room) when room < @tokens_min, do: nil
  def part(:statistics, _raw, item, _request, _handle, _room), do: item.statistics
  def part(:calls, raw, _item, _request, _handle, _room), do: raw.calls.items
  def part(:called_by, raw, _item, _request, _handle, _room), do: raw.called_by.items

  def part(:clauses, raw, item, _request, _handle, _room),
    do: if(item.statistics && match?([_, _ | _], raw.clauses), do: raw.clauses)

  def part(:findings, raw, _item, _request, _handle, _room) do
    for one <- raw.findings,
        do: %{
          ast_node_id: one.ast_node_id,
          line: one.line,
          kind: one.kind,
          what: one.what,
          instead: one.instead
        }
  end

  def part(:change, raw, _item, _request, _handle, _room) do
    if raw.change, do: Map.put(raw.change, :versions, raw.versions)
  end

  def part(:tests, raw, _item, _request, _handle, _room) do
    for one <- raw.tests, do: %{test: one.name, file: one.file, line: one.line, result: one.result}
  end

  def part(:documentation, raw, _item, _request, _handle, _room) do
    if raw.documentation do
      raw.documentation |> String.split("\n\n", parts: 2) |> hd() |> String.slice(0, 400) |> mask()
    end
  end

  def part(part, _raw, %{rank: rank}, _request, _handle, _room)
      when part in [:failures, :values] and rank > @told_ranks,
      do: nil

  def part(:failures, _raw, _item, %{events: 0}, _handle, _room), do: nil

  def part(:failures, _raw, item, request, handle, _room) do
    if item.statistics && (item.statistics.errors || 0) + (item.statistics.aborted || 0) > 0,
      do: failures(item, request.events, handle)
  end

  def part(:values, _raw, _item, %{events: 0}, _handle, _room), do: nil

  def part(:values, _raw, item, request, handle, _room) do
    if item.statistics, do: values(item, request.events, handle)
  end

  ## Recorded calls

  defp failures(item, count, handle) do
    ended = read(handle, item.function, [:error, :aborted], count)

    for event <- ended do
      # The end knows how, the beginning with what.
      began = with [began] <- call_of(handle, event), do: began, else: (_ -> event)
      recorded(began, event.event_id)
    end
  end

  defp call_of(handle, %{correlation_id: id}) when is_integer(id) and id > 0 do
    filter = {nil, false, nil, id, [:call], nil, nil, nil, nil, false}
    with {:ok, events} <- Core.Events.read(handle.ref, filter, 1), do: Enum.map(events, &event/1)
  end

  defp call_of(_handle, _event), do: []

  # The slowest and the newest of the last ones that ended well; the others are among the failures.
  defp values(item, count, handle) do
    calls =
      handle
      |> read(item.function, [:call], @calls_looked_at)
      |> Enum.reject(&(&1.result in [:error, :aborted]))

    slowest = calls |> Enum.sort_by(&(-(&1.duration_ns || 0))) |> Enum.take(1)
    shown = Enum.uniq_by(slowest ++ calls, & &1.event_id)

    shown
    |> Enum.uniq_by(&{&1.arguments, &1.result_value})
    |> Enum.take(count)
    |> Enum.map(&recorded(&1, &1.event_id))
  end

  defp read(handle, function, types, limit) do
    filter = {function, false, nil, nil, types, nil, nil, nil, nil, true}

    case Core.Events.read(handle.ref, filter, limit) do
      {:ok, events} -> Enum.map(events, &event/1)
      _ -> []
    end
  end

  defp event(fields), do: struct(RuntimeEvent, Map.delete(fields, :__struct__))

  defp recorded(event, id) do
    kind = if event.event_type == :call, do: :call, else: :end
    text = Words.of(%{kind: kind, event: event, jump: false}, MapSet.new(), fn _ -> nil end)
    %{event_id: id, correlation_id: event.correlation_id, text: mask(text)}
  end

  ## Code

  @doc "`{text, :source | :syntax_tree}`: as it stands in the file, when that is what was read; else printed from what was read."
  def code(raw, handle) do
    from_file(raw, handle) || from_tree(raw, handle)
  end

  defp from_file(%{path: path, line: first, end_line: last} = raw, handle)
       when is_binary(path) and first > 0 and last >= first do
    with true <- String.ends_with?(path, raw.file),
         root = binary_part(path, 0, byte_size(path) - byte_size(raw.file)),
         {:ok, %{size: size}} when size <= @file_bytes_max <- File.stat(path),
         {:ok, text} <- File.read(path),
         true <- String.valid?(text),
         {:ok, true} <- unchanged(handle, root, raw.file, text) do
      lines = text |> String.split("\n") |> Enum.slice((first - 1)..(last - 1)//1)
      {lines |> unindent() |> Enum.join("\n") |> mask(), :source}
    else
      _ -> nil
    end
  end

  defp from_file(_raw, _handle), do: nil

  defp unchanged(handle, root, file, text) do
    case Core.Repository.unchanged?(handle.ref, String.trim_trailing(root, "/"), file, text) do
      true -> {:ok, true}
      other -> other
    end
  end

  defp unindent(lines) do
    indent = lines |> Enum.reject(&(String.trim(&1) == "")) |> Enum.map(&indent/1) |> Enum.min(fn -> 0 end)
    Enum.map(lines, &String.replace_prefix(&1, String.duplicate(" ", indent), ""))
  end

  defp indent(line), do: byte_size(line) - byte_size(String.trim_leading(line, " "))

  defp from_tree(raw, handle) do
    case Core.Repository.node(handle.ref, raw.ast_node_id) do
      {:ok, ast} -> {ast |> clauses() |> Enum.map_join("\n\n", &Macro.to_string/1) |> mask(), :syntax_tree}
      _ -> nil
    end
  end

  defp clauses({:__block__, _, [_, _ | _] = clauses}), do: clauses
  defp clauses(clause), do: [clause]

  # What is written in a source may be secret too.
  defp mask(text), do: Core.Values.redact_text(text)
end

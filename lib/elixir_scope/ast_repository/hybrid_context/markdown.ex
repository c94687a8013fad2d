defmodule ElixirScope.ASTRepository.HybridContext.Markdown do
  @moduledoc false
  # A context as Markdown, part by part: what a part costs is the length of what it is rendered as here.

  alias ElixirScope.ASTRepository.HybridContext
  alias ElixirScope.ASTRepository.HybridContext.Item
  alias ElixirScope.Report.Numbers

  @doc "Everything."
  def render(%HybridContext{} = context) do
    [head(context), Enum.map(context.items, &item/1), also(context.also, left(context))]
  end

  @doc "What stands above the items."
  def head(context) do
    [
      ["# ", to_string(context.target.kind), ": ", line(context.target.text), "\n\n"],
      [loss(context.loss), sampling(context.sampling), "\n"]
    ]
  end

  defp loss(%{events: 0}), do: "Nothing was observed: what is here is from the source."

  defp loss(%{lost: lost, evicted: evicted, events: events}) do
    kept = if evicted > 0, do: ", #{evicted} no longer in the log", else: ""

    if lost == 0,
      do: "#{Numbers.of(events, "event")} seen, none lost#{kept}.",
      else: "#{Numbers.of(events, "event")} seen, #{lost} lost#{kept}: figures are lower bounds."
  end

  defp sampling(%{estimated: 0}), do: " Not sampled."

  defp sampling(%{estimated: n}),
    do: " Sampled: #{Numbers.of(n, "gate")} refused events, so figures there are of a part."

  @doc "An item with all of its parts."
  def item(%Item{} = item) do
    [title(item) | Enum.map(parts(), &part(item, &1))]
  end

  @doc "The parts, the most telling first: in this order they get room."
  def parts,
    do: [
      :code,
      :failures,
      :statistics,
      :calls,
      :called_by,
      :clauses,
      :values,
      :findings,
      :change,
      :tests,
      :documentation
    ]

  def title(item) do
    why = if item.why == [], do: "", else: [" - ", Enum.intersperse(item.why, "; ")]
    ["\n## ", to_string(item.rank), ". ", item.ast_node_id, "\n", place(item), why, "\n"]
  end

  defp place(item), do: [item.file, ":", to_string(item.line)]

  @doc "One part; nothing when the item has none."
  def part(%Item{code: code} = item, :code) when is_binary(code) do
    cut = if item.code_cut > 0, do: ["# ... ", Numbers.of(item.code_cut, "more line"), "\n"], else: []
    fence = fence(code)
    [fence, "elixir\n", code, "\n", cut, fence, "\n"]
  end

  def part(%Item{statistics: %{} = stats}, :statistics) do
    calls = [Numbers.of(stats.call_frequency || 0, "call")]
    failed = (stats.errors || 0) + (stats.aborted || 0)
    failed = if failed > 0, do: ["#{failed} failed"], else: []

    times =
      for {name, us} <- [p50: stats.p50_us, p95: stats.p95_us, self: stats.self_us, in_all: stats.total_us],
          us != nil do
        "#{String.replace(to_string(name), "_", " ")} #{Numbers.duration(us)}"
      end

    ["Ran: ", Enum.intersperse(calls ++ failed ++ times, ", "), "\n"]
  end

  def part(%Item{calls: [_ | _] = calls}, :calls), do: ["Calls: ", ends(calls), "\n"]
  def part(%Item{called_by: [_ | _] = calls}, :called_by), do: ["Called by: ", ends(calls), "\n"]

  def part(%Item{clauses: [_, _ | _] = clauses}, :clauses) do
    one = fn clause ->
      failed = if clause.failed > 0, do: ", #{clause.failed} failed", else: ""
      "line #{clause.line} #{clause.calls}×#{failed}"
    end

    ["Clauses entered: ", clauses |> Enum.map(one) |> Enum.intersperse("; "), "\n"]
  end

  def part(%Item{failures: [_ | _] = events}, :failures), do: ["Failed:\n", Enum.map(events, &recorded/1)]
  def part(%Item{values: [_ | _] = events}, :values), do: ["Seen:\n", Enum.map(events, &recorded/1)]

  def part(%Item{findings: [_ | _] = findings}, :findings) do
    for one <- findings,
        do: ["Finding (", to_string(one.kind), ", ", one.ast_node_id, "): ", line(one.what), "\n"]
  end

  def part(%Item{change: %{} = change}, :change) do
    at = if change.at, do: [" ", DateTime.to_iso8601(DateTime.truncate(change.at, :second))], else: []
    ["Code ", to_string(change.kind), at, ", ", Numbers.of(change.versions, "version"), " of the file kept\n"]
  end

  def part(%Item{tests: [_ | _] = tests}, :tests) do
    one = fn test ->
      [test.test, " ", test.file || "", ":", to_string(test.line || ""), " ", to_string(test.result)]
    end

    ["Tests: ", tests |> Enum.map(one) |> Enum.intersperse("; "), "\n"]
  end

  def part(%Item{documentation: text}, :documentation) when is_binary(text), do: ["Doc: ", line(text), "\n"]
  def part(_item, _part), do: []

  defp recorded(one), do: ["- event ", to_string(one.event_id), ": ", line(one.text), "\n"]

  defp ends(calls), do: calls |> Enum.map(&one_end/1) |> Enum.intersperse(", ")

  defp one_end(one) do
    often =
      cond do
        one.count == 0 and one.kind == :message -> "message"
        one.count == 0 -> "not seen"
        one.kind == :message -> "#{one.count}×, message"
        one.written -> "#{one.count}×"
        true -> "#{one.count}×, only seen"
      end

    each = if one.per_call, do: ", #{:erlang.float_to_binary(one.per_call / 1, decimals: 1)} a call", else: ""
    failed = if one.failed > 0, do: ", #{one.failed} failed", else: ""
    [one.ast_node_id, " (", often, each, failed, ")"]
  end

  @doc "What stands below the items."
  def also([], 0), do: []
  def also([], left), do: ["\n", Numbers.of(left, "function"), " further away.\n"]

  def also(also, left) do
    more = if left > 0, do: [" and ", to_string(left), " more"], else: []
    ["\nAlso near: ", also |> Enum.map(& &1.ast_node_id) |> Enum.intersperse(", "), more, "\n"]
  end

  @doc "Functions that are neither among the items nor named after them."
  def left(context), do: max(context.found - length(context.items) - length(context.also), 0)

  # What was recorded or written may hold what Markdown would take for its own.
  defp line(text), do: text |> String.replace(~r/\s+/u, " ") |> String.trim()

  defp fence(code) do
    longest =
      ~r/`{3,}/ |> Regex.scan(code) |> Enum.map(fn [run] -> byte_size(run) end) |> Enum.max(fn -> 2 end)

    String.duplicate("`", max(longest + 1, 3))
  end
end

defmodule ElixirScope.Report.Timeline do
  @moduledoc """
  An `ElixirScope.ASTRepository.ExecutionTimeline` for people: one line an entry, indented by who called whom, with what was
  recorded, and what is missing said at the end.

          time  what                                        where
          0 µs  Shop.Cart.total([%{price: 3}])              cart.ex:12
       1.20 µs    sum = 3                                   cart.ex:13
       2.10 µs    Shop.Price.tax(3) → 1  0.80 µs            price.ex:3
       5.00 µs  → 4  5.00 µs  Shop.Cart.total/1             cart.ex:12

  `→` a result, `✗` an error, `⇢` an end by a tail call, `↳` the call that it went on as. Times are from the first entry on.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.ExecutionTimeline
  alias ElixirScope.Report.{Numbers, Width}
  alias ElixirScope.Report.Timeline.Words

  @width 110
  # Below this there is no room for places.
  @width_of_places 90
  @place_columns 28
  # Deeper than this, a number stands for the rest of the indentation.
  @levels_max 16
  @code_bytes_max 400

  @doc """
  The text. Options: `:width` (#{@width} columns), `:colors`, `:code` (`fn ast_node_id -> text | nil end`; see `code_of/1`).
  """
  @spec render(ExecutionTimeline.t(), keyword()) :: String.t()
  def render(timeline, opts \\ [])

  def render(%ExecutionTimeline{entries: []} = timeline, _opts),
    do: IO.iodata_to_binary([heading(timeline), "\n\nNothing was recorded.\n", notes(timeline)])

  def render(%ExecutionTimeline{} = timeline, opts) do
    width = max(Keyword.get(opts, :width, @width), 40)
    several = length(timeline.processes) > 1
    labels = if several, do: timeline.processes |> Enum.map(&Width.of/1) |> Enum.max(), else: 0
    code = Keyword.get(opts, :code, fn _ -> nil end)
    open = for %{kind: :end, event: event} <- timeline.entries, into: MapSet.new(), do: event.correlation_id
    places = if width >= @width_of_places, do: columns_of_places(timeline.entries), else: 0
    faint = if opts[:colors], do: &["\e[2m", &1, "\e[22m"], else: & &1

    layout = %{
      start: timeline.from,
      text:
        max(width - 10 - if(several, do: labels + 2, else: 0) - if(places > 0, do: places + 2, else: 0), 20),
      labels: labels,
      several: several,
      places: places,
      faint: faint
    }

    {lines, _} =
      Enum.map_reduce(timeline.entries, nil, fn entry, before ->
        {line(entry, entry.process == before, Words.of(entry, open, code), layout), entry.process}
      end)

    IO.iodata_to_binary([heading(timeline), "\n\n", titles(layout), lines, "\n", notes(timeline)])
  end

  @doc "The source of nodes of a repository, on one line: for `render/2`."
  @spec code_of(ASTRepository.repository()) :: (String.t() -> String.t() | nil)
  def code_of(repository) do
    fn id ->
      case ASTRepository.get_ast_node(repository, id) do
        {:ok, code} -> text(code)
        _ -> nil
      end
    end
  end

  # Of a clause its head says which it is.
  defp text({:->, _, [heads, _body]}), do: Enum.map_join(heads, ", ", &text/1) <> " ->"

  defp text(code) do
    text = code |> Macro.to_string() |> String.replace(~r/\s+/, " ")
    if byte_size(text) > @code_bytes_max, do: String.slice(text, 0, @code_bytes_max) <> "…", else: text
  end

  ## The heading

  defp heading(timeline) do
    calls = Numbers.of(timeline.activations, "call")
    processes = length(timeline.processes)

    where =
      case timeline.processes do
        [] -> ""
        [one] -> " in #{one}"
        _ -> " in #{Numbers.count(processes)} processes"
      end

    "Timeline of #{target(timeline.target)}: #{calls}, #{Numbers.of(length(timeline.entries), "entry", "entries")}#{where}" <>
      time(timeline)
  end

  defp target(:all), do: "everything"
  defp target({:process, pid}) when is_pid(pid), do: inspect(pid)
  defp target({:process, text}), do: text
  defp target({:activation, id}), do: "activation #{id}"
  defp target({:correlation, id}), do: "correlation #{inspect(id)}"
  defp target({:function, {module, name, arity}}), do: Exception.format_mfa(module, name, arity)
  defp target({:range, from, to}), do: "#{clock(from)} to #{clock(to)}"
  defp target({:node, id}), do: id
  defp target(other), do: inspect(other)

  defp time(%{from: nil}), do: ""

  defp time(%{from: from, to: to}),
    do: ", #{Numbers.duration((to - from) / 1_000)} from #{clock(from)}"

  defp clock(ns) do
    case DateTime.from_unix(ns, :nanosecond) do
      {:ok, time} -> DateTime.to_iso8601(time)
      _ -> "#{ns} ns"
    end
  end

  ## Lines

  defp titles(layout) do
    parts = [
      Width.pad("time", 8, :right),
      if(layout.several, do: Width.pad("process", layout.labels, :left)),
      if(layout.places > 0, do: Width.pad("what", layout.text, :left), else: "what"),
      if(layout.places > 0, do: "where")
    ]

    [layout.faint.(parts |> Enum.reject(&is_nil/1) |> Enum.join("  ")), "\n"]
  end

  defp line(entry, same_process?, text, layout) do
    time = Width.pad(offset(entry.event.timestamp - layout.start), 8, :right)
    label = if same_process?, do: "", else: entry.process || "-"
    text = Width.fit(indent(entry.depth) <> text, layout.text)
    place = layout.places > 0 && place(entry.event, layout.places)

    [
      layout.faint.(time),
      "  ",
      if(layout.several, do: [layout.faint.(Width.pad(label, layout.labels, :left)), "  "], else: []),
      if(place in [nil, false, ""],
        do: text,
        else: [Width.pad(text, layout.text, :left), "  ", layout.faint.(place)]
      ),
      "\n"
    ]
  end

  defp offset(ns), do: Numbers.duration(ns / 1_000)

  defp indent(depth) when depth <= @levels_max, do: String.duplicate("  ", depth)
  defp indent(depth), do: String.duplicate("  ", @levels_max) <> "[#{depth}] "

  defp columns_of_places(entries) do
    entries
    |> Enum.map(&Width.of(place(&1.event, @place_columns) || ""))
    |> Enum.max()
  end

  defp place(%{line: nil}, _columns), do: nil
  defp place(%{file: nil, line: line}, _columns), do: "line #{line}"
  defp place(%{file: file, line: line}, columns), do: Width.fit("#{file}:#{line}", columns, :start)

  ## What is missing

  defp notes(timeline) do
    [
      timeline.truncated && "There is more: raise the limit, or ask for less.",
      unrecorded(timeline.entries),
      lost(timeline.gaps)
    ]
    |> Enum.filter(& &1)
    |> Enum.map(&[&1, "\n"])
  end

  defp unrecorded(entries) do
    calls = for %{kind: :call, event: event} <- entries, do: event
    silent = fn event -> Map.get(event.metadata || %{}, :recorded, []) == [] end

    if calls != [] and Enum.all?(calls, silent),
      do: "Arguments and results were not recorded: observe with capture args and result."
  end

  defp lost(%{dropped: dropped, evicted: evicted}) do
    parts =
      [
        is_integer(dropped) and dropped > 0 &&
          "#{Numbers.of(dropped, "record was", "records were")} dropped",
        evicted > 0 && "the log no longer holds #{Numbers.of(evicted, "older event")}"
      ]
      |> Enum.filter(& &1)

    if parts != [], do: "Entries may be missing: " <> Enum.join(parts, "; ") <> "."
  end
end

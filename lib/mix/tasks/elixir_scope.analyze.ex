defmodule Mix.Tasks.ElixirScope.Analyze do
  @shortdoc "Tells where time goes, what is done twice, what got slower, what is risky"

  @moduledoc """
  Analyses the repository that was saved last: where time goes, what is done again and again, what got slower, what is risky. Every
  finding has its figures and a next step.

      mix elixir_scope.analyze [options]

      mix elixir_scope.test
      mix elixir_scope.analyze
      mix elixir_scope.analyze --kinds n_plus_one,repeated_work --limit 5
      mix elixir_scope.analyze --kinds regression --baseline main.scope

  ## Kinds

    * `hotspot_self`, `hotspot_inclusive` - functions with the most time, alone and with what they call
    * `regression`, `improvement` - what takes longer, or less, than in the baseline, significantly (Mann and Whitney, adjusted after
      Benjamini and Hochberg) and by enough to matter; `improvement` only when it is named
    * `latency` - what the time is made of: own work, callees, waiting for messages, garbage collection
    * `n_plus_one`, `repeated_work` - a function called many times from one activation; with equal arguments
    * `complexity_time` - whether complex functions are the slow ones
    * `untested`, `undocumented`, `dead_code` - ran without a test, without documentation; nothing leads to it
    * `risk` - complex and hardly tested (CRAP), changed often, failing

  What cannot be told is said, with what to record for it.

  ## Options

    * `--kinds KIND,KIND` - only these (may be repeated)
    * `--baseline FILE` - a saved repository to compare with; without it, the two newest builds of each function in the log
    * `--tests FILE` - a saved repository that observed the tests, for `untested`
    * `--limit N` - findings of each kind (10)
    * `--min-change N` - percent that medians must differ by for a regression (25)
    * `--repeats N` - calls from one activation that are many (10)
    * `--repository FILE` - the saved repository to analyse, instead of the one saved last
    * `--json FILE` - writes the findings as JSON (`-` for standard output)

  ## JSON

      {
        "schema": "elixir_scope.analysis",
        "version": 1,
        "complete": true, "events": 2040, "dropped": 0, "evicted": 0, "from": "2024-05-01T10:00:00Z", "to": "...",
        "sources": {"calls": true, "values": false, "scheduling": false, "collections": false, "messages": true},
        "kinds": {"n_plus_one": {"examined": 40, "found": 1, "unknown": null}},
        "findings": [
          {"kind": "n_plus_one", "function": "Shop.Page.show/1", "ast_node_id": "Shop.Page.show/1", "file": "lib/shop/page.ex",
           "line": 12, "what": "...", "evidence": {"callee": "Shop.Item.get/1", "most": 25}, "weight": 1200.5,
           "confidence": 0.9, "next_step": "..."}
        ]
      }

  Times are microseconds (`_us`), shares 0 to 1; `*_event` are ids of events. `function`, `ast_node_id`, `file`, `line` may be `null`.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.PerformanceAnalysis
  alias ElixirScope.Report.{Answer, JSON, Output, Table}
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.analyze"
  @limit 10
  @options [
    kinds: :strings,
    baseline: :string,
    tests: :string,
    limit: :count,
    min_change: :count,
    repeats: :count,
    repository: :string,
    json: :string,
    help: :flag
  ]

  @impl true
  def run(args) do
    case Options.parse(args, @options, @name) do
      {[help: true], _rest} ->
        Console.help(@name)

      {opts, []} ->
        analyze(opts)

      {_opts, [unknown | _]} ->
        Mix.raise("mix #{@name} takes no argument #{unknown}; see mix help #{@name}")
    end
  end

  defp analyze(opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    path = Project.repository(opts[:repository])
    request = request(opts)

    analysis =
      Console.progress("Analysing #{path}", fn ->
        repository = path |> ASTRepository.load() |> Console.ok!()
        repository |> ASTRepository.analyze_performance(request) |> Console.ok!()
      end)

    if opts[:json] != "-", do: show(analysis, opts)
    if opts[:json], do: json(analysis, opts[:json])
  end

  defp request(opts) do
    for name <- [:baseline, :tests], file = opts[name], not File.regular?(file) do
      Mix.raise("there is no file #{file} (--#{name})")
    end

    change = if opts[:min_change], do: [min_change: 1 + opts[:min_change] / 100], else: []
    given = Keyword.take(opts, [:baseline, :tests, :repeats])
    # JSON has them all.
    limit = opts[:limit] || if(opts[:json], do: 0xFFFF_FFFF, else: @limit)
    [limit: limit] ++ kinds(opts[:kinds]) ++ change ++ given
  end

  # Names are looked up among those there are: no atom is made of what was typed.
  defp kinds(nil), do: []

  defp kinds(texts) do
    known = Map.new(PerformanceAnalysis.kinds(), &{Atom.to_string(&1), &1})

    kinds =
      for text <- texts, name <- String.split(text, ",", trim: true) do
        Map.get_lazy(known, String.trim(name), fn ->
          near = ElixirScope.Suggest.nearest(name, Map.keys(known))
          hint = if near, do: ", did you mean #{near}?", else: ""
          Mix.raise("there is no kind #{name}#{hint} (see mix help #{@name})")
        end)
      end

    [kinds: kinds]
  end

  ## For people

  defp show(analysis, opts) do
    by_kind = Enum.group_by(analysis.findings, & &1.kind)

    for kind <- PerformanceAnalysis.kinds(), told = analysis.kinds[kind] do
      findings = by_kind |> Map.get(kind, []) |> Enum.take(opts[:limit] || @limit)
      Mix.shell().info(["\n", title(kind, told, length(findings))])
      if findings != [], do: Mix.shell().info(table(findings))
    end

    Mix.shell().info(["\n", footer(analysis)])
  end

  defp title(kind, told, shown) do
    name = kind |> Atom.to_string() |> String.replace("_", " ") |> String.upcase()
    more = if told.found > shown, do: ", #{shown} shown", else: ""
    unknown = if told.unknown, do: "\n  not known: #{told.unknown}", else: ""
    "#{name}: #{told.found} of #{told.examined}#{more}#{unknown}"
  end

  defp table(findings) do
    columns = [
      {"place", :left, flex: 3, cut: :start, min: 16},
      {"what", :left, flex: true, min: 30},
      {"sure", :right},
      {"next", :left, flex: 2, min: 20}
    ]

    rows =
      for one <- findings do
        place = if one.file, do: "#{one.file}:#{one.line}", else: "-"
        [place, one.what, "#{round(one.confidence * 100)} %", one.next_step || ""]
      end

    Table.render(columns, rows, width: Console.width(), indent: 2)
  end

  defp footer(analysis) do
    off = for {source, false} <- analysis.sources, do: source |> Atom.to_string() |> String.replace("_", " ")
    seen = "#{analysis.events} events were read"
    off = if off == [], do: "", else: "; not recorded: #{Enum.join(Enum.sort(off), ", ")}"

    lost =
      if analysis.complete?,
        do: "",
        else:
          " Figures are lower bounds: #{analysis.dropped} events were lost, #{analysis.evicted} are no longer kept."

    seen <> off <> "." <> lost
  end

  ## For machines

  defp json(analysis, path) do
    document =
      JSON.ordered(
        schema: "elixir_scope.analysis",
        version: 1,
        complete: analysis.complete?,
        events: analysis.events,
        dropped: analysis.dropped,
        evicted: analysis.evicted,
        from: Answer.plain(analysis.from),
        to: Answer.plain(analysis.to),
        sources: analysis.sources,
        kinds: analysis.kinds,
        findings: Enum.map(analysis.findings, &document/1)
      )

    text = Console.ok!(JSON.encode(document, pretty: true))
    Console.ok!(Output.write(path, text <> "\n"))
    if path != "-", do: Mix.shell().info("JSON written to #{Path.relative_to_cwd(path)}")
  end

  defp document(one) do
    JSON.ordered(
      kind: one.kind,
      function: one.function && Answer.plain(one.function),
      ast_node_id: one.ast_node_id,
      file: one.file,
      line: one.line,
      what: one.what,
      evidence: Answer.plain(one.evidence),
      weight: one.weight,
      confidence: one.confidence,
      next_step: one.next_step
    )
  end
end

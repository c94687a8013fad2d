defmodule Mix.Tasks.ElixirScope.Findings do
  @shortdoc "Shows what in the source is worth a second look"

  @moduledoc """
  Shows what in the source is worth a second look: smells and clones. Nothing is compiled or run.

      mix elixir_scope.findings [PATH] [options]

      mix elixir_scope.findings
      mix elixir_scope.findings lib/my_app --kind bare_rescue --kind clone_exact
      mix elixir_scope.findings --threshold long_function_lines=40 --json findings.json

  PATH is a Mix project, an umbrella, any directory with Elixir files, or one file; the current directory by default.
  Code below `test/` is left out.

  ## Options

    * `--kind KIND` - findings of this kind only (may be repeated); `--kinds` lists them
    * `--kinds` - lists the kinds, why each matters, what to do instead, and the thresholds
    * `--threshold NAME=N` - sets a threshold (may be repeated)
    * `--confidence N` - findings that are sure to at least N percent (0)
    * `--tests` - also what stands in tests
    * `--limit N` - rows of the table (50); JSON has them all
    * `--json FILE` - writes the findings as JSON (`-` for standard output)

  ## JSON

      {
        "schema": "elixir_scope.findings",
        "version": 1,
        "findings": [
          {"kind": "long_function", "ast_node_id": "Shop.Cart.total/2#5f2a1c", "file": "lib/shop/cart.ex",
           "line": 12, "column": 3, "module": "Shop.Cart", "function": "total", "arity": 2,
           "what": "64 lines of code in one clause", "why": "...", "instead": "...",
           "measured": 64.0, "threshold": 60, "source": "detekt LongMethod: 60 lines",
           "confidence": 1.0, "related": []}
        ]
      }

  Every key is always there; `line`, `column`, `module`, `function`, `arity`, `measured` and `threshold` may be `null`.
  `related` has `ast_node_id`, `file`, `line` and `column` of other nodes to look at.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.PatternDetector
  alias ElixirScope.Report.{JSON, Output, Table}
  alias Mix.ElixirScope.{Console, Options}

  @name "elixir_scope.findings"
  @rows 50
  @options [
    kind: :strings,
    kinds: :flag,
    threshold: :strings,
    confidence: :count,
    tests: :flag,
    limit: :count,
    json: :string,
    help: :flag
  ]

  @impl true
  def run(args) do
    {opts, paths} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      opts[:kinds] -> kinds()
      length(paths) > 1 -> Mix.raise("mix #{@name} takes one path, not #{length(paths)}")
      true -> find(List.first(paths) || ".", opts)
    end
  end

  defp kinds do
    for kind <- catalog() do
      Mix.shell().info("#{kind.kind}: #{kind.why}\n  instead: #{kind.instead}\n  source: #{kind.source}")

      for threshold <- kind.thresholds,
          do: Mix.shell().info("  --threshold #{threshold.name}=#{threshold.default}: #{threshold.meaning}")
    end

    :ok
  end

  defp catalog do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    Console.ok!(PatternDetector.kinds())
  end

  defp find(path, opts) do
    wanted = wanted(opts, catalog())
    repository = Console.ok!(ASTRepository.new())

    {result, findings} =
      Console.progress("Reading source files", fn ->
        result = Console.ok!(ASTRepository.import_project(repository, Path.expand(path)))
        {result, Console.ok!(PatternDetector.findings(repository, wanted))}
      end)

    if opts[:json] != "-", do: show(findings, result, opts[:limit] || @rows)
    if opts[:json], do: json(findings, opts[:json])
    if result.files == 0, do: Mix.raise("#{path} holds no Elixir file (.ex or .exs)")
  end

  # Names are looked up among those there are: no atom is made of what was typed.
  defp wanted(opts, catalog) do
    kinds = Map.new(catalog, &{Atom.to_string(&1.kind), &1.kind})

    thresholds =
      for kind <- catalog, one <- kind.thresholds, into: %{}, do: {Atom.to_string(one.name), one.name}

    [
      kinds: Enum.map(opts[:kind] || [], &named(&1, kinds, "kind")),
      thresholds: Enum.map(opts[:threshold] || [], &threshold(&1, thresholds)),
      tests: opts[:tests] || false,
      confidence: (opts[:confidence] || 0) / 100
    ]
  end

  defp threshold(text, names) do
    with [name, value] <- String.split(text, "=", parts: 2),
         {value, ""} <- Integer.parse(value) do
      {named(name, names, "threshold"), value}
    else
      _ -> Mix.raise("--threshold takes NAME=N, not #{inspect(text)}")
    end
  end

  defp named(name, names, what) do
    Map.get_lazy(names, name, fn ->
      near = ElixirScope.Suggest.nearest(name, Map.keys(names))
      hint = if near, do: ", did you mean #{near}?", else: ""
      Mix.raise("there is no #{what} #{name}#{hint} (see mix #{@name} --kinds)")
    end)
  end

  ## The answer

  defp show(findings, result, limit) do
    for error <- result.errors,
        do: Mix.shell().info("#{error.file}:#{error.line || 1} was not read: #{error.reason}")

    columns = [
      {"place", :left, flex: true, cut: :start},
      {"kind", :left},
      {"what", :left, flex: 2},
      {"sure", :right}
    ]

    rows =
      for one <- Enum.take(findings, limit) do
        ["#{one.file}:#{one.line}", Atom.to_string(one.kind), one.what, "#{round(one.confidence * 100)} %"]
      end

    if rows != [], do: Mix.shell().info(Table.render(columns, rows, width: Console.width()))
    Mix.shell().info(["\n", totals(findings, result, length(rows))])
  end

  defp totals(findings, result, shown) do
    counts =
      findings
      |> Enum.frequencies_by(& &1.kind)
      |> Enum.sort_by(fn {kind, count} -> {-count, kind} end)
      |> Enum.map_join(", ", fn {kind, count} -> "#{count} #{kind}" end)

    more = if shown < length(findings), do: " (#{shown} shown; --limit shows more)", else: ""
    "#{length(findings)} findings#{more} in #{result.files} files. #{counts}"
  end

  defp json(findings, path) do
    document =
      JSON.ordered(
        schema: "elixir_scope.findings",
        version: 1,
        findings: Enum.map(findings, &document/1)
      )

    text = Console.ok!(JSON.encode(document, pretty: true))
    Console.ok!(Output.write(path, text <> "\n"))
    if path != "-", do: Mix.shell().info("JSON written to #{Path.relative_to_cwd(path)}")
  end

  defp document(one) do
    {function, arity} =
      case one.function_key do
        {_, name, arity} -> {name, arity}
        nil -> {nil, nil}
      end

    JSON.ordered(
      kind: one.kind,
      ast_node_id: one.ast_node_id,
      file: one.file,
      line: one.line,
      column: one.column,
      module: one.module_name && inspect(one.module_name),
      function: function,
      arity: arity,
      what: one.what,
      why: one.why,
      instead: one.instead,
      measured: one.measured,
      threshold: one.threshold,
      source: one.source,
      confidence: one.confidence,
      related:
        Enum.map(
          one.related,
          &JSON.ordered(Enum.map(~w(ast_node_id file line column)a, fn key -> {key, &1[key]} end))
        )
    )
  end
end

defmodule Mix.Tasks.ElixirScope.Points do
  @shortdoc "Shows where code reports, what that costs, and how often it did"

  @moduledoc """
  Shows the instrumentation points of modules and functions: where they are, what is recorded there, within which limits, what a report
  costs on this machine, and how often each reported in the run that was saved last.

      mix elixir_scope.points TARGET... [options]

      mix elixir_scope.points Shop.Cart
      mix elixir_scope.points "Shop.Cart.total/1" --capture args,result,variables
      mix elixir_scope.points "Shop.*" --points "Shop.Cart:17 expressions" --rate 100

  A target is a module, a pattern (`Shop.*`), or a function (`Shop.Cart.total/1`). The project is compiled, and nothing of it runs: the
  points are those that `mix elixir_scope.run` and `mix elixir_scope.test` would put there, with the settings of `mix.exs`
  and the options given here.

  ## Columns

    * `state` - `on`: it would report; `seen`: it reported in the saved run, but is not asked for now
    * `records` - `calls` (entry and end), `args`, `result`, `variables`, `expressions`, `branches`, `sends`, `receives`,
      `exceptions`, `custom`; `jump`, `try` and `mark` (of coverage) come with the calls
    * `ns each` - what one report costs, with small values; measured on this machine
    * `reports` - how often it reported in the saved run, of whatever build had a point there; `-` when it was not met
    * `cost` - reports times what each costs, with values of the size that they had; without a run nothing is known

  Below stand the limits, the conditions, and for which points there is no place.

  ## Options

    * `--capture`, `--points`, `--sampling-rate`, `--rate`, `--hits`, `--record-for`, `--priority`, `--values` - as of
      `mix elixir_scope.run`
    * `--all` - coverage marks and jumps, too
    * `--limit N` - rows (60)
    * `--json` - as JSON, on standard output: `{"schema": "elixir_scope.points", "version": 1, "limits": {}, "points": [{"point":,
      "state":, "records": [], "function":, "clause":, "file":, "line":, "column":, "variable":, "condition":, "ns_each":,
      "reports":, "value_bytes":, "cost_ns":}], "unplaced": [{"point":, "module":, "reason":}]}`
    * `--repository FILE` - the saved repository, instead of the one saved last
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.Instrumentation.Selection
  alias ElixirScope.Report.{JSON, Numbers, Points, Table}
  alias ElixirScope.Suggest
  alias Mix.ElixirScope.{Console, Options, Project, Recording, Settings}

  @name "elixir_scope.points"
  @rows 60
  @options [all: :flag, limit: :count, json: :flag, repository: :string, help: :flag] ++ Recording.options()

  @impl true
  def run(args) do
    {opts, texts} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      texts == [] -> Mix.raise("mix #{@name} takes a module, a pattern or a function; see mix help #{@name}")
      true -> show(texts, opts)
    end
  end

  defp show(texts, opts) do
    Project.required!(@name)
    limits = Recording.limits(opts)
    Mix.Task.run("loadpaths", [])
    Mix.Task.run("compile", [])
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    settings = Settings.read()
    plan = Recording.plan(settings.plan, opts)
    targets = Enum.flat_map(texts, &targets(&1, Project.modules(ElixirScope.instrumented())))
    repository = repository(opts[:repository])

    points =
      Console.progress("Looking for points", fn ->
        targets
        |> Points.of(plan: plan, coverage: settings.coverage, probe: settings.probe, repository: repository)
        |> Console.ok!()
      end)

    if opts[:json], do: json(points, limits), else: print(points, limits, opts)
  end

  # Without a run there are no counts.
  defp repository(given) do
    path = if given, do: Project.repository(given), else: Project.newest_saved()
    path && Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
  end

  ## Targets

  defp targets(text, modules) do
    case Regex.run(~r/^(.+)\.([^.\/*]+)\/(\d+)$/, text) do
      [_, module, name, arity] -> [{known(module, modules), {String.to_atom(name), String.to_integer(arity)}}]
      nil -> text |> matching(modules) |> Enum.map(&{&1, :all})
    end
  end

  defp matching(text, modules) do
    case Selection.filter(modules, [text], fn _ -> nil end) do
      [] -> [known(text, modules)]
      found -> Enum.sort(found)
    end
  end

  defp known(text, modules) do
    names = Map.new(modules, &{inspect(&1), &1})

    names[text] ||
      Mix.raise("the project has no module #{text}; #{Suggest.hint(text, Enum.sort(Map.keys(names)))}")
  end

  ## What is shown

  defp print(points, limits, opts) do
    rows =
      if opts[:all], do: points.rows, else: Enum.reject(points.rows, &(&1.records -- [:mark, :jump] == []))

    shown = Enum.take(rows, opts[:limit] || @rows)

    columns = [
      {"state", :left, []},
      {"records", :left, []},
      {"where", :left, flex: true, cut: :start},
      {"what", :left, flex: true},
      {"ns each", :right, []},
      {"reports", :right, []},
      {"cost", :right, []}
    ]

    cells =
      for row <- shown do
        [
          Atom.to_string(row.state),
          Enum.map_join(row.records, ", ", &Atom.to_string/1),
          place(row),
          what(row),
          if(row.ns_each, do: Integer.to_string(round(row.ns_each)), else: "-"),
          Numbers.count(row.reports),
          if(row.cost_ns, do: Numbers.duration(row.cost_ns / 1_000), else: "-")
        ]
      end

    Mix.shell().info(
      IO.iodata_to_binary([
        Table.render(columns, cells, width: Console.width()),
        "\n",
        footer(rows, shown, points),
        said(limits, points)
      ])
      |> String.trim_trailing()
    )
  end

  defp place(%{file: nil, line: 0}), do: "-"
  defp place(%{file: nil} = row), do: "line #{row.line}"
  defp place(row), do: "#{Path.relative_to_cwd(row.file)}:#{row.line}"

  defp what(row) do
    {module, name, arity} = row.function
    function = "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, name)}/#{arity}"

    case row.what do
      nil -> function
      what -> "#{what} in #{function}"
    end
  end

  defp footer(rows, shown, points) do
    on = Enum.count(rows, &(&1.state == :on))
    more = length(rows) - length(shown)
    cost = for %{cost_ns: ns} when ns != nil <- rows, do: ns

    [
      "#{Numbers.of(on, "point")} on",
      if(points.counted,
        do: ", #{Numbers.count(Enum.sum(for row <- rows, do: row.reports || 0))} reports",
        else: ""
      ),
      if(cost != [], do: ", about #{Numbers.duration(Enum.sum(cost) / 1_000)} in all", else: ""),
      if(more > 0, do: "; #{Numbers.count(more)} more rows: raise --limit", else: ""),
      ".\n",
      if(points.counted,
        do: "",
        else: "No run is saved yet, so nothing is counted: mix elixir_scope.run or test.\n"
      )
    ]
  end

  defp said(limits, points) do
    [
      if(limits == [], do: [], else: ["Limits: ", Enum.map_join(limits, ", ", &limit/1), ".\n"]),
      for({where, condition} <- conditions(points), do: "#{where} only when #{condition}\n"),
      for(
        {point, module, reason} <- points.unplaced,
        do: "No place for #{label(point)} in #{inspect(module)}: #{reason}.\n"
      ),
      for({module, reason} <- points.skipped, do: "#{inspect(module)} was left out: #{reason}\n")
    ]
  end

  defp conditions(points) do
    for %{condition: condition} = row when condition != nil <- points.rows,
        uniq: true,
        do: {place(row), condition}
  end

  defp label(point) when is_binary(point), do: point
  defp label(point), do: inspect(point, limit: 5)

  defp limit({:for, ms}), do: "for #{ms / 1_000} s"
  defp limit({:capture_config, [mode: mode]}), do: "values #{mode}"
  defp limit({name, value}), do: "#{name |> to_string() |> String.replace("_", " ")} #{value}"

  defp json(points, limits) do
    rows =
      for row <- points.rows do
        {module, name, arity} = row.function

        JSON.ordered(
          point: row.point,
          state: row.state,
          records: row.records,
          function: "#{inspect(module)}.#{name}/#{arity}",
          clause: row.clause,
          file: row.file,
          line: row.line,
          column: row.column,
          variable: row.what,
          condition: row.condition,
          ns_each: row.ns_each,
          reports: row.reports,
          value_bytes: row.bytes,
          cost_ns: row.cost_ns
        )
      end

    unplaced =
      for {point, module, reason} <- points.unplaced,
          do: JSON.ordered(point: label(point), module: inspect(module), reason: reason)

    limits = for {name, value} <- limits, do: {name, if(is_list(value), do: inspect(value), else: value)}

    {:ok, text} =
      JSON.encode(
        JSON.ordered(
          schema: "elixir_scope.points",
          version: 1,
          limits: JSON.ordered(limits),
          points: rows,
          unplaced: unplaced
        ),
        pretty: true
      )

    IO.puts(text)
  end
end

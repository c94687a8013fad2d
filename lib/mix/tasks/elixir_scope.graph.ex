defmodule Mix.Tasks.ElixirScope.Graph do
  @shortdoc "Shows who calls whom and who needs whom"

  @moduledoc """
  Shows a graph of a project: who calls whom, who needs whom, where it goes in circles, how control and data flow, who supervises
  whom, who sends what to whom.

      mix elixir_scope.graph KIND [PATH] [options]

      mix elixir_scope.graph calls --focus Shop.Cart
      mix elixir_scope.graph dependencies --format mermaid
      mix elixir_scope.graph dependencies --level files --format dot > files.dot
      mix elixir_scope.graph cycles --kind compile
      mix elixir_scope.graph unreachable
      mix elixir_scope.graph control --of Shop.Cart.add/3 --format mermaid
      mix elixir_scope.graph supervision

  PATH is a directory with sources, the current one by default. Compile the project first: what macros make is read from its
  compiled modules, where these are fresh. `mix elixir_scope.graph` says when some are not.

  ## Kinds

    * `calls` - functions and their calls. Kinds of edges: `local`, `remote`, `imported`, `capture`, `apply`, `delegate`, `mfa`
      (module, name and arguments handed to others), `macro`, `generated` (made by a macro), `quoted`, `super`,
      `dispatch` (a protocol's function and its implementations) and, with `--dynamic`, `dynamic`
    * `dependencies` - modules or files, with the kinds of `mix xref`: `compile`, `export`, `runtime`
    * `cycles` - sets of modules, files or functions each of which reaches each; of each the shortest cycle, and the edge
      that is cheapest to change so that this one is broken
    * `unreachable` - private functions that nothing leads to
    * `control` - the control flow of the function that `--of` names
    * `data` - the flow of values in the function that `--of` names; without `--of`, between functions
    * `supervision` - supervisors and their children, from the source
    * `messages` - senders, and the clauses that take what they send

  ## Options

    * `--format table|dot|mermaid|json` - default `table`; the others are written to standard output, or with `--output` to a file
    * `--json FILE` - writes JSON to a file (`-` for standard output), as `--format json --output FILE` does
    * `--output FILE` - where to write
    * `--focus NAME` - only what is near this module or function (`Shop.Cart`, `"Shop.Cart.add/3"`); may be repeated
    * `--of FUNCTION` - the function meant by `control` and `data`: `Shop.Cart.add/3`
    * `--depth N` - how near, in edges (1)
    * `--level modules|files|functions` - of `dependencies` and `cycles` (modules)
    * `--kind compile|export|runtime` - of `cycles`: only dependencies at least as strong (runtime)
    * `--external` - also modules outside of the project
    * `--dynamic` - also calls decided at run time, and what they may lead to
    * `--limit N` - rows of a table (50)
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Graph, GraphBuilder}
  alias ElixirScope.Report.{JSON, Table}
  alias Mix.ElixirScope.{Console, Options}

  @name "elixir_scope.graph"
  @options [
    format: :string,
    json: :string,
    output: :string,
    focus: :strings,
    of: :string,
    depth: :count,
    level: :string,
    kind: :string,
    external: :flag,
    dynamic: :flag,
    limit: :count,
    help: :flag
  ]

  @kinds ~w(calls dependencies cycles unreachable control data supervision messages)
  @formats ~w(table dot mermaid json)

  @impl true
  def run(args) do
    {opts, words} = Options.parse(args, @options, @name)

    run(words, opts)
  end

  defp run(words, opts) do
    format = if opts[:json], do: "json", else: Keyword.get(opts, :format, "table")
    opts = if opts[:json] in [nil, "-"], do: opts, else: Keyword.put(opts, :output, opts[:json])

    cond do
      opts[:help] -> Console.help(@name)
      words == [] -> Mix.raise("mix #{@name} needs a kind: #{Enum.join(@kinds, ", ")}; see mix help #{@name}")
      hd(words) not in @kinds -> Mix.raise("no graph #{hd(words)}; there are #{Enum.join(@kinds, ", ")}")
      length(words) > 2 -> Mix.raise("mix #{@name} takes a kind and one path")
      format not in @formats -> Mix.raise("no format #{format}; there are #{Enum.join(@formats, ", ")}")
      true -> show(words, format, opts)
    end
  end

  defp show([kind | path], format, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    root = Path.expand(List.first(path) || ".")
    repository = Console.ok!(ASTRepository.new())

    result =
      Console.progress("Reading #{root}", fn ->
        Console.ok!(ASTRepository.import_project(repository, root))
      end)

    if result.files == 0, do: Mix.raise("#{root} holds no Elixir file (.ex or .exs)")
    kind |> answer(repository, opts) |> write(format, opts)
    if format == "table", do: note(result)
  end

  defp note(%{compiled: 0}),
    do: Mix.shell().info("\nFrom the source alone: no compiled module was found (mix compile)")

  defp note(%{stale: []}), do: :ok

  defp note(%{stale: stale}) do
    shown = stale |> Enum.take(5) |> Enum.map_join(", ", &inspect/1)
    more = if length(stale) > 5, do: ", ...", else: ""

    Mix.shell().info(
      "\n#{length(stale)} modules changed since they were compiled (#{shown}#{more}): read from the source"
    )
  end

  ## The answer

  defp answer("calls", repository, opts) do
    options = near(opts) ++ [external: !!opts[:external], dynamic: !!opts[:dynamic]]
    Console.ok!(GraphBuilder.call_graph(repository, options))
  end

  defp answer("dependencies", repository, opts) do
    level = one_of(opts[:level] || "modules", ~w(modules files), :level)

    Console.ok!(
      GraphBuilder.dependency_graph(repository, near(opts) ++ [level: level, external: !!opts[:external]])
    )
  end

  defp answer("cycles", repository, opts) do
    of = one_of(opts[:level] || "modules", ~w(modules files functions), :level)
    kind = one_of(opts[:kind] || "runtime", ~w(compile export runtime), :kind)
    {:cycles, Console.ok!(GraphBuilder.cycles(repository, of: of, kind: kind))}
  end

  defp answer("unreachable", repository, _opts),
    do: {:unreachable, Console.ok!(GraphBuilder.unreachable(repository))}

  defp answer("control", repository, opts),
    do: Console.ok!(GraphBuilder.control_flow(repository, function(opts, "control")))

  defp answer("data", repository, opts) do
    if opts[:of],
      do: Console.ok!(GraphBuilder.data_flow(repository, function(opts, "data"))),
      else: Console.ok!(GraphBuilder.data_flow_between(repository, near(opts)))
  end

  defp answer("supervision", repository, _opts), do: Console.ok!(GraphBuilder.supervision_tree(repository))
  defp answer("messages", repository, _opts), do: Console.ok!(GraphBuilder.message_graph(repository))

  defp function(opts, kind) do
    opts[:of] || Mix.raise("mix #{@name} #{kind} needs --of FUNCTION, as in --of Shop.Cart.add/3")
  end

  defp near(opts), do: [focus: Keyword.get(opts, :focus, []), depth: Keyword.get(opts, :depth, 1)]

  defp one_of(text, allowed, option) do
    if text in allowed,
      do: String.to_existing_atom(text),
      else: Mix.raise("no #{option} #{text}; there are #{Enum.join(allowed, ", ")}")
  end

  ## Writing

  defp write(answer, "table", opts), do: put(table(answer, opts), opts)
  defp write(%Graph{} = graph, "dot", opts), do: put(Graph.to_dot(graph), opts)
  defp write(%Graph{} = graph, "mermaid", opts), do: put(Graph.to_mermaid(graph), opts)
  defp write(%Graph{} = graph, "json", opts), do: put(Graph.to_json(graph, pretty: true), opts)

  defp write({name, list}, "json", opts),
    do: put(%{name => list} |> JSON.encode(pretty: true) |> Console.ok!(), opts)

  defp write({name, _list}, format, _opts),
    do: Mix.raise("#{name} have no form in #{format}; use table or json")

  defp put(text, opts) do
    case opts[:output] do
      nil -> Mix.shell().info(String.trim_trailing(text))
      path -> File.write!(path, text)
    end
  end

  defp table(%Graph{kind: :call_graph} = graph, opts) do
    rows =
      for edge <- graph.edges do
        place = if edge[:line], do: "#{edge[:file]}:#{edge.line}", else: ""
        [edge.from, Atom.to_string(edge.kind), edge.to, place, number(edge[:sites]), number(edge[:observed])]
      end

    columns = [
      {"caller", :left, flex: true},
      {"kind", :left},
      {"callee", :left, flex: true},
      {"first", :left, flex: 2},
      {"calls", :right},
      {"observed", :right}
    ]

    rows(columns, rows, "calls between #{length(graph.nodes)} functions", opts)
  end

  defp table(%Graph{kind: :dependency_graph} = graph, opts) do
    rows = for edge <- graph.edges, do: [edge.from, Atom.to_string(edge.kind), edge.to, number(edge[:line])]
    columns = [{"from", :left, flex: true}, {"kind", :left}, {"to", :left, flex: true}, {"line", :right}]
    rows(columns, rows, "dependencies between #{length(graph.nodes)} #{graph.meta.level}", opts)
  end

  # Nodes of the others are places in code or processes: their labels say more than their ids.
  defp table(%Graph{} = graph, opts) do
    labels = Map.new(graph.nodes, &{&1.id, label(graph.kind, &1)})

    rows =
      for edge <- graph.edges,
          do: [labels[edge.from] || edge.from, to_string(edge[:kind] || ""), labels[edge.to] || edge.to]

    columns = [{"from", :left, flex: true}, {"kind", :left}, {"to", :left, flex: true}]
    rows(columns, rows, "edges between #{length(graph.nodes)} nodes", opts)
  end

  defp table({:cycles, cycles}, opts) do
    rows =
      for cycle <- cycles do
        [
          number(length(cycle.members)),
          Enum.join(cycle.shortest ++ Enum.take(cycle.shortest, 1), " -> "),
          "#{cycle.cut.from} -> #{cycle.cut.to} (#{cycle.cut.kind})"
        ]
      end

    columns = [
      {"members", :right},
      {"shortest cycle", :left, flex: true},
      {"cheapest to cut", :left, flex: 2}
    ]

    rows(columns, rows, "cycles", opts)
  end

  defp table({:unreachable, nodes}, opts) do
    rows = for node <- nodes, do: [node.id, "#{node[:file]}:#{node[:line]}"]
    rows([{"function", :left, flex: true}, {"place", :left}], rows, "functions that nothing leads to", opts)
  end

  # The clause that takes a message is told with it.
  defp label(:message_graph, %{label: label, id: id}) when label != id, do: "#{label}  #{id}"
  defp label(_kind, node), do: node[:label] || node.id

  defp rows(_columns, [], what, _opts), do: "no #{what}"

  defp rows(columns, rows, what, opts) do
    limit = Keyword.get(opts, :limit, 50)
    shown = Enum.take(rows, limit)

    count =
      if length(rows) > limit, do: "#{limit} of #{length(rows)} #{what}", else: "#{length(rows)} #{what}"

    Table.render(columns, shown, width: Console.width()) <> "\n\n" <> count
  end

  defp number(nil), do: ""
  defp number(number), do: Integer.to_string(number)
end

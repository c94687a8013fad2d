defmodule Mix.Tasks.ElixirScope.Query do
  @shortdoc "Asks a saved repository a question"

  @moduledoc """
  Asks the repository that was saved last a question over source and run together.

      mix elixir_scope.query QUERY [options]
      mix elixir_scope.query --from SOURCE [--where CONDITION] [--select FIELDS] [--order-by FIELDS] [options]

      mix elixir_scope.query "from(:functions) |> where(cyclomatic_complexity > 5 and calls == 0) |> limit(10)"
      mix elixir_scope.query --from functions --where "errors > 0" --order-by "errors desc"

  A repository is saved by `mix elixir_scope.test`, `mix elixir_scope.run` and `mix elixir_scope.import`.

  ## Queries

  A query is a pipeline of `from`, `where`, `select`, `order_by`, `limit`, `offset` and `join_runtime_data`, as
  `ElixirScope.ASTRepository.Query` has them. Sources are `:modules`, `:functions` and `:ast_nodes`. A
  condition is written with operators (`==`, `!=`, `>`, `>=`, `<`, `<=`, `and`, `or`, `not`, `in`, `=~`) or
  as a tuple, `{:gt, :calls, 10}`. `=~` takes `%` for any run of characters and `_` for any one. The text is
  read, never run.

      from(:functions) |> where(module_name =~ "Shop.%" and execution_statistics.p95_us > 1000) |> order_by(:calls, :desc)
      from(:modules) |> where({:eq, :module_type, :genserver}) |> select([:module_name, :calls])
      from(:ast_nodes) |> where(kind == :call and name == "send") |> limit(20)

  `mix elixir_scope.query --fields SOURCE` lists the fields of a source.

  ## Options

    * `--repository FILE` - the saved repository to ask, instead of the one saved last
    * `--from SOURCE`, `--where CONDITION` (may be repeated), `--select "a, b"`, `--order-by "a desc, b"`,
      `--limit N`, `--offset N` - the query in pieces; with a QUERY they add to it
    * `--json FILE` - writes the answer as JSON (`-` for standard output); `mix help elixir_scope` describes
      the schema
    * `--fields SOURCE` - lists the fields of a source

  Without a limit, 50 rows are shown; JSON has them all.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Query
  alias ElixirScope.ASTRepository.Query.{Path, Schema, Text}
  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report
  alias ElixirScope.Report.{Answer, Collect, Document}
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.query"
  @rows_shown 50
  @options [
    repository: :string,
    from: :string,
    where: :strings,
    select: :string,
    order_by: :string,
    limit: :count,
    offset: :count,
    json: :string,
    fields: :string,
    help: :flag
  ]

  @impl true
  def run(args) do
    {opts, texts} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      opts[:fields] -> fields(opts[:fields])
      length(texts) > 1 -> Mix.raise("mix #{@name} takes one query: put it in quotes")
      texts == [] and opts[:from] == nil -> Mix.raise("mix #{@name} needs a query; see mix help #{@name}")
      true -> ask(List.first(texts), opts)
    end
  end

  defp fields(text) do
    case source(text) do
      {:ok, source} -> Mix.shell().info(Enum.map_join(Schema.fields(source), "\n", &to_string/1))
      :error -> Mix.raise("no source #{text}; there are #{Enum.join(Schema.sources(), ", ")}")
    end
  end

  defp source(text) do
    text = String.trim_leading(text, ":")

    case Enum.find(Schema.sources(), &(Atom.to_string(&1) == text)) do
      nil -> :error
      source -> {:ok, source}
    end
  end

  defp ask(text, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    # Loading comes first: the names in the query are those that the repository knows.
    path = Project.repository(opts[:repository])
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
    query = text |> query(opts) |> Console.ok!()
    Console.ok!(Query.validate(query))

    result = fn query ->
      Console.progress("Asking", fn -> repository |> ASTRepository.query(query) |> Console.ok!() end)
    end

    if opts[:json] != "-", do: show(query, result)
    if opts[:json], do: json(query, result, Totals.kept(path, repository), opts[:json])
  end

  ## The query

  defp query(text, opts) do
    with {:ok, query} <- base(text, opts[:from]),
         {:ok, query} <- where(query, Keyword.get(opts, :where, [])) do
      {:ok, query |> select(opts[:select]) |> order(opts[:order_by]) |> page(opts)}
    end
  end

  defp base(nil, from) do
    case source(from) do
      {:ok, source} -> {:ok, Query.from(Query.new(), source)}
      # the query's own check says which there are
      :error -> {:ok, Query.from(Query.new(), from)}
    end
  end

  defp base(text, nil), do: Text.parse(text)

  defp base(text, from) do
    with {:ok, query} <- Text.parse(text),
         {:ok, %{from: source}} <- base(nil, from),
         do: {:ok, Query.from(query, source)}
  end

  defp where(query, conditions) do
    Enum.reduce_while(conditions, {:ok, query}, fn text, {:ok, query} ->
      case Text.condition(text) do
        {:ok, condition} -> {:cont, {:ok, Query.add_where(query, condition)}}
        error -> {:halt, error}
      end
    end)
  end

  defp select(query, nil), do: query
  defp select(query, text), do: Query.select(query, names(text))

  defp order(query, nil), do: query

  defp order(query, text) do
    Enum.reduce(names(text), query, fn key, query ->
      case String.split(key) do
        [field, "desc"] -> Query.add_order_by(query, field, :desc)
        [field, "asc"] -> Query.add_order_by(query, field, :asc)
        _ -> Query.add_order_by(query, key, :asc)
      end
    end)
  end

  # A field may be given as text, `"a.b"`.
  defp names(text),
    do: for(name <- String.split(text, ","), do: name |> String.trim() |> String.trim_leading(":"))

  defp page(query, opts) do
    query = if opts[:limit], do: Query.limit(query, opts[:limit]), else: query
    if opts[:offset], do: Query.offset(query, opts[:offset]), else: query
  end

  ## The answer

  defp show(query, result) do
    found = result.(if query.limit, do: query, else: Query.limit(query, @rows_shown))
    Mix.shell().info(String.trim_trailing(Answer.render(found, keys(query), width: Console.width())))
  end

  defp keys(query) do
    for field <- query.select || Schema.default_fields(query.from) do
      {:ok, path} = Path.parse(field)
      Path.key(path)
    end
  end

  defp json(query, result, totals, path) do
    found = result.(query)

    report = %Report{
      totals: Console.ok!(totals),
      functions: matched(query, result)
    }

    rows = for row <- found.rows, do: for(key <- keys(query), do: {key, Answer.plain(Map.get(row, key))})
    report |> Document.write(path, answer: {found.total, rows}) |> Console.ok!()
    if path != "-", do: Mix.shell().info("JSON written to #{path}")
  end

  # A query over functions names functions, whatever it selects of them.
  defp matched(%{from: :functions} = query, result) do
    for row <- result.(Query.select(query, Collect.fields())).rows, do: Collect.row(row)
  end

  defp matched(_query, _result), do: []
end

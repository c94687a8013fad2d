defmodule Mix.Tasks.ElixirScope.Query do
  @shortdoc "Asks a saved repository a question"

  @moduledoc """
  Asks the repository that was saved last a question over source and run together.

      mix elixir_scope.query QUERY [options]
      mix elixir_scope.query --from SOURCE [--where CONDITION] [--select FIELDS] [--order-by FIELDS] [options]

      mix elixir_scope.query "from(:functions) |> where(cyclomatic_complexity > 5 and calls == 0) |> limit(10)"
      mix elixir_scope.query --from functions --where "errors > 0" --order-by "errors desc"
      mix elixir_scope.query "select module_name, count(*) n, sum(self_us) us from functions group by 1 order by us desc limit 5"

  A repository is saved by `mix elixir_scope.test`, `mix elixir_scope.run` and `mix elixir_scope.import`.

  ## Queries

  A query is a pipeline of `from`, `where`, `select`, `group_by`, `having`, `distinct`, `order_by`, `limit`, `offset` and
  `join_runtime_data`, as `ElixirScope.ASTRepository.Query` has them. Sources are `:modules`, `:functions`, `:clauses`,
  `:ast_nodes`, `:events`, `:activations`, `:edges`, `:processes` and `:findings`. A
  condition is written with operators (`==`, `!=`, `>`, `>=`, `<`, `<=`, `and`, `or`, `not`, `in`, `=~`) or
  as a tuple, `{:gt, :calls, 10}`. `=~` takes `%` for any run of characters and `_` for any one. The text is
  read, never run.

      from(:functions) |> where(module_name =~ "Shop.%" and execution_statistics.p95_us > 1000) |> order_by(:calls, :desc)
      from(:modules) |> where({:eq, :module_type, :genserver}) |> select([:module_name, :calls])
      from(:ast_nodes) |> where(kind == :call and name == "send") |> limit(20)

  What begins with `select` is SQL over the same sources, with joins: `ElixirScope.ASTRepository.sql/3` says what is understood.

      select a.function, count(*) n, p95(a.duration_us) p95 from activations a
        join functions f on a.function = f.function where f.cyclomatic_complexity > 3 group by 1 order by p95 desc

  `mix elixir_scope.query --fields SOURCE` lists the fields of a source. `mix elixir_scope.explain` tells how a query is answered.

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
  alias ElixirScope.ASTRepository.Query.{Plan, Schema, Text}
  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report
  alias ElixirScope.Report.{Answer, Collect, Document, Table}
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
      {:ok, source} ->
        lines =
          for %{name: name, type: type} <- Schema.describe(source),
              do: [to_string(name), String.downcase(type)]

        shown = Table.render([{"field", :left, []}, {"type", :left, []}], lines, width: Console.width())
        Mix.shell().info("#{source}: #{Schema.what(source)}\n\n" <> String.trim_trailing(shown))

      :error ->
        Mix.raise("no source #{text}; there are #{Enum.join(Schema.sources(), ", ")}")
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
    if sql?(text), do: ask_sql(repository, path, text, opts), else: ask_query(repository, path, text, opts)
  end

  defp ask_query(repository, path, text, opts) do
    query = text |> query(opts) |> Console.ok!()
    Console.ok!(Query.validate(query))

    result = fn query ->
      Console.progress("Asking", fn -> repository |> ASTRepository.query(query) |> Console.ok!() end)
    end

    if opts[:json] != "-", do: show(query, result)
    if opts[:json], do: json(query, result, Totals.kept(path, repository), opts[:json])
  end

  @doc false
  def sql?(text), do: is_binary(text) and text =~ ~r/\A\s*select\b/i

  defp ask_sql(repository, path, text, opts) do
    case Keyword.take(opts, [:from, :where, :select, :order_by, :limit, :offset]) do
      [] ->
        :ok

      [{name, _} | _] ->
        Mix.raise("--#{String.replace(to_string(name), "_", "-")} belongs to a pipeline: SQL says it itself")
    end

    found = Console.progress("Asking", fn -> repository |> ASTRepository.sql(text) |> Console.ok!() end)

    if opts[:json] != "-" do
      shown = %{found | rows: Enum.take(found.rows, @rows_shown)}
      shown = %{shown | count: length(shown.rows), total: found.count}
      Mix.shell().info(String.trim_trailing(Answer.render(shown, found.columns, width: Console.width())))
    end

    if opts[:json] do
      totals = path |> Totals.kept(repository) |> Console.ok!()
      write(%Report{totals: totals, functions: []}, found, found.columns, opts[:json])
    end
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

  defp keys(query), do: query |> Plan.build() |> Console.ok!() |> Map.fetch!(:keys)

  defp json(query, result, totals, path) do
    found = result.(query)

    report = %Report{
      totals: Console.ok!(totals),
      functions: matched(query, result)
    }

    write(report, found, keys(query), path)
  end

  defp write(report, found, keys, path) do
    rows = for row <- found.rows, do: for(key <- keys, do: {key, Answer.plain(Map.get(row, key))})
    report |> Document.write(path, answer: {found.total || found.count, rows}) |> Console.ok!()
    if path != "-", do: Mix.shell().info("JSON written to #{path}")
  end

  # A query over functions names functions, whatever it selects of them.
  defp matched(%{from: :functions} = query, result) do
    for row <- result.(Query.select(query, Collect.fields())).rows, do: Collect.row(row)
  end

  defp matched(_query, _result), do: []
end

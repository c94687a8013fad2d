# Simple queries, against the same question over the same rows kept as maps in ETS.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/query.exs
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository

defmodule BenchQueries do
  import ElixirScope.ASTRepository.Query

  def all do
    [
      {"modules: type and complexity", :modules,
       new()
       |> select([:module_name, :complexity_metrics])
       |> from(:modules)
       |> where({:eq, :module_type, :genserver})
       |> where({:gt, :complexity_metrics.cyclomatic_complexity(), 10})
       |> limit(50),
       fn row -> row.module_type == :genserver and row.complexity_metrics.cyclomatic_complexity > 10 end},
      {"functions: complex, top 20", :functions,
       new()
       |> select([:function_key, :cyclomatic_complexity])
       |> from(:functions)
       |> where({:gt, :cyclomatic_complexity, 10})
       |> order_by(:cyclomatic_complexity, :desc)
       |> limit(20), fn row -> row.cyclomatic_complexity > 10 end},
      {"functions: name like", :functions,
       new()
       |> select([:function_key])
       |> from(:functions)
       |> where({:like, :function_name, "handle_%"})
       |> limit(100), fn row -> row.function_name |> Atom.to_string() |> String.starts_with?("handle_") end},
      {"functions: one module", :functions,
       new() |> select([:function_key]) |> from(:functions) |> where({:eq, :module_name, Enum}) |> limit(500),
       fn row -> row.module_name == Enum end}
    ]
  end
end

repository = Bench.ok!(ASTRepository.new([]))
Bench.ok!(ASTRepository.import_project(repository, Path.join(Bench.elixir_sources!(), "lib")))
stats = Bench.ok!(ASTRepository.get_statistics(repository))

fields = %{
  modules: [:module_name, :module_type, :complexity_metrics],
  functions: [:function_key, :module_name, :function_name, :cyclomatic_complexity]
}

tables =
  for {source, fields} <- fields, into: %{} do
    query =
      ASTRepository.Query.new() |> ASTRepository.Query.from(source) |> ASTRepository.Query.select(fields)

    table = :ets.new(source, [:ordered_set, :public])
    rows = Bench.ok!(ASTRepository.query(repository, query)).rows
    :ets.insert(table, rows |> Enum.with_index() |> Enum.map(fn {row, n} -> {n, row} end))
    {source, table}
  end

scan = fn table, keep ->
  :ets.foldl(fn {_, row}, acc -> if keep.(row), do: [row | acc], else: acc end, [], table)
end

rows =
  for {name, source, query, keep} <- BenchQueries.all() do
    runs = List.duplicate(query, 200)
    {:ok, result} = ASTRepository.query(repository, query)
    figures = Bench.each(runs, &Bench.ok!(ASTRepository.query(repository, &1)))
    baseline = Bench.each(List.duplicate(keep, 20), &scan.(tables[source], &1))

    [
      name,
      result.count,
      Bench.ns(figures.p50),
      Bench.ns(figures.p95),
      Bench.ns(baseline.p50),
      Bench.ratio(figures.p50, baseline.p50)
    ]
  end

Bench.title(
  "#{stats.module_count} modules, #{stats.function_count} functions (budget: p95 500 µs at 1000 modules)"
)

Bench.table(["", "rows", "p50", "p95", "scan of maps in ETS", "ratio"], rows)

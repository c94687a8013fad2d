# Single operations of the repository, against ETS tables that hold the same data.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/store.exs
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.Query

repository = Bench.ok!(ASTRepository.new(max_correlations: 2_000_000))
root = Path.join(Bench.elixir_sources!(), "lib")
Bench.ok!(ASTRepository.import_project(repository, root))
stats = Bench.ok!(ASTRepository.get_statistics(repository))

all = fn source, fields ->
  query = Query.new() |> Query.from(source) |> Query.select(fields)
  Bench.ok!(ASTRepository.query(repository, query)).rows
end

modules =
  all.(:modules, [:module_name]) |> Enum.map(& &1.module_name) |> Enum.filter(&is_atom/1) |> Enum.uniq()

functions = all.(:functions, [:function_key, :ast_node_id])
function_ids = Enum.map(functions, & &1.ast_node_id)
nodes = all.(:ast_nodes, [:ast_node_id]) |> Enum.map(& &1.ast_node_id) |> Enum.take_random(50_000)

module_data = for name <- modules, {:ok, data} <- [ASTRepository.get_module(repository, name)], do: data
by_lines = Enum.sort_by(module_data, &abs((&1.complexity_metrics.lines_of_code || 0) - 450))
# about 660 lines of text with blank lines and docs
sample = Enum.take(by_lines, 30)

ets = fn name, rows ->
  table = :ets.new(name, [:set, :public, read_concurrency: true])
  :ets.insert(table, rows)
  table
end

modules_ets = ets.(:modules, for(m <- module_data, do: {m.module_name, m}))

nodes_ets =
  ets.(:nodes, for(id <- nodes, {:ok, node} <- [ASTRepository.get_ast_node(repository, id)], do: {id, node}))

count = 1_000_000
ids = List.to_tuple(function_ids)
correlations = for n <- 1..count, do: {"request-#{n}", elem(ids, rem(n, tuple_size(ids)))}
for {id, node} <- correlations, do: :ok = ASTRepository.store_correlation(repository, id, node)
correlations_ets = ets.(:correlations, correlations)
some = correlations |> Enum.take_random(20_000) |> Enum.map(&elem(&1, 0))
events = Enum.map(some, &%ElixirScope.ASTRepository.RuntimeEvent{correlation_id: &1})
some_nodes = Enum.take_random(nodes, 20_000)

small =
  Enum.filter(some_nodes, fn id -> match?([{_, node}] when not is_list(node), :ets.lookup(nodes_ets, id)) end)

names = Enum.map(module_data, & &1.module_name)

lookup = fn table ->
  fn key ->
    [{_, value}] = :ets.lookup(table, key)
    value
  end
end

pairs = [
  {"node by id, decoded (get_ast_node/2)", small, &ASTRepository.get_ast_node(repository, &1),
   lookup.(nodes_ets)},
  {"node by id, exists", some_nodes, &ASTRepository.ast_node_exists?(repository, &1),
   &:ets.member(nodes_ets, &1)},
  {"correlation of 10^6 (get_ast_node_by_correlation/2)", some,
   &ASTRepository.get_ast_node_by_correlation(repository, &1), lookup.(correlations_ets)},
  {"correlate_event/2, 10^6 correlations", events, &ASTRepository.correlate_event(repository, &1),
   fn event -> lookup.(correlations_ets).(event.correlation_id) end},
  {"get_module/2, whole, decoded", names, &ASTRepository.get_module(repository, &1), lookup.(modules_ets)},
  {"get_module/2, three fields", names,
   &ASTRepository.get_module(repository, &1, fields: [:module_name, :module_type, :complexity_metrics]),
   lookup.(modules_ets)},
  {"store_module/2, about 660 lines", sample, &ASTRepository.store_module(repository, &1),
   &:ets.insert(modules_ets, {&1.module_name, &1})}
]

rows =
  for {name, inputs, ours, theirs} <- pairs do
    Bench.each(Enum.take(inputs, 500), ours)
    baseline = Bench.each(inputs, theirs)
    figures = Bench.each(inputs, ours)

    [
      name,
      Bench.ns(figures.mean),
      Bench.ns(figures.p50),
      Bench.ns(figures.p95),
      Bench.ns(baseline.p50),
      Bench.ns(baseline.p95)
    ] ++
      [Bench.ratio(figures.p50, max(baseline.p50, 1))]
  end

Bench.title(
  "#{stats.module_count} modules, #{Bench.count(stats.node_count)} nodes, 10^6 correlations; the clock's 30 ns are in each figure"
)

Bench.table(["", "mean", "p50", "p95", "ETS p50", "ETS p95", "p50 ratio"], rows)

# What modules declare and what they mean, over Elixir's own sources: time and memory, beside reading the files.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/meaning.exs
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.{MetadataExtractor, Parser, Repository, SemanticAnalyzer}
alias ElixirScope.Core.Source

root = Path.join(Bench.elixir_sources!(), "lib")
files = Path.wildcard(Path.join(root, "**/*.ex"))
lines = files |> Enum.map(fn file -> file |> File.read!() |> String.split("\n") |> length() end) |> Enum.sum()
kloc = lines / 1000

sources = fn -> for file <- files, do: Bench.ok!(Parser.parse_file(file, root: root)) end
bytes = fn sources -> Enum.sum(for source <- sources, do: Bench.ok!(Source.stats(source)).bytes) end
entries = fn sources -> Enum.sum(for source <- sources, do: Bench.ok!(Source.stats(source)).entries) end

# A source keeps what was derived from it: the first asking pays, every later one only makes the answer.
all = sources.()
before = bytes.(all)
_ = Bench.ok!(Source.calls(hd(all)))
for source <- all, do: Bench.ok!(Source.calls(source))
with_calls = bytes.(all)

first = Bench.time(fn -> for source <- all, do: Bench.ok!(MetadataExtractor.extract(source)) end)
again = Bench.best(3, fn -> for source <- all, do: Bench.ok!(MetadataExtractor.extract(source)) end)
with_declared = bytes.(all)
meaning = Bench.best(3, fn -> for source <- all, do: Bench.ok!(SemanticAnalyzer.analyze(source)) end)

{:ok, repository} = ASTRepository.new()
Bench.ok!(ASTRepository.import_project(repository, root))
modules = map_size(Bench.ok!(Repository.fetch(repository, :modules)))
rules = Bench.best(3, fn -> Bench.ok!(Repository.fetch(repository, :business_rules)) end)

query =
  ASTRepository.Query.new()
  |> ASTRepository.Query.from(:modules)
  |> ASTRepository.Query.select([:module_name])
  |> ASTRepository.Query.add_where({:eq, :module_type, :genserver})

types = Bench.best(3, fn -> Bench.ok!(ASTRepository.query(repository, query)) end)

per = fn ns -> "#{Float.round(ns / 1.0e6 / kloc, 3)} ms/kLOC" end
nodes = entries.(all)

Bench.title(
  "Declarations and meaning of #{length(files)} files, #{Float.round(kloc, 1)} kLOC, #{Bench.count(nodes)} nodes"
)

Bench.table(["", "time", "per kLOC"], [
  ["declarations and the answer of every module, first time", Bench.ns(first), per.(first)],
  ["the answers alone, later", Bench.ns(again), per.(again)],
  ["meaning of every module, with its answer", Bench.ns(meaning), per.(meaning)],
  ["every business rule of the repository", Bench.ns(rules), per.(rules)],
  ["query: modules of a type, #{modules} modules", Bench.ns(types), per.(types)]
])

Bench.table(["kept with the files", "bytes/node"], [
  ["before", "#{Float.round(before / nodes, 2)}"],
  ["resolved calls", "#{Float.round((with_calls - before) / nodes, 2)}"],
  ["declarations", "#{Float.round((with_declared - with_calls) / nodes, 2)}"]
])

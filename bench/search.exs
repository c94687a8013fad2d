# Structural search, by class of pattern: warm and cold, against ast-grep over the same files in the same run.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/search.exs
#
# ELIXIR_SCOPE_CORPORA: more directories of Elixir sources, with colons between them (Elixir's own are 217 kLOC).
# "match" is the search without its results, "ids" is find_ast_nodes_by_pattern/2, "10 matches" is /3 with a limit of
# ten and captures. The budget is 5 ms for a warm search over 374 kLOC.
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.Pattern

defmodule BenchSearch do
  # Class, pattern, the same for ast-grep where it can say it.
  @patterns [
    {"rare name", "String.to_existing_atom(_)", "String.to_existing_atom($A)"},
    {"frequent name", "Enum.map(_, _)", "Enum.map($A, $B)"},
    {"name, guard", "Enum.map(_, f) when is_function(f)", nil},
    {"operator", "_ == nil", "$A == nil"},
    {"operator, equal sides", "x = x", "$A = $A"},
    {"frequent operator", "_ = _", "$A = $B"},
    {"nested", "_ = Keyword.get(_, _, _)", "$A = Keyword.get($B, $C, $D)"},
    {"block", "case _ do ... end", "case $A do $$$B end"},
    {"definition that contains", "def _ do ... end when contains(raise(...))", nil},
    {"inside", "raise(...) when inside(defp(_, _))", nil},
    {"statements", "x = _; x", nil},
    {"alternatives", "__any__(Enum.map(...), Enum.filter(...), Stream.map(...))", nil},
    {"module", "GenServer", nil},
    {"any function of a module", ":erlang._(...)", ":erlang.$F($$$A)"},
    {"tagged tuple", "{:error, _}", "{:error, $A}"},
    {"no name: tuple", "{_, _, _}", "{$A, $B, $C}"},
    {"no name: list", "[_, _]", "[$A, $B]"},
    {"no name: string", "\"\"", "\"\""},
    {"no name: any call", "_(_, _, _, _, _)", nil},
    {"no name: class", "x when is_float(x)", nil},
    {"everything", "_ when contains(Process.exit(_, _))", nil}
  ]

  def patterns, do: @patterns

  def directories do
    more = "ELIXIR_SCOPE_CORPORA" |> System.get_env("") |> String.split(":", trim: true)
    [Path.join(Bench.elixir_sources!(), "lib") | more]
  end

  def repository(directories) do
    repository = Bench.ok!(ASTRepository.new(max_modules: 100_000))
    for directory <- directories, do: Bench.ok!(ASTRepository.import_project(repository, directory))
    repository
  end

  def lines(directories) do
    directories
    |> Enum.flat_map(&Path.wildcard(Path.join(&1, "**/*.{ex,exs}")))
    |> Enum.filter(&File.regular?/1)
    |> Enum.map(&(&1 |> File.read!() |> String.split("\n") |> length()))
    |> Enum.sum()
  end

  def search(repository, pattern, options),
    do: Bench.ok!(ASTRepository.find_ast_nodes_by_pattern(repository, pattern, [timeout: 60_000] ++ options))

  # Nothing is kept but the count: everything is skipped.
  def match(repository, pattern), do: search(repository, pattern, offset: 1_000_000, limit: 0)

  def ids(repository, pattern), do: Bench.ok!(ASTRepository.find_ast_nodes_by_pattern(repository, pattern))

  def ast_grep(nil, _directories), do: nil

  def ast_grep(pattern, directories) do
    if System.find_executable("ast-grep") do
      args = ["run", "-l", "elixir", "--json=stream", "-p", pattern | directories]
      Bench.best(2, fn -> System.cmd("ast-grep", args, stderr_to_stdout: true) end)
    end
  end
end

directories = BenchSearch.directories()
kilo_lines = div(BenchSearch.lines(directories), 1000)
repository = BenchSearch.repository(directories)
before = Bench.ok!(ASTRepository.get_statistics(repository))

# The first search of all computes what searches look up.
cold = Bench.time(fn -> BenchSearch.match(repository, "nothing_has_this_name(_)") end)
{:ok, stats} = ASTRepository.get_statistics(repository)
bytes = stats.ast_memory_bytes - before.ast_memory_bytes

Bench.title("#{kilo_lines} kLOC, #{Bench.count(stats.node_count)} nodes")

Bench.table(["", ""], [
  ["first search (computes calls and postings)", Bench.ns(cold)],
  ["that, per kLOC", Bench.ns(cold / max(kilo_lines, 1))],
  ["memory of calls and postings, per node", "#{Float.round(bytes / stats.node_count, 2)} B"],
  ["memory of all, per node", "#{Float.round(stats.ast_memory_bytes / stats.node_count, 2)} B"]
])

rows =
  for {class, text, theirs} <- BenchSearch.patterns() do
    pattern = Bench.ok!(Pattern.new(text))
    found = BenchSearch.search(repository, pattern, limit: :infinity)
    match = Bench.best(5, fn -> BenchSearch.match(repository, pattern) end)
    ids = Bench.best(5, fn -> BenchSearch.ids(repository, pattern) end)
    ten = Bench.best(5, fn -> BenchSearch.search(repository, pattern, limit: 10) end)
    baseline = BenchSearch.ast_grep(theirs, directories)

    [
      class,
      text,
      found.count,
      found.candidates,
      Bench.ns(match),
      Bench.ns(ids),
      Bench.ns(ten),
      if(baseline, do: Bench.ns(baseline), else: "-"),
      if(baseline, do: "#{round(baseline / ids)}x", else: "-")
    ]
  end

Bench.title("warm searches")
Bench.table(["", "pattern", "matches", "candidates", "match", "ids", "10 matches", "ast-grep", "ratio"], rows)

# Scaling: the same searches over parts of the same sources.
parts = [
  {"logger, iex",
   [Path.join(Bench.elixir_sources!(), "lib/logger"), Path.join(Bench.elixir_sources!(), "lib/iex")]},
  {"mix", [Path.join(Bench.elixir_sources!(), "lib/mix")]},
  {"elixir", [Path.join(Bench.elixir_sources!(), "lib/elixir")]},
  {"all", directories}
]

rows =
  for {name, part} <- parts do
    repository = BenchSearch.repository(part)
    BenchSearch.match(repository, "nothing_has_this_name(_)")

    times =
      for text <- ["Enum.map(_, _)", "_ = _", "[_, _]"],
          do: Bench.best(5, fn -> BenchSearch.match(repository, text) end)

    lines = BenchSearch.lines(part)
    [name, div(lines, 1000)] ++ Enum.flat_map(times, &[Bench.ns(&1), Bench.ns(&1 / (lines / 1000))])
  end

Bench.title("scaling")
Bench.table(["", "kLOC", "Enum.map(_, _)", "per kLOC", "_ = _", "per kLOC", "[_, _]", "per kLOC"], rows)

# Questions over the log's events, against DuckDB over the same tables in the same run; and questions asked while events come in.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/ask.exs            10^6 events
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/ask.exs 7          10^7
#
# DuckDB (pip install duckdb) holds the tables in its own memory and uses all cores; its time is that of `execute` and
# `fetchall`. Ours is that of the call, with the rows as maps.
Code.require_file("support.exs", __DIR__)
alias ElixirScope.{ASTRepository, Capture}

target =
  Bench.module!("""
  defmodule BenchTarget do
    def work(x), do: step(x) + 1
    def step(x), do: leaf(x) + leaf(x + 1)
    def leaf(x) when rem(x, 3) == 0, do: x
    def leaf(x), do: x + 1
  end
  """)

defmodule BenchAsk do
  @questions [
    {"events by type", "select event_type, count(*) n from events group by event_type order by n desc"},
    {"calls by function, with percentiles",
     "select function, count(*) n, sum(duration_us) total, quantile_cont(duration_us, 0.95) p95 from activations group by function order by total desc"},
    {"calls by complexity (join)",
     "select f.cyclomatic_complexity c, count(*) n, avg(a.duration_us) mean from activations a join functions f on a.function = f.function group by f.cyclomatic_complexity order by c"},
    {"slowest ten",
     "select function, duration_us, started_ns from activations order by duration_us desc, started_ns limit 10"},
    {"one function, by process",
     "select process, count(*) n, max(duration_us) m from activations where function = 'BenchTarget.leaf/1' and duration_us > 0.2 group by process order by n desc"},
    {"a stretch of time",
     "select event_type, count(*) n from events where time_ns between FROM and TO group by event_type order by n desc"}
  ]

  def questions(from, to) do
    for {name, text} <- @questions do
      {name, text |> String.replace("FROM and", "#{from} and") |> String.replace("and TO", "and #{to}")}
    end
  end

  # Each a question of one kind with values of its own: what is cached for one does not answer the next.
  def simple(n) do
    [
      "select function, cyclomatic_complexity from functions where cyclomatic_complexity > #{rem(n, 30)} order by cyclomatic_complexity desc limit 20",
      "select module_name, function_count from modules where module_type = 'genserver' and function_count > #{rem(n, 9)}",
      "select function, calls from functions where calls > #{rem(n, 5)} order by calls desc limit 10",
      "select module_name, count(*) n, max(cyclomatic_complexity) m from functions where lines_of_code > #{rem(n, 20)} group by module_name order by n desc limit 10"
    ]
    |> Enum.at(rem(n, 4))
  end

  def rounds(0), do: :ok

  def rounds(n) do
    BenchTarget.work(n)
    rounds(n - 1)
  end
end

power = with [power] <- System.argv(), do: String.to_integer(power), else: (_ -> 6)
events = trunc(:math.pow(10, power))
repository = Bench.ok!(ASTRepository.new(event_log: [bytes: 2_000_000_000]))
Bench.ok!(ASTRepository.import_project(repository, Path.join(Bench.elixir_sources!(), "lib")))

Bench.ok!(
  ASTRepository.store_module(
    repository,
    Code.string_to_quoted!(
      "defmodule BenchTarget do\n def work(x), do: x\n def step(x), do: x\n def leaf(x) when x > 1, do: x\n def leaf(x), do: x\nend",
      columns: true
    )
  )
)

Bench.ok!(Capture.subscribe(repository))
Bench.ok!(ElixirScope.instrument([target], []))
Bench.ok!(Capture.start(overflow: :wait))
tasks = for _ <- 1..4, do: Task.async(fn -> BenchAsk.rounds(div(events, 8 * 4)) end)
Task.await_many(tasks, :infinity)
Bench.ok!(Capture.flush(60_000))
stats = Bench.ok!(ASTRepository.get_statistics(repository))

{:ok, %{rows: [%{"a" => from, "b" => to}]}} =
  ASTRepository.sql(repository, "select min(time_ns) a, max(time_ns) b from events")

questions = BenchAsk.questions(from + div(to - from, 3), from + div(to - from, 2))

# What DuckDB gets: the columns that the questions name.
export = fn sql ->
  path = Path.join(System.tmp_dir!(), "ask-#{System.unique_integer([:positive])}.csv")
  result = Bench.ok!(ASTRepository.sql(repository, sql, timeout: 120_000))

  File.open!(path, [:write, :raw, :delayed_write], fn file ->
    IO.binwrite(file, Enum.join(result.columns, ",") <> "\n")
    for row <- result.rows, do: IO.binwrite(file, Enum.map_join(result.columns, ",", &"#{row[&1]}") <> "\n")
  end)

  path
end

tables = %{
  "events" => export.("select event_type, time_ns from events"),
  "activations" => export.("select function, process, started_ns, duration_us from activations"),
  "functions" => export.("select function, cyclomatic_complexity from functions")
}

script = """
import sys, time, json, duckdb
c = duckdb.connect()
for pair in sys.argv[2:]:
    name, path = pair.split("=", 1)
    c.execute(f"create table {name} as select * from read_csv('{path}')")
for q in json.load(open(sys.argv[1])):
    best = 1e9
    for _ in range(7):
        t = time.perf_counter_ns()
        rows = c.execute(q).fetchall()
        best = min(best, time.perf_counter_ns() - t)
    print(len(rows), best)
"""

path = Path.join(System.tmp_dir!(), "ask-questions.json")
{:ok, json} = ElixirScope.Report.JSON.encode(Enum.map(questions, &elem(&1, 1)))
File.write!(path, json)

duckdb =
  case System.cmd(
         "python3",
         ["-c", script, path | Enum.map(tables, fn {name, path} -> "#{name}=#{path}" end)],
         stderr_to_stdout: true
       ) do
    {text, 0} ->
      for line <- String.split(text, "\n", trim: true),
          do: line |> String.split() |> Enum.map(&String.to_integer/1)

    {text, _} ->
      IO.puts("DuckDB does not answer: #{String.slice(text, 0, 300)}") &&
        List.duplicate([0, 0], length(questions))
  end

for {_, path} <- tables, do: File.rm(path)

Bench.title(
  "#{Bench.count(stats.event_count)} events, #{stats.function_count} functions: best of 7 (budget: no slower than DuckDB)"
)

rows =
  for {{name, text}, [rows, theirs]} <- Enum.zip(questions, duckdb) do
    result = Bench.ok!(ASTRepository.sql(repository, text, timeout: 60_000))
    if rows > 0 and rows != result.count, do: IO.puts("#{name}: #{result.count} rows, DuckDB has #{rows}")
    ours = Bench.best(7, fn -> ASTRepository.sql(repository, text, timeout: 60_000, cache: false) end)
    [name, result.count, Bench.ns(ours), Bench.ns(theirs), Bench.ratio(ours, theirs)]
  end

Bench.table(["", "rows", "ours", "DuckDB", "ratio"], rows)

Bench.title("Simple questions (budget: p95 500 µs at 1000 modules; #{stats.module_count} modules here)")
quiet = Bench.each(1..2_000, &Bench.ok!(ASTRepository.sql(repository, BenchAsk.simple(&1))))

Bench.table(["", "p50", "p95", "p99"], [
  ["nothing comes in", Bench.ns(quiet.p50), Bench.ns(quiet.p95), Bench.ns(quiet.p99)]
])

Bench.title(
  "The same while events come in: one asker, for five seconds (budget: 1,000 questions a second at 1 M events/s)"
)

before = Bench.ok!(ASTRepository.get_statistics(repository)).event_count
load = spawn(fn -> Enum.each(Stream.cycle([1]), fn _ -> BenchAsk.rounds(1_000) end) end)
deadline = System.monotonic_time(:millisecond) + 5_000

samples =
  Stream.iterate(1, &(&1 + 1))
  |> Stream.take_while(fn _ -> System.monotonic_time(:millisecond) < deadline end)
  |> Enum.map(fn n -> Bench.time(fn -> Bench.ok!(ASTRepository.sql(repository, BenchAsk.simple(n))) end) end)
  |> Enum.sort()

Process.exit(load, :kill)
came = Bench.ok!(ASTRepository.get_statistics(repository)).event_count - before
at = fn share -> Enum.at(samples, trunc(length(samples) * share)) end

Bench.table(["", "questions/s", "events/s", "p50", "p95"], [
  [
    "one asker",
    Bench.count(length(samples) / 5),
    Bench.count(came / 5),
    Bench.ns(at.(0.5)),
    Bench.ns(at.(0.95))
  ]
])

Capture.stop()
ElixirScope.uninstrument()

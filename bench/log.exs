# The event log: what one call's events take, how soon a question has its first rows, how many follow in a second, and the
# same from the disk.
#
#     mix run bench/log.exs            10^6 events
#     mix run bench/log.exs 7          10^7
#
# The baseline is an ETS table (`ordered_set`) with the same events of the same run, keyed by time and id, and two more for
# the process and the function: what one would build without this. It is told the truth: the log's own answers.
Code.require_file("support.exs", __DIR__)

alias ElixirScope.{ASTRepository, Capture}
alias ElixirScope.ASTRepository.TemporalBridge

events =
  case System.argv() do
    [power] -> trunc(:math.pow(10, String.to_integer(power)))
    _ -> 1_000_000
  end

functions = 200

source = """
defmodule BenchTarget do
#{for n <- 1..functions, do: "  def f#{n}(x), do: g#{n}(x) + 1\n  def g#{n}(x), do: x\n"}
  def run(n, x) do
    case n do
#{for n <- 1..functions, do: "      #{n} -> f#{n}(x)\n"}
    end
  end
end
"""

target = Bench.module!(source)

defmodule BenchDriver do
  # A call of `run`, `f` and `g`: six events.
  def calls(0, _functions, _from), do: :ok

  def calls(n, functions, from) do
    BenchTarget.run(rem(n + from, functions) + 1, n)
    calls(n - 1, functions, from)
  end

  # Many processes, a few at a time.
  def run(events, functions, processes) do
    each = div(events, 6 * processes)

    1..processes
    |> Enum.chunk_every(4)
    |> Enum.map(fn some ->
      pids = for n <- some, do: Task.async(fn -> calls(each, functions, n * 31) && self() end)
      Task.await_many(pids, :infinity)
    end)
    |> Enum.concat()
  end
end

record = fn options ->
  repository = Bench.ok!(ASTRepository.start_link(event_log: options))
  Bench.ok!(ElixirScope.instrument([target], []))
  Bench.ok!(Capture.start(overflow: :wait))
  Bench.ok!(Capture.subscribe(repository))

  {pids, time} =
    (fn ->
       t0 = System.monotonic_time(:nanosecond)
       pids = BenchDriver.run(events, functions, 400)
       Bench.ok!(Capture.flush(600_000))
       {pids, System.monotonic_time(:nanosecond) - t0}
     end).()

  Capture.stop()
  Bench.ok!(ElixirScope.uninstrument([target]))
  {repository, pids, time, Bench.ok!(TemporalBridge.stats(repository))}
end

Bench.title("#{Bench.count(events)} events, by 400 processes and #{2 * functions + 1} functions")
{repository, pids, time, stats} = record.(bytes: 2_000_000_000)

# The baseline: everything the log tells, page by page.
tables =
  for name <- [:by_time, :by_process, :by_function], into: %{}, do: {name, :ets.new(name, [:ordered_set])}

own = :erlang.memory(:ets)

fill = fn fill, cursor, count ->
  case TemporalBridge.get_all_events(repository, limit: 50_000, after: cursor, types: [:call, :return, :tail]) do
    {:ok, []} ->
      count

    {:ok, page} ->
      for e <- page do
        key = {e.timestamp, e.event_id}
        function = {e.module, e.function, e.arity}
        :ets.insert(tables.by_time, {key, e.event_type, e.pid, e.correlation_id, function, e.duration_ns})
        :ets.insert(tables.by_process, {{e.pid, key}})
        :ets.insert(tables.by_function, {{function, key}})
      end

      fill.(fill, List.last(page), count + length(page))
  end
end

told = fill.(fill, nil, 0)
ets = :erlang.memory(:ets) - own

Bench.table(["", "events", "bytes each", "recorded in", "rate"], [
  [
    "event log",
    Bench.count(stats.kept),
    Float.round(stats.memory_bytes / stats.kept, 1),
    Bench.ns(time),
    "#{Bench.count(stats.kept / (time / 1.0e9))}/s"
  ],
  ["ETS", Bench.count(told), Float.round(ets / told, 1), "-", "-"]
])

span = stats.newest_ns - stats.oldest_ns
:rand.seed(:exsss, {1, 2, 3})
random_time = fn -> stats.oldest_ns + :rand.uniform(span) end
random_function = fn -> "BenchTarget.#{Enum.random(["f", "g"])}#{:rand.uniform(functions)}/1" end
pids = List.to_tuple(pids)
random_pid = fn -> elem(pids, :rand.uniform(tuple_size(pids)) - 1) end

# As many rows of a table as asked for, from a key on: what `ets:next` and `ets:lookup` give.
ets_rows = fn table, from, limit, own? ->
  Stream.unfold(:ets.next(table, from), fn
    :"$end_of_table" -> nil
    key -> if own?.(key), do: {key, :ets.next(table, key)}
  end)
  |> Enum.take(limit)
end

parse = fn "BenchTarget." <> name ->
  [name, "1"] = String.split(name, "/")
  {BenchTarget, String.to_existing_atom(name), 1}
end

ids = Bench.ok!(TemporalBridge.get_all_events(repository, limit: 20_000, types: [:call]))
random_id = fn -> Enum.random(ids).correlation_id end

questions = fn repository ->
  read = fn fun, limit -> fn input -> fun.(repository, input, limit: limit, types: [:call]) end end

  [
    {"a range", random_time, read.(fn r, at, o -> TemporalBridge.get_events_in_range(r, at, nil, o) end, 1),
     fn at -> ets_rows.(tables.by_time, {at, 0}, 1, fn _ -> true end) end},
    {"a function", random_function, read.(&TemporalBridge.get_events_for_node/3, 1),
     fn id ->
       function = parse.(id)
       ets_rows.(tables.by_function, {function, {0, 0}}, 1, &match?({^function, _}, &1))
     end},
    {"a process", random_pid, read.(&TemporalBridge.get_events_for_process/3, 1),
     fn pid -> ets_rows.(tables.by_process, {pid, {0, 0}}, 1, &match?({^pid, _}, &1)) end},
    {"a correlation", random_id, read.(&TemporalBridge.get_events_for_correlation/3, 1), nil}
  ]
end

# A node is known by its source.
project = Path.join(System.tmp_dir!(), "elixir_scope_bench_log_source_#{System.pid()}")
File.mkdir_p!(Path.join(project, "lib"))
File.write!(Path.join(project, "lib/bench_target.ex"), source)
Bench.ok!(ASTRepository.import_project(repository, project))
File.rm_rf!(project)

first = fn repository, title ->
  Bench.title(title)

  rows =
    for {name, input, ours, theirs} <- questions.(repository) do
      inputs = for _ <- 1..400, do: input.()
      Bench.each(Enum.take(inputs, 20), ours)
      log = Bench.each(inputs, fn input -> {:ok, _} = ours.(input) end)
      ets = theirs && Bench.each(inputs, theirs)

      [name, Bench.ns(log.p50), Bench.ns(log.p95), Bench.ns(log.p99)] ++
        if(ets, do: [Bench.ns(ets.p95), Bench.ratio(log.p95, ets.p95)], else: ["-", "-"])
    end

  Bench.table(["", "p50", "p95", "p99", "ETS p95", "of it"], rows)
end

first.(repository, "To the first row (budget: p95 1 ms)")

many = fn repository ->
  reads = [
    {"a range", &TemporalBridge.get_events_in_range(&1, random_time.(), nil, &2)},
    {"a function", &TemporalBridge.get_events_for_node(&1, random_function.(), &2)},
    {"a process", &TemporalBridge.get_events_for_process(&1, random_pid.(), &2)}
  ]

  for {name, read} <- reads do
    {rows, time} =
      Enum.reduce(1..20, {0, 0}, fn _, {rows, time} ->
        t0 = System.monotonic_time(:nanosecond)
        {:ok, events} = read.(repository, limit: 20_000, types: [:call])
        {rows + length(events), time + System.monotonic_time(:nanosecond) - t0}
      end)

    [name, Bench.count(rows), "#{Bench.count(rows / (time / 1.0e9))}/s", Bench.ns(time / max(rows, 1))]
  end
end

Bench.title("All rows, as structs")
Bench.table(["", "rows", "rate", "each"], many.(repository))
ASTRepository.stop(repository)
for {_, table} <- tables, do: :ets.delete(table)

dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_log_#{System.pid()}")
{repository, on_disk_pids, time, stats} = record.(bytes: 16_000_000, spill: dir, spill_bytes: 8_000_000_000)
Bench.title("The same from the disk, with 16 MB of memory")

Bench.table(["on the disk", "of", "lost", "bytes each", "recorded in", "rate"], [
  [
    Bench.count(stats.on_disk),
    Bench.count(stats.kept),
    stats.evicted,
    Float.round(stats.disk_bytes / max(stats.on_disk, 1), 1),
    Bench.ns(time),
    "#{Bench.count(stats.kept / (time / 1.0e9))}/s"
  ]
])

span = stats.newest_ns - stats.oldest_ns
on_disk_pids = List.to_tuple(on_disk_pids)

rows =
  for {name, input, ask} <- [
        {"a range", fn -> stats.oldest_ns + :rand.uniform(span) end,
         &TemporalBridge.get_events_in_range(repository, &1, nil, limit: 1)},
        {"a process", fn -> elem(on_disk_pids, :rand.uniform(tuple_size(on_disk_pids)) - 1) end,
         &TemporalBridge.get_events_for_process(repository, &1, limit: 1)}
      ] do
    each = Bench.each(for(_ <- 1..400, do: input.()), fn input -> {:ok, _} = ask.(input) end)
    [name, Bench.ns(each.p50), Bench.ns(each.p95), Bench.ns(each.p99)]
  end

Bench.table(["first row", "p50", "p95", "p99"], rows)
ASTRepository.stop(repository)
File.rm_rf!(dir)

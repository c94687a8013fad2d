# Contexts at 1,000 modules, observed, against reading the same facts of the same functions by get_function.
#
#     mix run bench/context.exs
#
# The project is generated: 1,000 modules of ten functions, each calling two of the next row in other modules; it is compiled,
# instrumented and run. Targets are functions, errors with stacktraces, and questions, all different.
Code.require_file("support.exs", __DIR__)
alias ElixirScope.{ASTRepository, Capture, Observation}

modules = String.to_integer(System.get_env("MODULES", "1000"))
calls = String.to_integer(System.get_env("CALLS", "5000"))
rows = 10

words =
  ~w(price cart order stock ledger payment invoice customer parcel refund tax discount basket report session token)

module = fn n -> "BenchContext.#{Macro.camelize(Enum.at(words, rem(n, length(words))))}#{n}" end
next = fn n, row, way -> rem(n * 31 + row * 7 + way * 613 + 1, modules) end

source = fn n ->
  functions =
    for row <- 0..(rows - 1) do
      body =
        if row == rows - 1,
          do: "    if rem(x, 997) == 996, do: raise(ArgumentError, \"odd #{n}\"), else: x + 1",
          else:
            "    a = #{module.(next.(n, row, 0))}.step#{row + 1}(x + #{n})\n    if rem(x, 2) == 0, do: a, else: #{module.(next.(n, row, 1))}.step#{row + 1}(a)"

      """
        @doc "Brings the #{Enum.at(words, rem(n + row, length(words)))} of row #{row} further."
        def step#{row}(x) do
      #{body}
        end
      """
    end

  "defmodule #{module.(n)} do\n  @moduledoc \"Knows all about #{Enum.at(words, rem(n, length(words)))} #{n}.\"\n\n#{Enum.join(functions, "\n")}end\n"
end

dir = Path.join(System.tmp_dir!(), "elixir_scope-bench-context-#{System.pid()}")
ebin = Path.join(dir, "ebin")
File.mkdir_p!(Path.join(dir, "lib"))
File.mkdir_p!(ebin)

paths =
  for n <- 0..(modules - 1) do
    path = Path.join(dir, "lib/module_#{n}.ex")
    File.write!(path, source.(n))
    path
  end

Code.compiler_options(debug_info: true)
{:ok, _, _} = Kernel.ParallelCompiler.compile_to_path(paths, ebin)
true = Code.prepend_path(ebin)
names = for n <- 0..(modules - 1), do: Module.concat([module.(n)])
{:module, _} = names |> Enum.map(&Code.ensure_loaded!/1) |> hd() |> then(&{:module, &1})

call = fn n ->
  try do
    apply(Enum.at(names, rem(n, modules)), :step0, [n])
  rescue
    ArgumentError -> :failed
  end
end

{:ok, observation} =
  Observation.run(fn -> for n <- 1..calls, do: call.(n) end,
    modules: "BenchContext.*",
    source: dir,
    capture: [:args, :result],
    keep_instrumented: true
  )

repository = observation.repository
:ok = ASTRepository.index(repository)
stats = Bench.ok!(ASTRepository.get_statistics(repository))

targets =
  for n <- 1..400 do
    name = Enum.at(names, rem(n * 17, modules))
    other = Enum.at(names, rem(n * 29, modules))

    case rem(n, 4) do
      0 ->
        [function: {name, :"step#{rem(n, rows)}", 1}]

      1 ->
        [target: "#{inspect(name)}.step#{rem(n, rows)}/1"]

      2 ->
        [error: %ArgumentError{message: "odd"}, stacktrace: [{name, :step9, 1, []}, {other, :step8, 1, []}]]

      3 ->
        [question: "#{Enum.at(words, rem(n, 16))} of the #{Enum.at(words, rem(n * 3, 16))} is wrong"]
    end
  end

build = fn target -> Bench.ok!(ASTRepository.build_hybrid_context(repository, target)) end

# The first one makes what the others read.
first = Bench.time(fn -> build.(hd(targets)) end)
Enum.each(Enum.take(targets, 20), build)

fields =
  ~w(ast_node_id source_location ast execution_statistics calls_made called_by code_smells documentation execution_history)a

read_by_hand = fn keys ->
  for key <- keys do
    data = Bench.ok!(ASTRepository.get_function(repository, key, fields: fields))
    Macro.to_string(data.ast)
  end
end

results =
  for {what, chosen} <- Enum.group_by(targets, &(&1 |> hd() |> elem(0))) do
    figures = Bench.each(chosen, build)
    keys = for target <- Enum.take(chosen, 30), do: Enum.map(build.(target).items, & &1.function)
    shown = div(keys |> Enum.map(&length/1) |> Enum.sum(), length(keys))
    baseline = Bench.each(keys, read_by_hand)

    [
      what,
      shown,
      Bench.ns(figures.p50),
      Bench.ns(figures.p95),
      Bench.ns(baseline.p50),
      Bench.ns(baseline.p95),
      Bench.ratio(figures.p50, baseline.p50)
    ]
  end

Bench.title(
  "#{stats.module_count} modules, #{stats.function_count} functions, #{stats.event_count} events, 4,000 tokens (budget: p95 10 ms); the first took #{Bench.ns(first)}"
)

Bench.table(["asked for", "functions", "p50", "p95", "get_function of them, p50", "p95", "ratio"], results)

rate = fn seconds, processes ->
  until = System.monotonic_time(:millisecond) + seconds * 1_000

  counts =
    for process <- 1..processes do
      Task.async(fn ->
        targets
        |> Enum.drop(process * 7)
        |> Stream.cycle()
        |> Enum.reduce_while(0, fn target, count ->
          build.(target)
          if System.monotonic_time(:millisecond) < until, do: {:cont, count + 1}, else: {:halt, count}
        end)
      end)
    end

  round(Enum.sum(Task.await_many(counts, :infinity)) / seconds)
end

alone = for processes <- [1, 2], do: {processes, rate.(4, processes)}

# The same while the program runs and reports.
:ok = Capture.subscribe(repository)
:ok = Capture.start()
before = Capture.stats()
load = spawn(fn -> Stream.iterate(1, &(&1 + 1)) |> Enum.each(call) end)
t0 = System.monotonic_time(:millisecond)
busy = rate.(4, 1)
seconds = (System.monotonic_time(:millisecond) - t0) / 1_000
later = Capture.stats()
Process.exit(load, :kill)
Capture.stop()
Capture.flush(60_000)

Bench.title("Contexts a second (budget: 50, also while events come in)")

Bench.table(
  ["", "contexts/s", "events/s meanwhile"],
  for({processes, rate} <- alone, do: ["#{processes} processes", rate, 0]) ++
    [["1 process, and one that calls", busy, round((later.stored - before.stored) / seconds)]]
)

Capture.unsubscribe(repository)
ElixirScope.uninstrument()
File.rm_rf!(dir)

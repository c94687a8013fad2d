# What tracing a call costs: ElixirScope's tracer against an `erl_tracer` that only counts, a process tracer, `:dbg`, `:cover`
# and breakpoints, in one run.
#
#     mix run bench/trace.exs
#
# Every row runs the same loop over the same function; "added" is what is added per call to the plain loop. Calls are traced
# with their returns.
Code.require_file("support.exs", __DIR__)
Code.require_file("support/erl_tracer.exs", __DIR__)

target = Bench.module!("defmodule BenchTraced do\n  def leaf(x), do: x + 1\nend")

defmodule BenchTraceDriver do
  def run(0), do: :ok

  def run(n) do
    BenchTraced.leaf(n)
    run(n - 1)
  end
end

# Short runs, many of them: on a machine that does other things some are undisturbed.
n = 1_000
spec = [{:_, [], [{:exception_trace}]}]

measure = fn after_each ->
  best =
    Enum.min(
      for _ <- 1..150 do
        time = Bench.time(fn -> BenchTraceDriver.run(n) end)
        after_each.()
        time
      end
    )

  best / n
end

nothing = fn -> :ok end
plain = measure.(nothing)

repository = Bench.ok!(ElixirScope.ASTRepository.start_link([]))
Bench.ok!(ElixirScope.Capture.subscribe(repository))
flush = fn -> Bench.ok!(ElixirScope.Capture.flush(5_000)) end
limits = [processes: self(), count: 1_000_000_000, time_ms: 600_000]
trace = Bench.ok!(ElixirScope.trace({target, :leaf, 1}, limits))
ours = measure.(flush)
ElixirScope.untrace(trace)
trace = Bench.ok!(ElixirScope.trace({target, :leaf, 1}, [returns: false] ++ limits))
calls_only = measure.(flush)
ElixirScope.untrace(trace)
trace = Bench.ok!(ElixirScope.trace({target, :leaf, 1}, [values: [:arguments, :results]] ++ limits))
values = measure.(flush)
ElixirScope.untrace(trace)
clean = measure.(nothing)

trace = Bench.ok!(ElixirScope.trace({target, :leaf, 1}, [measure: [:count, :time]] ++ limits))
counted = measure.(nothing)
ElixirScope.untrace(trace)

swallow = fn swallow ->
  receive do
    {:sync, from} -> send(from, :synced)
    _ -> :ok
  end

  swallow.(swallow)
end

tracer = spawn(fn -> swallow.(swallow) end)

sync = fn ->
  send(tracer, {:sync, self()})
  receive(do: (:synced -> :ok))
end

:erlang.trace_pattern({target, :_, :_}, spec, [:local])
:erlang.trace(self(), true, [:call, :arity, {:tracer, tracer}])
process = measure.(sync)
:erlang.trace(self(), false, [:all])
:erlang.trace_pattern({target, :_, :_}, false, [:local])
Process.exit(tracer, :kill)

erl_tracer =
  if tracer = Bench.ErlTracer.load() do
    :erlang.trace_pattern({target, :_, :_}, spec, [:local])
    :erlang.trace(self(), true, [:call, :arity, {:tracer, tracer, []}])
    figure = measure.(nothing)
    :erlang.trace(self(), false, [:all])
    :erlang.trace_pattern({target, :_, :_}, false, [:local])
    # Every run, each call with its return.
    true = Bench.ErlTracer.count() >= 150 * 2 * n
    figure
  end

dbg =
  if Code.ensure_loaded?(:dbg) do
    {:ok, _} = apply(:dbg, :tracer, [:process, {fn _, seen -> seen end, nil}])
    {:ok, _} = apply(:dbg, :p, [self(), [:call, :arity]])
    {:ok, _} = apply(:dbg, :tpl, [target, :leaf, 1, spec])
    figure = measure.(fn -> Process.sleep(5) end)
    apply(:dbg, if(function_exported?(:dbg, :stop_clear, 0), do: :stop_clear, else: :stop), [])
    figure
  end

{:ok, _} = Application.ensure_all_started(:tools)
:cover.start()
{:ok, _} = :cover.compile_beam(target)
cover = measure.(nothing)
:cover.stop()

Bench.title("Cost of a traced call and its return (fastest of 150 runs of #{n} calls)")

row = fn name, figure ->
  added = figure - plain
  [name, Bench.ns(figure), "+" <> Bench.ns(added), Bench.ratio(added, max(ours - plain, 0.01))]
end

rows =
  [
    row.("plain (baseline)", plain),
    row.("ElixirScope.trace, call + return", ours),
    row.("  calls only", calls_only),
    row.("  with arguments and results", values),
    row.("  ended", clean),
    row.("count and time breakpoints", counted),
    row.("process tracer, call + return", process)
  ] ++
    if(erl_tracer, do: [row.("erl_tracer that counts, call + return", erl_tracer)], else: []) ++
    if(dbg, do: [row.(":dbg, call + return", dbg)], else: []) ++ [row.(":cover, lines", cover)]

Bench.table(["", "call", "added", "added vs ours"], rows)

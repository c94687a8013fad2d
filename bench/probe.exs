# What watching a call costs, against the same call unwatched, in one run.
#
#     mix run bench/probe.exs
#
# Every row runs the same loop over the same functions; "cost" is what is added per call to the plain loop.
Code.require_file("support.exs", __DIR__)

target =
  Bench.module!("""
  defmodule BenchTarget do
    def leaf(x), do: x + 1
    def nested(x), do: inner(x) + 1
    def inner(x), do: leaf(x) * 2
    def tail(0), do: :done
    def tail(n), do: tail(n - 1)
  end
  """)

defmodule BenchDriver do
  # Calls through the module's name, as any other module would.
  def leaf(0), do: :ok

  def leaf(n) do
    BenchTarget.leaf(n)
    leaf(n - 1)
  end

  def nested(0), do: :ok

  def nested(n) do
    BenchTarget.nested(n)
    nested(n - 1)
  end

  def tail(n), do: BenchTarget.tail(n)
end

# Small enough for a ring to hold it between two flushes, so that nothing measured here was dropped.
n = 5_000

loops = [
  leaf: {1, fn -> BenchDriver.leaf(n) end},
  nested: {3, fn -> BenchDriver.nested(n) end},
  tail: {1, fn -> BenchDriver.tail(n) end}
]

measure = fn after_each ->
  for {name, {calls, loop}} <- loops do
    best =
      Enum.min(
        for _ <- 1..30 do
          time = Bench.time(loop)
          after_each.()
          time
        end
      )

    {name, best / (n * calls)}
  end
end

nothing = fn -> :ok end
plain = measure.(nothing)

# 1. ElixirScope
repository = Bench.ok!(ElixirScope.ASTRepository.start_link([]))
Bench.ok!(ElixirScope.instrument([target], []))
off = measure.(nothing)

Bench.ok!(ElixirScope.Capture.start([]))
Bench.ok!(ElixirScope.Capture.subscribe(repository))
before = ElixirScope.Capture.stats()
on = measure.(fn -> Bench.ok!(ElixirScope.Capture.flush(5_000)) end)
stats = ElixirScope.Capture.stats()
dropped = Enum.sum(Map.values(stats.dropped)) - Enum.sum(Map.values(before.dropped))
# A gate that says no
Bench.ok!(ElixirScope.Capture.configure(target, sampling_rate: 0.0))
refused = measure.(nothing)
ElixirScope.Capture.stop()
Bench.ok!(ElixirScope.uninstrument([target]))
clean = measure.(nothing)

# 2. What the BEAM offers
Bench.reload!(target)
:erlang.trace_pattern({target, :_, :_}, true, [:call_count])
call_count = measure.(nothing)
:erlang.trace_pattern({target, :_, :_}, false, [:call_count])

swallow = fn swallow ->
  receive do
    {:sync, from} -> send(from, :synced)
    _ -> :ok
  end

  swallow.(swallow)
end

tracer = spawn(fn -> swallow.(swallow) end)
:erlang.trace_pattern({target, :_, :_}, [{:_, [], [{:return_trace}]}], [:local])
:erlang.trace(self(), true, [:call, :timestamp, {:tracer, tracer}])

traced =
  measure.(fn ->
    send(tracer, {:sync, self()})
    receive(do: (:synced -> :ok))
  end)

:erlang.trace(self(), false, [:all])
:erlang.trace_pattern({target, :_, :_}, false, [:local])
Process.exit(tracer, :kill)

{:ok, _} = Application.ensure_all_started(:tools)
:cover.start()
{:ok, _} = :cover.compile_beam(target)
cover = measure.(nothing)
:cover.stop()

Bench.title("Cost per call (fastest of 30 runs of #{n} calls; #{dropped} events dropped)")

row = fn name, figures ->
  cells =
    for {loop, figure} <- figures do
      added = figure - plain[loop]
      "#{Bench.ns(figure)} (+#{Bench.ns(added)})"
    end

  by = fn loop -> Bench.ratio(figures[loop] - plain[loop], max(on[loop] - plain[loop], 0.01)) end
  [name | cells] ++ [by.(:nested)]
end

Bench.table(
  ["", "leaf", "nested (3 calls)", "tail loop", "added vs on"],
  [
    row.("plain (baseline)", plain),
    row.("instrumented, capture on", on),
    row.("instrumented, a gate says no", refused),
    row.("instrumented, capture off", off),
    row.("un-instrumented again", clean),
    row.("call_count breakpoint", call_count),
    row.(":cover", cover),
    row.("process tracer, call + return", traced)
  ]
)

# Events per second from end to end: recorded, drained, put together into calls, counted, written to the log.
#
#     mix run bench/pipeline.exs            10^5, 10^6, 10^7 events
#     mix run bench/pipeline.exs 8          and 10^8
#
# The clock runs from the first call to the end of the flush that makes the last one visible. The producer
# waits when the rings are full (`overflow: :wait`), so nothing is dropped and the slower side is what is measured.
Code.require_file("support.exs", __DIR__)

target =
  Bench.module!("""
  defmodule BenchTarget do
    def work(x), do: step(x) + 1
    def step(x), do: leaf(x) + leaf(x + 1)
    def leaf(x), do: x + 1
  end
  """)

defmodule BenchDriver do
  def run(0), do: :ok

  def run(n) do
    BenchTarget.work(n)
    run(n - 1)
  end
end

# work, step, leaf, leaf: each an entry and an exit
events_per_round = 8

powers =
  case System.argv() do
    [top] -> 5..String.to_integer(top)
    _ -> 5..7
  end

run = fn producers, rounds ->
  1..producers
  |> Enum.map(fn _ -> Task.async(fn -> BenchDriver.run(div(rounds, producers)) end) end)
  |> Task.await_many(:infinity)
end

rows =
  for producers <- [1, 2], log <- [true, false], power <- powers do
    events = trunc(:math.pow(10, power))
    rounds = div(events, events_per_round)
    plain = Bench.time(fn -> run.(producers, rounds) end)

    repository =
      Bench.ok!(
        ElixirScope.ASTRepository.start_link(if(log, do: [], else: [temporal_storage_enabled: false]))
      )

    Bench.ok!(ElixirScope.instrument([target], []))
    Bench.ok!(ElixirScope.Capture.start(overflow: :wait))
    Bench.ok!(ElixirScope.Capture.subscribe(repository))
    before = ElixirScope.Capture.stats()

    time =
      Bench.time(fn ->
        run.(producers, rounds)
        Bench.ok!(ElixirScope.Capture.flush(600_000))
      end)

    stats = ElixirScope.Capture.stats()
    ElixirScope.Capture.stop()
    Bench.ok!(ElixirScope.uninstrument([target]))
    ElixirScope.ASTRepository.stop(repository)

    stored = stats.stored - before.stored
    offered = stats.offered - before.offered

    [
      "10^#{power}",
      producers,
      if(log, do: "on", else: "off"),
      Bench.count(stored),
      offered - stored,
      Bench.ns(time),
      "#{Bench.count(stored / (time / 1.0e9))}/s",
      Bench.ratio(time, plain)
    ]
  end

Bench.title("Sustained, end to end")
Bench.table(["events", "producers", "log", "stored", "dropped", "time", "rate", "vs plain run"], rows)

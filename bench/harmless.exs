# Does watching hurt? An application's response times, observed and not, in turns; and what a flood costs in memory.
#
#     mix run bench/harmless.exs [seconds_of_a_round] [pairs_of_rounds]
#
# Clients with thinking time ask a server of orders; a request is some dozens of calls, a message there and back, and work in
# the standard library. Rounds alternate between the plain code and the instrumented one, so what the machine does otherwise
# meets both alike. The figure is the ratio of a pair's percentiles; its confidence interval is over the pairs (Student's t).
Code.require_file("support.exs", __DIR__)

alias ElixirScope.{ASTRepository, Capture}

target =
  Bench.module!("""
  defmodule BenchOrders do
    use GenServer
    def init(_), do: {:ok, %{}}

    def handle_call({:order, id, total}, _from, orders) do
      orders = if map_size(orders) > 5_000, do: %{}, else: orders
      {:reply, {:ok, total}, Map.put(orders, id, total)}
    end

    def request(server, n) do
      lines = lines(n, 12, [])
      total = lines |> Enum.map(&price/1) |> sum(0)
      body = encode(%{id: n, lines: lines, total: total})
      {:ok, ^total} = GenServer.call(server, {:order, n, total})
      byte_size(body)
    end

    defp lines(_n, 0, lines), do: lines
    defp lines(n, k, lines), do: lines(n, k - 1, [line(n, k) | lines])
    defp line(n, k), do: %{sku: "sku-" <> Integer.to_string(rem(n * k, 997)), count: rem(k, 3) + 1, cents: rem(n, 500) * k}
    def price(%{count: count, cents: cents}), do: discount(count * cents, count)
    defp discount(cents, count) when count > 2, do: div(cents * 95, 100)
    defp discount(cents, _), do: cents
    defp sum([], sum), do: sum
    defp sum([price | rest], sum), do: sum(rest, sum + price)
    defp encode(order), do: order |> inspect(limit: :infinity) |> String.upcase() |> :erlang.md5() |> Base.encode16()
  end
  """)

defmodule BenchClients do
  @clients 8

  # Response times in nanoseconds of all clients in `ms` milliseconds.
  def run(ms) do
    {:ok, server} = GenServer.start(BenchOrders, nil)
    until = System.monotonic_time(:millisecond) + ms

    times =
      1..@clients
      |> Enum.map(fn client -> Task.async(fn -> client(server, client * 1_000_000, until, []) end) end)
      |> Task.await_many(:infinity)
      |> List.flatten()
      |> Enum.sort()
      |> List.to_tuple()

    GenServer.stop(server)
    times
  end

  defp client(server, n, until, times) do
    # Thinking time: between one and four milliseconds.
    Process.sleep(1 + rem(n * 7, 4))
    began = System.monotonic_time(:nanosecond)
    BenchOrders.request(server, n)
    ended = System.monotonic_time(:nanosecond)
    times = [ended - began | times]
    if System.monotonic_time(:millisecond) < until, do: client(server, n + 1, until, times), else: times
  end

  def percentile(times, share), do: elem(times, min(tuple_size(times) - 1, trunc(tuple_size(times) * share)))
end

defmodule BenchStatistics do
  # Two-sided 95 %, by degrees of freedom.
  @t {12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11,
      2.10, 2.09, 2.09}

  # Geometric mean of ratios, and its confidence interval.
  def ratio(ratios) do
    logs = Enum.map(ratios, &:math.log/1)
    n = length(logs)
    mean = Enum.sum(logs) / n
    variance = Enum.sum(Enum.map(logs, &((&1 - mean) * (&1 - mean)))) / max(n - 1, 1)
    half = elem(@t, min(max(n - 2, 0), tuple_size(@t) - 1)) * :math.sqrt(variance / n)
    {:math.exp(mean), :math.exp(mean - half), :math.exp(mean + half)}
  end

  def show({mean, low, high}), do: "#{percent(mean)} (#{percent(low)} to #{percent(high)})"

  defp percent(ratio) do
    text = :erlang.float_to_binary(100 * (ratio - 1), decimals: 1)
    if ratio >= 1, do: "+#{text} %", else: "#{text} %"
  end
end

{seconds, pairs} =
  case System.argv() do
    [seconds, pairs | _] -> {String.to_integer(seconds), String.to_integer(pairs)}
    _ -> {2, 12}
  end

repository = Bench.ok!(ASTRepository.start_link([]))
Bench.ok!(Capture.subscribe(repository))

observed = fn options, run ->
  Bench.ok!(ElixirScope.instrument([target], options))
  Bench.ok!(Capture.start([]))
  result = run.()
  Capture.stop()
  Bench.ok!(Capture.flush(60_000))
  Bench.ok!(ElixirScope.uninstrument([target]))
  result
end

plain = fn _options, run -> run.() end
round = fn -> BenchClients.run(seconds * 1_000) end
round.()

rows =
  for {name, how, options} <- [
        {"the same code again", plain, []},
        {"calls", observed, []},
        {"calls, arguments, results", observed, [capture: [:args, :result]]},
        {"everything", observed, [capture: [:all]]}
      ] do
    before = Capture.stats()

    measured =
      for n <- 1..pairs do
        # Who goes first changes, too.
        {a, b} =
          if rem(n, 2) == 0 do
            a = round.()
            {a, how.(options, round)}
          else
            b = how.(options, round)
            {round.(), b}
          end

        for share <- [0.5, 0.99], into: %{} do
          {share, {BenchClients.percentile(a, share), BenchClients.percentile(b, share)}}
        end
      end

    now = Capture.stats()
    dropped = Enum.sum(Map.values(now.dropped)) - Enum.sum(Map.values(before.dropped))
    at = fn share -> measured |> Enum.map(fn pair -> elem(pair[share], 1) / elem(pair[share], 0) end) end
    p99 = measured |> Enum.map(fn pair -> elem(pair[0.99], 0) end) |> Enum.sort() |> Enum.at(div(pairs, 2))

    [
      name,
      Bench.ns(p99),
      BenchStatistics.show(BenchStatistics.ratio(at.(0.5))),
      BenchStatistics.show(BenchStatistics.ratio(at.(0.99))),
      Bench.count(now.offered - before.offered),
      Bench.count(dropped)
    ]
  end

Bench.title(
  "Response times of an application, observed against plain: #{pairs} pairs of rounds of #{seconds} s (budget: p99 under +5 %)"
)

Bench.table(["observed", "plain p99", "median moves by", "p99 moves by", "events", "dropped"], rows)

# A server with a long queue: what it takes to work it off.
queued = fn n ->
  {:ok, server} = GenServer.start(BenchOrders, nil)
  :sys.suspend(server)
  tag = make_ref()
  for k <- 1..n, do: send(server, {:"$gen_call", {self(), [:alias | tag]}, {:order, k, k}})
  :sys.resume(server)
  time = Bench.time(fn -> GenServer.call(server, {:order, 0, 0}, 600_000) end)
  GenServer.stop(server)
  # The answers
  drain = fn drain -> receive(do: (_ -> drain.(drain)), after: (0 -> :ok)) end
  drain.(drain)
  time / n
end

lengths = [10_000, 100_000]
best = fn n -> Enum.min(for _ <- 1..7, do: queued.(n)) end

rows =
  for {name, how, options} <- [
        {"plain", plain, []},
        {"calls", observed, []},
        {"messages", observed, [capture: [:messages]]},
        {"everything", observed, [capture: [:all]]}
      ] do
    how.(options, fn -> [name | Enum.map(lengths, &Bench.ns(best.(&1)))] end)
  end

Bench.title("A message of a queue, worked off by a server (fastest of 7 queues)")
Bench.table(["observed" | Enum.map(lengths, &"#{Bench.count(&1)} queued")], rows)

# A flood that nobody reads: the rings, and nothing more.
resident = fn name ->
  case File.read("/proc/self/status") do
    {:ok, text} -> Regex.run(~r/#{name}:\s+(\d+) kB/, text) |> Enum.at(1) |> String.to_integer()
    _ -> 0
  end
end

flooded =
  observed.([capture: [:args, :result]], fn ->
    :ok = :sys.suspend(Capture.Collector)
    flood = fn n -> Enum.each(1..n, fn k -> BenchOrders.price(%{count: rem(k, 3), cents: k}) end) end
    flood.(200_000)
    :erlang.garbage_collect()
    before = {Capture.stats(), resident.("VmRSS")}
    _ = File.write("/proc/self/clear_refs", "5")
    time = Bench.time(fn -> flood.(5_000_000) end)
    {stats, kb} = before
    now = Capture.stats()
    grown = resident.("VmHWM") - kb
    :ok = :sys.resume(Capture.Collector)
    {now.offered - stats.offered, now.dropped.ring_full - stats.dropped.ring_full, time / 5_000_000, grown}
  end)

{offered, dropped, time, grown} = flooded
Bench.title("5 M calls while nobody reads")

Bench.table(["offered", "dropped, counted", "a call", "resident memory grew by, at most"], [
  [Bench.count(offered), Bench.count(dropped), Bench.ns(time), "#{div(grown, 1024)} MB"]
])

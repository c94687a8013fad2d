# What a call costs under observation: the example's load with clean code, with probes that are off, and observed.
# Run in examples/shop:  mix run ../../bench/shop_cost.exs [steps]
#
# One VM, rounds of the three in turn, medians: drift of the machine meets all three alike.

Logger.configure(level: :none)

steps =
  case System.argv() do
    [steps] -> String.to_integer(steps)
    [] -> 2_000
  end

rounds = 5
modules = for module <- Application.spec(:shop, :modules), module != Shop.Load, do: module
own = [Shop.Load | modules]

load = fn ->
  # Garbage of one round is not paid for by the next.
  for pid <- Process.list(), do: :erlang.garbage_collect(pid)
  {microseconds, _} = :timer.tc(fn -> Shop.Load.run(steps, 1) end)
  microseconds
end

ended = fn ->
  stats = ElixirScope.Capture.stats()
  {stats.offered, Enum.sum(Map.values(stats.dropped))}
end

median = fn list -> list |> Enum.sort() |> Enum.at(div(length(list), 2)) end

# Without a probe: the original code of every module of the shop.
plain = fn ->
  {:ok, _} = ElixirScope.uninstrument(own)
  load.()
end

off = fn ->
  {:ok, _} = ElixirScope.instrument(own)
  load.()
end

observed = fn ->
  :ok = ElixirScope.Capture.start()
  {before, lost_before} = ended.()
  time = load.()
  :ok = ElixirScope.Capture.flush(10_000)
  {offered, lost} = ended.()
  :ok = ElixirScope.Capture.stop()
  {time, offered - before, lost - lost_before}
end

# Warm.
plain.()

results = for _ <- 1..rounds, do: {plain.(), off.(), observed.()}

plain_us = median.(for {plain, _, _} <- results, do: plain)
off_us = median.(for {_, off, _} <- results, do: off)
observed_us = median.(for {_, _, {observed, _, _}} <- results, do: observed)
events = median.(for {_, _, {_, events, _}} <- results, do: events)
lost = median.(for {_, _, {_, _, lost}} <- results, do: lost)

# An activation is an entry and an end.
calls = max(div(events, 2), 1)
per_call = fn us -> Float.round((us - plain_us) * 1000 / calls, 1) end

row = fn name, us, rest ->
  IO.puts(
    "  #{String.pad_trailing(name, 20)}#{String.pad_leading("#{Float.round(us / 1000, 1)} ms", 12)}   #{rest}"
  )
end

IO.puts("Shop.Load.run(#{steps}, 1): #{calls} calls of the shop's functions, median of #{rounds} rounds")
row.("unobserved", plain_us, "")
row.("probes off", off_us, "#{per_call.(off_us)} ns per call")

row.(
  "observed",
  observed_us,
  "#{per_call.(observed_us)} ns per call (entry, exit, correlation, statistics); #{lost} of #{events} events lost"
)

# What a call costs under observation: the example's load with clean code, with probes that are off, and observed.
# Run in examples/shop:  mix run ../../bench/shop_cost.exs [steps]
#
# One VM, rounds of the three in turn, and the best round of each: what else the machine does only ever adds time. The
# spread (third best over best, per call) says how well that is known; a
# difference below it means nothing.

Logger.configure(level: :none)

steps =
  case System.argv() do
    [steps] -> String.to_integer(steps)
    [] -> 2_000
  end

rounds = 15
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

column = fn pick -> Enum.map(results, pick) end
plain_all = column.(fn {plain, _, _} -> plain end)
plain_us = Enum.min(plain_all)
off_us = Enum.min(column.(fn {_, off, _} -> off end))
observed_us = Enum.min(column.(fn {_, _, {observed, _, _}} -> observed end))
events = median.(column.(fn {_, _, {_, events, _}} -> events end))
lost = Enum.sum(column.(fn {_, _, {_, _, lost}} -> lost end))

# An activation is an entry and an end.
calls = max(div(events, 2), 1)
per_call = fn us -> Float.round((us - plain_us) * 1000 / calls, 1) end
spread = per_call.(plain_all |> Enum.sort() |> Enum.at(2))

words = fn cost -> "#{cost} ns per call, give or take #{spread}" end

row = fn name, us, rest ->
  time = "#{:erlang.float_to_binary(us / 1000, decimals: 1)} ms"
  IO.puts(String.trim_trailing("  #{String.pad_trailing(name, 12)}#{String.pad_leading(time, 10)}   #{rest}"))
end

IO.puts("Shop.Load.run(#{steps}, 1) calls #{calls} functions of the shop; best of #{rounds} rounds")
row.("unobserved", plain_us, "")
row.("probes off", off_us, words.(per_call.(off_us)))
row.("observed", observed_us, words.(per_call.(observed_us)))
IO.puts("An observed call is entry, exit, correlation and statistics. Events lost in all rounds: #{lost}")

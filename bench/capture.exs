# What recording costs, by kind of point, against the same code unwatched, in one run.
#
#     mix run bench/capture.exs
#
# Every row runs the same loop over the same function; the cost is what is added per call to the plain loop. `work/2` has
# two small arguments, one binding, one branch and one expression that is no tail call.
Code.require_file("support.exs", __DIR__)
Code.require_file("support/erl_tracer.exs", __DIR__)

target =
  Bench.module!("""
  defmodule BenchCapture do
    def work(a, b) do
      c = add(a, b)
      if c > a, do: c, else: b
    end

    def add(a, b), do: a + b
    def send_it(pid, n), do: send(pid, n)
  end
  """)

defmodule BenchCaptureDriver do
  def work(0), do: :ok

  def work(n) do
    BenchCapture.work(n, 3)
    work(n - 1)
  end

  def add(0), do: :ok

  def add(n) do
    BenchCapture.add(n, 3)
    add(n - 1)
  end
end

# Small enough for a ring to hold it between two flushes, so that nothing measured here was dropped.
n = 2_000

measure = fn loop, after_each ->
  best =
    Enum.min(
      for _ <- 1..30 do
        time = Bench.time(loop)
        after_each.()
        time
      end
    )

  best / n
end

add = fn -> BenchCaptureDriver.add(n) end
work = fn -> BenchCaptureDriver.work(n) end
nothing = fn -> :ok end
plain = %{add: measure.(add, nothing), work: measure.(work, nothing)}

repository = Bench.ok!(ElixirScope.ASTRepository.start_link([]))
Bench.ok!(ElixirScope.Capture.start([]))
Bench.ok!(ElixirScope.Capture.subscribe(repository))
lost = fn -> ElixirScope.Capture.stats().dropped |> Map.values() |> Enum.sum() end
flush = fn -> Bench.ok!(ElixirScope.Capture.flush(5_000)) end
before = lost.()

# What `options` add to a call of the loop, against what `base` adds.
watched = fn loop, options ->
  Bench.ok!(ElixirScope.instrument([target], options))
  figure = measure.(loop, flush)
  Bench.ok!(ElixirScope.uninstrument([target]))
  figure
end

only = fn function, kinds -> [capture: [], points: [%{function: function, kinds: kinds}]] end

no = fn function, kinds, guard ->
  [capture: [], points: [%{function: function, kinds: kinds, when: guard}]]
end

calls = watched.(work, only.({:work, 2}, [:calls]))

rows = [
  {"calls only", watched.(add, only.({:add, 2}, [:calls])) - plain.add},
  {"two small arguments and the result", watched.(add, only.({:add, 2}, [:args, :result])) - plain.add},
  {"arguments, a condition that says no",
   watched.(add, no.({:add, 2}, [:args], quote(do: a < 0))) - plain.add},
  {"arguments, user.id-like condition that says no",
   watched.(add, no.({:add, 2}, [:args], quote(do: is_map(a) and a.id == 3))) - plain.add},
  {"a small-integer binding", watched.(work, only.({:work, 2}, [:calls, :variables])) - calls},
  {"a binding, a condition that says no",
   watched.(work,
     capture: [],
     points: [
       %{function: {:work, 2}, kinds: [:calls]},
       %{function: {:work, 2}, kinds: [:variables], when: quote(do: c < 0)}
     ]
   ) - calls},
  {"a branch", watched.(work, only.({:work, 2}, [:calls, :branches])) - calls},
  # `add/2`, the comparison and the `if`
  {"an expression (one of three)", (watched.(work, only.({:work, 2}, [:calls, :expressions])) - calls) / 3}
]

dropped = lost.() - before
ElixirScope.Capture.stop()

off = [
  {"calls, arguments, result; capture off", watched.(add, only.({:add, 2}, [:args, :result])) - plain.add}
]

# What the BEAM offers
Bench.reload!(target)

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

:erlang.trace_pattern({target, :add, 2}, [{:_, [], [{:return_trace}]}], [:local])
:erlang.trace(self(), true, [:call, :timestamp, {:tracer, tracer}])
traced = measure.(add, sync) - plain.add
:erlang.trace(self(), false, [:all])
:erlang.trace_pattern({target, :_, :_}, false, [:local])

erl_tracer =
  if tracer = Bench.ErlTracer.load() do
    :erlang.trace_pattern({target, :add, 2}, [{:_, [], [{:return_trace}]}], [:local])
    :erlang.trace(self(), true, [:call, :timestamp, {:tracer, tracer, []}])
    figure = measure.(add, nothing) - plain.add
    :erlang.trace(self(), false, [:all])
    :erlang.trace_pattern({target, :_, :_}, false, [:local])
    [{"erl_tracer that counts, arguments and result", figure}]
  else
    []
  end

{:ok, _} = Application.ensure_all_started(:runtime_tools)
dbg = :dbg
{:ok, _} = dbg.tracer(:process, {fn _message, state -> state end, nil})
{:ok, _} = dbg.tpl(target, :add, 2, [{:_, [], [{:return_trace}]}])
{:ok, _} = dbg.p(self(), [:call, :timestamp])
dbg_cost = measure.(add, fn -> Process.sleep(20) end) - plain.add
dbg.stop()

{:ok, _} = Application.ensure_all_started(:tools)
:cover.start()
{:ok, _} = :cover.compile_beam(target)
cover = measure.(add, nothing) - plain.add
:cover.stop()

Bench.title("Cost per event (fastest of 30 runs of #{n} calls; #{dropped} events dropped)")

[_, {_, whole} | _] = rows

Bench.table(
  ["", "added per event", "against arguments and result"],
  for {name, figure} <-
        rows ++
          off ++
          erl_tracer ++
          [
            {"process tracer, arguments and result", traced},
            {":dbg, arguments and result", dbg_cost},
            {":cover", cover}
          ] do
    [name, Bench.ns(figure), Bench.ratio(figure, max(whole, 0.01))]
  end
)

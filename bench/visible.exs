# How long after a call returns can a query see it, at a steady rate of events?
#
#     mix run bench/visible.exs
Code.require_file("support.exs", __DIR__)

target =
  Bench.module!("""
  defmodule BenchTarget do
    def background(x), do: x + 1
    def marker(x), do: x
  end
  """)

defmodule BenchDriver do
  # Bursts of `burst` calls each millisecond.
  def steady(burst) do
    burst(burst)
    Process.sleep(1)
    steady(burst)
  end

  defp burst(0), do: :ok

  defp burst(n) do
    BenchTarget.background(n)
    burst(n - 1)
  end
end

alias ElixirScope.ASTRepository

calls = fn repository ->
  case ASTRepository.get_function(repository, {BenchTarget, :marker, 1}) do
    {:ok, %{call_frequency: n}} when is_integer(n) -> n
    _ -> 0
  end
end

rows =
  for {label, burst} <- [{"idle", 0}, {"about 1 M events/s", 800}] do
    repository = Bench.ok!(ASTRepository.start_link([]))
    dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_visible_#{System.pid()}")
    File.mkdir_p!(Path.join(dir, "lib"))

    File.write!(
      Path.join(dir, "lib/t.ex"),
      "defmodule BenchTarget do\n  def background(x), do: x + 1\n  def marker(x), do: x\nend\n"
    )

    Bench.ok!(ASTRepository.import_project(repository, dir))
    Bench.ok!(ElixirScope.instrument([target], []))
    Bench.ok!(ElixirScope.Capture.start([]))
    Bench.ok!(ElixirScope.Capture.subscribe(repository))
    noise = if burst > 0, do: spawn(fn -> BenchDriver.steady(burst) end)
    Process.sleep(200)
    before = ElixirScope.Capture.stats()
    t0 = System.monotonic_time(:nanosecond)

    samples =
      for _ <- 1..300 do
        seen = calls.(repository)
        start = System.monotonic_time(:nanosecond)
        BenchTarget.marker(1)

        wait = fn wait -> if calls.(repository) > seen, do: :ok, else: wait.(wait) end
        wait.(wait)
        System.monotonic_time(:nanosecond) - start
      end
      |> Enum.sort()

    elapsed = System.monotonic_time(:nanosecond) - t0
    stats = ElixirScope.Capture.stats()
    if noise, do: Process.exit(noise, :kill)
    ElixirScope.Capture.stop()
    Bench.ok!(ElixirScope.uninstrument([target]))
    ASTRepository.stop(repository)
    File.rm_rf!(dir)
    at = fn share -> Bench.ns(Enum.at(samples, trunc(length(samples) * share))) end
    rate = (stats.stored - before.stored) / (elapsed / 1.0e9)
    [label, "#{Bench.count(rate)}/s", at.(0.5), at.(0.95), at.(0.99)]
  end

Bench.title("From the call's return to a query that sees it (budget: p95 5 ms at 1 M/s)")
Bench.table(["load", "measured rate", "p50", "p95", "p99"], rows)

# What it takes to ask what a run taught: 1,000 modules of 5 functions each, observed with their event log.
#
#     mix run bench/insight.exs [modules] [rounds]
#
# Events are read once, by whoever asks first; "first" is that reading. Then each module, and one function of each, is asked for on
# its own, as `SemanticEnricher.insights/2` gives it, with all its lists; and the same again while new events come in between.
Code.require_file("support.exs", __DIR__)

alias ElixirScope.{ASTRepository, Capture}
alias ElixirScope.ASTRepository.{PerformanceCorrelator, SemanticEnricher}

{count, rounds} =
  case System.argv() do
    [count, rounds] -> {String.to_integer(count), String.to_integer(rounds)}
    [count] -> {String.to_integer(count), 20}
    [] -> {1_000, 20}
  end

dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_insight_#{System.pid()}")
File.mkdir_p!(dir)
Code.put_compiler_option(:parser_options, columns: true)

source = fn n ->
  """
  defmodule Bench.Insight.M#{n} do
    def run(k), do: [outer(k), leaf(k), safe(k)]
    def outer(k), do: {inner(k), leaf(k + 1)}
    def inner(k), do: [leaf(k)]
    def leaf(k), do: k * 2
    def safe(k) do
      if rem(k, 7) == 0, do: raise(ArgumentError, "seven"), else: k
    rescue
      ArgumentError -> :failed
    end
    def never(k), do: k
  end
  """
end

files =
  for chunk <- Enum.chunk_every(1..count, 20) do
    path = Path.join(dir, "m#{hd(chunk)}.ex")
    File.write!(path, Enum.map(chunk, source))
    path
  end

{:ok, modules, _} = Kernel.ParallelCompiler.compile_to_path(files, dir, return_diagnostics: true)
Code.prepend_path(dir)
repository = Bench.ok!(ASTRepository.new())
Bench.ok!(ASTRepository.import_project(repository, dir))
instrumented = Bench.ok!(ElixirScope.instrument(modules, capture: [:calls]))
:ok = Capture.subscribe(repository)
:ok = Capture.start(overflow: :wait)

work = fn rounds ->
  for k <- 1..rounds, module <- modules, do: module.run(k)
  :ok = Capture.flush()
end

work.(rounds)
events = Bench.ok!(ASTRepository.get_statistics(repository)).event_count
first = Bench.time(fn -> Bench.ok!(SemanticEnricher.insights(repository, hd(modules))) end)
ask = fn what -> Bench.ok!(SemanticEnricher.insights(repository, what)) end
of_modules = Bench.each(modules, ask)
of_functions = Bench.each(Enum.map(modules, &{&1, :safe, 1}), ask)

between =
  for module <- Enum.take(modules, 300) do
    work.(1) && Bench.time(fn -> ask.(module) end)
  end
  |> Enum.sort()

hotspots = Bench.each(1..200, fn _ -> Bench.ok!(PerformanceCorrelator.hotspots(repository, limit: 20)) end)
Capture.stop()
at = fn sorted, share -> Enum.at(sorted, trunc(length(sorted) * share)) end
row = fn name, it -> [name, Bench.ns(it.p50), Bench.ns(it.p95), Bench.ns(it.p99)] end

Bench.title("Insights over #{length(instrumented.modules)} modules, #{events} activations")

Bench.table(
  ["what is asked", "p50", "p95", "p99"],
  [
    ["the first, which reads all events", Bench.ns(first), "", ""],
    row.("a module", of_modules),
    row.("a function", of_functions),
    row.("a module, after #{count * 7} new calls", %{
      p50: at.(between, 0.5),
      p95: at.(between, 0.95),
      p99: at.(between, 0.99)
    }),
    row.("20 hotspots of all", hotspots)
  ]
)

ElixirScope.uninstrument(modules)
File.rm_rf!(dir)

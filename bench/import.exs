# Reading a project, against parsing it and nothing else; and what a node costs in memory.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/import.exs
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository

root = Path.join(Bench.elixir_sources!(), "lib")
files = Path.wildcard(Path.join(root, "**/*.{ex,exs}")) |> Enum.filter(&File.regular?/1)
lines = files |> Enum.map(fn file -> file |> File.read!() |> String.split("\n") |> length() end) |> Enum.sum()

parse = fn file ->
  with {:ok, source} <- File.read(file) do
    Code.string_to_quoted(source, columns: true, token_metadata: true, file: file, emit_warnings: false)
  end

  :ok
end

parse_only =
  Bench.best(3, fn ->
    files
    |> Task.async_stream(parse, ordered: false, timeout: :infinity)
    |> Stream.run()
  end)

import = fn ->
  repository = Bench.ok!(ASTRepository.start_link([]))
  result = Bench.ok!(ASTRepository.import_project(repository, root))
  {repository, result}
end

time =
  Enum.min(
    for _ <- 1..3 do
      t0 = System.monotonic_time(:nanosecond)
      {repository, _} = import.()
      elapsed = System.monotonic_time(:nanosecond) - t0
      ASTRepository.stop(repository)
      elapsed
    end
  )

{repository, result} = import.()
again = Bench.time(fn -> Bench.ok!(ASTRepository.import_project(repository, root)) end)
stats = Bench.ok!(ASTRepository.get_statistics(repository))

# The same ASTs as terms in ETS, which is what a store of terms costs at least.
table = :ets.new(:terms, [:public])

for file <- files do
  Task.await(
    Task.async(fn ->
      case Code.string_to_quoted(File.read!(file), columns: true, token_metadata: true, emit_warnings: false) do
        {:ok, quoted} -> :ets.insert(table, {file, quoted})
        _ -> :ok
      end
    end),
    :infinity
  )
end

ets_bytes = :ets.info(table, :memory) * :erlang.system_info(:wordsize)
kloc = lines / 1000
per = fn ns -> "#{Float.round(ns / 1.0e6 / kloc, 2)} ms/kLOC" end

Bench.title(
  "Import of #{length(files)} files, #{Float.round(kloc, 1)} kLOC, #{Bench.count(result.nodes)} nodes, #{length(result.errors)} files in error"
)

Bench.table(["", "time", "per kLOC", "ratio"], [
  ["parse only, a task a file (baseline)", Bench.ns(parse_only), per.(parse_only), "1.00x"],
  ["import: parse, encode, ids, metrics", Bench.ns(time), per.(time), Bench.ratio(time, parse_only)],
  ["import again, nothing changed", Bench.ns(again), per.(again), Bench.ratio(again, parse_only)]
])

Bench.title("Memory")

Bench.table(["", "bytes", "per node", "ratio"], [
  ["terms in ETS (baseline)", Bench.count(ets_bytes), Float.round(ets_bytes / result.nodes, 1), "1.00x"],
  [
    "repository, all in",
    Bench.count(stats.total_memory_bytes),
    Float.round(stats.total_memory_bytes / result.nodes, 1),
    Bench.ratio(stats.total_memory_bytes, ets_bytes)
  ]
])

# Everything that is known of source: imported, with all metrics, scopes, flow, processes, findings, graphs and the index of the
# search. Against parsing alone, over corpora of growing size; and what it costs in memory, against the same ASTs in ETS.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/index.exs
#
# ELIXIR_SCOPE_CORPORA: more directories of Elixir sources, with colons between them (Elixir's own are 217 kLOC).
# Budgets: 5 ms/kLOC, 50 bytes a node. Elsewhere: Reach, a graph library for Elixir, publishes 109 to 257 ms/kLOC and
# 5 kB a node.
Code.require_file("support.exs", __DIR__)
alias ElixirScope.ASTRepository

defmodule BenchIndex do
  @sizes [20, 50, 100, 200, 400]

  def files do
    more = "ELIXIR_SCOPE_CORPORA" |> System.get_env("") |> String.split(":", trim: true)

    [Path.join(Bench.elixir_sources!(), "lib") | more]
    |> Enum.flat_map(&Path.wildcard(Path.join(&1, "**/*.{ex,exs}")))
    |> Enum.filter(&File.regular?/1)
    |> Enum.map(fn file ->
      text = File.read!(file)
      {file, text, text |> String.split("\n") |> length()}
    end)
    # The same mixture at every size.
    |> Enum.sort_by(fn {file, _, _} -> :erlang.phash2(file) end)
  end

  def corpora(files) do
    whole = kilo_lines(files)

    for size <- Enum.uniq(Enum.filter(@sizes, &(&1 < whole)) ++ [whole]) do
      {taken, _} =
        Enum.reduce_while(files, {[], 0}, fn {_, _, lines} = file, {taken, sum} ->
          if sum >= size * 1000, do: {:halt, {taken, sum}}, else: {:cont, {[file | taken], sum + lines}}
        end)

      Enum.reverse(taken)
    end
  end

  def kilo_lines(files), do: Enum.sum(Enum.map(files, &elem(&1, 2))) / 1000

  # The files of a corpus in a directory of their own.
  def with_project(files, fun) do
    root = Path.join(System.tmp_dir!(), "elixir_scope_bench_index_#{System.pid()}")
    File.rm_rf!(root)
    File.mkdir_p!(root)

    for {{file, text, _}, at} <- Enum.with_index(files),
        do: File.write!(Path.join(root, "#{at}_#{Path.basename(file)}"), text)

    try do
      fun.(root)
    after
      File.rm_rf!(root)
    end
  end

  def parse(files) do
    files
    |> Task.async_stream(
      fn {file, text, _} ->
        Code.string_to_quoted(text, columns: true, token_metadata: true, file: file, emit_warnings: false)
        :ok
      end,
      ordered: false,
      timeout: :infinity
    )
    |> Stream.run()
  end

  # {import, index} in nanoseconds, the fastest of some rounds, and the statistics of the last.
  def index(root, rounds) do
    times =
      for _ <- 1..rounds do
        repository = Bench.ok!(ASTRepository.start_link(max_modules: 1_000_000))
        import = Bench.time(fn -> Bench.ok!(ASTRepository.import_project(repository, root)) end)
        index = Bench.time(fn -> Bench.ok!(ASTRepository.index(repository)) end)
        stats = Bench.ok!(ASTRepository.get_statistics(repository))
        ASTRepository.stop(repository)
        {import, index, stats}
      end

    {best_import, best_index, _} = Enum.min_by(times, fn {import, index, _} -> import + index end)
    {best_import, best_index, times |> hd() |> elem(2)}
  end

  # As a store of terms holds them at least.
  def ets_bytes(files) do
    table = :ets.new(:terms, [:public])

    for {file, text, _} <- files do
      Task.await(
        Task.async(fn ->
          case Code.string_to_quoted(text, columns: true, token_metadata: true, emit_warnings: false) do
            {:ok, quoted} -> :ets.insert(table, {file, quoted})
            _ -> :ok
          end
        end),
        :infinity
      )
    end

    bytes = :ets.info(table, :memory) * :erlang.system_info(:wordsize)
    :ets.delete(table)
    bytes
  end
end

files = BenchIndex.files()

rows =
  for corpus <- BenchIndex.corpora(files) do
    kilo_lines = BenchIndex.kilo_lines(corpus)
    parse = Bench.best(2, fn -> BenchIndex.parse(corpus) end)

    {import, index, stats} = BenchIndex.with_project(corpus, &BenchIndex.index(&1, 3))
    ets = BenchIndex.ets_bytes(corpus)
    per = fn ns -> :erlang.float_to_binary(ns / 1.0e6 / kilo_lines, decimals: 2) end
    bytes = fn bytes -> :erlang.float_to_binary(bytes / stats.node_count, decimals: 1) end

    [
      "#{round(kilo_lines)} kLOC",
      Bench.count(stats.node_count),
      per.(parse),
      per.(import),
      per.(index),
      per.(import + index),
      Bench.ratio(import + index, parse),
      bytes.(stats.total_memory_bytes),
      bytes.(ets),
      Bench.ratio(stats.total_memory_bytes, ets)
    ]
  end

Bench.title("Import and index, by size (ms/kLOC; bytes a node)")

Bench.table(
  ["", "nodes", "parse only", "import", "index", "together", "of parsing", "bytes", "ETS", "of ETS"],
  rows
)

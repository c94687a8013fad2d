# Variables, control flow and data flow of sources: time and bytes.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=$(bin/elixir-source) mix run bench/flow.exs
#
# Variables and summaries are kept with each file; control flow graphs are made when asked for, and their bytes are those of all
# functions together. Times are the better of two runs of each file, on one core, parsing left out.
alias ElixirScope.ASTRepository.Parser
alias ElixirScope.Core.{Flow, Source}

dir = System.get_env("ELIXIR_SCOPE_ELIXIR_SRC") || raise "ELIXIR_SCOPE_ELIXIR_SRC names no directory"

rows =
  for path <- Path.wildcard(Path.join(dir, "lib/*/lib/**/*.ex")),
      text = File.read!(path),
      {:ok, source} <- [Parser.parse_string(text, file: Path.relative_to(path, dir))] do
    {:ok, first} = Flow.bytes(source)
    {:ok, second} = Flow.bytes(source)
    {:ok, stats} = Source.stats(source)
    {length(String.split(text, "\n")), stats.entries, Map.merge(first, second, fn _, a, b -> min(a, b) end)}
  end

lines = rows |> Enum.map(&elem(&1, 0)) |> Enum.sum()
nodes = rows |> Enum.map(&elem(&1, 1)) |> Enum.sum()
sum = fn key -> rows |> Enum.map(&elem(&1, 2)[key]) |> Enum.sum() end
IO.puts("#{length(rows)} files, #{lines} lines, #{nodes} nodes")

for {what, time} <- [variables: :variables_ns, control: :control_ns, summaries: :summaries_ns] do
  ms = Float.round(sum.(time) / 1.0e6 / (lines / 1000), 3)
  bytes = Float.round(sum.(what) / nodes, 1)
  IO.puts("#{String.pad_trailing(to_string(what), 10)} #{ms} ms/kLOC  #{bytes} B/node")
end

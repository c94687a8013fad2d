# What encoding a value costs, by kind, against what the VM needs for its own formats.
#
#     mix run bench/values.exs
#
# Each row: the encoder by itself (in one native call, many times), and `:erlang.term_to_binary/1` and
# `:erlang.external_size/1` of the same term in the same run. Ratios are to `term_to_binary`, which cuts and withholds nothing.
Code.require_file("support.exs", __DIR__)

alias ElixirScope.Capture.Redaction
alias ElixirScope.Core.Values

for struct <- [Date, Range, URI], do: Redaction.classify(struct)

# What a probe keeps by default.
bounds = {:full, 8, 64, 1_024, 20_000}
deep = Enum.reduce(1..100_000, [], fn _, inner -> [inner] end)
big_list = Enum.to_list(1..1_000_000)
big_binary = :binary.copy("ab", 5_000_000)

rows = [
  {"small integer", 5, 200_000},
  {"atom", :ok, 200_000},
  {"float", 1.5, 200_000},
  {"pid", self(), 200_000},
  {"reference", make_ref(), 50_000},
  {"function", fn -> deep end, 50_000},
  {"{:ok, 1}", {:ok, 1}, 200_000},
  {"[1, 2]", [1, 2], 200_000},
  {"binary, 10 bytes", "abcdefghij", 200_000},
  {"text, 800 bytes", String.duplicate("some json: text, with {things} = here. ", 20), 20_000},
  {"map, 3 keys", %{a: 1, b: 2, c: 3}, 100_000},
  {"struct", ~D[2026-01-01], 100_000},
  {"keyword list", [a: 1, b: 2, password: 3], 100_000},
  {"list, 64 integers", Enum.to_list(1..64), 20_000},
  {"charlist", ~c"hello world hello world", 20_000},
  {"10 MB binary", big_binary, 300},
  {"list, 10^6", big_list, 300},
  {"nested 10^5 deep", deep, 300},
  {"map, 3 * 10^5", Map.new(1..300_000, &{&1, &1}), 300}
]

# As many calls as make the loop itself invisible, and few of what is large.
each = fn times, fun ->
  Bench.best(3, fn -> Enum.each(1..times, fn _ -> fun.() end) end) / times
end

table =
  for {name, term, times} <- rows do
    ours = Bench.ok!(Values.time(term, bounds, times)) / times
    few = if times > 1_000, do: times, else: 3
    theirs = each.(few, fn -> :erlang.term_to_binary(term) end)
    size = each.(few, fn -> :erlang.external_size(term) end)

    [
      name,
      Bench.ns(ours),
      Bench.ns(theirs),
      Bench.ratio(ours, theirs),
      Bench.ns(size),
      Bench.ratio(ours, size)
    ]
  end

Bench.title("Encoding one value within #{inspect(bounds)}")
Bench.table(["value", "encode", "term_to_binary", "ratio", "external_size", "ratio"], table)

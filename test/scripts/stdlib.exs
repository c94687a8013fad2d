# Formats Elixir sources twice, in this VM: with the standard library as it is, and instrumented. Prints what differs,
# and a last line `files: N, modules: N, different: N`. A VM of its own, because whoever runs this at the moment keeps
# the old code of Enum and its like in use.
#
#     elixir -pa EBIN test/scripts/stdlib.exs STEP PATTERN...      (every STEP-th file)
#
# With CAPTURE=all everything is recorded that can be, not calls only.

modules = [
  Access,
  Calendar.ISO,
  Code,
  Code.Formatter,
  Code.Identifier,
  Code.Normalizer,
  Collectable.List,
  Enum,
  Enumerable,
  Enumerable.List,
  Enumerable.Map,
  Inspect,
  Inspect.Algebra,
  Inspect.Atom,
  Inspect.BitString,
  Inspect.Integer,
  Inspect.List,
  Inspect.Map,
  Inspect.Tuple,
  Integer,
  IO,
  Kernel,
  Keyword,
  List,
  List.Chars,
  Macro,
  Map,
  MapSet,
  Path,
  Regex,
  Stream,
  String,
  String.Break,
  String.Chars,
  String.Chars.Atom,
  String.Chars.BitString,
  String.Chars.Integer,
  String.Tokenizer,
  String.Unicode,
  Tuple,
  URI,
  Version
]

defmodule Run do
  def format_all(files) do
    files
    |> Task.async_stream(&{&1, format(&1)}, timeout: :infinity, ordered: true)
    |> Map.new(fn {:ok, pair} -> pair end)
  end

  # A file that does not parse must fail alike.
  defp format(file) do
    source = File.read!(file)

    try do
      {:ok, source |> Code.format_string!() |> IO.iodata_to_binary() |> :erlang.md5()}
    rescue
      error -> {:error, error.__struct__, Exception.message(error)}
    end
  end
end

[step | patterns] = System.argv()
capture = [String.to_existing_atom(System.get_env("CAPTURE", "calls"))]
files = patterns |> Enum.flat_map(&Path.wildcard/1) |> Enum.sort() |> Enum.take_every(String.to_integer(step))

{plain_us, plain} = :timer.tc(fn -> Run.format_all(files) end)

{instrument_us, {:ok, result}} =
  :timer.tc(fn -> ElixirScope.instrument(Enum.filter(modules, &Code.ensure_loaded?/1), capture: capture) end)

if capture != [:calls] do
  {:ok, _} = Application.ensure_all_started(:elixir_scope)
  :ok = ElixirScope.Capture.start()
end

for {_, error} <- result.skipped, do: IO.puts("skipped: " <> Exception.message(error))
{instrumented_us, instrumented} = :timer.tc(fn -> Run.format_all(files) end)

different = for file <- files, plain[file] != instrumented[file], do: file
Enum.each(different, &IO.puts("different: #{&1}"))
unparsed = Enum.count(plain, fn {_, outcome} -> not match?({:ok, _}, outcome) end)

ms = &div(&1, 1000)

IO.puts(
  "plain: #{ms.(plain_us)} ms, instrumenting: #{ms.(instrument_us)} ms, instrumented: #{ms.(instrumented_us)} ms, unparsed: #{unparsed}"
)

IO.puts("files: #{length(files)}, modules: #{length(result.modules)}, different: #{length(different)}")

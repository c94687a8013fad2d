# Formats sources with the standard library instrumented and capture on, while the virtual machine counts the calls of every
# function itself (:erlang.trace_pattern, :call_count). Prints functions whose counts differ, and a last line
# `functions: N, calls: N, different: N`. In a VM of its own, because counting is global.
#
#     elixir -pa EBIN test/scripts/call_counts.exs STEP PATTERN...

alias ElixirScope.{Capture, Core, Instrumentation}

modules = [
  Access,
  Code.Formatter,
  Code.Identifier,
  Code.Normalizer,
  Enum,
  Enumerable.List,
  Inspect,
  Inspect.Algebra,
  Integer,
  IO,
  Keyword,
  List,
  Macro,
  Map,
  MapSet,
  Path,
  Regex,
  Stream,
  String,
  String.Tokenizer,
  Tuple,
  URI,
  Version
]

[step | patterns] = System.argv()
files = patterns |> Enum.flat_map(&Path.wildcard/1) |> Enum.sort() |> Enum.take_every(String.to_integer(step))
sources = Enum.map(files, &File.read!/1)

{:ok, _} = Application.ensure_all_started(:elixir_scope)
{:ok, result} = ElixirScope.instrument(modules)
[] = result.skipped

left_out =
  for module <- modules,
      {^module, beam, _} = :code.get_object_code(module),
      {:ok, %{left_out: functions}} = Instrumentation.instrument_binary(beam),
      {name, arity, _reason} <- functions,
      into: MapSet.new(),
      do: {module, name, arity}

{:ok, runtime} = Core.Runtime.new(64_000_000)
:ok = Capture.subscribe(runtime)

{pid, monitor} =
  spawn_monitor(fn ->
    receive do: (:go -> :ok)
    Enum.each(sources, &Code.format_string!/1)
  end)

for module <- modules, do: :erlang.trace_pattern({module, :_, :_}, true, [:local, :call_count])

# From here to the end of the count this process calls nothing that is counted.
:ok = Capture.start(overflow: :wait)
:erlang.trace_pattern({:_, :_, :_}, :restart, [:call_count])
send(pid, :go)

reason =
  receive do
    {:DOWN, ^monitor, _, _, reason} -> reason
  end

:erlang.trace_pattern({:_, :_, :_}, :pause, [:call_count])
:ok = Capture.stop()
:normal = reason
:ok = Capture.flush(120_000)

author_name = fn name, arity ->
  case Atom.to_string(name) do
    "MACRO-" <> macro -> {String.to_atom(macro), arity - 1}
    _ -> {name, arity}
  end
end

# Anonymous functions ("-f/1-fun-0-") are no activations, and what the compiler adds is no definition.
counted =
  for module <- modules,
      {name, arity} <- module.module_info(:functions),
      name not in [:__info__, :module_info],
      not String.starts_with?(Atom.to_string(name), "-"),
      {:call_count, count} = :erlang.trace_info({module, name, arity}, :call_count),
      count > 0,
      {name, arity} = author_name.(name, arity),
      {module, name, arity} not in left_out,
      into: %{},
      do: {{module, name, arity}, count}

{:ok, functions} = Core.Runtime.functions(runtime)
captured = Map.new(functions, fn {mfa, stats} -> {mfa, stats.calls} end)

different =
  for mfa <- Enum.uniq(Map.keys(counted) ++ Map.keys(captured)), counted[mfa] != captured[mfa], do: mfa

for mfa <- different do
  IO.puts("different: #{inspect(mfa)}: #{inspect(counted[mfa])} counted, #{inspect(captured[mfa])} captured")
end

accounts = Core.Capture.accounts()
dropped = accounts.dropped |> Map.values() |> Enum.sum()

IO.puts(
  "offered: #{accounts.offered}, stored: #{accounts.stored}, dropped: #{dropped}, in flight: #{accounts.in_flight}"
)

IO.puts("began: #{accounts.began}, ended: #{accounts.ended}, orphans: #{accounts.orphans}")

IO.puts(
  "functions: #{map_size(counted)}, calls: #{counted |> Map.values() |> Enum.sum()}, different: #{length(different)}"
)

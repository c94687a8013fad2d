# Runs Elixir's own test suite with the standard library as it is, or instrumented and captured. Prints each failed test as
# `failed: MODULE NAME`, sorted, and a last line `tests: N, failed: N, instrumented: N`.
#
#     elixir -pa EBIN test/scripts/elixir_suite.exs plain|instrumented ELIXIR_SOURCES

[mode, sources] = System.argv()
root = Path.join(sources, "lib/elixir")
tests = Path.join(root, "test/elixir")

# Tests of the command line start the `elixir` of the source tree, which is not built.
left_out = ["kernel/cli_test.exs", "kernel/dialyzer_test.exs", "node_test.exs", "system_test.exs"]

instrumented =
  if mode == "instrumented" do
    modules =
      for beam <- Path.wildcard(Path.join(:code.lib_dir(:elixir), "ebin/Elixir.*.beam")),
          do: beam |> Path.basename(".beam") |> String.to_atom()

    {:ok, result} = ElixirScope.instrument(modules)
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    :ok = ElixirScope.Capture.start()
    length(result.modules)
  else
    0
  end

defmodule Failed do
  use GenServer
  def init(_), do: {:ok, []}

  def handle_cast({:test_finished, %{state: {kind, _}} = test}, failed) when kind in [:failed, :invalid] do
    {:noreply, ["failed: #{inspect(test.module)} #{test.name}" | failed]}
  end

  def handle_cast({:suite_finished, _}, failed) do
    failed |> Enum.sort() |> Enum.each(&IO.puts/1)
    {:noreply, failed}
  end

  def handle_cast(_, failed), do: {:noreply, failed}
end

File.cd!(root)
Code.require_file(Path.join(tests, "test_helper.exs"))
ExUnit.configure(seed: 0, formatters: [Failed], capture_log: true)

for file <- Path.wildcard(Path.join(tests, "**/*_test.exs")), Path.relative_to(file, tests) not in left_out do
  Code.require_file(file)
end

result = ExUnit.run()
IO.puts("tests: #{result.total}, failed: #{result.failures}, instrumented: #{instrumented}")
System.halt(0)

defmodule ElixirScope.Integration.ExampleTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Test.Project

  @moduletag timeout: 600_000

  @root Path.expand("../..", __DIR__)
  @example Path.join(@root, "examples/shop")

  # The example as it is, but for the way to this checkout.
  setup do
    files =
      for pattern <- ["mix.exs", "{lib,test}/**/*.{ex,exs}"],
          path <- Path.wildcard(Path.join(@example, pattern)),
          into: %{} do
        text = File.read!(path)
        {Path.relative_to(path, @example), String.replace(text, ~s(path: "../.."), "path: #{inspect(@root)}")}
      end

    {:ok, project: Project.new(name: :shop, files: files)}
  end

  test "its suite passes as it is, and the second compile does nothing", %{project: project} do
    assert {output, 0} = Project.mix(project, ["test"])
    assert output =~ "0 failures" or output =~ "passed"

    assert {output, 0} = Project.mix(project, ["compile"], env: "test")
    assert String.trim(output) == ""
  end

  test "the counts of an observed load are what the load says", %{project: project} do
    code = "Logger.configure(level: :none); IO.inspect(Shop.Load.run(100, 2), label: \"ended\")"
    assert {output, 0} = Project.mix(project, ["elixir_scope.run", "--json", "run.json", "-e", code])
    # In the order of this VM's maps.
    [declined, ok] =
      for key <- ["declined", "ok"] do
        assert [_, number] = Regex.run(~r/ended: %{.*\b#{key}: (\d+)/, output)
        String.to_integer(number)
      end

    json = File.read!(Path.join(project.dir, "run.json"))
    calls = &number(json, &1, &2, &3, "calls")

    # Two clients, a hundred steps each, and the step that ends the loop.
    assert calls.("Shop.Load", "loop", 4) == 202
    assert calls.("Shop.Load", "step", 3) == 200
    assert calls.("Shop.Load", "next", 1) == 200
    assert calls.("Shop.Catalog", "take", 2) == 200
    assert calls.("Shop.Payment", "charge", 2) == ok + declined
    assert number(json, "Shop.Payment", "authorise", 2, "errors") == declined
    assert calls.("Shop.Ledger", "record", 2) == ok
    assert calls.("Shop.Report", "csv", 1) == 0

    assert total(json, "events_offered") == total(json, "events_stored") + total(json, "events_dropped")
    assert total(json, "events_dropped") == 0
    assert total(json, "events_correlated") == total(json, "events_stored")
  end

  test "what the README types at a prompt runs", %{project: project} do
    readme = File.read!(Path.join(@root, "README.md"))

    session =
      ~r/```elixir\n(alias ElixirScope.*?)```/s |> Regex.scan(readme) |> Enum.map_join("\n", &List.last/1)

    assert session =~ "find_ast_nodes_by_pattern" and session =~ "Capture.start"
    Project.write(project, "session.exs", session <> ~s|\nIO.puts("to the end")\n|)

    assert {output, 0} = Project.mix(project, ["run", "session.exs"])
    assert output =~ "to the end"
  end

  # Enough to read a flat object of the document with; the whole of it is tested where it is written.
  defp number(json, module, function, arity, key) do
    row =
      ~r/\{[^{}]*"module":\s*"#{Regex.escape(module)}",\s*"function":\s*"#{function}",\s*"arity":\s*#{arity},[^{}]*\}/

    assert [object] = Regex.run(row, json), "#{module}.#{function}/#{arity} is not in the document"
    total(object, key)
  end

  defp total(json, key) do
    assert [_, number] = Regex.run(~r/"#{key}":\s*(\d+)/, json)
    String.to_integer(number)
  end
end

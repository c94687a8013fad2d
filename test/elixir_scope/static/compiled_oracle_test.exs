defmodule ElixirScope.Static.CompiledOracleTest do
  # What the compiler made of Elixir's own sources, against what was found in them: the installed `.beam`
  # files keep every definition, with its lines. The sources must be those of the installed version.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source
  alias ElixirScope.Test.Source, as: Sources

  @moduletag :elixir_sources
  @moduletag timeout: 600_000

  with {dir, _} <- Sources.elixir_sources(),
       true <- String.trim(File.read!(Path.join(dir, "VERSION"))) == System.version() do
    :ok
  else
    _ ->
      IO.puts(:stderr, "SKIPPED: 1 test: no sources of Elixir #{System.version()} in ELIXIR_SCOPE_ELIXIR_SRC")
      @moduletag skip: "the sources are not those of the installed Elixir"
  end

  # Made by `use`, `defstruct`, `defprotocol`, EEx, Record, ...: they have no definition in the source.
  @found_min 0.9

  test "compiled modules, functions and clauses are found where they are written" do
    {dir, _} = Sources.elixir_sources()

    modules =
      for path <- Path.wildcard(Path.join(dir, "lib/*/lib/**/*.ex")),
          {:ok, source} = Parser.parse_file(path, root: dir),
          {:ok, outline} = Source.outline(source),
          module <- outline,
          is_atom(module.name),
          into: %{},
          do: {module.name, module}

    results =
      for application <- [:elixir, :mix, :ex_unit, :eex, :iex, :logger],
          beam <- Path.wildcard(Path.join(:code.lib_dir(application), "ebin/Elixir.*.beam")),
          {module, definitions} <- compiled(beam),
          found = modules[module],
          {{name, arity}, kind, _meta, clauses} <- definitions do
        function = found && function(found, name, arity)
        lines = function && Enum.map(function.clauses, & &1.line)

        if function && function.kind in [:def, :defp, :defmacro, :defmacrop],
          do: assert(function.kind == kind)

        {module, function != nil, for({meta, _, _, _} <- clauses, function, do: meta[:line] in lines)}
      end

    assert length(results) > 6000
    functions = Enum.map(results, &elem(&1, 1))
    clauses = Enum.flat_map(results, &elem(&1, 2))
    assert Enum.count(functions, & &1) / length(functions) > @found_min
    assert Enum.count(clauses, & &1) / length(clauses) > 0.99
  end

  defp compiled(beam) do
    case :beam_lib.chunks(String.to_charlist(beam), [:debug_info]) do
      {:ok, {module, [debug_info: {:debug_info_v1, _, {:elixir_v1, map, _}}]}} -> [{module, map.definitions}]
      _ -> []
    end
  end

  defp function(module, name, arity) do
    named = Enum.filter(module.functions, &(&1.name == name))

    Enum.find(named, &(&1.arity == arity)) ||
      Enum.find(named, &(&1.arity > arity and &1.arity - &1.defaults <= arity))
  end
end

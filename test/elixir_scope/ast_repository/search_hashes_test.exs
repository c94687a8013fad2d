defmodule ElixirScope.ASTRepository.SearchHashesTest do
  # Code taken as its own pattern: matching and hashing are two ways to say that code is equal, made apart.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Pattern
  alias ElixirScope.Core.Source

  @files ~w(lib/elixir_scope/ast_repository/import.ex lib/elixir_scope/capture.ex lib/elixir_scope/static/parser.ex
            lib/elixir_scope/instrumentation/tail.ex lib/elixir_scope/ast_repository/pattern/steps.ex)
  @nodes_per_file 150

  for file <- @files do
    test "each piece of #{file} finds itself and its equals" do
      equals(File.read!(unquote(file)), @nodes_per_file)
    end
  end

  @tag :elixir_sources
  @tag timeout: 600_000
  test "and of Elixir's own sources" do
    for name <- ~w(enum.ex kernel.ex macro.ex code/formatter.ex module/types/expr.ex task/supervised.ex) do
      path = Path.join([System.fetch_env!("ELIXIR_SCOPE_ELIXIR_SRC"), "lib/elixir/lib", name])
      equals(File.read!(path), 300)
    end
  end

  # Ids end in the node's hash and its number among equals.
  defp equals(text, nodes) do
    {:ok, repo} = ASTRepository.new()
    quoted = Code.string_to_quoted!(text, columns: true, token_metadata: true)
    :ok = ASTRepository.store_module(repo, quoted)
    {:ok, source} = Source.build(nil, nil, quoted)
    {:ok, ids} = Source.ids(source)
    by_hash = ids |> Enum.filter(&hash/1) |> Enum.group_by(&hash/1)
    step = max(div(length(ids), nodes), 1)

    for id <- Enum.take_every(ids, step), hash = hash(id) do
      {:ok, code} = Source.quoted(source, id)

      # Lists without brackets (of an arrow, of a block's end), names in aliases and dots, and the name in `&name/1` are
      # no code of their own.
      with {name, _, arguments} when name != :. and is_list(arguments) <- code,
           {:ok, pattern} <- Pattern.new({:__literal__, [], [code]}, resolve: false, pipes: false) do
        {:ok, found} = ASTRepository.find_ast_nodes_by_pattern(repo, pattern)
        found = MapSet.new(found)

        assert MapSet.subset?(MapSet.new(by_hash[hash] -- captured(code, by_hash[hash])), found),
               Macro.to_string(code)

        assert Enum.all?(found, &(hash(&1) in [hash, nil])), Macro.to_string(code)
      else
        # Larger than a pattern may be.
        {:error, %ElixirScope.Error{reason: reason}} -> assert reason == :limit_exceeded
        _no_code -> :ok
      end
    end
  end

  # `Mod.f` in `&Mod.f/1` looks like a call without arguments and is none.
  defp captured({{:., _, [_, _]}, _, []}, ids), do: ids
  defp captured(_code, _ids), do: []

  defp hash(id) do
    case Regex.run(~r/:([0-9a-f]{8})\.\d+\z/, id) do
      [_, hash] -> hash
      nil -> nil
    end
  end
end

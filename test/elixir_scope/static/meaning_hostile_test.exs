defmodule ElixirScope.Static.MeaningHostileTest do
  # Whatever a source is, what it declares and means is an answer or an error.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.{MetadataExtractor, ModuleMeaning, ModuleMetadata, Parser, SemanticAnalyzer}
  alias ElixirScope.Core.Source
  alias ElixirScope.Error

  @moduletag timeout: 300_000
  @rounds 400

  defp texts do
    for name <- ~w(module_kinds module_kinds_web),
        {files, _} = "../../fixtures/#{name}.exs" |> Path.expand(__DIR__) |> Code.eval_file(),
        {_path, text, _labels} <- files,
        do: text
  end

  defp answers!(source) do
    assert {:ok, metadata} = MetadataExtractor.extract(source)
    assert {:ok, meanings} = SemanticAnalyzer.analyze(source)
    assert Enum.all?(metadata, &is_struct(&1, ModuleMetadata))
    assert Enum.all?(meanings, &is_struct(&1, ModuleMeaning))
    length(metadata)
  end

  test "texts with pieces cut out, doubled and swapped" do
    :rand.seed(:exsss, {1, 2, 3})
    texts = texts()

    parsed =
      for _ <- 1..@rounds, text = texts |> Enum.random() |> mutated() do
        case Parser.parse_string(text) do
          {:ok, source} -> answers!(source)
          {:error, %Error{reason: :parse_error}} -> nil
        end
      end

    assert Enum.count(parsed, & &1) > 20
  end

  defp mutated(text) do
    lines = String.split(text, "\n")
    [a, b] = Enum.sort(for _ <- 1..2, do: :rand.uniform(length(lines)) - 1)
    {before, rest} = Enum.split(lines, a)
    {middle, behind} = Enum.split(rest, b - a)

    case :rand.uniform(4) do
      1 -> before ++ behind
      2 -> before ++ middle ++ middle ++ behind
      3 -> before ++ Enum.map(middle, &String.replace(&1, ~r/\w+/, "x", global: false)) ++ behind
      4 -> middle ++ before ++ behind
    end
    |> Enum.join("\n")
  end

  test "code with any of its parts replaced by anything" do
    :rand.seed(:exsss, {4, 5, 6})
    quoted = for text <- texts(), do: Code.string_to_quoted!(text, columns: true, token_metadata: true)

    modules =
      for _ <- 1..@rounds do
        {:ok, source} = Source.build("a.ex", nil, quoted |> Enum.random() |> replaced())
        answers!(source)
      end

    assert Enum.sum(modules) > @rounds
  end

  defp replaced(quoted) do
    Macro.prewalk(quoted, fn node -> if :rand.uniform(60) == 1, do: odd(node), else: node end)
  end

  defp odd(node) do
    Enum.random([
      nil,
      [],
      0,
      "text",
      :atom,
      [node],
      {node, node},
      {:a, node},
      {:x, [], nil},
      {:quote, [], [[do: node]]},
      {:when, [], [node, node]},
      {:"::", [], [node]},
      {:%, [], [node]},
      {:%{}, [], [node]},
      {:@, [], [{:spec, [], [node]}]},
      {:@, [], [{:type, [], [{:"::", [], [node, node]}]}]},
      {:__aliases__, [], [node]},
      {:use, [], [node, node]},
      {:schema, [], [node, [do: node]]},
      {:with, [], [node]},
      {:cond, [], [node]},
      {{:., [], [node, :f]}, [], [node]}
    ])
  end

  test "what is deep" do
    deep = fn wrap -> Enum.reduce(1..20_000, {:x, [], nil}, fn _, inner -> wrap.(inner) end) end
    body = fn node -> {:defmodule, [line: 1], [{:__aliases__, [], [:A]}, [do: {:__block__, [], [node]}]]} end

    for node <- [
          {:@, [], [{:type, [], [{:"::", [], [{:t, [], nil}, deep.(&{:|, [], [:a, &1]})]}]}]},
          {:@, [], [{:spec, [], [{:"::", [], [{:f, [], []}, deep.(&[&1])]}]}]},
          {:@, [], [{:doc, [], [deep.(&{:<>, [], ["a", &1]})]}]},
          {:def, [],
           [{:when, [], [{:f, [], [{:n, [], nil}]}, deep.(&{:and, [], [{:>, [], [1, &1]}, true]})]}, [do: 1]]},
          {:def, [], [{:f, [], []}, [do: deep.(&{:if, [], [&1, [do: {:error, :no}]]})]]},
          {:def, [],
           [{:f, [], []}, [do: deep.(&{:with, [], [{:<-, [], [1, &1]}, {:<-, [], [1, 2]}, [do: 1]]})]]},
          {:defstruct, [], [[a: deep.(&{:%{}, [], [a: &1]})]]},
          {:use, [], [deep.(&{:__aliases__, [], [&1, :A]})]}
        ] do
      {:ok, source} = Source.build("a.ex", nil, body.(node))
      assert answers!(source) == 1
    end
  end
end

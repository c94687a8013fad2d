defmodule ElixirScope.FlowFuzzTest do
  # Real code, torn apart and put together wrongly, has variables, control flow and data flow too, or an error. Never a crash.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.{Flow, Source}

  @rounds String.to_integer(System.get_env("ELIXIR_SCOPE_FUZZ_ROUNDS", "40"))
  @moduletag timeout: 600_000

  defp sources do
    root = Path.expand("../..", __DIR__)

    case System.get_env("ELIXIR_SCOPE_ELIXIR_SRC") do
      nil -> Path.wildcard(root <> "/{lib,test}/**/*.{ex,exs}")
      dir -> Path.wildcard(dir <> "/lib/**/*.{ex,exs}")
    end
  end

  defp all!(source) do
    assert {:ok, _} = Flow.occurrences(source)
    assert {:ok, scopes} = Flow.scopes(source, nil)
    assert {:ok, rows} = Flow.complexities(source)
    assert {:ok, %{variables: _}} = Flow.bytes(source)

    for row <- Enum.take(rows, 20), id = elem(row, 0) do
      # A computed name may be no id.
      for graph <- [&Flow.control/2, &Flow.data/2], do: assert(elem(graph.(source, id), 0) in [:ok, :error])
    end

    length(scopes)
  end

  test "mutated texts" do
    :rand.seed(:exsss, {1, 2, 3})
    files = sources()

    parsed =
      for _ <- 1..@rounds,
          path = Enum.random(files),
          mutated = mutate(File.read!(path)),
          {:ok, source} <- [Parser.parse_string(mutated)] do
        all!(source)
      end

    assert length(parsed) > div(@rounds, 20)
  end

  # Lines lost, doubled, exchanged; words exchanged.
  defp mutate(text) do
    Enum.reduce(1..:rand.uniform(3), text, fn _, text ->
      case :rand.uniform(3) do
        1 ->
          lines = String.split(text, "\n")
          List.delete_at(lines, :rand.uniform(length(lines)) - 1) |> Enum.join("\n")

        2 ->
          lines = String.split(text, "\n")
          at = :rand.uniform(length(lines)) - 1
          List.insert_at(lines, :rand.uniform(length(lines)) - 1, Enum.at(lines, at)) |> Enum.join("\n")

        3 ->
          words = ~w(case if with for fn do = <- -> ^ & |> when x def quote unquote rescue else)
          String.replace(text, Enum.random(words), Enum.random(words), global: false)
      end
    end)
  end

  test "mutated trees" do
    :rand.seed(:exsss, {4, 5, 6})
    files = sources()

    built =
      for _ <- 1..@rounds do
        quoted =
          for _ <- 1..2,
              do:
                files
                |> Enum.random()
                |> File.read!()
                |> Code.string_to_quoted!(columns: true, emit_warnings: false)

        [into, from] = quoted
        {_, nodes} = Macro.prewalk(from, [], &{&1, [&1 | &2]})
        nodes = nodes |> Enum.take_random(200) |> List.to_tuple()

        wrong =
          Macro.prewalk(into, fn node ->
            if :rand.uniform(400) == 1, do: elem(nodes, :rand.uniform(tuple_size(nodes)) - 1), else: node
          end)

        assert {:ok, source} = Source.build("lib/a.ex", nil, wrong)
        all!(source)
      end

    assert length(built) == @rounds
  end

  test "what nobody writes: forms without arguments, deep nesting" do
    forms =
      ~w(= ^ fn & -> <- when \\ :: <<>> % %{} {} | . |> @ case cond if unless for with try receive and || match? destructure quote unquote
         unquote_splicing var! binding raise def defp defmacro defdelegate defguard defmodule defimpl test setup from assert_receive __block__)a

    shapes = [
      [],
      [[]],
      [[do: 1]],
      [[do: [{:->, [], []}]]],
      [[do: [{:->, [], [[], nil]}]]],
      [1, [do: nil, else: [], rescue: 1, catch: [[]], after: []]]
    ]

    for form <- forms, args <- shapes do
      inner = {form, [line: 1, column: 1], args}

      code =
        {:defmodule, [],
         [{:__aliases__, [], [:A]}, [do: {:def, [], [{:f, [], [inner]}, [do: {form, [], [inner, inner]}]]}]]}

      {:ok, source} = Source.build("lib/a.ex", nil, code)
      all!(source)
    end

    for wrap <- [
          &{:fn, [], [{:->, [], [[{:x, [], nil}], &1]}]},
          &{:f, [], [&1, {:x, [], nil}]},
          &{:case, [], [{:x, [], nil}, [do: [{:->, [], [[{:x, [], nil}], &1]}]]]},
          &{:=, [], [{:x, [], nil}, &1]},
          &{:&&, [], [&1, {:x, [], nil}]},
          &[&1, {:x, [], nil}]
        ] do
      deep = Enum.reduce(1..5_000, {:x, [], nil}, fn _, inner -> wrap.(inner) end)

      code =
        {:defmodule, [],
         [{:__aliases__, [], [:A]}, [do: {:def, [], [{:f, [], [{:x, [], nil}]}, [do: deep]]}]]}

      {:ok, source} = Source.build("lib/a.ex", nil, code)
      assert {:ok, _} = Flow.occurrences(source)
      assert {:ok, _} = Flow.complexities(source)
      assert {:ok, _} = Flow.bytes(source)
    end
  end
end

defmodule ElixirScope.OTP.HostileTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Processes

  @sources Path.wildcard(Path.expand("../../../examples/shop/lib/**/*.ex", __DIR__)) ++
             Path.wildcard(Path.expand("../../../lib/elixir_scope/**/*.ex", __DIR__))

  defp ask(quoted) do
    {:ok, repository} = ASTRepository.new()

    case ASTRepository.store_module(repository, quoted) do
      :ok ->
        assert {:ok, _} = Processes.supervision_tree(repository)
        assert {:ok, %{sends: sends}} = Processes.messages(repository)
        ASTRepository.stop(repository)
        length(sends)

      {:error, _} ->
        ASTRepository.stop(repository)
        0
    end
  end

  test "mutated sources never stop it" do
    :rand.seed(:exsss, {1, 2, 3})

    texts =
      @sources |> Enum.map(&File.read!/1) |> Enum.filter(&(&1 =~ ~r/GenServer.ca|send\(|Agent\.|start_link/))

    parsed =
      for _ <- 1..400,
          text = mutated(Enum.random(texts)),
          {:ok, quoted} <- [
            Code.string_to_quoted(text, columns: true, token_metadata: true, emit_warnings: false)
          ],
          do: ask(quoted)

    # Many mutants parse, and some still send.
    assert length(parsed) > 40
    assert Enum.count(parsed, &(&1 > 0)) > 5
  end

  # Swaps, repeats or drops words, some times over.
  defp mutated(text) do
    words = Regex.split(~r/\b/, text)

    1..Enum.random(1..6)
    |> Enum.reduce(words, fn _, words ->
      at = :rand.uniform(length(words)) - 1
      other = Enum.random(words)

      case :rand.uniform(4) do
        1 ->
          List.delete_at(words, at)

        2 ->
          List.replace_at(words, at, other)

        3 ->
          List.insert_at(words, at, other)

        4 ->
          words
          |> List.delete_at(at)
          |> List.insert_at(at, Enum.random(["[]", "{}", "fn", "&1", "nil", "..", "%{}"]))
      end
    end)
    |> Enum.join()
  end

  defp in_server(body) do
    quote do
      defmodule Deep.Server do
        use GenServer
        def handle_info(:x, s), do: {:noreply, s}
        def init(x), do: unquote(body)
      end
    end
  end

  test "depth and doubling are bounded" do
    nest = fn n, start, wrap -> Enum.reduce(1..n, start, fn _, inner -> wrap.(inner) end) end
    send = quote(do: send(self(), :x))

    for wrap <- [
          &{:++, [], [&1, []]},
          &{:|>, [], [&1, {:foo, [], []}]},
          &{:foo, [], [&1]},
          &[&1],
          &{:fn, [], [{:->, [], [[], &1]}]},
          &{:if, [], [&1, [do: &1 |> is_list()]]},
          &{:=, [], [{:x, [], nil}, &1]},
          &{:case, [], [&1, [do: [{:->, [], [[{:_, [], nil}], 1]}]]]},
          &{{:., [], [&1, :foo]}, [], []}
        ] do
      assert ask(in_server(nest.(20_000, send, wrap))) == 1
    end

    doubling =
      for n <- 1..60, do: {:=, [], [{:"v#{n}", [], nil}, {{:"v#{n - 1}", [], nil}, {:"v#{n - 1}", [], nil}}]}

    last = quote(do: send(self(), unquote({:v60, [], nil})))
    assert ask(in_server({:__block__, [], [{:=, [], [{:v0, [], nil}, :x]} | doubling] ++ [last]})) == 1
  end

  test "functions that call each other end" do
    quoted =
      quote do
        defmodule Loop do
          use Supervisor
          def start_link(x), do: Supervisor.start_link(__MODULE__, x, name: __MODULE__)
          def init(x), do: Supervisor.init(a(x), strategy: :one_for_one)
          def a(x), do: [Loop | b(x)] ++ b(x)
          def b(x), do: [{Loop, x} | c(x)] ++ a(x)

          def c(x),
            do:
              Enum.map(1..30, fn n ->
                Enum.map(1..30, fn m -> Enum.map(1..30, fn o -> {n, m, o, b(x)} end) end)
              end)
        end
      end

    assert ask(quoted) == 0
  end
end

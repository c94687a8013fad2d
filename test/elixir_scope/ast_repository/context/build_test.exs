defmodule ElixirScope.ASTRepository.Context.BuildTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ContextRequest, FunctionData, HybridContext, TestCase}
  alias ElixirScope.Test.CodeFixtures

  @till """
  defmodule ContextBuild.Till do
    @moduledoc "Money of customers."
    use GenServer

    def start_link(_), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

    @doc "Adds what a customer pays."
    def pay(amount), do: GenServer.call(__MODULE__, {:pay, check(amount)})

    def forget(amount), do: GenServer.cast(__MODULE__, {:forget_it, amount})

    @impl true
    def init(sums), do: {:ok, sums}

    @impl true
    def handle_call({:pay, amount}, _from, sums), do: {:reply, :ok, [amount | sums]}

    @impl true
    def handle_cast({:forget, amount}, sums), do: {:noreply, sums -- [amount]}

    defp check(amount) when amount > 0, do: amount
  end
  """

  @far """
  defmodule ContextBuild.Far do
    def weather(place), do: String.upcase(place)
  end
  """

  @test_file """
  defmodule ContextBuild.TillTest do
    use ExUnit.Case

    describe "paying" do
      test "adds up" do
        ContextBuild.Till.pay(1)
      end
    end

    test "the weather" do
      ContextBuild.Far.weather("here")
    end
  end
  """

  setup do
    root = Path.join(System.tmp_dir!(), "elixir_scope-build-#{System.unique_integer([:positive])}")

    CodeFixtures.write(root, [
      {"lib/till.ex", @till},
      {"lib/far.ex", @far},
      {"test/till_test.exs", @test_file}
    ])

    on_exit(fn -> File.rm_rf!(root) end)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, root)
    {:ok, root: root, repository: repository}
  end

  defp ids(repository, request) do
    {:ok, context} = ASTRepository.build_hybrid_context(repository, request)
    Enum.map(context.items, & &1.ast_node_id)
  end

  defp item(repository, request, id) do
    {:ok, context} = ASTRepository.build_hybrid_context(repository, request)
    Enum.find(context.items, &(&1.ast_node_id == id))
  end

  test "every way to say a function leads to it", %{repository: repository, root: root} do
    pay = "ContextBuild.Till.pay/1"
    line = line_of(@till, "def pay")

    for request <- [
          {ContextBuild.Till, :pay, 1},
          [function: {ContextBuild.Till, :pay, 1}],
          %{function: {ContextBuild.Till, :pay, 1}},
          %ContextRequest{node: pay},
          pay,
          "ContextBuild.Till.pay",
          "lib/till.ex:#{line}",
          [file: "lib/till.ex", line: line],
          [file: Path.join(root, "lib/till.ex"), line: line],
          [question: "what does a customer pay?"],
          [
            error: %KeyError{key: 1},
            stacktrace: [{ContextBuild.Till, :pay, 1, [file: ~c"lib/till.ex", line: line]}]
          ],
          [stacktrace: [{ContextBuild.Till, :"-pay/1-fun-0-", 1, []}]],
          [
            error:
              "** (KeyError) key :a not found in: nil\n    (till 0.1.0) lib/till.ex:#{line}: anonymous fn/1 in ContextBuild.Till.pay/1"
          ],
          [test: {ContextBuild.TillTest, :"test paying adds up"}],
          [test: {"ContextBuild.TillTest", "test paying adds up"}],
          [test: "test/till_test.exs:6"]
        ] do
      assert [^pay | _] = ids(repository, request), inspect(request)
    end

    {:ok, clause} = ASTRepository.clause_metrics(repository, {ContextBuild.Till, :pay, 1})
    assert [^pay | _] = ids(repository, node: hd(clause).ast_node_id)
    assert "ContextBuild.Till.pay/1" in ids(repository, module: ContextBuild.Till)
    assert ["ContextBuild.Far.weather/1" | _] = ids(repository, test: "test/till_test.exs:11")
    :ok = ASTRepository.store_correlation(repository, "order-7", pay)
    assert [^pay | _] = ids(repository, trace: "order-7")
  end

  test "what a function calls, who calls it, and who takes its messages", %{repository: repository} do
    pay = item(repository, "ContextBuild.Till.pay/1", "ContextBuild.Till.pay/1")
    ends = Map.new(pay.calls, &{&1.ast_node_id, &1})
    assert %{kind: :local, written: true, count: 0} = ends["ContextBuild.Till.check/1"]
    assert %{kind: :message} = ends["ContextBuild.Till.handle_call/3"]
    assert ["ContextBuild.TillTest"] = Enum.map(pay.called_by, & &1.ast_node_id)
    assert pay.documentation == "Adds what a customer pays."
    assert pay.code == ~s|def pay(amount), do: GenServer.call(__MODULE__, {:pay, check(amount)})|
    # What is tied is nearer than what is not.
    near = ids(repository, tokens: 20_000, target: "ContextBuild.Till.pay/1")
    place = fn id -> Enum.find_index(near, &(&1 == id)) || 1_000 end
    assert place.("ContextBuild.Till.check/1") < place.("ContextBuild.Till.start_link/1")
    assert place.("ContextBuild.Till.handle_call/3") < place.("ContextBuild.Till.start_link/1")
    assert place.("ContextBuild.Till.start_link/1") < place.("ContextBuild.Far.weather/1")
  end

  test "a message that nobody takes draws attention", %{repository: repository} do
    forget = item(repository, [module: ContextBuild.Till], "ContextBuild.Till.forget/1")
    assert forget.rank == 1
    assert "sends a message that its receiver takes in no clause" in forget.why
  end

  test "what changed says so, and comes nearer", %{repository: repository, root: root} do
    before = item(repository, [module: ContextBuild.Till], "ContextBuild.Till.check/1")
    assert before.change == nil
    path = Path.join(root, "lib/till.ex")
    File.write!(path, String.replace(@till, "amount > 0", "amount > 1"))
    {:ok, _} = ASTRepository.update_file(repository, path)
    later = item(repository, [module: ContextBuild.Till], "ContextBuild.Till.check/1")
    assert %{kind: :changed, at: %DateTime{}, versions: 2} = later.change
    assert "changed in the newest version" in later.why
    assert later.rank < before.rank
    assert later.code =~ "amount > 1"
    # The others are what they were.
    assert item(repository, [module: ContextBuild.Till], "ContextBuild.Till.pay/1").change == nil
  end

  test "an unsaved file is not shown for what was read", %{repository: repository, root: root} do
    File.write!(Path.join(root, "lib/till.ex"), "# another text\n" <> @till)
    pay = item(repository, "ContextBuild.Till.pay/1", "ContextBuild.Till.pay/1")
    assert pay.code_of == :syntax_tree
    assert pay.code =~ "GenServer.call(__MODULE__, {:pay, check(amount)})"
  end

  test "tests that were recorded to reach a function", %{repository: repository} do
    case = %TestCase{
      module: "ContextBuild.TillTest",
      name: "test recorded",
      file: "test/till_test.exs",
      line: 5,
      result: :failed,
      how: :own,
      calls: 1
    }

    key = {ContextBuild.Far, :weather, 1}
    :ok = ASTRepository.store_function(repository, %FunctionData{function_key: key, test_cases: [case]})

    assert %{tests: [%{test: "test recorded", result: :failed}]} =
             item(repository, key, "ContextBuild.Far.weather/1")

    assert ["ContextBuild.Far.weather/1" | _] =
             ids(repository, test: {"ContextBuild.TillTest", "test recorded"})
  end

  test "it says that nothing was observed, and what the ranking left open", %{repository: repository} do
    {:ok, context} = ASTRepository.build_hybrid_context(repository, target: "ContextBuild.Till")
    assert context.loss == %{lost: 0, evicted: 0, events: 0}
    assert to_string(context) =~ "Nothing was observed"
    assert context.unsettled < 0.01
    assert %HybridContext{target: %{kind: :module, text: "ContextBuild.Till"}} = context
    assert Enum.sum(for seed <- context.seeds, do: seed.weight) |> Float.round(6) == 1.0
    refute Enum.any?(context.items, & &1.statistics)
  end

  test "code: false, events: 0 and items: leave out what they say", %{repository: repository} do
    {:ok, context} =
      ASTRepository.build_hybrid_context(repository, target: "ContextBuild.Till", code: false, items: 3)

    assert length(context.items) == 3
    assert Enum.all?(context.items, &(&1.code == nil))
  end

  defp line_of(text, part), do: text |> String.split("\n") |> Enum.find_index(&(&1 =~ part)) |> Kernel.+(1)
end

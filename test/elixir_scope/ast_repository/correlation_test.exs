defmodule ElixirScope.ASTRepository.CorrelationTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ModuleData, Repository, RuntimeCorrelator, RuntimeEvent}
  alias ElixirScope.Error

  test "a thousand correlations are found again, both ways" do
    repo = repository()
    pairs = for n <- 1..1000, do: {"corr_#{n}", "Module#{rem(n, 10)}.function/#{n}"}
    for {id, node} <- pairs, do: assert(:ok = Repository.store_correlation(repo, id, node))
    for {id, node} <- pairs, do: assert({:ok, ^node} = Repository.get_ast_node_by_correlation(repo, id))
    for {id, node} <- pairs, do: assert({:ok, [^id]} = Repository.get_correlations_for_ast_node(repo, node))
    assert {:ok, all} = Repository.get_all_correlations(repo)
    assert all == Enum.sort(pairs)
  end

  test "ids are binaries, integers and atoms, each for itself" do
    repo = repository()
    ids = ["1", 1, :"1", -1, <<0, 255>>, 0x7FFF_FFFF_FFFF_FFFF]
    for {id, n} <- Enum.with_index(ids), do: :ok = ASTRepository.store_correlation(repo, id, "node#{n}")

    for {id, n} <- Enum.with_index(ids),
        do: assert(ASTRepository.get_ast_node_by_correlation(repo, id) == {:ok, "node#{n}"})

    assert {:error, :not_found} = ASTRepository.get_ast_node_by_correlation(repo, 2)
  end

  test "storing an id again moves it; several ids may stand for one node" do
    repo = repository()
    for id <- ["b", "a"], do: :ok = ASTRepository.store_correlation(repo, id, "n")
    assert {:ok, ["b", "a"]} = ASTRepository.get_correlations_for_ast_node(repo, "n")
    :ok = ASTRepository.store_correlation(repo, "b", "m")
    assert {:ok, ["a"]} = ASTRepository.get_correlations_for_ast_node(repo, "n")
    assert {:ok, ["b"]} = ASTRepository.get_correlations_for_ast_node(repo, "m")
    assert {:ok, []} = ASTRepository.get_correlations_for_ast_node(repo, "never")
  end

  test "are limited, and say so" do
    repo = repository(max_correlations: 3)
    for n <- 1..3, do: :ok = ASTRepository.store_correlation(repo, n, "n")

    assert {:error, %Error{reason: :limit_exceeded, details: %{limit: 3}}} =
             ASTRepository.store_correlation(repo, 4, "n")

    assert :ok = ASTRepository.store_correlation(repo, 3, "m")
  end

  test "writers from many processes lose nothing" do
    repo = repository()

    1..8
    |> Enum.map(fn writer ->
      Task.async(fn ->
        for n <- 1..500,
            do: :ok = ASTRepository.store_correlation(repo, {writer, n} |> inspect(), "n#{rem(n, 7)}")
      end)
    end)
    |> Task.await_many(60_000)

    assert {:ok, all} = ASTRepository.get_all_correlations(repo)
    assert length(all) == 4_000
    # Not the status: that also says how quick this machine is just now.
    assert {:ok, %{checks: checks}} = ASTRepository.health_check(repo)
    assert checks[:correlations] == :ok
  end

  test "show in the module they belong to" do
    repo = repository()
    :ok = ASTRepository.store_module(repo, cart())

    {:ok, %{ast_node_mapping: nodes}} =
      ASTRepository.get_module(repo, Fixture.Cart, fields: [:ast_node_mapping])

    inner = nodes |> Map.keys() |> Enum.find(&(&1 =~ "#"))

    for {id, node} <- [one: "Fixture.Cart", two: inner, other: "Fixture.Cart.Inner.f/1"],
        do: :ok = ASTRepository.store_correlation(repo, id, node)

    assert {:ok, %{correlation_metadata: %{one: "Fixture.Cart", two: ^inner} = own}} =
             ASTRepository.get_module(repo, Fixture.Cart)

    assert map_size(own) == 2
  end

  describe "correlate_event" do
    setup do
      repo = repository()

      :ok =
        ASTRepository.store_module(repo, %ModuleData{
          module_name: Fixture.Cart,
          ast: cart(),
          source_file: "lib/cart.ex"
        })

      :ok = ASTRepository.store_correlation(repo, "brought", "Fixture.Cart.total/2")
      %{repo: repo}
    end

    test "goes by id, then by line, then by function", %{repo: repo} do
      id = %RuntimeEvent{correlation_id: "brought", file: "lib/cart.ex", line: 4, module: Fixture.Cart}
      assert {:ok, "Fixture.Cart.total/2"} = ASTRepository.correlate_event(repo, id)
      assert {:ok, "Fixture.Cart.total/2"} = RuntimeCorrelator.correlate_event(repo, id)

      # An id that nobody knows is not the end.
      line = %{id | correlation_id: "unknown"}

      assert {:ok, %{ast_node_id: "Fixture.Cart.init/1" <> _, strategy: :line_based, confidence: 0.8}} =
               RuntimeCorrelator.resolve(repo, line)

      pattern = %RuntimeEvent{module: Fixture.Cart, function: :init, arity: 1}

      assert {:ok, %{ast_node_id: "Fixture.Cart.init/1", strategy: :pattern_based, confidence: 1.0}} =
               RuntimeCorrelator.resolve(repo, pattern)

      assert {:ok, "Fixture.Cart.total/2"} =
               ASTRepository.correlate_event(repo, %{module: Fixture.Cart, function: :total, arity: 1})

      assert {:ok, "Fixture.Cart"} = ASTRepository.correlate_event(repo, %{module: Fixture.Cart})
      assert {:ok, "X"} = ASTRepository.correlate_event(repo, %{ast_node_id: "X"})
    end

    test "lines lead to the innermost node, whatever form the path has", %{repo: repo} do
      for file <- ["lib/cart.ex", "/home/x/project/lib/cart.ex", "cart.ex"] do
        {:ok, node} = ASTRepository.correlate_event(repo, %{file: file, line: 8, column: 9})
        assert {:ok, {:reply, {:error, :dear}, _}} = ASTRepository.get_ast_node(repo, node) |> untuple()
      end

      assert {:error, %Error{reason: :not_found}} =
               ASTRepository.correlate_event(repo, %{file: "lib/other.ex", line: 8})
    end

    test "strategy: keeps to one", %{repo: repo} do
      event = %RuntimeEvent{correlation_id: "unknown", module: Fixture.Cart}

      assert {:error, %Error{reason: :not_found}} =
               RuntimeCorrelator.resolve(repo, event, strategy: :correlation_id)

      assert {:error, %Error{reason: :unknown, hint: "did you mean :line_based?"}} =
               RuntimeCorrelator.resolve(repo, event, strategy: :line)

      assert RuntimeCorrelator.correlation_exists?(repo, "brought")
      refute RuntimeCorrelator.correlation_exists?(repo, "unknown")
    end

    test "says what an event lacks", %{repo: repo} do
      assert {:error, %Error{reason: :invalid_argument, hint: "it has nothing to go by" <> _}} =
               ASTRepository.correlate_event(repo, %RuntimeEvent{})
    end
  end

  # `{:reply, {:error, :dear}, state}` is `{:{}, meta, [...]}` as quoted code.
  defp untuple({:ok, {:{}, _, [a, b, c]}}), do: {:ok, {a, b, c}}
  defp untuple(other), do: other
end

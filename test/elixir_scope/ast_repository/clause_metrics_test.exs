defmodule ElixirScope.ASTRepository.ClauseMetricsTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ClauseMetrics, ComplexityMetrics, Query}

  setup do
    repo = repository()
    :ok = ASTRepository.store_module(repo, cart())
    {:ok, repo: repo}
  end

  test "each clause of a module, a function, a clause, a node", %{repo: repo} do
    {:ok, all} = ASTRepository.clause_metrics(repo, Fixture.Cart)
    assert length(all) == 6

    assert [1, 1, 1, 1, 1, 3] ==
             all |> Enum.map(& &1.metrics.cyclomatic_complexity) |> Enum.sort()

    {:ok, [add, total]} = ASTRepository.clause_metrics(repo, {Fixture.Cart, :handle_call, 3})
    assert %ClauseMetrics{line: 6, end_line: 12, bodiless: false} = add
    assert %ComplexityMetrics{credo_cyclomatic: 3, nesting_depth: 1, abc_conditions: 2} = add.metrics
    assert %ComplexityMetrics{credo_cyclomatic: 1, abc_branches: 1} = total.metrics

    assert {:ok, [^total]} = ASTRepository.clause_metrics(repo, total.ast_node_id)
    assert {:ok, [^add, ^total]} = ASTRepository.clause_metrics(repo, "Fixture.Cart.handle_call/3")
    {:ok, function} = ASTRepository.get_function(repo, {Fixture.Cart, :handle_call, 3})
    assert function.complexity_metrics.abc_branches == add.metrics.abc_branches + total.metrics.abc_branches

    {:ok, module} = ASTRepository.get_module(repo, Fixture.Cart)
    assert module.maintainability_index == module.complexity_metrics.maintainability_index
    assert module.maintainability_index > 50
  end

  test "metrics are fields of queries", %{repo: repo} do
    query =
      Query.new()
      |> Query.select([:function_name, :maintainability_index, "complexity_metrics.halstead_volume"])
      |> Query.from(:functions)
      |> Query.add_where({:gt, "complexity_metrics.abc_size", 2})
      |> Query.add_order_by("complexity_metrics.maintainability_index", :asc)

    assert {:ok, %{rows: [row | _] = rows}} = ASTRepository.query(repo, query)
    assert row.function_name == :handle_call
    assert length(rows) < 5
    assert Enum.all?(rows, &(&1.maintainability_index >= row.maintainability_index))

    query = Query.new() |> Query.from(:modules) |> Query.add_where({:lt, :maintainability_index, 100})
    assert {:ok, %{total: 1}} = ASTRepository.query(repo, query)
  end

  test "what is not there, and what is no id", %{repo: repo} do
    assert {:error, %{reason: :not_found}} = ASTRepository.clause_metrics(repo, Nowhere)
    assert {:error, %{reason: :not_found}} = ASTRepository.clause_metrics(repo, {Fixture.Cart, :none, 0})
    assert {:error, %{reason: :not_found}} = ASTRepository.clause_metrics(repo, "Fixture.Cart.none/0")

    for bad <- [nil, 1, {Fixture.Cart, :f}, {1, 2, 3}, %{}, "", <<255>>] do
      assert {:error, %{reason: :invalid_argument, hint: hint}} = ASTRepository.clause_metrics(repo, bad)
      assert is_binary(hint)
    end
  end
end

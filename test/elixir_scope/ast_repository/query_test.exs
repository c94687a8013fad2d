defmodule ElixirScope.ASTRepository.QueryTest do
  use ExUnit.Case, async: true
  doctest ElixirScope.ASTRepository.Query, only: [validate: 1]

  import ElixirScope.ASTRepository.Query
  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ComplexityMetrics, FunctionData, ModuleData, Query, QueryResult}
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.Error

  # The three questions of the specification, as they stand there.
  defmodule Specified do
    import ElixirScope.ASTRepository.Query

    def high_complexity_genservers do
      new()
      |> select([:module_name, :complexity_metrics, :runtime_insights])
      |> from(:modules)
      |> where({:eq, :module_type, :genserver})
      |> where({:gt, :complexity_metrics.cyclomatic_complexity(), 10})
      |> where({:has_runtime_data, true})
      |> join_runtime_data(:inner, {:correlation_exists})
      |> order_by(:complexity_metrics.cognitive_complexity(), :desc)
      |> limit(50)
    end

    def performance_bottleneck_functions do
      new()
      |> select([:function_key, :execution_statistics, :performance_profile])
      |> from(:functions)
      |> where({:gt, :execution_statistics.average_duration(), 100.0})
      |> where({:gt, :execution_statistics.call_frequency(), 1000})
      |> join_runtime_data(:inner, {:has_performance_data})
      |> order_by(:performance_profile.cpu_usage(), :desc)
      |> limit(20)
    end

    def untested_but_executed_code do
      new()
      |> select([:ast_node_id, :test_coverage, :execution_frequency])
      |> from(:functions)
      |> where({:lt, :test_coverage, 0.5})
      |> where({:gt, :execution_statistics.call_frequency(), 10})
      |> join_runtime_data(:inner, {:correlation_exists})
      |> order_by(:execution_statistics.call_frequency(), :desc)
    end
  end

  defp ask!(repo, query) do
    assert {:ok, %QueryResult{} = result} = ASTRepository.query(repo, query)
    assert result.count == length(result.rows)
    result
  end

  defp reason(query) do
    assert {:error, %Error{} = error} = ASTRepository.query(repository(), query)
    assert {:error, ^error} = Query.validate(query)
    {error.reason, error.hint}
  end

  describe "the specification's questions" do
    test "find the complex GenServers that ran" do
      repo = repository()

      for {name, type, cyclomatic, cognitive, insights} <- [
            {Hot, :genserver, 11, 5, %{sample_count: 1}},
            {Hotter, :genserver, 12, 9, %{sample_count: 1}},
            {Idle, :genserver, 30, 9, nil},
            {Simple, :genserver, 10, 9, %{sample_count: 1}},
            {Plain, :plain, 30, 9, %{sample_count: 1}}
          ] do
        :ok =
          ASTRepository.store_module(repo, %ModuleData{
            module_name: name,
            module_type: type,
            complexity_metrics: %ComplexityMetrics{
              cyclomatic_complexity: cyclomatic,
              cognitive_complexity: cognitive
            },
            runtime_insights: insights
          })

        :ok = ASTRepository.store_correlation(repo, name, inspect(name))
      end

      result = ask!(repo, Specified.high_complexity_genservers())
      assert [%{module_name: Hotter}, %{module_name: Hot, runtime_insights: %{sample_count: 1}}] = result.rows

      # Without a correlation, the inner join leaves a module out.
      :ok = ASTRepository.store_correlation(repo, Hotter, "Elsewhere")
      assert [%{module_name: Hot}] = ask!(repo, Specified.high_complexity_genservers()).rows
    end

    test "find the slow functions" do
      repo = repository()

      for {name, average, calls, cpu} <- [
            {:a, 150.0, 2000, 0.5},
            {:b, 101, 1001, 0.9},
            {:c, 100.0, 5000, 1.0},
            {:d, 500.0, 1000, 1.0},
            {:e, 200.0, 2000, nil}
          ] do
        :ok =
          ASTRepository.store_function(repo, %FunctionData{
            function_key: {M, name, 0},
            execution_statistics: %{average_duration: average, call_frequency: calls},
            performance_profile: %{cpu_usage: cpu}
          })
      end

      rows = ask!(repo, Specified.performance_bottleneck_functions()).rows
      assert [{M, :b, 0}, {M, :a, 0}, {M, :e, 0}] = Enum.map(rows, & &1.function_key)
      assert hd(rows).execution_statistics == %{average_duration: 101, call_frequency: 1001}
    end

    test "find what ran and is hardly tested" do
      repo = repository()

      for {name, coverage, calls} <- [
            {:a, 0.4, 11},
            {:b, 0.1, 500},
            {:c, 0.5, 500},
            {:d, 0.1, 10},
            {:e, nil, 500}
          ] do
        key = {M, name, 0}
        :ok = ASTRepository.store_function(repo, %FunctionData{function_key: key, test_coverage: coverage})
        :ok = ASTRepository.update_function_runtime_data(repo, key, call_frequency: calls)
        :ok = ASTRepository.store_correlation(repo, name, "M.#{name}/0")
      end

      assert [
               %{ast_node_id: "M.b/0", test_coverage: 0.1, execution_frequency: 500},
               %{ast_node_id: "M.a/0", test_coverage: 0.4, execution_frequency: 11}
             ] = ask!(repo, Specified.untested_but_executed_code()).rows
    end

    test "run over real sources" do
      repo = repository()
      {:ok, _} = ASTRepository.import_project(repo, "lib")

      for query <- [
            Specified.high_complexity_genservers(),
            Specified.performance_bottleneck_functions(),
            Specified.untested_but_executed_code()
          ] do
        assert %{rows: [], scanned: scanned} = ask!(repo, query)
        assert scanned > 50
      end
    end
  end

  describe "conditions" do
    setup do
      repo = repository()

      for {name, line, coverage} <- [{:alpha, 1, 0.5}, {:beta, 2, 1}, {:gamma, 3, nil}] do
        data = %FunctionData{
          function_key: {M, name, 0},
          cyclomatic_complexity: line,
          test_coverage: coverage,
          documentation: %{text: "doc of #{name}"}
        }

        :ok = ASTRepository.store_function(repo, data)
      end

      names = fn condition ->
        query = new() |> select([:function_name]) |> from(:functions) |> add_where(condition)
        ask!(repo, query).rows |> Enum.map(& &1.function_name)
      end

      %{names: names}
    end

    test "each does what it says", %{names: names} do
      for {condition, expected} <- [
            {{:eq, :cyclomatic_complexity, 2}, [:beta]},
            {{:eq, :cyclomatic_complexity, 2.0}, [:beta]},
            {{:ne, :cyclomatic_complexity, 2}, [:alpha, :gamma]},
            {{:gt, :cyclomatic_complexity, 2}, [:gamma]},
            {{:gte, :cyclomatic_complexity, 2}, [:beta, :gamma]},
            {{:lt, :cyclomatic_complexity, 1.5}, [:alpha]},
            {{:lte, :cyclomatic_complexity, 1}, [:alpha]},
            {{:in, :function_name, [:alpha, :gamma, :x]}, [:alpha, :gamma]},
            {{:in, :function_name, []}, []},
            {{:like, :function_name, "%a"}, [:alpha, :beta, :gamma]},
            {{:like, :function_name, "_eta"}, [:beta]},
            {{:like, "documentation.text", "%beta"}, [:beta]},
            {{:like, [:documentation, :text], "doc of %"}, [:alpha, :beta, :gamma]},
            {{:eq, :test_coverage, nil}, [:gamma]},
            {{:gt, :test_coverage, 0}, [:alpha, :beta]},
            {{:not, {:gt, :test_coverage, 0}}, [:gamma]},
            {{:has_runtime_data, false}, [:alpha, :beta, :gamma]},
            {{:complexity_above, 2}, [:gamma]},
            {{:execution_frequency_above, 0}, []},
            {{:and, []}, [:alpha, :beta, :gamma]},
            {{:or, []}, []},
            {{:or,
              [
                {:eq, :function_name, :alpha},
                {:and, [{:complexity_above, 1}, {:not, {:eq, :function_name, :beta}}]}
              ]}, [:alpha, :gamma]}
          ] do
        assert {condition, names.(condition)} == {condition, expected}
      end
    end
  end

  test "a dotted atom is a path wherever a field may stand" do
    left =
      new()
      |> where({:or, [{:gt, :complexity_metrics.cyclomatic_complexity(), 1}, {:not, {:in, :a.b().c, [1]}}]})
      |> order_by(:a.b())

    assert left.where == [
             {:or,
              [{:gt, [:complexity_metrics, :cyclomatic_complexity], 1}, {:not, {:in, [:a, :b, :c], [1]}}]}
           ]

    assert left.order_by == [{[:a, :b], :asc}]
    # A value stays what it is.
    assert (new() |> where({:eq, :line, :erlang.abs(-3)})).where == [{:eq, :line, 3}]
  end

  test "rows are sorted with nil last, cut, and counted before they are cut" do
    repo = repository()

    for n <- [3, 1, nil, 2],
        do:
          :ok =
            ASTRepository.store_function(repo, %FunctionData{function_key: {M, :"f#{n}", 0}, lines_of_code: n})

    base = new() |> select([:lines_of_code]) |> from(:functions)
    lines = fn query -> Enum.map(ask!(repo, query).rows, & &1.lines_of_code) end

    assert lines.(base |> order_by(:lines_of_code, :desc)) == [3, 2, 1, nil]
    assert lines.(base |> order_by(:lines_of_code)) == [1, 2, 3, nil]
    assert lines.(base |> order_by(:lines_of_code) |> offset(1) |> limit(2)) == [2, 3]
    assert lines.(base |> order_by(:lines_of_code) |> limit(0)) == []
    assert %{count: 1, total: 4, scanned: 4} = ask!(repo, base |> limit(1))
  end

  test "nodes are rows" do
    repo = repository()
    :ok = ASTRepository.store_module(repo, cart())

    query =
      new()
      |> select([:ast_node_id, :ast, :line, :function_key])
      |> from(:ast_nodes)
      |> where({:eq, :name, :reduce})
      |> where({:eq, :kind, :call})

    assert %{rows: []} = ask!(repo, query)

    query =
      new()
      |> select([:ast_node_id, :ast, :line, :function_key])
      |> from(:ast_nodes)
      |> where({:eq, :name, :if})

    assert %{rows: [row]} = ask!(repo, query)
    assert %{function_key: {Fixture.Cart, :handle_call, 3}, line: 7, ast: {:if, _, [_ | _]}} = row
    assert {:ok, row.ast} == ASTRepository.get_ast_node(repo, row.ast_node_id)
  end

  test "what is wrong is named, with the nearest that is right" do
    base = from(new(), :functions)
    assert reason(from(new(), :function)) == {:unknown, "did you mean :functions?"}
    assert {:invalid_argument, "add from(" <> _} = reason(new())
    assert reason(select(base, [:arty])) == {:unknown, "did you mean :arity?"}

    assert reason(select(base, ["complexity_metrics.cyclomatic"])) ==
             {:unknown, "did you mean :cyclomatic_complexity?"}

    assert reason(add_where(base, {:greater, :line, 1})) |> elem(0) == :unknown
    assert reason(add_where(base, {:gtt, :line, 1})) == {:unknown, "did you mean :gt?"}
    assert reason(add_where(base, {:gt, :lines, 1})) == {:unknown, "did you mean :line?"}
    assert reason(add_where(base, {:like, :line, ~r/x/})) |> elem(0) == :invalid_argument
    assert reason(join_runtime_data(base, :iner, {:correlation_exists})) == {:unknown, "did you mean :inner?"}

    assert reason(join_runtime_data(base, :inner, {:correlation_exist})) ==
             {:unknown, "did you mean :correlation_exists?"}

    assert reason(add_order_by(base, :line, :down)) |> elem(0) == :unknown
    assert reason(limit(base, -1)) |> elem(0) == :invalid_argument
    assert reason(group_by(base, [:lin])) == {:unknown, "did you mean :line?"}
    assert reason(base |> group_by([:line]) |> select([:arity])) |> elem(0) == :invalid_argument
    assert reason(add_where(base, {:gt, {:sum, :calls}, 1})) |> elem(0) == :invalid_argument
    assert reason(add_having(base, {:gt, :line, 1})) |> elem(0) == :invalid_argument
    assert reason(options(base, timeout: -1)) |> elem(0) == :invalid_argument
    assert reason(options(base, timeuot: 1)) == {:unknown, "did you mean :timeout?"}
    # An error goes through the rest of a pipe.
    assert {:error, %Error{reason: :invalid_argument}} =
             :nonsense |> select([:line]) |> from(:functions) |> limit(1)
  end

  test "hostile conditions are errors, however large or deep" do
    base = from(new(), :functions)
    deep = Enum.reduce(1..100_000, {:eq, :line, 1}, fn _, inner -> {:not, inner} end)
    wide = {:and, List.duplicate({:eq, :line, 1}, 100_000)}

    conditions = [
      deep,
      wide,
      {:and, [1 | 2]},
      {:and, :x},
      {:in, :line, [1 | 2]},
      {:eq, [:a | :b], 1},
      {:eq, [], 1},
      {:eq, nil, 1}
    ]

    for condition <- conditions ++ hostile() do
      assert {reason, hint} = reason(add_where(base, condition))
      assert reason in [:invalid_argument, :unknown] and is_binary(hint)
    end

    for term <- hostile(), term not in [[]] do
      assert {:error, %Error{}} = ASTRepository.query(repository(), %Query{from: term})
      assert {:error, %Error{}} = ASTRepository.query(repository(), term)

      unless term in [nil],
        do: assert({:error, %Error{}} = ASTRepository.query(repository(), %{base | select: term}))

      unless term in [nil, 0, []],
        do:
          assert({:error, %Error{}} = ASTRepository.query(repository(), %{base | offset: term, limit: term}))

      assert is_binary(inspect(%Query{where: term, select: term, order_by: term, join: term, limit: term}))
    end

    # Any term is a value to compare with.
    for term <- hostile(),
        do: assert({:ok, _} = ASTRepository.query(repository(), add_where(base, {:eq, :line, term})))
  end

  test "a deep program runs" do
    repo = repository()
    :ok = ASTRepository.store_function(repo, %FunctionData{function_key: {M, :f, 0}, lines_of_code: 1})
    deep = Enum.reduce(1..998, {:eq, :lines_of_code, 1}, fn _, inner -> {:not, inner} end)
    assert %{total: 1} = ask!(repo, new() |> from(:functions) |> add_where(deep))
  end

  test "past its time a query is cancelled" do
    repo = repository(query_timeout_ms: 1)
    {:ok, _} = ASTRepository.import_project(repo, "lib")
    slow = {:or, for(n <- 1..500, do: {:like, :ast_node_id, "%#{n}%x%"})}
    query = new() |> from(:ast_nodes) |> add_where(slow)
    assert {:error, %Error{reason: :timeout, details: %{limit_ms: 1}}} = ASTRepository.query(repo, query)
  end

  test "shows what one would type" do
    shown = inspect(Specified.high_complexity_genservers())
    assert shown =~ "where({:gt, :complexity_metrics.cyclomatic_complexity, 10})"
    assert shown =~ "join_runtime_data(:inner, {:correlation_exists})"
    assert shown =~ "order_by(:complexity_metrics.cognitive_complexity, :desc)"
  end

  test "every field of every source can be asked for, and sorted by" do
    repo = repository()
    :ok = ASTRepository.store_module(repo, cart())

    for source <- Schema.sources() do
      fields = Schema.fields(source)
      rows = ask!(repo, new() |> select(fields) |> from(source) |> limit(1)).rows
      for row <- rows, do: assert(Enum.sort(Map.keys(row)) == fields)
      # Nothing ran here.
      if source not in [:events, :activations, :processes, :findings], do: assert([_] = rows)

      for field <- fields,
          do: ask!(repo, new() |> select([field]) |> from(source) |> add_order_by(field, :desc) |> limit(2))
    end
  end
end

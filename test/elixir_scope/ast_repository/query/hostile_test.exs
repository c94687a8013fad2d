defmodule ElixirScope.ASTRepository.Query.HostileTest do
  use ExUnit.Case, async: true

  import ElixirScope.ASTRepository.Query
  import ElixirScope.Test.CodeFixtures, only: [cart: 0, repository: 0]

  alias ElixirScope.{ASTRepository, Error}

  setup do
    repo = repository()
    :ok = ASTRepository.store_module(repo, cart())
    %{repo: repo}
  end

  defp reason(repo, text, opts \\ []) do
    case ASTRepository.sql(repo, text, opts) do
      {:error, %Error{reason: reason, message: message}} ->
        assert byte_size(message) < 2_000
        reason

      {:ok, result} ->
        {:ok, result.count}
    end
  end

  test "unknown everything names what is near", %{repo: repo} do
    for {text, near} <- [
          {"select function from functoins", "functions"},
          {"select functoin from functions", "function"},
          {"select complexity_metrics.halsted_volume from functions", "halstead_volume"},
          {"select averge(calls) from functions", "avg"},
          {"select x.line from functions f join modules m on f.module_name = m.module_name", nil}
        ] do
      assert {:error, %Error{reason: :unknown} = error} = ASTRepository.sql(repo, text), text
      if near, do: assert(error.hint =~ near or error.message =~ near, "#{text}: #{error.hint}")
    end
  end

  test "malformed and beyond what is understood", %{repo: repo} do
    for text <- [
          "",
          ";",
          "select",
          "select * from",
          "select 'a",
          "select * from functions where",
          "select * from functions limit -1",
          "select * from functions union select * from modules",
          "with x as (select 1) select * from x",
          "select * from (select * from functions) f",
          "select row_number() over () from functions",
          "update functions set calls = 1",
          "drop table functions",
          "select * from functions; drop table functions",
          "select * from functions where function in (select function from edges)",
          "select \0 from functions",
          "select * from functions where calls = 'many'",
          "select calls + function from functions",
          "select function, count(*) from functions"
        ] do
      assert reason(repo, text) in [:invalid_argument, :unknown], text
    end

    for other <- [nil, 1, :select, ["select"], %{}, <<255, 254>>] do
      assert {:error, %Error{}} = ASTRepository.sql(repo, other)
    end
  end

  test "huge and deep", %{repo: repo} do
    wide = Enum.map_join(1..100_000, " or ", &"line = #{&1}")
    assert reason(repo, "select line from functions where #{wide}") == :limit_exceeded

    assert reason(repo, "select " <> String.duplicate("(", 20_000) <> "1") in [
             :invalid_argument,
             :limit_exceeded
           ]

    assert reason(repo, "select 1 from functions where " <> String.duplicate("not ", 15_000) <> "true") in [
             :invalid_argument,
             :limit_exceeded
           ]

    assert reason(repo, String.duplicate("x", 2_000_000)) == :limit_exceeded

    assert {:ok, _} =
             reason(
               repo,
               "select line from functions where line in (#{Enum.map_join(1..5_000, ",", &to_string/1)})"
             )

    tables = Enum.map_join(1..40, ", ", &"functions f#{&1}")
    assert reason(repo, "select 1 from #{tables}") == :limit_exceeded
  end

  test "a like that is made to be slow is not", %{repo: repo} do
    pattern = String.duplicate("%a", 2_000) <> "b"

    assert {time, {:ok, 0}} =
             :timer.tc(fn -> reason(repo, "select line from functions where file like '#{pattern}'") end)

    assert time < 5_000_000
  end

  test "a join of all with all ends at its deadline, and within its memory", %{repo: repo} do
    all =
      "select count(*) from ast_nodes a, ast_nodes b, ast_nodes c, ast_nodes d where a.line + b.line + c.line > d.line"

    {time, reason} = :timer.tc(fn -> reason(repo, all, timeout: 300) end)
    assert reason == :timeout
    assert time < 3_000_000

    rows = "select a.line, b.line, c.line from ast_nodes a, ast_nodes b, ast_nodes c"
    assert reason(repo, rows, max_bytes: 1_000_000) == :limit_exceeded
    # The next question is answered as ever.
    assert {:ok, 1} = reason(repo, "select count(*) from functions")
  end

  test "a caller that is killed does not leave its question running", %{repo: repo} do
    all =
      "select count(*) from ast_nodes a, ast_nodes b, ast_nodes c, ast_nodes d where a.line + b.line + c.line > d.line"

    {pid, monitor} = spawn_monitor(fn -> ASTRepository.sql(repo, all, timeout: 60_000) end)
    Process.sleep(100)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 5_000
    # Were they still there, these would fill the schedulers for dirty work, and this would not be answered.
    for _ <- 1..(:erlang.system_info(:dirty_cpu_schedulers) * 2) do
      {pid, monitor} = spawn_monitor(fn -> ASTRepository.sql(repo, all, timeout: 60_000) end)
      Process.sleep(20)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 5_000
    end

    assert {time, {:ok, 1}} = :timer.tc(fn -> reason(repo, "select count(*) from functions") end)
    assert time < 2_000_000
  end

  test "hostile values in the DSL are compared, not believed", %{repo: repo} do
    for value <- [
          self(),
          make_ref(),
          fn -> 1 end,
          %{a: 1},
          {1, 2},
          [1 | 2],
          1.0e308,
          -1,
          nil,
          "x",
          <<1::3>>,
          Integer.pow(2, 100)
        ] do
      assert {:ok, _} = ASTRepository.query(repo, new() |> from(:functions) |> add_where({:eq, :line, value}))

      assert {:ok, _} =
               ASTRepository.query(repo, new() |> from(:functions) |> add_where({:gt, :function_key, value}))

      assert {:ok, _} =
               ASTRepository.query(repo, new() |> from(:functions) |> add_where({:in, :kind, [value]}))
    end

    for select <- [
          [{:sum, :nothing}],
          [{:percentile, :line, 2}],
          [{:percentile, :line, :x}],
          [{1, 2}],
          [{:a, {:b, :line}}],
          [[]],
          :all
        ] do
      assert {:error, %Error{}} = ASTRepository.query(repo, new() |> from(:functions) |> select(select))
    end

    for group <- [[:nothing], [1], [[]], 5, [:line | :arity]] do
      assert {:error, %Error{}} = ASTRepository.query(repo, new() |> from(:functions) |> group_by(group))
    end
  end

  test "SQL and the DSL agree on one question", %{repo: repo} do
    pairs = [
      {"select function, line from functions where line > 5 order by line desc, function",
       new()
       |> select([:function, :line])
       |> from(:functions)
       |> add_where({:gt, :line, 5})
       |> order_by(:line, :desc)
       |> order_by(:function)},
      {"select kind, count(*) as count from ast_nodes group by kind order by count desc, kind",
       new() |> from(:ast_nodes) |> group_by([:kind]) |> order_by(:count, :desc) |> order_by(:kind)},
      {"select module_name, sum(cyclomatic_complexity) as total, max(line) as last from functions group by module_name having count(*) > 1",
       new()
       |> from(:functions)
       |> group_by(:module_name)
       |> select([:module_name, total: {:sum, :cyclomatic_complexity}, last: {:max, :line}])
       |> add_having({:gt, :count, 1})},
      {"select function from functions where (file like '%x%') is true or line between 1 and 9 order by 1",
       new()
       |> select([:function])
       |> from(:functions)
       |> add_where({:or, [{:like, :file, "%x%"}, {:between, :line, 1, 9}]})
       |> order_by(:function)},
      {"select distinct kind from functions order by 1 limit 2",
       new() |> select([:kind]) |> from(:functions) |> distinct() |> order_by(:kind) |> limit(2)}
    ]

    for {text, query} <- pairs do
      assert {:ok, sql} = ASTRepository.sql(repo, text)
      assert {:ok, dsl} = ASTRepository.query(repo, query)
      assert sql.count > 0

      assert Enum.map(sql.rows, &values(&1, sql.columns)) == Enum.map(dsl.rows, &values(&1, dsl.columns)),
             text
    end
  end

  defp values(row, columns), do: Enum.map(columns, &row[&1])
end

defmodule ElixirScope.ASTRepository.QueryEngineTest do
  # Running queries are counted over the whole VM.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures, only: [repository: 0, repository: 1, parse: 1]

  alias ElixirScope.{ASTRepository, Core}
  alias ElixirScope.ASTRepository.{Query, QueryEngine, QueryResult}
  alias ElixirScope.ASTRepository.QueryEngine.{CacheManager, IndexManager}

  require Query

  @slow "select count(*) from ast_nodes a join ast_nodes b on a.line < b.line join ast_nodes c on b.line < c.line"

  defp filled(modules) do
    repository = repository()
    for number <- 1..modules, do: :ok = ASTRepository.store_module(repository, module(number, 10))
    repository
  end

  defp module(number, functions) do
    body =
      Enum.map_join(1..functions, "\n", fn f ->
        "def f#{f}(x), do: if(x > #{number}, do: g#{f}(x), else: x)\ndefp g#{f}(x), do: x + #{f}"
      end)

    parse("defmodule Filled.M#{number} do\n#{body}\nend")
  end

  defp counts(repository) do
    {:ok, stats} = ASTRepository.get_statistics(repository)
    stats.queries
  end

  describe "kept answers" do
    test "are given while nothing changed, and never after" do
      repository = filled(5)

      query =
        Query.new()
        |> Query.from(:functions)
        |> Query.select([:function, :line])
        |> Query.options(cache: true)

      assert {:ok, %QueryResult{cached?: false, rows: rows}} = ASTRepository.query(repository, query)
      assert {:ok, %QueryResult{cached?: true, rows: ^rows}} = ASTRepository.query(repository, query)
      :ok = ASTRepository.store_module(repository, module(6, 10))
      assert {:ok, %QueryResult{cached?: false, count: 120}} = ASTRepository.query(repository, query)
      assert {:ok, %QueryResult{cached?: true, count: 120}} = ASTRepository.query(repository, query)
      :ok = ASTRepository.delete_module(repository, Filled.M1)
      assert {:ok, %QueryResult{cached?: false, count: 100}} = ASTRepository.query(repository, query)
      assert %{cache_hits: 2, cache_stale: 2, cache_entries: 1} = counts(repository)
    end

    test "correlations, insights, stored fields and events are changes too" do
      repository = filled(2)
      sql = "select function, correlation_exists, calls, crap from functions order by function"

      ask = fn ->
        {:ok, result} = ASTRepository.sql(repository, sql, cache: true)
        result
      end

      fresh = fn ->
        {:ok, result} = ASTRepository.sql(repository, sql, cache: false)
        result.rows
      end

      changes = [
        fn -> ASTRepository.store_correlation(repository, "one", "Filled.M1.f1/1") end,
        fn -> ASTRepository.store_correlation(repository, "one", "Filled.M2.f1/1") end,
        fn ->
          ASTRepository.update_function_runtime_data(repository, {Filled.M1, :f1, 1}, %{call_frequency: 7})
        end,
        fn -> ASTRepository.update_runtime_insights(repository, "Filled.M1.f1/1", %{hotspots: []}) end,
        fn ->
          ASTRepository.TemporalBridge.store_event(repository, %{
            ast_node_id: "Filled.M1.f1/1",
            event_type: :custom
          })
        end
      ]

      for change <- changes do
        ask.()
        assert ask.().cached?
        :ok = change.()
        result = ask.()
        refute result.cached?
        assert result.rows == fresh.()
      end
    end

    test "the key is the question with all it says" do
      repository = filled(3)
      base = Query.new() |> Query.from(:functions) |> Query.select([:function]) |> Query.options(cache: true)

      others = [
        Query.limit(base, 3),
        Query.offset(base, 3),
        Query.add_where(base, {:eq, :visibility, :private}),
        Query.add_where(base, {:eq, :visibility, "private"}),
        Query.add_order_by(base, :line, :desc),
        Query.select(base, [:line]),
        Query.distinct(base)
      ]

      for query <- [base | others],
          do: assert({:ok, %{cached?: false}} = ASTRepository.query(repository, query))

      for query <- [base | others],
          do: assert({:ok, %{cached?: true}} = ASTRepository.query(repository, query))
    end

    test "what is cheap is not kept; what is expensive is, from the second time on; never when told not to" do
      repository = filled(40)
      cheap = "select 1 as one from modules limit 1"
      told = for _ <- 1..4, do: elem(ASTRepository.sql(repository, cheap), 1)

      # What was slow once, because the machine had other things to do, is expensive for all that anybody can tell.
      assert Enum.any?(told, &(&1.duration_us > 1_000)) or Enum.all?(told, &(not &1.cached?))
      dear = "select count(*) from ast_nodes a join ast_nodes b on a.line = b.line and a.column < b.column"

      assert [false, false, true, true] =
               for(_ <- 1..4, do: elem(ASTRepository.sql(repository, dear), 1).cached?)

      assert {:ok, %{cached?: false}} = ASTRepository.sql(repository, dear, cache: false)
      off = repository(cache_enabled: false)
      for number <- 1..40, do: :ok = ASTRepository.store_module(off, module(number, 10))
      for _ <- 1..4, do: assert({:ok, %{cached?: false}} = ASTRepository.sql(off, dear))
    end

    test "bytes are bounded, and the longest unused goes first" do
      repository = repository(cache_size_mb: 1)
      for number <- 1..60, do: :ok = ASTRepository.store_module(repository, module(number, 20))
      {:ok, cache} = CacheManager.new(repository)

      for n <- 1..60 do
        question = "select function, ast_node_id, file, line, #{n} as n from functions"
        assert {:ok, %{count: 2_400}} = CacheManager.cache_query_result(cache, question)
        {:ok, %{bytes: bytes}} = CacheManager.statistics(cache)
        assert bytes <= 1024 * 1024
      end

      {:ok, %{evicted: evicted, entries: entries, stored: 60}} = CacheManager.statistics(cache)
      assert evicted > 0 and entries > 1
      assert {:ok, %{entries: ^entries}} = CacheManager.clear(cache)
      assert {:ok, %{entries: 0, bytes: 0}} = CacheManager.statistics(cache)
    end

    test "writers and askers at once: a kept answer is never older than the write before it" do
      repository = filled(1)
      sql = "select count(*) as n from modules"
      counter = :counters.new(1, [:atomics])
      :counters.put(counter, 1, 1)

      writer =
        Task.async(fn ->
          for number <- 2..150 do
            :ok = ASTRepository.store_module(repository, module(number, 1))
            :counters.put(counter, 1, number)
          end
        end)

      askers =
        for _ <- 1..3 do
          Task.async(fn ->
            for _ <- 1..300 do
              least = :counters.get(counter, 1)
              {:ok, %{rows: [%{"n" => n}], cached?: cached}} = ASTRepository.sql(repository, sql, cache: true)
              assert n >= least, "#{n} modules, after #{least} were stored"
              cached
            end
          end)
        end

      Task.await(writer, 60_000)
      cached = askers |> Task.await_many(60_000) |> List.flatten()
      assert Enum.any?(cached)
      assert {:ok, %{rows: [%{"n" => 150}]}} = ASTRepository.sql(repository, sql, cache: true)
    end
  end

  describe "indexes" do
    test "follow the questions, and give what reading all gives" do
      repository = filled(40)

      ask = fn text ->
        {:ok, result} = ASTRepository.sql(repository, text, cache: false)
        result
      end

      private =
        "select function from functions where visibility = 'private' and function_name = 'g3' order by function"

      first = ask.(private)
      assert first.count == 40 and first.scanned == 800
      for _ <- 1..2, do: ask.(private)
      indexed = ask.(private)
      assert indexed.rows == first.rows
      assert indexed.scanned == 40
      assert {:ok, plan} = ASTRepository.explain(repository, private)
      assert to_string(plan) =~ "by index of function_name, visibility"
      {:ok, indexes} = IndexManager.new(repository)

      assert {:ok, [%{kind: :composite, source: :functions, rows: 800, uses: uses} | _]} =
               IndexManager.list(indexes)

      assert uses > 0
      assert {:ok, [%{asked: asked, indexed: _}]} = IndexManager.usage(indexes)
      assert asked >= 4
      # A new version has new rows.
      :ok = ASTRepository.store_module(repository, module(41, 10))
      assert ask.(private).count == 41
      assert %{indexed_scans: scans, indexes_kept: 1} = counts(repository)
      assert scans >= 1
    end

    test "values that equal in more than one way are found all the same" do
      repository = filled(40)
      {:ok, indexes} = IndexManager.new(repository)
      {:ok, _} = IndexManager.create_index(indexes, :functions, [:module_name])
      {:ok, %{kind: :single, keys: 20}} = IndexManager.create_index(indexes, :functions, [:line])

      for {condition, count} <- [
            {{:eq, :module_name, Filled.M7}, 20},
            {{:eq, :module_name, "Filled.M7"}, 20},
            {{:eq, :module_name, :nobody}, 0},
            {{:eq, :line, 2}, 40},
            {{:eq, :line, 2.0}, 40},
            {{:eq, :line, 2.5}, 0},
            {{:eq, :line, nil}, 0},
            {{:not, {:eq, :line, 2}}, 760},
            {{:or, [{:eq, :line, 2}, {:eq, :line, 3}]}, 80}
          ] do
        query = Query.new() |> Query.from(:functions) |> Query.add_where(condition) |> Query.select([:line])
        assert {:ok, %{total: ^count}} = ASTRepository.query(repository, query), inspect(condition)
      end
    end

    test "are made, dropped, advised" do
      repository = filled(4)
      {:ok, indexes} = IndexManager.new(repository)
      assert {:ok, %{rows: 80}} = IndexManager.create_index(indexes, :functions, [:visibility])

      assert {:error, %{reason: :unknown, hint: hint}} =
               IndexManager.create_index(indexes, :functions, [:visibilty])

      assert hint =~ "visibility"
      assert {:error, %{reason: :invalid_argument}} = IndexManager.create_index(indexes, :functions, [:calls])
      assert {:error, %{reason: :unknown}} = IndexManager.create_index(indexes, :events, [:line])
      assert :ok = IndexManager.drop_index(indexes, :functions, [:visibility])
      assert {:ok, kept} = IndexManager.list(indexes)
      assert Enum.all?(kept, &(&1.kind == :column))
      # A small table is not indexed by itself, but advised, and made when somebody follows the advice.
      for _ <- 1..3, do: {:ok, _} = ASTRepository.sql(repository, "select * from modules where line = 1")
      assert {:ok, [%{action: :create, source: :modules, columns: ["line"]}]} = IndexManager.advice(indexes)

      assert {:ok, %{applied: [_], indexes: [%{source: :modules, columns: ["line"]}]}} =
               IndexManager.optimize_index_usage(indexes)

      assert {:ok, []} = IndexManager.advice(indexes)
    end

    test "of correlations are measured" do
      repository = filled(4)
      :ok = ASTRepository.store_correlation(repository, "a", "Filled.M1.f1/1")
      {:ok, indexes} = IndexManager.new(repository)

      assert {:ok, %{entries: 1, lookup_ns: ns}} =
               IndexManager.create_correlation_index(indexes, :ast_to_runtime)

      assert ns > 0

      assert {:ok, %{entries: 0, lookup_ns: nil}} =
               IndexManager.create_correlation_index(indexes, :runtime_to_ast)

      assert {:ok, %{entries: 0}} = IndexManager.create_correlation_index(indexes, :temporal_correlation)
      assert {:ok, %{entries: nodes}} = IndexManager.create_correlation_index(indexes, :semantic_correlation)
      assert nodes > 0
      assert {:error, %{reason: :unknown}} = IndexManager.create_correlation_index(indexes, :other)
    end
  end

  describe "the engine" do
    test "plans, optimises, runs" do
      repository = filled(40)
      {:ok, engine} = QueryEngine.new(repository)
      sql = "select function from functions where function_name = 'f1'"
      assert {:ok, %{type: :analytical, sources: ["functions"], indexes: []}} = QueryEngine.plan(engine, sql)
      for _ <- 1..3, do: assert({:ok, %{count: 40}} = QueryEngine.execute_query(engine, sql))

      assert {:ok, %{type: :simple_lookup, indexes: ["index of function_name"]}} =
               QueryEngine.plan(engine, sql)

      join = "select count(*) from functions f join modules m on f.module_name = m.module_name"
      assert {:ok, %{type: :complex_join, sources: sources}} = QueryEngine.plan(engine, join)
      assert Enum.sort(sources) == ["functions", "modules"]
      assert {:ok, %{type: :temporal}} = QueryEngine.plan(engine, "select * from events where time_ns > 5")
      grouped = "select kind, count(*) from functions group by kind"
      assert {:ok, %{type: :analytical}} = QueryEngine.plan(engine, grouped)
      query = Query.new() |> Query.from(:modules) |> Query.limit(2)
      assert {:ok, %{count: 2}} = QueryEngine.execute_query(engine, query)

      assert {:error, %{reason: :unknown}} =
               QueryEngine.execute_query(engine, "select nothing from functions")

      assert {:error, %{reason: :unknown}} = QueryEngine.new(repository, rules: [:magic])
      assert {:error, %{}} = QueryEngine.new(:nobody)
    end
  end

  describe "cancellation and bounds" do
    test "a killed caller stops its query" do
      repository = filled(40)

      waits =
        for _ <- 1..5 do
          asker = spawn(fn -> ASTRepository.sql(repository, @slow, timeout: 60_000, cache: false) end)
          until(fn -> running() == 1 end)
          Process.sleep(20)
          assert running() == 1, "it ended by itself"
          began = System.monotonic_time(:microsecond)
          Process.exit(asker, :kill)
          until(fn -> running() == 0 end)
          System.monotonic_time(:microsecond) - began
        end

      # The budget is 10 ms; how long it takes a machine that others use is no matter of this test, that it ends is.
      assert Enum.at(Enum.sort(waits), 2) < 1_000_000, inspect(waits)
      assert counts(repository).cancelled == 5
    end

    test "no more run at a time than are allowed; the others wait, or are told" do
      repository = filled(40)
      most = ElixirScope.ASTRepository.Query.Admission.running_max(repository)

      askers =
        for _ <- 1..most,
            do: spawn(fn -> ASTRepository.sql(repository, @slow, timeout: 60_000, cache: false) end)

      until(fn -> running() == most end)

      assert {:error, %{reason: :busy, message: message, details: %{running_max: ^most, timeout: 50}}} =
               ASTRepository.sql(repository, "select count(*) from modules", timeout: 50)

      assert message =~ "50 ms"

      waiting =
        Task.async(fn ->
          ASTRepository.sql(repository, "select count(*) as n from modules", timeout: 30_000)
        end)

      Process.sleep(50)
      assert running() == most
      for asker <- askers, do: Process.exit(asker, :kill)
      assert {:ok, %{rows: [%{"n" => 40}]}} = Task.await(waiting, 30_000)
      until(fn -> running() == 0 end)

      results =
        1..50
        |> Task.async_stream(
          fn _ -> ASTRepository.sql(repository, "select count(*) from functions", cache: false) end,
          max_concurrency: 50
        )
        |> Enum.to_list()

      assert Enum.all?(results, &match?({:ok, {:ok, %{count: 1}}}, &1))
      {:ok, %{most: seen}} = Core.Repository.admissions()
      assert seen <= most
    end

    test "a timeout is that of the caller" do
      repository = filled(40)

      assert {:error, %{reason: :timeout, message: message}} =
               ASTRepository.sql(repository, @slow, timeout: 100)

      assert message =~ "100 ms"
      assert %{timed_out: 1} = counts(repository)
      assert running() == 0
    end
  end

  describe "streams" do
    test "are of one moment, however late they are read" do
      repository = filled(10)

      {:ok, rows} =
        ASTRepository.stream(repository, "select function, line from functions order by function", chunk: 7)

      {:ok, %{rows: whole}} =
        ASTRepository.sql(repository, "select function, line from functions order by function")

      for number <- 1..10,
          do: :ok = ASTRepository.delete_module(repository, Module.concat(Filled, "M#{number}"))

      assert Enum.to_list(rows) == whole
      assert Enum.take(rows, 3) == Enum.take(whole, 3)
      assert {:ok, none} = ASTRepository.stream(repository, Query.new() |> Query.from(:functions))
      assert Enum.to_list(none) == []
    end

    test "errors are told before the first row" do
      repository = repository()
      assert {:error, %{reason: :unknown}} = ASTRepository.stream(repository, "select x from functions")
      assert {:error, %{reason: :invalid_argument}} = ASTRepository.stream(repository, "select 1", chunk: 0)
      assert {:error, %{}} = ASTRepository.stream(:nobody, "select count(*) from functions")
    end
  end

  defp running do
    {:ok, %{running: running}} = Core.Repository.admissions()
    running
  end

  defp until(check, left \\ 10_000)
  defp until(_check, 0), do: flunk("it never came")

  defp until(check, left) do
    unless check.() do
      Process.sleep(1)
      until(check, left - 1)
    end
  end
end

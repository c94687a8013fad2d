defmodule ElixirScope.ASTRepositoryTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ComplexityMetrics, ExecutionStatistics, FunctionData, ModuleData}
  alias ElixirScope.ASTRepository.{Repository, RepositoryStats, RuntimeInsights}
  alias ElixirScope.Error

  describe "modules" do
    test "come back as they were stored, the AST to the last piece of metadata" do
      repo = repository()
      ast = cart()

      data = %ModuleData{
        module_name: Fixture.Cart,
        ast: ast,
        source_file: "lib/cart.ex",
        domain_concepts: ["cart", {:money, 1.5}],
        test_coverage: 0.75,
        version_history: [%{at: ~U[2024-01-01 00:00:00Z], by: self()}]
      }

      assert :ok = ASTRepository.store_module(repo, data)
      assert {:ok, found} = ASTRepository.get_module(repo, Fixture.Cart)
      assert found.ast === ast

      for {field, value} <- Map.from_struct(data), value != nil do
        assert Map.fetch!(found, field) === value
      end
    end

    test "are completed from their source" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, %ModuleData{module_name: Fixture.Cart, ast: cart()})
      {:ok, found} = ASTRepository.get_module(repo, Fixture.Cart)

      assert found.module_type == :genserver
      assert found.exports == [handle_call: 3, init: 1, total: 1, total: 2, twice: 1]
      assert found.callbacks == [init: 1, handle_call: 3]
      # handle_call/3: two heads, `if`, `and` in its body; the other four functions count one each.
      assert %ComplexityMetrics{cyclomatic_complexity: 8} = found.complexity_metrics
      assert found.compilation_hash =~ ~r/^[0-9a-f]{32}$/
      assert %DateTime{} = found.last_updated
      assert found.dependencies == [Enum, GenServer, Kernel]
    end

    test "stored values go before computed ones, also in queries" do
      repo = repository()
      metrics = %ComplexityMetrics{cyclomatic_complexity: 99}

      data = %ModuleData{
        module_name: Fixture.Cart,
        ast: cart(),
        complexity_metrics: metrics,
        module_type: :phoenix_controller
      }

      :ok = ASTRepository.store_module(repo, data)

      assert {:ok, %{complexity_metrics: ^metrics, module_type: :phoenix_controller}} =
               ASTRepository.get_module(repo, Fixture.Cart)

      query = %ASTRepository.Query{from: :modules, where: [{:complexity_above, 98}]}
      assert {:ok, %{total: 1}} = ASTRepository.query(repo, query)
    end

    test "storing again replaces, and is idempotent" do
      repo = repository()
      data = %ModuleData{module_name: A, ast: parse("defmodule A do\n  def f, do: 1\nend"), patterns: [:x]}
      :ok = ASTRepository.store_module(repo, data)
      {:ok, once} = ASTRepository.get_module(repo, A)
      :ok = ASTRepository.store_module(repo, data)
      {:ok, twice} = ASTRepository.get_module(repo, A)
      assert %{once | last_updated: nil} == %{twice | last_updated: nil}

      :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A})
      assert {:ok, %{ast: nil, patterns: nil, exports: nil}} = ASTRepository.get_module(repo, A)
    end

    test "quoted code is stored as the modules it defines" do
      repo = repository()
      code = parse("defmodule A do\n  def f, do: 1\n  defmodule B do\n    def g, do: 2\n  end\nend")
      assert :ok = ASTRepository.store_module(repo, code)
      assert {:ok, %{exports: [f: 0]}} = ASTRepository.get_module(repo, A)
      assert {:ok, %{exports: [g: 0]}} = ASTRepository.get_module(repo, A.B)
      assert {:error, %Error{reason: :invalid_argument}} = ASTRepository.store_module(repo, parse("1 + 1"))
    end

    test "any term may be an AST" do
      repo = repository()

      for ast <- [
            [1 | 2],
            %{a: {1, 2, 3, 4}},
            "text",
            {:x, :y, :z},
            1.5,
            self(),
            <<1::3>>,
            Integer.pow(3, 100),
            [],
            %{}
          ] do
        :ok = ASTRepository.store_module(repo, %ModuleData{module_name: Odd, ast: ast})
        assert {:ok, %{ast: ^ast}} = ASTRepository.get_module(repo, Odd)
      end
    end

    test "are deleted with their functions" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, cart())
      :ok = ASTRepository.store_function(repo, %FunctionData{function_key: {Fixture.Cart, :f, 0}})
      assert :ok = ASTRepository.delete_module(repo, Fixture.Cart)
      assert {:error, :not_found} = ASTRepository.get_module(repo, Fixture.Cart)
      assert {:error, :not_found} = ASTRepository.get_function(repo, {Fixture.Cart, :f, 0})
      assert {:error, %Error{reason: :not_found}} = ASTRepository.delete_module(repo, Fixture.Cart)
    end

    test "are limited" do
      repo = repository(max_modules: 2)
      for name <- [A, B], do: :ok = ASTRepository.store_module(repo, %ModuleData{module_name: name})

      assert {:error, %Error{reason: :limit_exceeded}} =
               ASTRepository.store_module(repo, %ModuleData{module_name: C})

      # One fits and two do not: neither is stored.
      both = parse("defmodule C do\nend\ndefmodule D do\nend")
      :ok = ASTRepository.delete_module(repo, B)
      assert {:error, %Error{reason: :limit_exceeded}} = ASTRepository.store_module(repo, both)
      assert {:error, :not_found} = ASTRepository.get_module(repo, C)
      assert :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A, patterns: []})
    end

    test "fields: computes what is asked for" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, cart())
      {:ok, found} = ASTRepository.get_module(repo, Fixture.Cart, fields: [:ast_node_mapping])
      assert found.ast == nil
      assert map_size(found.ast_node_mapping) > 100

      for {id, ast} <- found.ast_node_mapping do
        assert {:ok, ^ast} = ASTRepository.get_ast_node(repo, id)
      end

      assert {:error, %Error{reason: :unknown, hint: "did you mean :exports?"}} =
               ASTRepository.get_module(repo, Fixture.Cart, fields: [:export])
    end
  end

  describe "update_module" do
    test "changes what the function changes, and goes on computing the rest" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, cart())
      assert :ok = ASTRepository.update_module(repo, Fixture.Cart, &%{&1 | patterns: [:server]})

      assert :ok =
               ASTRepository.update_module(repo, Fixture.Cart, fn data ->
                 assert data.patterns == [:server]
                 %{data | ast: parse("defmodule Fixture.Cart do\n  def only, do: 1\nend")}
               end)

      assert {:ok, %{patterns: [:server], exports: [only: 0], module_type: :plain}} =
               ASTRepository.get_module(repo, Fixture.Cart)
    end

    test "what raises or is no module stores nothing" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A, patterns: [:kept]})

      assert_raise RuntimeError, "mine", fn ->
        ASTRepository.update_module(repo, A, fn _ -> raise "mine" end)
      end

      assert {:error, %Error{reason: :invalid_argument}} =
               ASTRepository.update_module(repo, A, fn _ -> :nonsense end)

      assert {:error, %Error{reason: :invalid_argument}} =
               ASTRepository.update_module(repo, A, &%{&1 | module_name: B})

      assert {:error, %Error{reason: :not_found}} = ASTRepository.update_module(repo, Nope, & &1)
      assert {:ok, %{patterns: [:kept]}} = ASTRepository.get_module(repo, A)
    end

    test "from many processes at once loses nothing" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A, ast: cart(), patterns: []})

      1..20
      |> Enum.map(fn writer ->
        Task.async(fn ->
          for n <- 1..10,
              do: :ok = ASTRepository.update_module(repo, A, &%{&1 | patterns: [{writer, n} | &1.patterns]})
        end)
      end)
      |> Task.await_many(60_000)

      {:ok, %{patterns: all}} = ASTRepository.get_module(repo, A)
      assert Enum.sort(all) == for(writer <- 1..20, n <- 1..10, do: {writer, n})
    end
  end

  describe "functions" do
    test "are known from their module" do
      repo = repository()

      :ok =
        ASTRepository.store_module(repo, %ModuleData{
          module_name: Fixture.Cart,
          ast: cart(),
          source_file: "lib/cart.ex"
        })

      assert {:ok, found} = ASTRepository.get_function(repo, {Fixture.Cart, :handle_call, 3})
      assert found.ast_node_id == "Fixture.Cart.handle_call/3"
      assert found.source_location == {"lib/cart.ex", 6, 3}
      assert found.visibility == :public
      assert %{name: :handle_call, arity: 3, kind: :def, defaults: 0, clauses: 2} = found.signature
      assert found.signature.text =~ ~r/^handle_call\(\w+, \w+, \w+\)$/
      assert %{status: :hidden, text: nil} = found.documentation
      assert found.cyclomatic_complexity == 4
      assert found.call_frequency == 0
      assert found.execution_statistics == nil
      assert {:__block__, [], [{:def, _, _}, {:def, _, _}]} = found.ast

      assert {:ok, %{visibility: :private}} = ASTRepository.get_function(repo, {Fixture.Cart, :unused, 1})

      assert {:ok, %{signature: %{kind: :defmacro}}} =
               ASTRepository.get_function(repo, {Fixture.Cart, :twice, 1})

      assert {:error, :not_found} = ASTRepository.get_function(repo, {Fixture.Cart, :nope, 0})
    end

    test "may be stored without their module" do
      repo = repository()
      ast = quote(do: def(f(x), do: x))

      data = %FunctionData{
        module_name: Alone,
        function_name: :f,
        arity: 1,
        ast: ast,
        documentation: %{text: "x"}
      }

      assert :ok = ASTRepository.store_function(repo, data)
      assert {:ok, found} = ASTRepository.get_function(repo, {Alone, :f, 1})

      assert %{ast: ^ast, documentation: %{text: "x"}, ast_node_id: "Alone.f/1", function_key: {Alone, :f, 1}} =
               found

      assert {:error, %Error{reason: :invalid_argument}} =
               ASTRepository.store_function(repo, %{data | function_key: {Alone, :g, 1}})
    end

    test "take runtime data" do
      repo = repository()
      key = {Fixture.Cart, :total, 2}
      :ok = ASTRepository.store_module(repo, cart())

      assert :ok =
               ASTRepository.update_function_runtime_data(repo, key, %{
                 call_frequency: 12,
                 average_duration: 3.5
               })

      assert :ok = ASTRepository.update_function_runtime_data(repo, key, error_rate: 0.25)
      {:ok, found} = ASTRepository.get_function(repo, key)
      assert %{call_frequency: 12, average_duration: 3.5, error_rate: 0.25} = found
      assert %ExecutionStatistics{call_frequency: 12, average_duration: 3.5} = found.execution_statistics

      query = %ASTRepository.Query{
        from: :functions,
        where: [{:gt, [:execution_statistics, :call_frequency], 10}, {:has_runtime_data, true}]
      }

      assert {:ok, %{rows: [%{function_key: ^key}]}} = ASTRepository.query(repo, query)

      assert {:error, %Error{reason: :unknown, hint: "did you mean :call_frequency?"}} =
               ASTRepository.update_function_runtime_data(repo, key, %{call_frequenzy: 1})

      assert {:error, %Error{reason: :not_found}} =
               ASTRepository.update_function_runtime_data(repo, {Fixture.Cart, :nope, 0}, %{call_frequency: 1})
    end

    test "ExecutionStatistics are runtime data too, and answer for the short fields" do
      repo = repository()
      key = {Alone, :f, 1}
      :ok = ASTRepository.store_function(repo, %FunctionData{function_key: key})
      stats = %ExecutionStatistics{call_frequency: 2_000, average_duration: 150.0}
      :ok = ASTRepository.update_function_runtime_data(repo, key, stats)

      assert {:ok, %{execution_statistics: ^stats, call_frequency: 2_000}} =
               ASTRepository.get_function(repo, key)
    end
  end

  describe "nodes" do
    setup do
      repo = repository()

      :ok =
        ASTRepository.store_module(repo, %ModuleData{
          module_name: Fixture.Cart,
          ast: cart(),
          source_file: "lib/cart.ex"
        })

      %{repo: repo}
    end

    test "are found by id, with their place", %{repo: repo} do
      assert {:ok, {:def, _, [{:init, _, _} | _]}} = ASTRepository.get_ast_node(repo, "Fixture.Cart.init/1")
      assert ASTRepository.ast_node_exists?(repo, "Fixture.Cart.init/1")
      refute ASTRepository.ast_node_exists?(repo, "Fixture.Cart.init/2")
      refute ASTRepository.ast_node_exists?(repo, "no id # at all")

      assert {:ok, %{kind: :function, file: "lib/cart.ex", line: 4, column: 3}} =
               ASTRepository.get_node_location(repo, "Fixture.Cart.init/1")

      assert {:error, :not_found} = ASTRepository.get_ast_node(repo, "Nope.f/1")
    end

    test "large ones too", %{repo: repo} do
      body = for n <- 1..2_000, do: {:f, [line: n], [n]}

      ast =
        {:defmodule, [],
         [{:__aliases__, [], [:Large]}, [do: {:def, [], [{:f, [], []}, [do: {:__block__, [], body}]]}]]}

      :ok = ASTRepository.store_module(repo, ast)

      assert {:ok, {:def, [], [{:f, [], []}, [do: {:__block__, [], ^body}]]}} =
               ASTRepository.get_ast_node(repo, "Large.f/0")
    end

    test "carry insights", %{repo: repo} do
      id = "Fixture.Cart.total/2"
      assert {:error, %Error{reason: :not_found}} = ASTRepository.get_runtime_insights(repo, id)

      assert :ok =
               ASTRepository.update_runtime_insights(repo, id, %RuntimeInsights{
                 hotspots: [:loop],
                 sample_count: 3
               })

      assert :ok = ASTRepository.update_runtime_insights(repo, id, %{confidence_level: 0.9})

      assert {:ok, %RuntimeInsights{hotspots: [:loop], sample_count: 3, confidence_level: 0.9}} =
               ASTRepository.get_runtime_insights(repo, id)

      assert {:error, %Error{reason: :not_found}} =
               ASTRepository.update_runtime_insights(repo, "Nope", %RuntimeInsights{})

      assert {:error, %Error{reason: :unknown}} =
               ASTRepository.update_runtime_insights(repo, id, %{hotspot: 1})
    end
  end

  test "statistics count, and measure memory that grows and shrinks" do
    repo = repository()
    {:ok, empty} = ASTRepository.get_statistics(repo)
    assert %RepositoryStats{module_count: 0, node_count: 0, bytes_per_node: nil} = empty
    :ok = ASTRepository.store_module(repo, cart())
    {:ok, full} = ASTRepository.get_statistics(repo)
    assert %{module_count: 1, function_count: 5, clause_count: 6} = full
    assert full.node_count > 100
    assert full.total_memory_bytes > empty.total_memory_bytes + 1_000

    assert full.total_memory_bytes ==
             full.ast_memory_bytes + full.record_memory_bytes + full.correlation_memory_bytes +
               full.index_memory_bytes + full.runtime_memory_bytes

    :ok = ASTRepository.delete_module(repo, Fixture.Cart)
    {:ok, gone} = ASTRepository.get_statistics(repo)
    assert %{module_count: 0, node_count: 0, ast_memory_bytes: 0} = gone
  end

  describe "health" do
    test "is looked for" do
      repo = repository(max_correlations: 10)
      assert {:ok, :healthy} = Repository.health_check(repo)
      :ok = ASTRepository.store_module(repo, cart())
      :ok = ASTRepository.store_correlation(repo, "known", "Fixture.Cart.total/2")
      assert {:ok, %{status: :healthy, failed_checks: []}} = ASTRepository.health_check(repo)

      for n <- 1..9, do: :ok = ASTRepository.store_correlation(repo, n, "Gone.f/#{n}")
      assert {:ok, health} = ASTRepository.health_check(repo)
      assert health.status == :degraded
      assert [correlated_nodes: {:error, _}, capacity: {:error, _}] = health.failed_checks
      assert length(health.recommendations) == 2
      assert {:ok, :degraded} = Repository.health_check(repo)
    end
  end

  describe "fetch" do
    test "every field of the specification answers" do
      repo = repository()
      :ok = ASTRepository.store_module(repo, cart())
      :ok = ASTRepository.store_correlation(repo, "id", "Fixture.Cart.total/2")

      assert {:ok, %{Fixture.Cart => %ModuleData{ast: nil, module_type: :genserver}}} =
               Repository.fetch(repo, :modules)

      assert {:ok, %{{Fixture.Cart, :total, 2} => %FunctionData{}}} =
               Repository.fetch(repo, :function_definitions)

      assert {:ok, %{"id" => "Fixture.Cart.total/2"}} = Repository.fetch(repo, :correlation_index)
      assert {:ok, %DateTime{}} = Repository.fetch(repo, :last_updated)
      assert {:ok, %{module_count: 1}} = Repository.fetch(repo, :static_analysis)

      assert {:error, %Error{reason: :unknown, hint: "did you mean :modules?"}} =
               Repository.fetch(repo, :module)

      fields = Map.keys(Map.from_struct(%Repository{})) -- [:ref, :pid]

      for field <- fields do
        case Repository.fetch(repo, field) do
          {:ok, _} -> :ok
          {:error, error} -> assert error.reason == :not_implemented
        end
      end
    end
  end
end

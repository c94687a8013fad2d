defmodule ElixirScope.ASTRepository.HostileTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository

  alias ElixirScope.ASTRepository.{
    Config,
    FunctionData,
    ModuleData,
    Query,
    Repository,
    RuntimeCorrelator,
    RuntimeEvent
  }

  alias ElixirScope.Error

  # Every public function of the API by name and arity, with arguments that are right but for the repository.
  @calls [
    store_module: [%ModuleData{module_name: A}],
    get_module: [A],
    get_module: [A, [fields: [:exports]]],
    update_module: [A, &Function.identity/1],
    delete_module: [A],
    store_function: [%FunctionData{function_key: {A, :f, 0}}],
    get_function: [{A, :f, 0}],
    update_function_runtime_data: [{A, :f, 0}, %{call_frequency: 1}],
    get_ast_node: ["A.f/0"],
    get_ast_node: ["A.f/0", [at: 1]],
    get_present_id: ["A.f/0"],
    get_node_location: ["A.f/0"],
    clause_metrics: ["A.f/0"],
    get_instrumentation_points: ["A.f/0"],
    correlate_event: [%RuntimeEvent{module: A}],
    get_correlated_events: ["A.f/0"],
    update_runtime_insights: ["A.f/0", %{}],
    get_runtime_insights: ["A.f/0"],
    store_correlation: ["id", "A.f/0"],
    get_ast_node_by_correlation: ["id"],
    get_correlations_for_ast_node: ["A.f/0"],
    get_all_correlations: [],
    query: [%Query{from: :modules}],
    get_statistics: [],
    index: [],
    health_check: [],
    import_project: ["lib/elixir_scope/report"],
    update_file: ["lib/x.ex"],
    update_file: ["lib/x.ex", [text: ""]],
    remove_file: ["lib/x.ex"],
    create_snapshot: [],
    restore_snapshot: [:no_snapshot],
    save: ["/tmp/never written"],
    flush: [],
    stop: [],
    find_ast_nodes_by_pattern: ["f(x)"],
    find_ast_nodes_by_pattern: ["f(x)", []],
    build_hybrid_context: [nil],
    analyze_performance: [nil],
    export_data: [nil],
    sql: ["select 1 from modules"],
    stream: ["select 1 from modules"],
    explain: [nil],
    bulk_update: [[]],
    optimize: [],
    vacuum: []
  ]

  test "the list above is the API" do
    named = for {name, arguments} <- @calls, uniq: true, do: {name, length(arguments) + 1}
    others = [:new, :start_link, :child_spec, :load, :ast_node_exists?, :__info__, :module_info]
    all = for {name, _arity} <- ASTRepository.__info__(:functions), name not in others, uniq: true, do: name
    assert Enum.sort(all |> Enum.uniq()) == named |> Keyword.keys() |> Enum.uniq() |> Enum.sort()
  end

  test "no repository is an error of every function" do
    for repository <- hostile(), {name, arguments} <- @calls do
      result = apply(ASTRepository, name, [repository | arguments])
      assert {:error, %Error{hint: hint}} = result, "#{name} gave #{inspect(result, limit: 5)}"

      assert is_binary(hint) or is_nil(hint)
      refute ASTRepository.ast_node_exists?(repository, "A.f/0")
    end
  end

  test "no argument crashes, and nothing is stored of what is refused" do
    repo = repository()
    {:ok, before} = ASTRepository.get_statistics(repo)

    for term <- hostile(),
        {name, arguments} <- @calls,
        name not in [:stop, :import_project, :save, :update_module],
        position <- positions(arguments) do
      arguments = List.replace_at(arguments, position, term)

      case apply(ASTRepository, name, [repo | arguments]) do
        {:error, %Error{reason: reason, message: message}} ->
          assert is_atom(reason) and is_binary(message) and byte_size(message) < 5_000

        {:error, :not_found} ->
          assert name in [
                   :get_module,
                   :get_function,
                   :get_ast_node,
                   :get_instrumentation_points,
                   :get_correlated_events,
                   :get_ast_node_by_correlation
                 ]

        # Reads of what may be empty, and writes of what is right after all.
        other ->
          assert {^name, :ok} = {name, if(is_tuple(other), do: elem(other, 0), else: other)}

          assert name in [
                   :get_module,
                   :get_ast_node_by_correlation,
                   :get_correlations_for_ast_node,
                   :store_correlation,
                   :get_all_correlations,
                   :store_module,
                   # Most terms are code.
                   :find_ast_nodes_by_pattern,
                   :get_correlated_events,
                   :sql,
                   # Nothing asked is everything.
                   :analyze_performance,
                   # No update is a batch too.
                   :bulk_update
                 ]
      end
    end

    {:ok, left} = ASTRepository.get_statistics(repo)
    assert left.module_count == before.module_count
    assert left.function_count == 0
  end

  test "hostile fields are kept exactly, or refused whole" do
    repo = repository()

    for term <- hostile() -- [nil] do
      data = %ModuleData{module_name: Held, patterns: term, ast: term}
      assert :ok = ASTRepository.store_module(repo, data)
      assert {:ok, %{patterns: ^term, ast: ^term}} = ASTRepository.get_module(repo, Held)

      assert :ok =
               ASTRepository.store_function(repo, %FunctionData{
                 function_key: {Held, :f, 1},
                 documentation: term,
                 ast: term
               })

      assert {:ok, %{documentation: ^term, ast: ^term}} = ASTRepository.get_function(repo, {Held, :f, 1})
    end

    for term <- hostile() -- [nil, "", "text"] do
      assert {:error, %Error{}} =
               ASTRepository.store_module(repo, %ModuleData{module_name: Never, source_file: term})
    end

    assert {:error, :not_found} = ASTRepository.get_module(repo, Never)
  end

  test "a module nested a hundred thousand deep is stored and given back" do
    repo = repository()

    ast =
      {:defmodule, [], [{:__aliases__, [], [:Deep]}, [do: {:def, [], [{:f, [], nil}, [do: deep(100_000)]]}]]}

    assert :ok = ASTRepository.store_module(repo, ast)
    assert {:ok, %{ast: ^ast, exports: [f: 0]}} = ASTRepository.get_module(repo, Deep)

    assert {:ok, %{rows: [_]}} =
             ASTRepository.query(repo, %Query{from: :ast_nodes, where: [{:eq, :name, :x}]})
  end

  test "update_module with what is no function" do
    repo = repository()
    :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A})

    for term <- hostile(), not is_function(term, 1) do
      assert {:error, %Error{reason: :invalid_argument}} = ASTRepository.update_module(repo, A, term)
      assert {:error, %Error{}} = ASTRepository.update_module(repo, A, fn _ -> term end)
    end
  end

  test "options" do
    for term <- hostile() -- [[]] do
      assert {:error, %Error{}} = ASTRepository.new(term)
      assert {:error, %Error{}} = ASTRepository.start_link(term)
      assert {:error, %Error{}} = ASTRepository.new(max_modules: term |> not_a_count())
      assert {:error, %Error{}} = ASTRepository.load(term, [])
      assert {:error, %Error{}} = ASTRepository.import_project(repository(), term |> no_path())
      assert {:error, %Error{}} = ASTRepository.import_project(repository(), "lib", term)
      assert {:error, %Error{}} = ASTRepository.save(repository(), no_path(term))
      assert {:error, %Error{}} = Repository.fetch(repository(), term)
      assert {:error, %Error{}} = RuntimeCorrelator.resolve(repository(), %RuntimeEvent{module: A}, term)
      unless is_map(term) and map_size(term) == 0, do: assert({:error, %Error{}} = Config.new(term))
    end

    assert {:error, %Error{hint: "did you mean :max_modules?"}} = ASTRepository.new(max_module: 1)
    assert {:error, %Error{}} = ASTRepository.new(name_: 1)
    assert {:error, %Error{}} = ASTRepository.start_link(name: "text")
    assert {:error, %Error{}} = ASTRepository.start_link(name: {:via, :no_such_module, 1})
  end

  test "events" do
    repo = repository()

    for term <- hostile(),
        field <- [:correlation_id, :point, :file, :line, :column, :module, :function, :arity] do
      event = %{%RuntimeEvent{file: "x.ex", line: 1, module: Nope, function: :f, arity: 1} | field => term}
      assert {:error, %Error{}} = ASTRepository.correlate_event(repo, event)
    end
  end

  defp positions([]), do: []
  defp positions(arguments), do: 0..(length(arguments) - 1)

  defp not_a_count(n) when is_integer(n) and n > 0 and n < 1_000_000_000_000, do: :x
  defp not_a_count(other), do: other
  defp no_path("text"), do: nil
  defp no_path(<<"x", _::binary>>), do: nil
  defp no_path(other), do: other
end

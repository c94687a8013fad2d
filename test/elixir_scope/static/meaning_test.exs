defmodule ElixirScope.Static.MeaningTest do
  use ExUnit.Case, async: true
  doctest ElixirScope.ASTRepository.SemanticAnalyzer

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{BusinessRule, DomainConcept, Repository, SemanticAnalyzer}

  @fixtures for name <- ~w(module_kinds module_kinds_web),
                do: Path.expand("../../fixtures/#{name}.exs", __DIR__)
  @labels Path.expand("../../fixtures/module_labels.exs", __DIR__)

  setup_all do
    files = Enum.flat_map(@fixtures, fn path -> path |> Code.eval_file() |> elem(0) end)
    root = Path.join(System.tmp_dir!(), "elixir_scope_kinds_#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)

    for {path, text, _} <- files do
      file = Path.join(root, path)
      File.mkdir_p!(Path.dirname(file))
      File.write!(file, text)
    end

    {:ok, repo} = ASTRepository.new(max_modules: 10_000)
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, root)
    %{repo: repo, labels: Enum.flat_map(files, &elem(&1, 2))}
  end

  defp analyze!(repo, module) do
    {:ok, meaning} = SemanticAnalyzer.analyze(repo, module)
    meaning
  end

  # What a reader said against what was found: `[{module, said, found, why}]` of those that differ.
  defp wrong(repo, labels) do
    for label <- labels,
        [module, type | role] = Tuple.to_list(label),
        meaning = analyze!(repo, module),
        {said, judged} <- [{type, meaning.module_type} | Enum.map(role, &{&1, meaning.role})],
        said != judged.value,
        do: {module, said, judged.value, judged.why}
  end

  test "modules are what a reader says they are", %{repo: repo, labels: labels} do
    assert length(labels) >= 60
    assert wrong(repo, labels) == []
  end

  test "every type of the specification is among them", %{labels: labels} do
    wanted =
      ~w(genserver supervisor application agent task gen_statem gen_stage phoenix_controller phoenix_live_view
                phoenix_channel phoenix_router plug ecto_schema ecto_repo ecto_migration protocol protocol_impl behaviour
                exception struct mix_task ex_unit_case plain)a

    assert wanted -- Enum.map(labels, &elem(&1, 1)) == []
  end

  describe "other people's modules" do
    @libs System.get_env("ELIXIR_SCOPE_LIBS")
    if @libs == nil, do: @tag(skip: "ELIXIR_SCOPE_LIBS names no directory with their projects")
    @tag timeout: 600_000
    test "are what a reader says they are" do
      {labels, _} = Code.eval_file(@labels)
      assert length(labels) >= 60

      for {project, rows} <- Enum.group_by(labels, &elem(&1, 0), &Tuple.delete_at(&1, 0)) do
        {:ok, repo} = ASTRepository.new(max_modules: 20_000)
        {:ok, _} = ASTRepository.import_project(repo, Path.join(@libs, project))
        assert {project, wrong(repo, rows)} == {project, []}
      end
    end
  end

  test "a judgement says how sure it is, why, and where", %{repo: repo} do
    assert %{value: :phoenix_controller, confidence: 1.0, why: "use Phoenix.Controller through ShopWeb"} =
             type = analyze!(repo, ShopWeb.CartController).module_type

    assert [%{file: "lib/shop_web/web.ex", line: 2, ast_node_id: id}] = type.nodes
    assert {:ok, {:use, _, _}} = ASTRepository.get_ast_node(repo, id)

    assert %{value: :phoenix_controller, confidence: 0.8} = analyze!(repo, ShopWeb.Foreign).module_type
    assert %{value: :plug, confidence: 0.7} = analyze!(repo, ShopWeb.Timing).module_type
  end

  test "behaviours and callbacks", %{repo: repo} do
    bank = analyze!(repo, Shop.Payments.Bank)
    assert [%{module: Shop.Payments.Gateway, by: :attribute, line: 9}] = bank.behaviours

    assert [%{name: :charge, arity: 2, behaviour: Shop.Payments.Gateway, marked: true}] = bank.callbacks

    assert [%{module: Supervisor, by: :use}] =
             for(%{module: Supervisor} = one <- analyze!(repo, Shop.Tower).behaviours, do: one)

    assert {:ok, %{callbacks: [init: 1, handle_cast: 2]}} = ASTRepository.get_module(repo, Shop.Till)
    assert {:ok, %{callbacks: nil}} = ASTRepository.get_module(repo, Shop.HTTPClient)
  end

  test "concepts with their fields and relations", %{repo: repo} do
    {:ok, concepts} = Repository.fetch(repo, :domain_concepts)
    assert %{Shop.Sales.Customer => %DomainConcept{} = customer, Shop.Sales.Order => order} = concepts

    assert {customer.kind, customer.source, customer.name} == {:schema, "customers", "Customer"}

    assert for(field <- customer.fields, do: {field.name, field.type, field.default, field.virtual}) == [
             {:name, ":string", nil, false},
             {:age, ":integer", "0", false},
             {:secret, ":string", nil, true},
             {:inserted_at, ":naive_datetime", nil, false},
             {:updated_at, ":naive_datetime", nil, false}
           ]

    assert for(one <- customer.relations, do: {one.kind, one.name, one.to}) == [
             {:has_many, :orders, Shop.Sales.Order},
             {:embeds_one, :address, Shop.Sales.Address}
           ]

    assert for(one <- order.relations, do: {one.kind, one.name, one.to, one.through}) == [
             {:belongs_to, :customer, Shop.Sales.Customer, nil},
             {:many_to_many, :items, Shop.Sales.Item, nil},
             {:has_many, :addresses, nil, "[:customer, :address]"}
           ]

    assert [%{name: :buyer_id, type: ":id"}] = order.fields
    assert concepts[Shop.Sales.Address].kind == :embedded_schema

    price = concepts[Shop.Price]
    assert [%{name: :cents, type: "non_neg_integer()" <> _} | _] = price.fields
    assert [%{kind: :refers, name: :of, to: Shop.Sales.Item}] = price.relations

    assert %{kind: :context, confidence: 0.95, relations: managed} = concepts[Shop.Sales]

    assert Enum.sort(for %{kind: :manages, to: to} <- managed, do: to) == [
             Shop.Sales.Customer,
             Shop.Sales.Order
           ]

    assert {:ok, %{domain_concepts: [Shop.Sales | _]}} = ASTRepository.get_module(repo, Shop.Sales)
  end

  test "rules with what they were read from", %{repo: repo} do
    {:ok, rules} = Repository.fetch(repo, :business_rules)

    of = fn module, kind ->
      for {_, %BusinessRule{module_name: ^module, kind: ^kind} = one} <- rules, do: one
    end

    assert of.(Shop.Sales.Customer, :changeset_validation)
           |> Enum.map(&{&1.name, &1.subjects, &1.line})
           |> Enum.sort() ==
             [
               {"unique_constraint", [:name], 28},
               {"validate_number", [:age], 27},
               {"validate_required", [:name], 26}
             ]

    assert [%{expression: "n >= 0", name: "add/2", confidence: 0.75} = guard] = of.(Shop.Price, :guard)
    assert guard.function == {Shop.Price, :add, 2}
    assert {:ok, {:>=, _, _}} = ASTRepository.get_ast_node(repo, guard.ast_node_id)

    assert ["authorize(:delete, %{role: :owner}, _customer)", "authorize(_action, _user, _customer)"] =
             of.(Shop.Sales.CustomerPolicy, :policy) |> Enum.map(& &1.expression) |> Enum.sort()

    assert [_, _, _] = constraints = of.(Shop.Repo.Migrations.CreateCustomers, :database_constraint)
    assert Enum.sort(Enum.flat_map(constraints, & &1.subjects)) == [:name, :name, :of_age]
  end

  test "rules that a function states in its own words" do
    text = """
    defmodule Shop.Checkout do
      def pay(cart, card) do
        with {:ok, total} <- total(cart),
             :ok <- validate_card(card),
             do: charge(total),
             else: (:error -> {:error, :empty})
      end

      defp validate_card(%{number: number}) do
        if String.length(number) == 16, do: :ok, else: {:error, :bad_card}
      end

      def total(cart) do
        if cart == [], do: {:error, :empty}, else: {:ok, length(cart)}
      end

      def typed(x) when is_map(x), do: x
    end
    """

    assert {:ok, [%{rules: rules}]} = SemanticAnalyzer.analyze(text)

    assert for(rule <- rules, do: {rule.kind, rule.name, rule.line}) == [
             {:with_chain, "pay/2", 3},
             {:validation, "validate_card/1", 9},
             {:validation, "total/1", 14}
           ]

    assert Enum.all?(rules, &(&1.confidence in [0.6, 0.7, 0.8] and is_binary(&1.why)))
  end

  test "patterns", %{repo: repo} do
    {:ok, patterns} = Repository.fetch(repo, :architectural_patterns)
    named = fn module -> for {_, one} <- patterns, one.module_name == module, do: one.name end

    assert Enum.sort(named.(Shop.Till)) == [:singleton_process, :stateful_process]

    assert :context in named.(Shop.Sales) and :data_access in named.(Shop.Sales) and
             :query in named.(Shop.Sales)

    assert named.(Shop.Price) == [:builder]
    assert :adapter in named.(Shop.Payments.Bank)
    assert :configured_implementation in named.(Shop.Payments.Gateway)
    assert :plug_pipeline in named.(ShopWeb.Router)
    assert named.(Shop.Jobs.Invoice) == [:background_job]
    assert patterns["Shop.Door:state_machine"].confidence == 0.98
  end

  test "questions over modules know them", %{repo: repo} do
    import ElixirScope.ASTRepository.Query

    query =
      new()
      |> from(:modules)
      |> where({:eq, :architectural_role, :context})
      |> select([:module_name, :module_type])

    assert {:ok, %{rows: [%{module_name: Shop.Sales, module_type: :plain}]}} =
             ASTRepository.query(repo, query)

    query =
      new() |> from(:functions) |> where({:eq, :module_type, :phoenix_controller}) |> select([:function_key])

    assert {:ok, %{total: 3}} = ASTRepository.query(repo, query)
  end

  test "what is not there, and what is no source" do
    {:ok, repo} = ASTRepository.new()
    assert {:error, %{reason: :not_found, hint: hint}} = SemanticAnalyzer.analyze(repo, No.Such)
    assert is_binary(hint)
    assert {:error, %{reason: :invalid_argument}} = SemanticAnalyzer.analyze(:what)
    assert {:error, %{reason: :parse_error}} = SemanticAnalyzer.analyze("defmodule (")
    assert {:error, %{reason: :invalid_argument}} = SemanticAnalyzer.analyze(repo, "Shop")
  end
end

defmodule ElixirScope.ASTRepository.DifferentialUpdaterTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{DifferentialUpdater, ModuleData}
  alias ElixirScope.Test.CodeFixtures

  doctest DifferentialUpdater

  @old """
  defmodule Shop.Cart do
    use GenServer
    alias Shop.Item
    @limit 10

    def total(items) do
      items |> Enum.map(& &1.price) |> Enum.sum()
    end

    def add(cart, %Item{} = item) do
      if length(cart.items) < @limit do
        {:ok, %{cart | items: [item | cart.items]}}
      else
        {:error, :full}
      end
    end

    defp audit(cart, event), do: Logger.info("cart", cart: cart.id, event: event)
  end
  """

  defp diff(old, new),
    do: DifferentialUpdater.calculate_module_diff(CodeFixtures.parse(old), CodeFixtures.parse(new))

  defp edit(text, from, to) do
    edited = String.replace(text, from, to)
    assert edited != text, "the edit changes nothing"
    edited
  end

  test "nothing, a comment or a format is no change" do
    for new <- [@old, "# hello\n" <> @old, edit(@old, "{:error, :full}", "{ :error,\n :full }")] do
      diff = diff(@old, new)
      assert diff.status == :unchanged
      assert diff.change_type == :minor_changes
      assert diff.function_changes == []
      assert diff.nodes.total == diff.nodes.unchanged
    end
  end

  test "a body is a minor change" do
    diff = diff(@old, edit(@old, ":full", ":no_room"))
    assert {diff.status, diff.change_type} == {:changed, :minor_changes}
    assert diff.modified_functions == [add: 2]
    assert [%{aspects: [:body], ast_node_id: "Shop.Cart.add/2", line: 10}] = diff.function_changes
  end

  test "what others call is a major change" do
    for {from, to, check} <- [
          {"def total(items)", "def sum(items)", &(&1.renamed_functions == [{{:total, 1}, {:sum, 1}}])},
          {"defp audit", "def audit", &(&1.modified_functions == [audit: 2])},
          {"def total(items)", "def total(items, _currency)",
           &(&1.renamed_functions == [{{:total, 1}, {:total, 2}}])},
          {"alias Shop.Item", "alias Shop.Item\nimport Shop.Guards",
           &(&1.metadata_changes == [%{field: :imports, old: [], new: ["import Shop.Guards"]}])},
          {"@limit 10", "@limit 10\ndef limit, do: @limit", &(&1.added_functions == [limit: 0])}
        ] do
      diff = diff(@old, edit(@old, from, to))
      assert diff.change_type == :major_changes, "#{from} to #{to}"
      assert check.(diff), inspect(diff)
    end
  end

  test "what the module is, is structure" do
    diff = diff(@old, edit(@old, "use GenServer", "use Agent"))
    assert diff.change_type == :structural_changes
    assert %{field: :module_type, old: :genserver, new: :agent} in diff.metadata_changes
    assert %{field: :uses, old: ["use GenServer"], new: ["use Agent"]} in diff.metadata_changes

    renamed = diff(@old, edit(@old, "Shop.Cart do", "Shop.Basket do"))
    assert renamed.change_type == :structural_changes

    assert {renamed.status, renamed.old_module_name, renamed.module_name} ==
             {:renamed, Shop.Cart, Shop.Basket}

    assert renamed.function_changes == []
    assert renamed.nodes.gone == 0
  end

  test "aliases and attributes are minor" do
    diff = diff(@old, edit(@old, "@limit 10", "@limit 20"))
    assert diff.change_type == :minor_changes
    assert diff.metadata_changes == [%{field: :attributes, old: ["@limit 10"], new: ["@limit 20"]}]
  end

  test "correlations: broken, new and maintained" do
    # The id of the call of `length`, whose clause is edited elsewhere.
    {:ok, ids} = DifferentialUpdater.forward(CodeFixtures.parse(@old), CodeFixtures.parse(@old))
    new_text = @old |> edit("add(cart,", "put(cart,") |> edit("defp audit", "defp log")
    new_text = edit(new_text, "Logger.info(\"cart\", cart: cart.id, event: event)", ":ok")
    clause = Enum.find(Map.keys(ids), &(&1 =~ ~r{^Shop.Cart.add/2#\w+$}))
    gone = "Shop.Cart.audit/2"

    old = %ModuleData{
      module_name: Shop.Cart,
      ast: CodeFixtures.parse(@old),
      correlation_metadata: %{"a" => clause, "b" => gone, "c" => "Shop.Cart.total/1"}
    }

    new = %ModuleData{
      module_name: Shop.Cart,
      ast: CodeFixtures.parse(new_text),
      correlation_metadata: %{"c" => "Shop.Cart.total/1", "d" => "Shop.Cart"}
    }

    impacts = DifferentialUpdater.calculate_module_diff(old, new).correlation_impacts

    assert [%{correlation_id: "b", old_ast_node_id: ^gone, ast_node_id: nil}] = impacts.broken_correlations
    assert [%{correlation_id: "d", ast_node_id: "Shop.Cart"}] = impacts.new_correlations

    assert [
             %{correlation_id: "a", ast_node_id: moved},
             %{correlation_id: "c", ast_node_id: "Shop.Cart.total/1"}
           ] = impacts.maintained_correlations

    assert moved =~ ~r{^Shop.Cart.put/2#}
  end

  test "stored modules are versions" do
    repository = CodeFixtures.repository()
    :ok = ASTRepository.store_module(repository, CodeFixtures.parse(@old))
    new = CodeFixtures.parse(edit(@old, ":full", ":no_room"))

    assert %{modified_functions: [add: 2]} =
             DifferentialUpdater.calculate_module_diff({repository, Shop.Cart}, new)

    assert {:error, %{reason: :not_found, hint: hint}} =
             DifferentialUpdater.calculate_module_diff({repository, No.Such}, new)

    assert hint =~ "import"
  end

  test "hostile versions are errors" do
    for hostile <- CodeFixtures.hostile(), not match?({_, _, _}, hostile) do
      assert {:error, %ElixirScope.Error{}} = DifferentialUpdater.calculate_module_diff(hostile, hostile)
      assert {:error, %ElixirScope.Error{}} = DifferentialUpdater.forward(hostile, hostile)
    end

    assert {:error, %{reason: :invalid_argument}} =
             DifferentialUpdater.calculate_module_diff({:a, [], []}, {:a, [], []})

    assert {:error, %{reason: :invalid_argument}} =
             DifferentialUpdater.forward({:a, [], []}, {:a, [], []}, [1])
  end
end

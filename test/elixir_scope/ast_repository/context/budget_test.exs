defmodule ElixirScope.ASTRepository.Context.BudgetTest do
  # There is one capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{HybridContext, Query, TemporalBridge}
  alias ElixirScope.Test.{FaultyShop, PythonJSON}

  doctest ElixirScope.ASTRepository.ContextRequest
  doctest ElixirScope.ASTRepository.HybridContext

  @moduletag timeout: 300_000
  @moduletag :capture_log

  # Each looks like what a rule of redaction knows; one stands in the source, one in documentation.
  @argument "canary-argument-7f3a91"
  @result "canary-result-55c01e"
  @message "canary-message-e01b44"
  @literal "canary-literal-aa17c2"
  @documented "canary-documented-90d3fe"
  @bearer "canarybearer0123456789abcdefghij"
  @canaries [@argument, @result, @message, @literal, @documented, @bearer]

  @secrets """
  defmodule Shop.Secrets do
    @moduledoc "Takes what nobody is to read: api_key=#{@documented}"

    @doc "Signs in; password=#{@documented}"
    def sign_in(user, %{password: password}) do
      options = [token: "#{@literal}", user: user]
      session(options, "Authorization: Bearer #{@bearer}")
      if password == "", do: raise("no password"), else: %{secret: "#{@result}", user: user}
    end

    def session(options, _header), do: {:ok, Keyword.get(options, :user)}

    def fails(password), do: raise(ArgumentError, "cannot read password=" <> password)
  end
  """

  @fault %{
    name: "secrets are kept",
    run: """
    for n <- 1..20, do: :ok = Shop.add("c\#{rem(n, 3)}", "P\#{n}", n)
    for n <- 0..2, do: Shop.checkout("c\#{n}")
    Shop.Secrets.sign_in("someone", %{password: "#{@argument}"})
    try do Shop.Secrets.fails("#{@message}") rescue _ -> :ok end
    for text <- ["GB", "US", "DE"], do: Shop.Pricing.total([], country: text)
    """
  }

  setup_all do
    shop = FaultyShop.run(50, @fault, files: %{"lib/shop/secrets.ex" => @secrets})
    {:ok, _} = shop.outcome
    repository = shop.observation.repository
    ids = column(repository, :functions, :ast_node_id)
    modules = column(repository, :modules, :ast_node_id)

    {:ok, events} =
      TemporalBridge.get_all_events(repository, limit: 100_000, types: [:call, :error, :aborted])

    {:ok,
     shop: shop, repository: repository, ids: ids, modules: modules, events: MapSet.new(events, & &1.event_id)}
  end

  defp column(repository, source, field) do
    query = Query.new() |> Query.from(source) |> Query.select([field])
    {:ok, %{rows: rows}} = ASTRepository.query(repository, query)
    for row <- rows, do: Map.fetch!(row, field)
  end

  test "the budget holds for any target, and no secret is in it", context do
    :rand.seed(:exsss, {11, 5, 3})

    for _ <- 1..300 do
      tokens = round(:math.exp(:math.log(150) + :rand.uniform() * :math.log(60)))
      format = Enum.random([:markdown, :json])

      request =
        target(context) ++
          [tokens: tokens, format: format, events: Enum.random(0..5), items: Enum.random([1, 7, 40, 200])]

      case ASTRepository.build_hybrid_context(context.repository, request) do
        {:ok, built} -> check(built, request, context)
        {:error, error} -> assert error.reason == :not_found, "#{inspect(request)}: #{inspect(error)}"
      end
    end
  end

  defp target(context) do
    case :rand.uniform(9) do
      1 ->
        [target: Enum.random(context.ids)]

      2 ->
        [target: Enum.random(context.modules)]

      3 ->
        [target: "lib/shop/pricing.ex:#{:rand.uniform(90)}"]

      4 ->
        [target: "lib/shop/secrets.ex:#{:rand.uniform(14)}"]

      5 ->
        [
          question:
            Enum.random(["price of a cart", "secret password", "who reserves stock", "sign in session token"])
        ]

      6 ->
        [error: %ArgumentError{message: "cannot read password=#{@message}"}]

      7 ->
        [
          error:
            "** (KeyError) key not found password=#{@argument}\n    lib/shop/secrets.ex:6: Shop50.Secrets.sign_in/2"
        ]

      8 ->
        [trace: Enum.random(tokens(context))]

      9 ->
        [test: "test/faults_test.exs:#{5 + :rand.uniform(4)}"]
    end
  end

  defp tokens(context) do
    {:ok, events} = TemporalBridge.get_all_events(context.repository, limit: 200, types: [:call])
    for event <- events, do: event.correlation_id
  end

  defp check(built, request, context) do
    markdown = to_string(built)
    {:ok, json} = HybridContext.to_json(built)
    counted = if request[:format] == :json, do: json, else: markdown
    assert ceil(byte_size(counted) / 3.5) <= request[:tokens], inspect(request)
    assert built.tokens == ceil(byte_size(counted) / 3.5)

    for text <- [markdown, json], canary <- @canaries do
      refute text =~ canary, "#{canary} is in the context of #{inspect(request)}"
    end

    assert Enum.map(built.items, & &1.rank) == Enum.to_list(1..length(built.items)//1)
    scores = Enum.map(built.items, & &1.score)
    assert scores == Enum.sort(scores, :desc)
    assert length(built.items) <= request[:items]

    # Every claim leads to something that is there.
    for item <- built.items do
      assert item.ast_node_id in context.ids

      for one <- (item.calls || []) ++ (item.called_by || []),
          do: assert(ASTRepository.ast_node_exists?(context.repository, one.ast_node_id))

      for one <- (item.values || []) ++ (item.failures || []), do: assert(one.event_id in context.events)
      assert length(item.values || []) <= request[:events]
    end
  end

  test "secrets are said to be withheld, where they would stand", context do
    {:ok, built} =
      ASTRepository.build_hybrid_context(context.repository, function: {Shop50.Secrets, :sign_in, 2})

    assert [%{ast_node_id: "Shop50.Secrets.sign_in/2"} = item | _] = built.items
    assert item.code =~ ~s(token: "[REDACTED]") or item.code =~ "[REDACTED]"
    assert Enum.any?(item.values, &(&1.text =~ "password: [REDACTED" or &1.text =~ "REDACTED"))
    assert [_ | _] = item.values
  end

  test "JSON is what a parser that is not ours reads, with the same claims", context do
    {:ok, built} =
      ASTRepository.build_hybrid_context(context.repository, target: "Shop50.Checkout.run", format: :json)

    {:ok, json} = HybridContext.to_json(built)
    document = PythonJSON.read(json)
    assert %{"schema" => "elixir_scope.context", "version" => 1, "items" => items, "loss" => loss} = document
    assert Enum.map(items, & &1["ast_node_id"]) == Enum.map(built.items, & &1.ast_node_id)
    assert loss["lost"] == 0 and loss["events"] > 0
    assert hd(items)["code"] == hd(built.items).code
    assert document["further"] == built.found - length(built.items) - length(built.also)
  end

  test "what figures of the VM say is what the context says", context do
    {:ok, built} =
      ASTRepository.build_hybrid_context(context.repository, function: {Shop50.Pricing, :total, 2})

    assert [%{ast_node_id: "Shop50.Pricing.total/2"} = total | _] = built.items
    # Three checkouts, and three prices of nothing.
    assert total.statistics.call_frequency == 6
    assert %{count: 3} = Enum.find(total.called_by, &(&1.ast_node_id == "Shop50.Checkout.run/2"))
    # Twenty lines of carts, some products twice in none.
    assert %{count: 20} = Enum.find(total.calls, &(&1.ast_node_id == "Shop50.Pricing.line_price/1"))
    file = File.read!(Path.join(context.shop.dir, "lib/shop/pricing.ex"))
    assert String.contains?(file, hd(String.split(total.code, "\n")))
    assert total.code_of == :source
  end

  test "bad requests are errors with the nearest name", %{repository: repository} do
    build = &ASTRepository.build_hybrid_context(repository, &1)

    assert {:error, %{reason: :unknown, details: %{nearest: "Shop50.Pricing.total/2"}}} =
             build.(target: "Shop50.Pricing.totl/2")

    assert {:error, %{reason: :unknown, details: %{nearest: "Shop50.Pricing"}}} =
             build.(module: Shop50.Pricin)

    assert {:error, %{reason: :unknown, details: %{nearest: "lib/shop/cart.ex"}}} =
             build.(file: "lib/shop/crt.ex", line: 3)

    assert {:error, %{reason: :unknown, details: %{nearest: :tokens}}} =
             build.(function: {A, :b, 1}, tokns: 3)

    assert {:error, %{reason: :invalid_argument}} = build.(function: {A, :b, 1}, tokens: 10)
    assert {:error, %{reason: :invalid_argument}} = build.(function: {A, :b, 999})
    assert {:error, %{reason: :invalid_argument}} = build.(tokens: 4_000)
    assert {:error, %{reason: :invalid_argument}} = build.(file: "lib/shop.ex")
    assert {:error, %{reason: :invalid_argument}} = build.([:a | :b])
    assert {:error, %{reason: :invalid_argument}} = build.(question: <<255>>)
    assert {:error, %{reason: :invalid_argument}} = build.(stacktrace: :none)
    assert {:error, %{reason: :not_found}} = build.(question: "xylophone quux")
    assert {:error, %{reason: :not_found}} = build.(trace: 12_345)
    assert {:error, %{reason: :not_found}} = build.(test: {Nowhere, "test nothing"})
    assert {:error, %{reason: :not_found}} = build.(error: "** (Xyz) zzz")
    assert {:error, %{reason: :invalid_argument}} = build.(nil)
    assert {:error, %{reason: :not_found}} = ASTRepository.build_hybrid_context(:nobody_at_all, target: "A")
    assert {:error, _} = build.(error: String.duplicate("a", 300_000))
    # Hostile, but bounded.
    for piece <- ["a", "a.", "/", "A.a", "1) test ", "lib/a.ex:1: ", "\n", "** ("] do
      text = String.duplicate(piece, div(200_000, byte_size(piece)))
      {us, answer} = :timer.tc(fn -> build.(error: text) end)
      assert match?({:ok, _}, answer) or match?({:error, %{reason: _}}, answer)
      assert us < 5_000_000
      assert match?({_, _}, build.(target: text))
    end

    long = Enum.map_join(1..3_000, "\n", &"    lib/shop/cart.ex:#{&1}: Shop50.Cart.add/3")
    assert {:ok, %{items: [_ | _]}} = build.(stacktrace: long)
  end
end

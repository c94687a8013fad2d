defmodule ElixirScope.ASTRepository.Context.FaultsTest do
  # There is one capture in a VM.
  use ExUnit.Case, async: false

  @moduledoc """
  Faults in the example shop, each observed, each looked for from its symptom alone. `ELIXIR_SCOPE_RANKS=1` prints at which place the guilty
  function stands in the first 2,000 tokens.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.HybridContext
  alias ElixirScope.Test.FaultyShop

  @moduletag timeout: 180_000
  @moduletag :capture_log

  @faults [
    %{
      name: "slow query in a loop",
      file: "lib/shop/checkout.ex",
      edits: [
        {"for {sku, quantity} <- items, {:ok, product} <- [Catalog.fetch(sku)] do",
         "for {sku, quantity} <- items, product <- Catalog.all(), product.sku == sku do"}
      ],
      run: """
      for n <- 1..60, do: :ok = Shop.add("slow", "P\#{n}", 1)
      {:ok, _receipt} = Shop.checkout("slow")
      """,
      symptom: {:slow, "Shop.checkout/2"},
      guilty: "Shop.Checkout.lines/1"
    },
    %{
      name: "the ledger knows of every sale",
      file: "lib/shop/ledger.ex",
      edits: [
        {"GenServer.cast(__MODULE__, {:record, customer, total})",
         "GenServer.cast(__MODULE__, {:recorded, customer, total})"},
        {"  @impl true\n  def handle_call(:summary",
         "  def handle_cast(_other, state), do: {:noreply, state}\n\n  @impl true\n  def handle_call(:summary"}
      ],
      run: """
      :ok = Shop.add("lost", "P1", 2)
      {:ok, _receipt} = Shop.checkout("lost")
      assert Shop.Ledger.summary().count == 1
      """,
      symptom: :failed_test,
      guilty: "Shop.Ledger.record/2"
    },
    %{
      name: "members pay a tenth less above 100",
      file: "lib/shop/pricing.ex",
      edits: [
        {"      {nil, true} when goods > 10_000 -> goods - div(goods, 10)\n      {nil, true} -> goods - div(goods, 20)\n",
         "      {nil, true} -> goods - div(goods, 20)\n      {nil, true} when goods > 10_000 -> goods - div(goods, 10)\n"}
      ],
      run: """
      product = %{sku: "G", name: "Gift", price: 5_000, tags: []}
      assert Shop.Pricing.total([{product, 4}], member: true) == 18_000
      """,
      symptom: :failed_test,
      guilty: "Shop.Pricing.discount/3"
    },
    %{
      name: "leak in state",
      file: "lib/shop/ledger.ex",
      edits: [{"Enum.take([{customer, total} | state.recent], @kept)", "[{customer, total} | state.recent]"}],
      run: """
      for n <- 1..1_500, do: Shop.Ledger.record("c\#{n}", n)
      Shop.Report.by_customer()
      Shop.Report.by_customer()
      """,
      symptom: {:question, "the ledger process needs more and more memory"},
      guilty: "Shop.Ledger.handle_cast/2"
    },
    %{
      name: "crash three calls away",
      file: "lib/shop/catalog.ex",
      edits: [
        {"[{^sku, product, _stock}] -> {:ok, product}",
         "[{^sku, product, _stock}] -> {:ok, if(rem(product.price, 7) == 0, do: Map.delete(product, :tags), else: product)}"}
      ],
      run: """
      for n <- 1..40, do: :ok = Shop.add("crash", "P\#{n}", 11)
      Shop.checkout("crash")
      """,
      symptom: :exception,
      guilty: "Shop.Catalog.fetch/1"
    },
    %{
      name: "one piece when nothing else is said",
      file: "lib/shop.ex",
      edits: [{"def add(customer, sku, quantity \\\\ 1) do", "def add(customer, sku, quantity \\\\ 10) do"}],
      run: """
      :ok = Shop.add("default", "P3")
      assert Shop.items("default") == %{"P3" => 1}
      """,
      symptom: :failed_test,
      guilty: "Shop.add/3"
    },
    %{
      name: "a declined payment is no sale",
      file: "lib/shop/payment.ex",
      edits: [
        {"    authorise(customer, amount)\n    reference(customer, amount)\n",
         "    authorise(customer, amount)\n    reference(customer, amount)\n  rescue\n    _ -> reference(customer, amount)\n"}
      ],
      run: """
      sku = Enum.find(1..120, fn n -> {:ok, product} = Shop.Catalog.fetch("P\#{n}"); rem(Shop.Pricing.total([{product, 1}]), 100) == 13 end)
      :ok = Shop.add("declined", "P\#{sku}", 1)
      assert {:error, _declined} = Shop.checkout("declined")
      """,
      symptom: :failed_test,
      guilty: "Shop.Payment.charge/2"
    },
    %{
      name: "what two buy at once is gone twice",
      file: "lib/shop/catalog.ex",
      edits: [
        {"def reserve(sku, quantity), do: GenServer.call(__MODULE__, {:reserve, sku, quantity})",
         "def reserve(sku, quantity) do\n    left = stock(sku) - quantity\n    Process.sleep(5)\n    GenServer.call(__MODULE__, {:left, sku, left})\n  end"},
        {"  def handle_call({:reserve, sku, quantity}, _from, state) do\n    {:reply, take(:ets.lookup(@table, sku), quantity), state}\n  end",
         "  def handle_call({:left, sku, left}, _from, state) do\n    :ets.update_element(@table, sku, {3, left})\n    {:reply, :ok, state}\n  end\n\n  def handle_call({:reserve, sku, quantity}, _from, state) do\n    {:reply, take(:ets.lookup(@table, sku), quantity), state}\n  end"}
      ],
      run: """
      before = Shop.Catalog.stock("P9")
      buyers = for n <- 1..2, do: Task.async(fn -> Shop.add("buyer-\#{n}", "P9", 3) end)
      Task.await_many(buyers)
      assert Shop.Catalog.stock("P9") == before - 6
      """,
      symptom: :failed_test,
      guilty: "Shop.Catalog.reserve/2"
    },
    %{
      name: "timeout",
      file: "lib/shop/catalog.ex",
      edits: [
        {"GenServer.call(__MODULE__, {:reserve, sku, quantity})",
         "GenServer.call(__MODULE__, {:reserve, sku, quantity}, 100)"},
        {"  defp take([{sku, _product, _stock}], quantity) do\n",
         "  defp take([{sku, _product, _stock}], quantity) do\n    if quantity > 50, do: Process.sleep(400)\n"}
      ],
      run: """
      for n <- 1..5, do: :ok = Shop.add("timeout", "P\#{n}", 2)
      Shop.Catalog.reserve("P6", 60)
      """,
      symptom: :exception,
      guilty: "Shop.Catalog.take/2"
    },
    %{
      name: "what is sold out cannot be bought",
      file: "lib/shop/catalog.ex",
      edits: [
        {"  defp take([{_sku, _product, stock}], quantity) when stock < quantity, do: {:error, :out_of_stock}\n\n",
         ""},
        {"    :ets.update_counter(@table, sku, {3, -quantity})\n    :ok\n  end\n",
         "    :ets.update_counter(@table, sku, {3, -quantity})\n    :ok\n  end\n\n  defp take([{_sku, _product, stock}], quantity) when stock < quantity, do: {:error, :out_of_stock}\n"}
      ],
      run: """
      assert Shop.add("greedy", "P4", 2_000_000) == {:error, :out_of_stock}
      """,
      symptom: :failed_test,
      guilty: "Shop.Catalog.take/2"
    },
    %{
      name: "wrong order of arguments",
      file: "lib/shop/checkout.ex",
      edits: [{":ok = Ledger.record(customer, total)", ":ok = Ledger.record(total, customer)"}],
      run: """
      :ok = Shop.add("order", "P5", 2)
      {:ok, _receipt} = Shop.checkout("order")
      Process.sleep(50)
      """,
      symptom:
        {:text,
         """
         GenServer Shop.Ledger terminating
         ** (ArithmeticError) bad argument in arithmetic expression
             (shop 0.1.0) lib/shop/ledger.ex:24: Shop.Ledger.handle_cast/2
             (stdlib 4.2) gen_server.erl:1123: :gen_server.try_dispatch/4
         Last message: {:"$gen_cast", {:record, 1138, "order"}}
         """},
      guilty: "Shop.Checkout.run/2"
    },
    %{
      name: "slow far below",
      file: "lib/shop/pricing.ex",
      edits: [
        {"  defp bulk(product, quantity) do\n",
         "  defp bulk(product, quantity) do\n    Enum.each(1..20_000, &:erlang.phash2/1)\n\n"}
      ],
      run: """
      for n <- 1..40, do: :ok = Shop.add("far", "P\#{n}", 3)
      {:ok, _receipt} = Shop.checkout("far")
      """,
      symptom: {:slow, "Shop.checkout/2"},
      guilty: "Shop.Pricing.bulk/2"
    }
  ]

  for {fault, number} <- Enum.with_index(@faults, 1) do
    @fault fault
    @number number
    test "#{fault.name}: the guilty function is in the first 2,000 tokens" do
      shop = FaultyShop.run(@number, @fault)
      request = request(@fault.symptom, @fault, shop)

      {:ok, context} =
        ASTRepository.build_hybrid_context(shop.observation.repository, Keyword.put(request, :tokens, 2_000))

      guilty = FaultyShop.named(@fault.guilty, shop.module)
      found = Enum.find(context.items, &(&1.ast_node_id == guilty))
      report(@fault, context, found)

      assert found, "#{guilty} is not among\n" <> to_string(context)
      assert found.code =~ ~r/def/, "its code is missing\n" <> to_string(context)
      # What people read, counted without our own formula.
      markdown = to_string(context)
      assert byte_size(markdown) <= 7_000
      assert markdown =~ found.ast_node_id and markdown =~ hd(String.split(found.code, "\n"))
    end
  end

  # Each meets its fault because of the fault: without it, what it says holds.
  test "the shop as it is has none of them" do
    for {fault, number} <- Enum.with_index(@faults, 100) do
      shop = FaultyShop.run(number, %{fault | file: nil, edits: []})
      assert {:ok, _} = shop.outcome, "#{fault.name}: #{inspect(shop.outcome)}"
    end
  end

  ## Symptoms

  defp request({:slow, function}, _fault, shop) do
    assert {:ok, _} = shop.outcome
    [target: FaultyShop.named(function, shop.module)]
  end

  defp request({:question, text}, _fault, shop) do
    assert {:ok, _} = shop.outcome
    [question: text]
  end

  defp request({:text, text}, _fault, shop), do: [error: FaultyShop.named(text, shop.module)]
  defp request(:failed_test, fault, shop), do: [target: FaultyShop.failed_test(shop, fault)]

  defp request(:exception, _fault, shop) do
    {:failed, kind, reason, stack} = shop.outcome

    if kind == :error,
      do: [error: reason, stacktrace: stack],
      else: [error: Exception.format(kind, reason, stack)]
  end

  defp report(fault, context, found) do
    if System.get_env("ELIXIR_SCOPE_RANKS") do
      rank =
        if found,
          do: "#{found.rank} of #{length(context.items)} shown, #{context.found} near",
          else: "not shown"

      IO.puts(
        "#{String.pad_trailing(fault.name, 40)} #{String.pad_trailing(fault.guilty, 28)} #{rank}, #{context.tokens} tokens"
      )

      if System.get_env("ELIXIR_SCOPE_RANKS") == "2",
        do:
          IO.puts(
            to_string(context)
            |> HybridContext.tokens()
            |> to_string()
            |> Kernel.<>("\n" <> to_string(context))
          )
    end
  end
end

defmodule ElixirScope.ASTRepository.TemporalBridge.CausesTest do
  # Traces processes.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge

  # A server that keeps the truth itself: who sent what, who took it.
  defmodule Server do
    use GenServer

    def init(table), do: {:ok, table}
    def handle_call({:call, _uid} = message, _from, table), do: {:reply, :ok, took(table, message)}
    def handle_cast({:cast, _uid} = message, table), do: {:noreply, took(table, message)}
    def handle_info(message, table), do: {:noreply, took(table, message)}

    defp took(table, message) do
      :ets.insert(table, {:took, self(), message})
      table
    end
  end

  setup do
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    on_exit(fn -> Capture.stop() end)
    {:ok, repository: repository, table: :ets.new(:truth, [:public, :bag])}
  end

  test "every message of a traced system is found, exactly, and none is wrong", context do
    %{repository: repository, table: table} = context
    parent = self()

    driver =
      spawn(fn ->
        receive do
          :go -> :ok
        end

        servers = for _ <- 1..4, do: elem(GenServer.start_link(Server, table), 1)
        clients = for n <- 1..6, do: Task.async(fn -> client(servers, table, n) end)
        Task.await_many(clients)
        for server <- servers, do: GenServer.call(server, {:call, :last})
        send(parent, :done)
      end)

    {:ok, trace} =
      ElixirScope.trace([],
        processes: driver,
        inherit: true,
        flags: [:messages, :processes],
        values: [:messages],
        count: 50_000
      )

    send(driver, :go)
    assert_receive :done, 30_000
    ElixirScope.untrace(trace)
    :ok = Capture.flush()

    {:ok, edges} = TemporalBridge.message_edges(repository)

    told =
      for %{message: {:ok, message}} = edge <- edges,
          edge.arrived,
          content = content(message),
          do: {content, edge}

    truth = for {:sent, sender, receiver, content} <- :ets.tab2list(table), do: {content, sender, receiver}
    assert length(truth) == 6 * 60

    exact =
      for {content, sender, receiver} <- truth do
        candidates = for {^content, edge} <- told, edge.receiver == receiver, edge.sender == sender, do: edge
        assert candidates != [], "no edge for #{inspect({content, sender, receiver})}"
        Enum.any?(candidates, &(&1.certainty == :exact and &1.sent != nil))
      end

    assert Enum.count(exact, & &1) >= 0.99 * length(exact)

    # None is wrong: what has a number of its own was sent once, to one.
    for {{kind, uid} = content, edge} <- told,
        is_integer(uid),
        kind in [:call, :cast, :info],
        edge.certainty == :exact do
      assert [{:sent, sender, receiver, _}] = :ets.match_object(table, {:sent, :_, :_, content})
      assert {edge.sender, edge.receiver} == {sender, receiver}
    end
  end

  defp client(servers, table, n) do
    for step <- 1..20 do
      server = Enum.at(servers, rem(n + step, 4))
      uid = System.unique_integer([:positive])
      log = &:ets.insert(table, {:sent, self(), server, &1})
      log.({:cast, uid})
      GenServer.cast(server, {:cast, uid})
      log.({:info, uid})
      send(server, {:info, uid})
      log.({:call, uid})
      GenServer.call(server, {:call, uid})
      send(server, :tick)
    end
  end

  defp content({:"$gen_call", _from, content}), do: content(content)
  defp content({:"$gen_cast", content}), do: content(content)
  defp content({kind, uid}) when kind in [:call, :cast, :info], do: {kind, uid}
  defp content(_), do: nil

  test "arguments that make no sense are errors that say what does", %{repository: repository} do
    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.causes(repository, :nothing)
    assert {:error, %{reason: :unknown}} = TemporalBridge.effects(repository, 1, deep: 3)
    assert {:error, %{reason: :not_found}} = TemporalBridge.causes(repository, 1)
    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.state_at(repository, :name, {:time, 0})
  end
end

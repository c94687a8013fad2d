defmodule ElixirScope.ASTRepository.TemporalBridgeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{RuntimeEvent, TemporalBridge}

  test "events stored in any order come back in the order of time" do
    {:ok, repo} = ASTRepository.new()
    times = for _ <- 1..200, do: :rand.uniform(1_000_000) - 500_000

    for at <- times,
        do:
          assert(
            :ok = TemporalBridge.store_event(repo, %{timestamp: at, event_type: :note, metadata: %{at: at}})
          )

    {:ok, events} = TemporalBridge.get_all_events(repo)
    assert Enum.map(events, & &1.timestamp) == Enum.sort(times)
    assert Enum.all?(events, &(&1.metadata.at == &1.timestamp))

    {:ok, some} = TemporalBridge.get_events_in_range(repo, 0, 100_000, newest_first: true)
    assert Enum.map(some, & &1.timestamp) == times |> Enum.filter(&(&1 in 0..100_000)) |> Enum.sort(:desc)
    assert {:ok, %{brought: 200, kept: 0}} = TemporalBridge.stats(repo)
  end

  test "what is asked wrongly is an error" do
    {:ok, repo} = ASTRepository.new(event_log: [bytes: 1_000_000, events: 1_000, age_ms: 60_000])
    assert {:error, %{reason: :unknown}} = TemporalBridge.get_all_events(repo, typ: 1)
    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.get_events_in_range(repo, :now, nil)
    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.store_event(repo, :event)
    assert {:error, %{reason: :unknown}} = ASTRepository.new(event_log: [byte: 1])
    assert {:error, %{reason: :invalid_argument}} = ASTRepository.new(event_log: [spill: 5])
  end

  test "an unknown type is an error with the nearest one" do
    {:ok, repo} = ASTRepository.new()
    assert {:error, %{reason: :unknown, hint: hint}} = TemporalBridge.get_all_events(repo, types: [:cal])
    assert hint =~ ":call"
    assert {:error, %{reason: :unknown}} = TemporalBridge.get_all_events(repo, types: [:order_paid])
    :ok = TemporalBridge.store_event(repo, %{event_type: :order_paid, timestamp: 1})
    assert {:ok, [%{event_type: :order_paid}]} = TemporalBridge.get_all_events(repo, types: [:order_paid])
    assert {:ok, []} = TemporalBridge.get_all_events(repo, types: [:call])

    for bad <- [:call, ["call"], [:call | :call], [1]],
        do:
          assert({:error, %{reason: reason}} = TemporalBridge.get_all_events(repo, types: bad)) &&
            assert(reason in [:unknown, :invalid_argument])
  end

  test "events that callers bring have ids, and keep their own in their metadata" do
    {:ok, repo} = ASTRepository.new()
    :ok = TemporalBridge.store_event(repo, %RuntimeEvent{event_id: 77, timestamp: 2, event_type: :a})

    :ok =
      TemporalBridge.store_event(repo, %{event_id: "mine", timestamp: 1, event_type: :b, metadata: %{k: 1}})

    {:ok, [b, a]} = TemporalBridge.get_all_events(repo)
    assert %{event_id: id_a, metadata: %{event_id: 77}} = a
    assert %{event_id: id_b, metadata: %{event_id: "mine", k: 1}} = b
    assert id_a < 0 and id_b < 0 and id_a != id_b

    assert {:ok, [^a]} = TemporalBridge.get_all_events(repo, after: b)
    assert {:ok, [^a]} = TemporalBridge.get_all_events(repo, after: id_b)
    assert {:ok, [^b]} = TemporalBridge.get_all_events(repo, before: a, newest_first: true)
    assert {:error, %{reason: :not_found}} = TemporalBridge.get_all_events(repo, after: -99)
    assert {:ok, [^a]} = TemporalBridge.get_all_events(repo, after: %{event_id: -99, timestamp: 1})

    for bad <- [:x, %{event_id: 1}, "1", 0x1_0000_0000_0000_0000],
        do: assert({:error, %{reason: :invalid_argument}} = TemporalBridge.get_all_events(repo, after: bad))
  end

  test "what is brought is bounded by the log's number of events, too" do
    {:ok, repo} = ASTRepository.new(event_log: [events: 200])
    for at <- 1..150, do: :ok = TemporalBridge.store_event(repo, %{timestamp: at, event_type: :note})
    assert {:ok, %{brought: 100, brought_evicted: 50, brought_bytes: bytes}} = TemporalBridge.stats(repo)
    assert bytes > 0
    {:ok, [%{timestamp: 51} | _]} = TemporalBridge.get_all_events(repo)
  end
end

defmodule ElixirScope.ASTRepository.TemporalBridgeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.TemporalBridge

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
end

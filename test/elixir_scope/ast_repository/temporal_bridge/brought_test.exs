defmodule ElixirScope.ASTRepository.TemporalBridge.BroughtTest do
  # Events of the log and those that callers bring are one answer. The capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge

  setup_all do
    [{module, binary}] =
      Code.compile_string("""
      defmodule BroughtSample do
        def work(n), do: step(n) + 1
        def step(n), do: n * 2
      end
      """)

    dir = Path.join(System.tmp_dir!(), "brought_sample_#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, _} = :code.load_file(module)

    on_exit(fn ->
      Code.delete_path(dir)
      :code.purge(module)
      :code.delete(module)
      File.rm_rf!(dir)
    end)

    %{sample: module}
  end

  # Some hundred logged events with brought ones before, among, at the same nanosecond as, and after them.
  setup %{sample: module} do
    {:ok, repo} = ASTRepository.new()
    :ok = Capture.subscribe(repo)
    :ok = Capture.start(overflow: :wait)
    {:ok, _} = ElixirScope.instrument([module])

    on_exit(fn ->
      ElixirScope.uninstrument([module])
      Capture.stop()
      ASTRepository.stop(repo)
    end)

    for n <- 1..60, do: apply(module, :work, [n])
    :ok = Capture.flush()
    {:ok, logged} = TemporalBridge.get_all_events(repo)
    assert length(logged) == 120

    times = Enum.map(Enum.take_every(logged, 3), & &1.timestamp) ++ [-5, 0, 1, hd(logged).timestamp - 1]

    times =
      times ++ Enum.map(Enum.take_every(logged, 5), &(&1.timestamp + 1)) ++ [System.os_time(:nanosecond)]

    token = Enum.at(logged, 7).correlation_id

    for {at, n} <- Enum.with_index(Enum.shuffle(times)) do
      event = %{event_type: :mine, timestamp: at, ast_node_id: "BroughtSample.work/1", metadata: %{n: n}}
      event = if rem(n, 2) == 0, do: Map.put(event, :pid, self()), else: event
      event = if rem(n, 3) == 0, do: Map.put(event, :correlation_id, token), else: event
      :ok = TemporalBridge.store_event(repo, event)
    end

    %{repo: repo, logged: logged, count: length(times), token: token}
  end

  defp key(%{event_id: id, timestamp: at}) when id >= 0, do: {at, 0, id}
  defp key(%{event_id: id, timestamp: at}), do: {at, 1, -id}

  # Every page of an answer, going on with `cursor` of the last event.
  defp pages(read, name, cursor, limit, opts) do
    Stream.unfold([], fn on ->
      case read.([limit: limit] ++ on ++ opts) do
        {:ok, []} -> nil
        {:ok, page} -> {page, [{name, cursor.(List.last(page))}]}
      end
    end)
    |> Enum.concat()
  end

  defp reads(repo, token) do
    [
      range: &TemporalBridge.get_events_in_range(repo, nil, nil, &1),
      part: &TemporalBridge.get_events_in_range(repo, 0, System.os_time(:nanosecond), &1),
      process: &TemporalBridge.get_events_for_process(repo, self(), &1),
      correlation: &TemporalBridge.get_events_for_correlation(repo, token, &1)
    ]
  end

  test "every answer has both, in order, in pages of any size, in both directions", context do
    %{repo: repo, token: token, count: count} = context

    for {name, read} <- reads(repo, token) do
      {:ok, all} = read.(limit: 10_000)
      assert all == Enum.sort_by(all, &key/1)
      assert Enum.any?(all, &(&1.event_id < 0)) and Enum.any?(all, &(&1.event_id >= 0)), "#{name}"
      {:ok, backwards} = read.(limit: 10_000, newest_first: true)
      assert backwards == Enum.reverse(all), "#{name}"

      for limit <- [1, 2, 7, 500], cursor <- [fn event -> event end, fn event -> event.event_id end] do
        assert pages(read, :after, cursor, limit, []) == all, "#{name} #{limit}"
        assert pages(read, :before, cursor, limit, newest_first: true) == backwards, "#{name} #{limit}"
      end
    end

    {:ok, all} = TemporalBridge.get_all_events(repo, limit: 10_000)
    assert length(all) == 120 + count
    {:ok, mine} = TemporalBridge.get_events_for_process(repo, self(), types: [:mine])
    assert length(mine) == div(count + 1, 2)
    {:ok, some} = TemporalBridge.get_all_events(repo, limit: 5)
    assert some == Enum.take(all, 5)
  end

  test "a page goes on from an event that is not kept any more", %{sample: module} do
    {:ok, repo} = ASTRepository.new(event_log: [events: 600])
    :ok = Capture.subscribe(repo)
    work = fn -> for(n <- 1..100, do: apply(module, :work, [n])) && Capture.flush() end
    :ok = work.()
    {:ok, old} = TemporalBridge.get_all_events(repo, limit: 50)
    last = List.last(old)
    :ok = TemporalBridge.store_event(repo, %{event_type: :mine, timestamp: last.timestamp})
    for _ <- 1..20, do: :ok = work.()
    {:ok, kept} = TemporalBridge.get_all_events(repo, limit: 10_000)
    refute Enum.any?(kept, &(&1.event_id == last.event_id))
    # The one that was brought is of the same time, so it comes after.
    assert {:ok, ^kept} = TemporalBridge.get_all_events(repo, after: last, limit: 10_000)
    assert hd(kept).event_type == :mine
    ASTRepository.stop(repo)
  end
end

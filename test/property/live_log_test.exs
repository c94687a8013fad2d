defmodule ElixirScope.Property.LiveLogTest do
  # Readers beside a program that is recorded, a log that forgets, and a disk that it spills to. Each process of the program
  # counts, and its count is what its calls are told with: whoever sees a gap or a step back has seen a wrong answer.
  # The capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge

  @moduletag :tmp_dir
  @writers 4
  @readers 4

  setup %{tmp_dir: dir} do
    [{module, binary}] =
      Code.compile_string("""
      defmodule LiveLogSample do
        def run(0, _), do: :done
        def run(n, of), do: count(of - n) && run(n - 1, of)
        def count(n), do: n + 1
      end
      """)

    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, _} = :code.load_file(module)

    on_exit(fn ->
      ElixirScope.uninstrument([module])
      Capture.stop()
      Code.delete_path(dir)
      :code.purge(module)
      :code.delete(module)
    end)

    %{module: module}
  end

  defp record(module, options) do
    {:ok, repo} = ASTRepository.new(event_log: options)
    :ok = Capture.subscribe(repo)
    :ok = Capture.start(overflow: :wait)
    {:ok, _} = ElixirScope.instrument(module, points: [[function: {:count, 1}, kinds: [:args]]])
    repo
  end

  defp key(event), do: {event.timestamp, event.event_id}

  # What is wrong with the counts of one process, or nil: they go up by one, whatever was forgotten before the first.
  defp wrong(events) do
    counts = for %{function: :count, arguments: [n]} <- events, do: n
    expected = if counts == [], do: [], else: Enum.to_list(hd(counts)..(hd(counts) + length(counts) - 1))

    cond do
      Enum.map(events, &key/1) != Enum.sort(Enum.map(events, &key/1)) -> {:order, Enum.map(events, &key/1)}
      counts != expected -> {:gap, counts}
      true -> nil
    end
  end

  # Page by page, while it is written and forgotten: what was there when a page was read goes on from the last one.
  defp walk(repo, pid, seen, cursor) do
    {:ok, page} = TemporalBridge.get_events_for_process(repo, pid, types: [:call], limit: 300, after: cursor)

    if page == [] or length(seen) > 30,
      do: seen |> Enum.reverse() |> Enum.concat(),
      else: walk(repo, pid, [page | seen], List.last(page))
  end

  defp read(repo, pids, parent, answers) do
    receive do
      :stop -> send(parent, {:answers, answers})
    after
      0 ->
        pid = Enum.random(pids)

        {:ok, newest} =
          TemporalBridge.get_events_for_process(repo, pid, types: [:call], newest_first: true, limit: 200)

        {:ok, oldest} = TemporalBridge.get_events_for_process(repo, pid, types: [:call], limit: 200)
        {:ok, all} = TemporalBridge.get_all_events(repo, types: [:call], limit: 500)

        wrongs = [
          newest: wrong(Enum.reverse(newest)),
          oldest: wrong(oldest),
          order: if(Enum.map(all, &key/1) != Enum.sort(Enum.map(all, &key/1)), do: Enum.map(all, &key/1))
        ]

        for {name, wrong} <- wrongs, wrong, do: send(parent, {:wrong, name, wrong})
        read(repo, pids, parent, answers + length(newest) + length(oldest))
    end
  end

  defp run(repo, module, calls) do
    parent = self()

    go = fn ->
      receive(do: (:go -> module.run(calls, calls))) && send(parent, {:ran, self()}) &&
        Process.sleep(:infinity)
    end

    pids = for _ <- 1..@writers, do: spawn_link(go)
    readers = for _ <- 1..@readers, do: spawn_link(fn -> read(repo, pids, parent, 0) end)
    for pid <- pids, do: send(pid, :go)
    for pid <- pids, do: assert_receive({:ran, ^pid}, 120_000)
    :ok = Capture.flush(60_000)
    for reader <- readers, do: send(reader, :stop)
    seen = for _ <- readers, do: assert_receive({:answers, _}, 60_000)
    refute_received {:wrong, _, _}
    assert Enum.all?(seen, fn {:answers, n} -> n > 0 end), "a reader saw nothing"
    pids
  end

  test "every answer is whole and in order while events go to the disk", %{module: module, tmp_dir: dir} do
    repo = record(module, bytes: 1_000_000, spill: Path.join(dir, "spill"), spill_bytes: 1_000_000_000)
    calls = 40_000
    pids = run(repo, module, calls)
    {:ok, stats} = TemporalBridge.stats(repo)
    assert %{evicted: 0, blocks_damaged: 0, kept: kept} = stats
    assert stats.on_disk > 0 and stats.memory_bytes <= 1_000_000
    # `count` and, once more, `run`.
    assert kept == @writers * (2 * calls + 2 * (calls + 1))

    # Nothing was lost: each process's last count, and its first.
    for pid <- pids do
      {:ok, first} = TemporalBridge.get_events_for_process(repo, pid, types: [:call], limit: 2)
      assert [%{function: :run}, %{function: :count, arguments: [0]}] = first

      {:ok, last} =
        TemporalBridge.get_events_for_process(repo, pid, types: [:call], limit: 2, newest_first: true)

      assert [%{function: :run}, %{function: :count, arguments: [n]}] = last
      assert n == calls - 1
      assert wrong(walk(repo, pid, [], nil)) == nil
    end
  end

  test "every answer is whole and in order while the oldest are forgotten", %{module: module} do
    repo = record(module, bytes: 600_000)
    run(repo, module, 40_000)
    {:ok, stats} = TemporalBridge.stats(repo)
    assert stats.evicted > 0 and stats.memory_bytes <= 600_000
    assert stats.kept + stats.evicted == stats.seen
  end

  test "the check sees a gap and a step back when there is one" do
    event = fn n -> %{function: :count, arguments: [n], timestamp: n, event_id: n} end
    assert wrong(Enum.map(3..9, event)) == nil
    assert {:gap, _} = wrong(Enum.map([3, 4, 6], event))
    assert {:order, _} = wrong(Enum.map([3, 5, 4], event))
  end
end

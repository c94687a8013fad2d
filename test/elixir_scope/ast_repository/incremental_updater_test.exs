defmodule ElixirScope.ASTRepository.IncrementalUpdaterTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository

  alias ElixirScope.ASTRepository.{
    BatchResult,
    FunctionData,
    IncrementalUpdater,
    InstrumentationPoint,
    ModuleData
  }

  alias ElixirScope.Error

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} = context do
    for n <- 1..3, do: write(dir, "lib/m#{n}.ex", source(n, 0))
    {:ok, repo} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repo, dir)

    {:ok, updater} =
      IncrementalUpdater.start_link(repo, Keyword.merge([compiler: false], context[:updater] || []))

    :ok = IncrementalUpdater.subscribe(updater)
    %{repo: repo, dir: dir, updater: updater}
  end

  describe "queue_update" do
    test "applies and tells what changed", %{repo: repo, dir: dir, updater: updater} do
      path = write(dir, "lib/m1.ex", source(1, 7))
      assert :ok = IncrementalUpdater.queue_update(updater, {:file_changed, path})

      assert_receive {IncrementalUpdater, ^updater, {:updated, %BatchResult{} = result}}, 2_000
      assert [%{path: ^path, kind: :modified}] = result.files
      assert result.modules == [{M1, :modified}]
      assert result.functions == [{{M1, :f, 0}, :modified}]
      assert result.version > result.previous_version
      assert returned(repo, 1) == 7
    end

    @tag updater: [batch_ms: 60_000]
    test "updates of one thing become one", %{repo: repo, updater: updater} do
      for n <- 1..50,
          do: :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m1.ex", source(1, n)})

      assert {:ok, %{queued: 1, coalesced: 49}} = IncrementalUpdater.statistics(updater)
      assert :ok = IncrementalUpdater.flush(updater)
      assert returned(repo, 1) == 50
      assert {:ok, %{queued: 0, batches: 1, applied: 1}} = IncrementalUpdater.statistics(updater)
    end

    @tag updater: [batch_ms: 60_000, max_queue: 2]
    test "a full queue says so, and has room again", %{updater: updater} do
      assert :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m1.ex"})
      assert :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m2.ex"})

      assert {:error, %Error{reason: :queue_full, hint: hint}} =
               IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m3.ex"})

      assert hint =~ "flush"
      # What waits already needs no room.
      assert :ok = IncrementalUpdater.queue_update(updater, {:file_removed, "lib/m2.ex"})
      assert :ok = IncrementalUpdater.flush(updater)
      assert :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m3.ex"})
      assert {:ok, %{refused: 1, coalesced: 1}} = IncrementalUpdater.statistics(updater)
    end

    @tag updater: [batch_ms: 60_000]
    test "what cannot be applied is left out and told", %{repo: repo, updater: updater} do
      for update <- [
            {:file_changed, "lib/m1.ex", source(1, 1)},
            {:file_changed, "lib/m2.ex", "defmodule M2 do"},
            {:function_removed, {M3, :nothing, 0}},
            {:file_changed, "lib/m3.ex", source(3, 3)}
          ],
          do: :ok = IncrementalUpdater.queue_update(updater, update)

      :ok = IncrementalUpdater.flush(updater)
      assert_receive {IncrementalUpdater, _, {:updated, result}}

      assert [
               {{:file_changed, "lib/m2.ex", _}, %Error{reason: :parse_error}},
               {{:function_removed, _}, %Error{reason: :not_found}}
             ] = Enum.sort_by(result.rejected, &elem(elem(&1, 0), 0))

      assert result.applied == 2
      assert {returned(repo, 1), returned(repo, 2), returned(repo, 3)} == {1, 0, 3}
    end

    test "what is no update is refused at once", %{updater: updater} do
      for bad <- [
            nil,
            {:module_changed, M1, %{}},
            {:module_changed, M2, %ModuleData{module_name: M1}},
            {:function_added, :f, %FunctionData{}},
            {:function_modified, {M1, :f, 0}, %FunctionData{function_key: {M1, :g, 0}}},
            {:function_removed, {M1, :f, 256}},
            {:correlation_updated, 1.5, %{}},
            {:correlation_updated, 1, %{no_such: 1}},
            {:instrumentation_changed, "M1", %InstrumentationPoint{}},
            {:file_changed, 1},
            {:file_changed, "lib/m1.ex", 1}
          ],
          do: assert({:error, %Error{}} = IncrementalUpdater.queue_update(updater, bad))

      assert {:error, %Error{reason: :unknown, hint: "did you mean :file_changed?"}} =
               IncrementalUpdater.queue_update(updater, {:file_change, "x"})
    end
  end

  describe "process_batch_updates" do
    test "every kind of update, applied at once", %{repo: repo, updater: updater} do
      {:ok, m1} = ASTRepository.get_module(repo, M1)
      added = %FunctionData{module_name: M2, function_name: :g, arity: 1, documentation: "new"}

      assert {:ok, result} =
               IncrementalUpdater.process_batch_updates(updater, [
                 {:module_changed, M1, %{m1 | patterns: [:mine]}},
                 {:module_changed, New, %ModuleData{module_name: New, source_file: "lib/new.ex"}},
                 {:function_added, {M2, :g, 1}, added},
                 {:function_modified, {M3, :f, 0}, %FunctionData{test_coverage: 0.5}},
                 {:correlation_updated, 77, %{ast_node_id: "M1.f/0", hotspots: [:here]}},
                 {:file_changed, "lib/m3.ex", source(3, 9)}
               ])

      assert result.applied == 6 and result.unchanged == 0
      assert {:ok, %{patterns: [:mine], exports: [f: 0]}} = ASTRepository.get_module(repo, M1)
      assert {:ok, %{source_file: "lib/new.ex"}} = ASTRepository.get_module(repo, New)
      assert {:ok, %{documentation: "new"}} = ASTRepository.get_function(repo, {M2, :g, 1})
      assert {:ok, %{test_coverage: 0.5}} = ASTRepository.get_function(repo, {M3, :f, 0})
      assert {:ok, "M1.f/0"} = ASTRepository.get_ast_node_by_correlation(repo, 77)
      assert {:ok, %{hotspots: [:here]}} = ASTRepository.get_runtime_insights(repo, "M1.f/0")
      assert returned(repo, 3) == 9
      assert {New, :added} in result.modules and {M3, :modified} in result.modules
      assert result.correlations == [77]

      assert {:ok, %{applied: 1}} =
               IncrementalUpdater.process_batch_updates(updater, [{:function_removed, {M2, :g, 1}}])

      assert {:error, :not_found} = ASTRepository.get_function(repo, {M2, :g, 1})
    end

    test "a correlation that moves", %{repo: repo, updater: updater} do
      batch = &IncrementalUpdater.process_batch_updates(updater, [{:correlation_updated, "c", &1}])
      assert {:error, %Error{reason: :not_found}} = batch.(%{hotspots: []})
      assert {:ok, _} = batch.(%{ast_node_id: "M1.f/0"})
      assert {:ok, %{unchanged: 1, applied: 0}} = batch.(%{ast_node_id: "M1.f/0"})
      assert {:ok, _} = batch.(%{ast_node_id: "M2.f/0"})
      assert {:ok, "M2.f/0"} = ASTRepository.get_ast_node_by_correlation(repo, "c")
      assert {:ok, _} = batch.(%{hotspots: [1]})
      assert {:ok, %{hotspots: [1]}} = ASTRepository.get_runtime_insights(repo, "M2.f/0")
    end

    test "all or nothing, whatever is wrong with one of them", %{repo: repo, updater: updater} do
      good = {:file_changed, "lib/m1.ex", source(1, 5)}
      {:ok, before} = IncrementalUpdater.version(updater)

      for {bad, reason} <- [
            {{:file_changed, "lib/m2.ex", "defmodule M2 do"}, :parse_error},
            {{:file_changed, "lib/none.ex"}, :file},
            {{:file_removed, "lib/none.ex"}, :not_found},
            {{:function_added, {M2, :f, 0}, %FunctionData{}}, :conflict},
            {{:function_modified, {M2, :g, 0}, %FunctionData{test_coverage: 1.0}}, :not_found},
            {{:correlation_updated, 1, %{ast_node_id: "Nope.f/0", hotspots: []}}, :not_found},
            {{:instrumentation_changed, "M1", %InstrumentationPoint{enabled: true}}, :not_found},
            {{:file_changed, "lib/m1.ex", source(1, 6)}, :conflict},
            {:nonsense, :invalid_argument}
          ] do
        assert {:error, %Error{reason: ^reason} = error} =
                 IncrementalUpdater.process_batch_updates(updater, [good, bad])

        assert error.details.index == 1, inspect(bad)
        assert [{1, %Error{}}] = error.details.errors
        assert returned(repo, 1) == 0
        assert {:ok, ^before} = IncrementalUpdater.version(updater)
      end

      assert {:ok, _} = IncrementalUpdater.process_batch_updates(updater, [good])
      refute_received {IncrementalUpdater, _, {:updated, %{applied: 2}}}
    end

    test "what was read and changed since is a conflict", %{repo: repo, updater: updater} do
      {:ok, read} = IncrementalUpdater.version(updater)
      :ok = ASTRepository.update_module(repo, M2, &%{&1 | patterns: [:theirs]})
      mine = [{:file_changed, "lib/m1.ex", source(1, 1)}, {:file_changed, "lib/m2.ex", source(2, 1)}]

      assert {:error, %Error{reason: :conflict, details: %{index: 1}}} =
               IncrementalUpdater.process_batch_updates(updater, mine, as_of: read)

      assert {returned(repo, 1), returned(repo, 2)} == {0, 0}
      # What changed meanwhile is none of this batch's.
      assert {:ok, _} = IncrementalUpdater.process_batch_updates(updater, Enum.take(mine, 1), as_of: read)
      {:ok, now} = IncrementalUpdater.version(updater)
      assert {:ok, _} = IncrementalUpdater.process_batch_updates(updater, mine, as_of: now)
    end

    test "bad batches and options", %{updater: updater} do
      for {updates, opts} <- [
            {nil, []},
            {[{:file_changed, "lib/m1.ex"} | :x], []},
            {[], [as_of: -1]},
            {[], [asof: 1]}
          ],
          do: assert({:error, %Error{}} = IncrementalUpdater.process_batch_updates(updater, updates, opts))

      assert {:ok, %{applied: 0}} = IncrementalUpdater.process_batch_updates(updater, [])
    end

    @tag updater: [batch_ms: 60_000]
    test "what was queued before comes first", %{repo: repo, updater: updater} do
      :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m1.ex", source(1, 1)})

      {:ok, _} =
        IncrementalUpdater.process_batch_updates(updater, [{:file_changed, "lib/m1.ex", source(1, 2)}])

      assert returned(repo, 1) == 2
    end
  end

  describe "checkpoints" do
    test "bring back code, stored fields and correlations", %{repo: repo, updater: updater} do
      :ok = ASTRepository.store_correlation(repo, 1, "M1.f/0")
      assert :ok = IncrementalUpdater.checkpoint(updater, :before)

      {:ok, _} =
        IncrementalUpdater.process_batch_updates(updater, [
          {:file_changed, "lib/m1.ex", source(1, 1)},
          {:correlation_updated, 1, %{ast_node_id: "M2.f/0"}},
          {:function_modified, {M2, :f, 0}, %FunctionData{test_coverage: 0.1}}
        ])

      assert :ok = IncrementalUpdater.rollback(updater, :before)
      assert_receive {IncrementalUpdater, _, {:rolled_back, %{checkpoint: :before, version: version}}}
      assert {:ok, ^version} = IncrementalUpdater.version(updater)
      assert returned(repo, 1) == 0
      assert {:ok, "M1.f/0"} = ASTRepository.get_ast_node_by_correlation(repo, 1)
      assert {:ok, %{test_coverage: nil}} = ASTRepository.get_function(repo, {M2, :f, 0})
    end

    @tag updater: [max_checkpoints: 2]
    test "are named, bounded, and made before a batch on request", %{updater: updater} do
      for name <- [:a, :b], do: :ok = IncrementalUpdater.checkpoint(updater, name)

      assert {:ok, %{checkpoint: "c"}} =
               IncrementalUpdater.process_batch_updates(updater, [{:file_changed, "lib/m1.ex", source(1, 1)}],
                 checkpoint: "c"
               )

      assert {:ok, ["c", :b]} = IncrementalUpdater.checkpoints(updater)
      assert {:error, %Error{reason: :not_found, hint: hint}} = IncrementalUpdater.rollback(updater, :a)
      assert hint =~ ":b"
    end
  end

  describe "subscribers" do
    test "that die are forgotten", %{updater: updater} do
      pid = spawn(fn -> Process.sleep(:infinity) end)
      :ok = IncrementalUpdater.subscribe(updater, pid)
      assert {:ok, %{subscribers: 2}} = IncrementalUpdater.statistics(updater)
      monitor = Process.monitor(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, _, _, _}
      assert eventually(fn -> match?({:ok, %{subscribers: 1}}, IncrementalUpdater.statistics(updater)) end)
      :ok = IncrementalUpdater.unsubscribe(updater)
      assert {:ok, %{subscribers: 0}} = IncrementalUpdater.statistics(updater)
    end

    @tag updater: [max_mailbox: 3]
    test "that do not read hold up nobody, and learn what they missed", %{updater: updater} do
      batch =
        &IncrementalUpdater.process_batch_updates(updater, [{:file_changed, "lib/m1.ex", source(1, &1)}])

      for n <- 1..10, do: {:ok, _} = batch.(n)
      # The answer to the call may be waiting too when the updater looks.
      assert {:ok, %{notified: told, missed: missed}} = IncrementalUpdater.statistics(updater)
      assert told in 2..3 and told + missed == 10
      for _ <- 1..told, do: assert_received({IncrementalUpdater, _, {:updated, _}})
      {:ok, _} = batch.(11)
      assert_receive {IncrementalUpdater, _, {:missed, ^missed}}
      assert_receive {IncrementalUpdater, _, {:updated, _}}
    end
  end

  test "bulk_update is a batch without an updater", %{repo: repo} do
    good = {:file_changed, "lib/m1.ex", source(1, 4)}

    assert {:ok, %BatchResult{applied: 1, modules: [{M1, :modified}]}} =
             ASTRepository.bulk_update(repo, [good])

    bad = [{:file_changed, "lib/m2.ex", source(2, 4)}, {:file_removed, "lib/none.ex"}]
    assert {:error, %Error{reason: :not_found, details: %{index: 1}}} = ASTRepository.bulk_update(repo, bad)
    assert {returned(repo, 1), returned(repo, 2)} == {4, 0}
    assert {:error, %Error{}} = ASTRepository.bulk_update(repo, :none)
  end

  test "consistency: of the store and with the disk", %{repo: repo, dir: dir, updater: updater} do
    assert :ok = IncrementalUpdater.validate_update_consistency(updater)
    write(dir, "lib/m1.ex", source(1, 1))
    File.rm!(Path.join(dir, "lib/m2.ex"))
    :ok = ASTRepository.store_correlation(repo, 1, "Nope.f/0")

    assert {:error, found} = IncrementalUpdater.validate_update_consistency(updater)
    assert [:dangling_correlations, :missing_file, :stale_file] = found |> Enum.map(& &1.kind) |> Enum.sort()
    assert Enum.all?(found, &(is_binary(&1.subject) and is_binary(&1.message)))

    for file <- ["lib/m1.ex", "lib/m2.ex"],
        do: :ok = IncrementalUpdater.queue_update(updater, {:file_synced, Path.join(dir, file)})

    :ok = IncrementalUpdater.flush(updater)

    assert {:error, [%{kind: :dangling_correlations}]} =
             IncrementalUpdater.validate_update_consistency(updater)
  end

  test "an updater that is gone, and one of no repository", %{updater: updater, repo: repo} do
    GenServer.stop(updater)

    assert {:error, %Error{reason: :not_found}} =
             IncrementalUpdater.queue_update(updater, {:file_removed, "x"})

    assert {:error, %Error{}} = IncrementalUpdater.start_link(:no_such_repository)
    assert {:error, %Error{reason: :unknown}} = IncrementalUpdater.start_link(repo, max_que: 1)
    assert {:error, %Error{}} = IncrementalUpdater.start_link(repo, max_queue: 0)
  end

  defp source(n, value), do: "defmodule M#{n} do\n  def f, do: #{value}\nend\n"

  defp returned(repo, n) do
    {:ok, {:def, _, [_, [do: value]]}} = ASTRepository.get_ast_node(repo, "M#{n}.f/0")
    value
  end

  defp write(dir, file, text) do
    path = Path.join(dir, file)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, text)
    path
  end

  defp eventually(fun, left \\ 100) do
    cond do
      fun.() -> true
      left == 0 -> false
      true -> Process.sleep(10) && eventually(fun, left - 1)
    end
  end
end

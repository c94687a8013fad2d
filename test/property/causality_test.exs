defmodule ElixirScope.Property.CausalityTest do
  # Traces processes.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Test.CausesTruth

  @compile {:no_warn_undefined, SupervisedSample}
  @system Path.wildcard(Path.expand("../fixtures/supervised/*.ex", __DIR__))
  @moduletag timeout: 300_000
  @limit 1_000_000

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-causality-#{System.pid()}")
    File.mkdir_p!(dir)
    {:ok, modules, _} = Kernel.ParallelCompiler.compile_to_path(@system, dir, return_diagnostics: true)
    Code.prepend_path(dir)

    on_exit(fn ->
      for module <- modules, do: :code.purge(module) && :code.delete(module)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)
  end

  setup do
    {:ok, _} = ElixirScope.instrument(SupervisedSample.modules(), capture: [:all])

    on_exit(fn ->
      Capture.stop()
      ElixirScope.uninstrument(SupervisedSample.modules())
    end)

    :ok
  end

  # Everything is recorded, until the system has ended.
  defp record(seed, clients, steps, flags, values) do
    {:ok, repository} = ASTRepository.new(event_log: [bytes: 1_000_000_000])
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    me = self()

    {runner, ref} =
      spawn_monitor(fn ->
        receive do
          :go -> send(me, {:truth, SupervisedSample.run(seed, clients, steps)})
        end
      end)

    trace =
      if flags != [] do
        options = [processes: [runner, :new], flags: flags, values: values, count: 5_000_000]
        {:ok, trace} = ElixirScope.trace([], options)
        trace
      end

    send(runner, :go)
    assert_receive {:DOWN, ^ref, _, _, :normal}, 120_000
    assert_received {:truth, truth}
    if trace, do: ElixirScope.untrace(trace)
    :ok = Capture.stop()
    :ok = Capture.flush(60_000)
    :ok = Capture.unsubscribe(repository)
    {:ok, edges} = TemporalBridge.message_edges(repository, limit: @limit, timeout: 60_000)
    {:ok, joins} = TemporalBridge.causal_relationships(repository, limit: @limit, timeout: 60_000)
    %{truth: truth, edges: edges, joins: joins, repository: repository}
  end

  defp recorded(seed, clients, steps, flags, values) do
    {recorded, _log} = ExUnit.CaptureLog.with_log(fn -> record(seed, clients, steps, flags, values) end)

    recorded
  end

  for {seed, clients, steps} <- [{1, 4, 60}, {2, 4, 60}, {3, 8, 40}] do
    test "every edge of a system of supervised processes is found, and none is wrong (seed #{seed})" do
      found = recorded(unquote(seed), unquote(clients), unquote(steps), [:messages, :processes], [:messages])
      messages = CausesTruth.messages(found.truth, found.edges)
      count = fn name -> length(messages[name] || []) end

      for wrong <- [
            :invented,
            :missing,
            :twice,
            :wrong_sender,
            :wrong_receiver,
            :wrong_clause,
            :no_clause,
            :open
          ] do
        assert (messages[wrong] || []) == []
      end

      assert count.(:exact) > 300
      assert count.(:exact) >= 0.99 * (count.(:exact) + count.(:inferred))
      assert CausesTruth.misjoined(found.joins) == []

      joins = CausesTruth.joins(found.truth, found.joins)

      for {kind, result} <- joins do
        assert {kind, result.missing, result.wrong} == {kind, [], []}
        assert result.found > 0
      end

      # What the VM itself says is exact. That one died of the other, and that a supervisor started one for another, nobody says.
      for kind <- [:spawn, :monitor, :exit], do: assert(joins[kind].inferred == [])
      for kind <- [:together, :restart], do: assert(length(joins[kind].inferred) == joins[kind].found)
    end
  end

  test "what is seen in part is never told wrongly as exact" do
    for {flags, values} <- [{[], []}, {[:messages], []}, {[:processes], []}, {[:messages, :processes], []}] do
      found = recorded(4, 4, 40, flags, values)
      messages = CausesTruth.messages(found.truth, found.edges)

      for kind <- [:invented, :twice, :wrong_sender, :wrong_receiver, :wrong_clause],
          {_, _, _, edges} <- messages[kind] || [],
          edge <- edges do
        assert {kind, edge.certainty} == {kind, :inferred}
      end

      assert Enum.filter(CausesTruth.misjoined(found.joins), &(&1.certainty == :exact)) == []

      for {kind, result} <- CausesTruth.joins(found.truth, found.joins), edge <- result.wrong do
        assert {kind, edge.certainty} == {kind, :inferred}
      end
    end
  end
end

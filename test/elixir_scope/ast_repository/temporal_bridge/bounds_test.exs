defmodule ElixirScope.ASTRepository.TemporalBridge.BoundsTest do
  # Measures times; the capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Test.Probed

  @calls 60_000

  setup_all do
    Probed.register()
    {:ok, repository} = ASTRepository.new(event_log: [bytes: 500_000_000])
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    # A process that is there to be asked about.
    me = self()

    pid =
      spawn(fn ->
        Probed.loop(@calls)
        send(me, :done)
        Process.sleep(:infinity)
      end)

    assert_receive :done, 60_000
    Capture.stop()
    :ok = Capture.flush(60_000)
    {:ok, [event]} = TemporalBridge.get_all_events(repository, limit: 1, types: [:call], newest_first: true)
    on_exit(fn -> Process.exit(pid, :kill) end)
    {:ok, repository: repository, event: event, pid: pid}
  end

  test "every question has a time, and says that it is over", %{
    repository: repository,
    event: event,
    pid: pid
  } do
    wide = [window: 1_000_000, timeout: 1]

    answers = [
      TemporalBridge.causes(repository, event, wide),
      TemporalBridge.effects(repository, event, wide),
      TemporalBridge.causality(repository, event, wide),
      TemporalBridge.state_at(repository, pid, event, wide),
      TemporalBridge.step(repository, event, {:back, :out}, wide),
      TemporalBridge.message_edges(repository, limit: 1_000_000, timeout: 1),
      TemporalBridge.causal_relationships(repository, limit: 1_000_000, timeout: 1)
    ]

    for answer <- answers do
      assert {:error, %{reason: :timeout, hint: hint, details: %{limit_ms: 1}}} = answer
      assert hint =~ "timeout"
    end

    assert {:ok, _} = TemporalBridge.causes(repository, event, window: 1_000, timeout: 30_000)
  end

  test "what would hold too much is refused", %{repository: repository, event: event, pid: pid} do
    for opts <- [[window: 1_000_001], [window: -1], [timeout: :soon]] do
      assert {:error, %{reason: :invalid_argument}} = TemporalBridge.causes(repository, event, opts)
      assert {:error, %{reason: :invalid_argument}} = TemporalBridge.state_at(repository, pid, event, opts)

      assert {:error, %{reason: :invalid_argument}} =
               TemporalBridge.step(repository, event, {:forward, :into}, opts)
    end

    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.message_edges(repository, limit: 1_000_001)
    assert {:error, %{reason: :unknown}} = TemporalBridge.causes(repository, event, timeout_ms: 5)
  end

  test "a question ends with who asked it", %{repository: repository} do
    ask = fn -> TemporalBridge.causal_relationships(repository, limit: 1_000_000, timeout: 600_000) end
    {whole_us, {:ok, _}} = :timer.tc(ask)

    # As many as there are threads for them: who comes after has to wait for one that is free.
    all = for _ <- 1..:erlang.system_info(:dirty_cpu_schedulers_online), do: spawn(ask)
    Process.sleep(div(whole_us, 10_000))
    for pid <- all, do: Process.exit(pid, :kill)
    {waited_us, {:ok, _}} = :timer.tc(fn -> TemporalBridge.causal_relationships(repository, limit: 10) end)
    assert waited_us < whole_us / 3
  end
end

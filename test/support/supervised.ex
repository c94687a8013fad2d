defmodule ElixirScope.Test.Supervised do
  @moduledoc "Runs the system in `test/fixtures/supervised` under observation. It must be compiled when the test runs: it is instrumented."

  import ExUnit.Assertions

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge

  @compile {:no_warn_undefined, SupervisedSample}
  @sources Path.wildcard(Path.expand("../fixtures/supervised/*.ex", __DIR__))
  @limit 1_000_000

  @doc "For `setup_all`: compiles and loads it."
  def compile! do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-supervised-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    File.mkdir_p!(dir)
    {:ok, modules, _} = Kernel.ParallelCompiler.compile_to_path(@sources, dir, return_diagnostics: true)
    Code.prepend_path(dir)

    ExUnit.Callbacks.on_exit(fn ->
      for module <- modules, do: :code.purge(module) && :code.delete(module)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)
  end

  @doc "For `setup`: instruments it."
  def instrument! do
    {:ok, _} = ElixirScope.instrument(SupervisedSample.modules(), capture: [:all])

    ExUnit.Callbacks.on_exit(fn ->
      Capture.stop()
      ElixirScope.uninstrument(SupervisedSample.modules())
    end)
  end

  @doc """
  One run: its truth, and what was recorded of it, from its first process to its last. `flags` and `values` are those of the VM's
  trace; without flags there is none.
  """
  def record!(seed, clients, steps, flags, values) do
    {recorded, _log} = ExUnit.CaptureLog.with_log(fn -> record(seed, clients, steps, flags, values) end)
    recorded
  end

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
      if flags != [], do: trace!(processes: [runner, :new], flags: flags, values: values, count: 5_000_000)

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

  defp trace!(options) do
    {:ok, trace} = ElixirScope.trace([], options)
    trace
  end
end

defmodule ElixirScope.OTP.ObservedTest do
  # The capture is the VM's, and the example's names are registered.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.{Processes, SupervisionTree}
  alias ElixirScope.Test.Processes, as: Fixture

  @moduletag :tmp_dir
  @shop Path.expand("../../../examples/shop", __DIR__)

  setup %{tmp_dir: dir} do
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    debug_info = Code.get_compiler_option(:debug_info)
    Code.put_compiler_option(:debug_info, true)
    {:ok, compiled, _} = Kernel.ParallelCompiler.compile_to_path(Path.wildcard(@shop <> "/lib/**/*.ex"), ebin)
    Code.put_compiler_option(:debug_info, debug_info)
    Code.prepend_path(ebin)

    {:ok, repository} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, @shop)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start([])
    {:ok, _} = ElixirScope.instrument(compiled)

    spec = [
      vsn: ~c"1",
      modules: compiled,
      registered: [],
      applications: [:kernel, :stdlib, :elixir],
      mod: {Shop.Application, []}
    ]

    :ok = :application.load({:application, :shop, spec})
    :ok = Application.start(:shop)

    on_exit(fn ->
      ExUnit.CaptureLog.capture_log(fn -> Application.stop(:shop) end)
      Application.unload(:shop)
      ElixirScope.uninstrument(compiled)
      Capture.stop()
      Code.delete_path(ebin)

      for module <- compiled do
        :code.purge(module)
        :code.delete(module)
      end
    end)

    %{repository: repository, modules: compiled}
  end

  test "the example's tree is the one that runs", %{repository: repository} do
    {:ok, tree} = Processes.supervision_tree(repository, running: true)
    assert [%{name: :shop, status: :running, root: root}] = tree.applications
    assert Fixture.compare(root, :shop) == 5
    assert Enum.map(root.children, & &1.status) == List.duplicate(:running, 5)
    assert {[], []} == {tree.detached, tree.unattached}

    apply(Shop.CartSupervisor, :cart, ["somebody"])
    {:ok, tree} = Processes.supervision_tree(repository, running: true)

    assert %{pids: [_], presence: :on_request} =
             Enum.find(SupervisionTree.nodes(tree), &(&1.module == Shop.Cart))
  end

  test "every clause that was observed to take a message has an edge that leads to it", %{
    repository: repository,
    modules: modules
  } do
    ExUnit.CaptureLog.capture_log(fn ->
      apply(Shop.Load, :run, [300, 3])
      apply(Shop.Catalog, :restock, ["P1", 3])
      apply(Shop.Ledger, :summary, [])
      apply(Shop.Report, :by_customer, [])
    end)

    :ok = ASTRepository.flush(repository)

    ran =
      for module <- modules,
          {:ok, points} = ASTRepository.get_instrumentation_points(repository, inspect(module)),
          %{instrumentation_type: :function_entry} = point <- points,
          point.execution_frequency > 0,
          String.starts_with?(to_string(point.correlation_metadata.function), "handle_"),
          do: point.ast_node_id

    assert length(ran) == 8
    {:ok, messages} = Processes.messages(repository)
    edges = for send <- messages.sends, to <- send.handled_by, to.certainty == :certain, do: to.ast_node_id
    assert ran -- edges == []
    assert messages.unsent == []
    refute Enum.any?(messages.sends, & &1.unhandled)
  end
end

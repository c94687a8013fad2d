defmodule ElixirScope.Capture.LimitedTest do
  # Instruments modules of the VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{Capture, Core}
  alias ElixirScope.Capture.Leases

  @module ElixirScope.LimitedTarget

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_limited_#{System.pid()}")
    File.mkdir_p!(dir)
    code = "defmodule ElixirScope.LimitedTarget do\n  def f(x), do: x + 1\n  def g(x), do: f(x)\nend"
    [{module, binary}] = Code.compile_string(code, "limited_target.ex")
    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, ^module} = :code.load_file(module)

    on_exit(fn ->
      ElixirScope.uninstrument(@module)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)
  end

  setup do
    {:ok, store} = Core.Runtime.new(1024 * 1024)
    :ok = Capture.subscribe(store)
    :ok = Capture.start()

    on_exit(fn ->
      Capture.stop()
      Capture.unsubscribe(store)
    end)

    {:ok, store: store}
  end

  defp gone(tries \\ 300) do
    cond do
      # The lease goes right after.
      @module not in ElixirScope.instrumented() and Leases.list() == [] -> :ok
      tries == 0 -> flunk("it is still instrumented")
      true -> Process.sleep(20) && gone(tries - 1)
    end
  end

  test "what is left on by mistake removes itself" do
    {:ok, result} = ElixirScope.instrument(@module, for: 300)
    assert result.modules == [@module]
    assert [{@module, left}] = Leases.list()
    assert left in 1..300
    assert @module in ElixirScope.instrumented()
    gone()
    assert {:ok, []} = Capture.gates(@module)
    assert apply(@module, :g, [1]) == 2
  end

  test "so does what had its hits, and one that is started again goes on", %{store: store} do
    {:ok, _} = ElixirScope.instrument(@module, hits: 3)
    Process.exit(Process.whereis(Leases), :kill)
    for n <- 1..10, do: apply(@module, :f, [n])
    # `g/1` has hits left: not yet.
    Process.sleep(600)
    assert @module in ElixirScope.instrumented()
    for n <- 1..10, do: apply(@module, :g, [n])
    gone()
    :ok = Capture.flush()
    {:ok, f} = Core.Runtime.function_stats(store, {@module, :f, 1})
    {:ok, g} = Core.Runtime.function_stats(store, {@module, :g, 1})
    assert {f.calls, g.calls} == {3, 3}
  end

  test "an option that is wrong instruments nothing" do
    assert {:error, %{reason: :invalid_argument}} = ElixirScope.instrument(@module, sampling_rate: 7)
    refute @module in ElixirScope.instrumented()
    assert {:ok, []} = Capture.gates(@module)
  end
end

defmodule ElixirScope.ASTRepository.TemporalBridge.BindingsTest do
  # Loads modules; the capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Test.Twin

  doctest ElixirScope.ASTRepository.RuntimeEvent
  doctest ElixirScope.Value.Opaque

  test "an event of a binding names its variable, its version and its place" do
    twin =
      Twin.compile(
        "def f(x) do\n  y = x + 1\n  y = y * 2\n  send(self(), y)\n  {x, y}\nend",
        capture: [:args, :result, :variables]
      )

    {:ok, repository} = ASTRepository.new()
    module = Twin.load(twin, :instrumented)
    {:ok, carried} = Instrumentation.Carrier.read(twin.instrumented)
    {:ok, _} = ElixirScope.Core.Capture.register_points(module, carried.build, carried.points)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    on_exit(fn -> Capture.stop() end)
    assert module.f(3) == {3, 8}
    :ok = Capture.flush()

    {:ok, [call]} = TemporalBridge.get_all_events(repository, types: [:call])
    {:ok, [first, second]} = TemporalBridge.get_all_events(repository, types: [:binding])

    assert {first.variable, first.line, first.column, first.value} == {:y, 5, 3, 4}
    assert {second.variable, second.line, second.column, second.value} == {:y, 6, 3, 8}
    assert second.metadata.version > first.metadata.version

    {:ok, cursor} = TemporalBridge.step(repository, call, {:forward, :into})
    assert %{variable: :y, column: 3, metadata: %{variable: :y, value: {:ok, 4}}} = cursor.event
    assert cursor.event.metadata.version == first.metadata.version

    {:ok, %{stack: [frame]}} = TemporalBridge.state_at(repository, self(), second)
    assert frame.bindings == %{y: {:ok, 8}}
  end
end

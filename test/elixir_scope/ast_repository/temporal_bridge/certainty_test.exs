defmodule ElixirScope.ASTRepository.TemporalBridge.CertaintyTest do
  # Loads modules; the capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Test.Twin

  defp observed(body, options \\ []) do
    twin = Twin.compile(body, Keyword.put_new(options, :capture, [:args, :result]))
    module = Twin.load(twin, :instrumented)
    {:ok, carried} = Instrumentation.Carrier.read(twin.instrumented)
    {:ok, _} = ElixirScope.Core.Capture.register_points(module, carried.build, carried.points)
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    on_exit(fn -> Capture.stop() end)
    {repository, module}
  end

  defp edges(repository, kind) do
    :ok = Capture.flush()
    {:ok, [first | _]} = TemporalBridge.get_all_events(repository, types: [:call])
    {:ok, effects} = TemporalBridge.effects(repository, first, depth: 100, limit: 10_000)
    for %{kind: ^kind} = edge <- effects.edges, do: edge
  end

  defp told(edges), do: Enum.map(edges, &{&1.from.function, &1.to.function, &1.certainty, &1.basis})

  test "a jump is exact where the clause can jump nowhere else" do
    {repository, module} =
      observed("""
      def run(fun) do
        a = only(1)
        b = either(fun)
        {a, b}
      end

      def only(x), do: there(x)
      def there(x), do: {x}
      def either(fun), do: fun.(2)
      def other(x), do: {x}
      """)

    assert module.run(&module.other/1) == {{1}, {2}}
    told = repository |> edges(:tail) |> told()
    assert {:only, :there, :exact, :within} in told
    assert {:either, :other, :inferred, :next} in told
    assert length(told) == 2
  end

  test "what code without probes ran in between is not taken for a jump's aim with certainty" do
    {repository, module} =
      observed("""
      def run do
        silent(3)
        next(4)
      end

      def silent(x), do: apply(__MODULE__, :unseen, [x])
      def next(x), do: {x}
      def unseen(x), do: {x}
      """)

    {:ok, _} = Capture.disable({module, :unseen, 1})
    assert module.run() == {4}
    exact = for {_, _, :exact, _} = edge <- repository |> edges(:tail) |> told(), do: edge
    assert exact == [{:run, :next, :exact, :within}]
  end

  test "where a gate holds calls back, who called is inferred" do
    {repository, module} =
      observed("""
      def run, do: {middle(1)}
      def middle(x), do: {inner(x)}
      def inner(x), do: {x}
      """)

    {:ok, 1} = Capture.configure({module, :middle, 1}, sampling_rate: 0.0)
    on_exit(fn -> Capture.ungate(:all) end)
    assert module.run() == {{{1}}}
    assert repository |> edges(:call) |> told() == [{:run, :inner, :inferred, :sampled}]

    {:ok, [first | _]} = TemporalBridge.get_all_events(repository, types: [:call])
    assert {:ok, %{sampled: true}} = TemporalBridge.effects(repository, first)
    {:ok, state} = TemporalBridge.state_at(repository, self(), first)
    assert {:stack, "gates held some calls back"} in state.missing
  end

  test "an exception that code without probes caught leaves nobody who calls" do
    {repository, module} =
      observed("""
      def run do
        x = fails(1)
        {x}
      end

      def fails(x), do: {deeper(x)}
      def deeper(x), do: raise(ArgumentError, inspect(x))
      def after_it(x), do: {x}
      """)

    assert_raise ArgumentError, fn -> module.run() end
    assert module.after_it(2) == {2}
    :ok = Capture.flush()
    {:ok, calls} = TemporalBridge.get_all_events(repository, types: [:call])
    after_it = Enum.find(calls, &(&1.function == :after_it))
    {:ok, causes} = TemporalBridge.causes(repository, after_it)
    assert for(%{certainty: :exact} = edge <- causes.edges, do: edge) == []
  end
end

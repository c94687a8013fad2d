defmodule ElixirScope.AST.TransformerTest do
  use ExUnit.Case, async: false

  alias ElixirScope.{AST, Error}
  alias ElixirScope.Instrumentation.Loader
  alias ElixirScope.Test.Recorder

  defp quoted(source), do: Code.string_to_quoted!(source, columns: true, token_metadata: true)

  @genserver """
  defmodule ElixirScope.TransformerSample.Server do
    use GenServer

    def start_link(opts \\\\ []), do: GenServer.start_link(__MODULE__, :ok, opts)
    def init(:ok), do: {:ok, %{calls: 0}}
    def handle_call(:test_operation, _from, state), do: {:reply, :done, bump(state)}
    defp bump(state), do: %{state | calls: state.calls + 1}
  end
  """

  test "a transformed GenServer evaluates to its module, which runs instrumented" do
    transformed =
      AST.Transformer.transform_with_instrumentation(quoted(@genserver), %{
        correlation_enabled: true,
        capture_variables: true
      })

    assert {module, _bytecode} = Code.eval_quoted(transformed)
    assert module == ElixirScope.TransformerSample.Server
    assert Loader.loaded_build(module)

    {:ok, pid} = module.start_link()
    assert GenServer.call(pid, :test_operation) == :done
    assert GenServer.stop(pid) == :ok
  end

  test "functions and clauses are what they were: only the module's body has an addition" do
    plain = quoted(@genserver)
    transformed = AST.Transformer.transform_with_instrumentation(plain)

    definitions = fn ast ->
      ast |> Macro.prewalker() |> Enum.filter(&match?({d, _, _} when d in [:def, :defp], &1))
    end

    assert definitions.(transformed) == definitions.(plain)
    assert length(definitions.(plain)) == 4
  end

  test "the probe module can be chosen; nested modules and several modules are instrumented" do
    source = """
    defmodule ElixirScope.TransformerSample.A do
      defmodule Inner do
        def f(x), do: x + 1
      end
    end

    defmodule ElixirScope.TransformerSample.B do
      import Kernel, except: [@: 1]
      def g(x), do: ElixirScope.TransformerSample.A.Inner.f(x)
    end
    """

    transformed = AST.Transformer.transform_with_instrumentation(quoted(source), probe: Recorder)
    assert {b, _} = Code.eval_quoted(transformed)
    assert b == ElixirScope.TransformerSample.B
    assert {3, events} = Recorder.run(fn -> b.g(2) end)
    assert [:enter, :tail, :enter, :exit] == Enum.map(events, &elem(&1, 0))
  end

  test "switched off, the code comes back as it is" do
    plain = quoted(@genserver)
    assert AST.Transformer.transform_with_instrumentation(plain, correlation_enabled: false) == plain
  end

  test "code without a module is code" do
    assert {3, _} = quoted("1 + 2") |> AST.Transformer.transform_with_instrumentation() |> Code.eval_quoted()
    assert AST.Transformer.transform_with_instrumentation(nil) == nil
  end

  test "wrong options are errors that name the nearest right one" do
    error =
      assert_raise Error, fn ->
        AST.Transformer.transform_with_instrumentation(nil, correlation_enable: true)
      end

    assert error.hint =~ "correlation_enabled"
    assert_raise Error, fn -> AST.Transformer.transform_with_instrumentation(nil, correlation_enabled: 1) end
    assert_raise Error, fn -> AST.Transformer.transform_with_instrumentation(nil, [:x]) end
  end
end

defmodule ElixirScope.Test.Twin do
  @moduledoc """
  The same source twice: as it is, and instrumented. What one does, the other must do.

      twin = Twin.compile("def f(x), do: x + 1")
      Twin.same(twin, fn module -> module.f(1) end)
  """

  import ExUnit.Assertions

  alias ElixirScope.Instrumentation
  alias ElixirScope.Instrumentation.{Carrier, Loader}

  defstruct [:module, :plain, :instrumented, :points]

  @doc """
  Compiles the body of a module (a name is made up) with columns, and instruments it.

  `prelude:` is source that comes before the module; `options` also go to the instrumentation.
  """
  def compile(body, options \\ []) do
    module = Module.concat(ElixirScope.TwinSample, "M#{System.unique_integer([:positive])}")
    before = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)

    # The module's own line is not 1: code on the line of `defmodule` counts as generated for the compiler.
    source = "#{options[:prelude]}\n\ndefmodule #{inspect(module)} do\n#{body}\nend\n"

    # The samples are odd on purpose; what the compiler says about them is not of interest.
    {modules, _warnings} =
      ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_string(source, "lib/twin.ex") end)

    {^module, plain} = List.keyfind(modules, module, 0)

    Code.put_compiler_option(:parser_options, before)
    Code.put_compiler_option(:ignore_module_conflict, conflicts)

    {:ok, result} = Instrumentation.instrument_binary(plain, options)
    %__MODULE__{module: module, plain: plain, instrumented: result.binary, points: result.points}
  end

  @doc "Loads one of the two."
  def load(twin, which) do
    :code.purge(twin.module)
    with {:ok, carried} <- Carrier.read(Map.fetch!(twin, which)), do: Loader.load_helpers(carried)
    {:module, _} = :code.load_binary(twin.module, ~c"lib/twin.ex", Map.fetch!(twin, which))
    twin.module
  end

  @doc "Runs `fun` with the module, plain and instrumented, and asserts that both end alike."
  def same(twin, fun) do
    plain = twin |> load(:plain) |> apart(fun)
    instrumented = twin |> load(:instrumented) |> apart(fun)
    assert instrumented == plain
    plain
  end

  # In a process of its own, so that what is below on the stack is the same for both.
  defp apart(module, fun), do: Task.await(Task.async(fn -> outcome(module, fun) end), 60_000)

  defp outcome(module, fun) do
    {:value, fun.(module)}
  catch
    kind, reason -> {kind, reason, frames(__STACKTRACE__)}
  end

  defp frames(stacktrace) do
    for {module, function, arity, location} <- stacktrace,
        do: {module, function, arity, Keyword.take(location, [:file, :line])}
  end
end

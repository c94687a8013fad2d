defmodule ElixirScope.Test.FaultyShop do
  @moduledoc """
  The example shop with one fault in it, under a name of its own, compiled, run and observed.

  A fault is `%{name:, file:, edits: [{from, to}], guilty:, symptom:}` and `run:`, code that meets it. The source is a copy; every
  edit must find what it replaces.
  """

  alias ElixirScope.Observation

  @example Path.expand("../../examples/shop", __DIR__)

  defstruct [:module, :dir, :observation, :outcome]

  @doc "Builds and runs the shop as `Shop<number>`; the fault's `run` is observed. `stop/1` ends it."
  def run(number, fault, opts \\ []) do
    shop = build(number, fault)
    code = named(fault.run, shop.module)

    fun = fn ->
      {:ok, supervisor} = apply(Module.concat(shop.module, Application), :start, [:normal, []])
      Process.unlink(supervisor)
      Process.put(:supervisor, supervisor)

      try do
        {result, _} = Code.eval_string("import ExUnit.Assertions\n" <> code, [], file: "run.exs")
        {:ok, result}
      catch
        kind, reason -> {:failed, kind, reason, __STACKTRACE__}
      after
        stop_supervisor(supervisor)
      end
    end

    options = [modules: "#{inspect(shop.module)}*", source: shop.dir, capture: [:args, :result]]
    {:ok, observation} = Observation.run(fun, Keyword.merge(options, opts))
    %{shop | observation: observation, outcome: Observation.value!(observation)}
  end

  defp stop_supervisor(supervisor) do
    monitor = Process.monitor(supervisor)
    Process.exit(supervisor, :shutdown)

    receive do
      {:DOWN, ^monitor, _, _, _} -> :ok
    after
      10_000 -> raise "the shop does not end"
    end
  end

  @doc "The copy, faulty, in a directory of its own, and compiled."
  def build(number, fault) do
    name = "Shop#{number}"
    unique = System.unique_integer([:positive])
    dir = Path.join(System.tmp_dir!(), "elixir_scope-faults-#{System.pid()}-#{unique}")
    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(dir) end)
    module = Module.concat([name])

    sources =
      for path <- Path.wildcard(Path.join(@example, "lib/**/*.ex")) do
        relative = Path.relative_to(path, @example)
        text = path |> File.read!() |> edited(if(fault[:file] == relative, do: fault.edits, else: []))
        write(dir, relative, named(text, module))
      end

    write(dir, "test/faults_test.exs", test_file(fault, module))
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    {:ok, _modules, _warnings} = compile(sources, ebin)
    true = Code.prepend_path(ebin)
    ExUnit.Callbacks.on_exit(fn -> Code.delete_path(ebin) end)
    %__MODULE__{module: module, dir: dir}
  end

  defp compile(sources, ebin) do
    previous = Code.compiler_options(debug_info: true)

    try do
      Kernel.ParallelCompiler.compile_to_path(sources, ebin)
    after
      Code.compiler_options(previous)
    end
  end

  defp edited(text, edits) do
    Enum.reduce(edits, text, fn {from, to}, text ->
      [_, _] = String.split(text, from)
      String.replace(text, from, to)
    end)
  end

  @doc "Text of the shop, or about it, in the words of the copy."
  def named(text, module), do: String.replace(text, ~r/\bShop\b/, inspect(module))

  @test_line 5

  defp test_file(fault, module) do
    body = fault.run |> named(module) |> String.trim() |> String.replace("\n", "\n    ")

    """
    defmodule #{inspect(module)}.FaultsTest do
      use ExUnit.Case

      # What the shop promises.
      test "#{fault.name}" do
        #{body}
      end
    end
    """
  end

  @doc "What ExUnit prints of a test that failed, without the values of the assertion."
  def failed_test(shop, fault) do
    {:failed, :error, %ExUnit.AssertionError{} = error, _} = shop.outcome

    """
      1) test #{fault.name} (#{inspect(shop.module)}.FaultsTest)
         test/faults_test.exs:#{@test_line}
         #{error.message |> to_string() |> String.split("\n") |> hd()}
    """
  end

  defp write(dir, relative, text) do
    target = Path.join(dir, relative)
    File.mkdir_p!(Path.dirname(target))
    File.write!(target, text)
    target
  end
end

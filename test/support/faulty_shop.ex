defmodule ElixirScope.Test.FaultyShop do
  @moduledoc """
  The example shop with one fault in it, under a name of its own, compiled, run and observed.

  A fault is `%{name:, file:, edits: [{from, to}], guilty:, symptom:}` and `run:`, code that meets it. The source is a copy; every
  edit must find what it replaces.
  """

  alias ElixirScope.Observation

  @example Path.expand("../../examples/shop", __DIR__)

  defstruct [:module, :dir, :observation, :outcome]

  @doc "Builds and runs the shop as `Shop<number>`; the fault's `run` is observed. `files:` adds sources."
  def run(number, fault, opts \\ []) do
    {files, opts} = Keyword.pop(opts, :files, %{})
    shop = build(number, fault, files)
    runner = runner(fault, shop.module)

    fun = fn ->
      {:ok, supervisor} = apply(Module.concat(shop.module, Application), :start, [:normal, []])
      Process.unlink(supervisor)
      Process.put(:supervisor, supervisor)

      try do
        {:ok, runner.run()}
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
  def build(number, fault, files \\ %{}) do
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

    sources = sources ++ for({path, text} <- files, do: write(dir, path, named(text, module)))
    write(dir, "test/faults_test.exs", test_file(fault, module))
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    # The compiler sees some of the faults, too.
    ExUnit.CaptureIO.capture_io(:stderr, fn -> {:ok, _modules, _warnings} = compile(sources, ebin) end)
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

  # `run` begins in the same line in both, so that a stacktrace of one is one of the other.
  @test_line 5

  defp test_file(fault, module) do
    """
    defmodule #{inspect(module)}.FaultsTest do
      use ExUnit.Case

      # What the shop promises.
      test "#{fault.name}" do
        #{body(fault, module)}
      end
    end
    """
  end

  defp runner(fault, module) do
    text = """
    defmodule #{inspect(module)}Runner do
      import ExUnit.Assertions, warn: false


      def run do
        #{body(fault, module)}
      end
    end
    """

    [{runner, _}] = Code.compile_string(text, "test/faults_test.exs")
    runner
  end

  defp body(fault, module), do: fault.run |> named(module) |> String.trim() |> String.replace("\n", "\n    ")

  @doc "What ExUnit prints of the test that failed."
  def failed_test(shop, fault) do
    {:failed, kind, reason, stack} = shop.outcome
    module = Module.concat(shop.module, FaultsTest)
    name = :"test #{fault.name}"

    stack =
      for {frame, _, _, [_ | _] = place} = one <- stack,
          place[:file] == ~c"test/faults_test.exs" or frame != nil do
        if place[:file] == ~c"test/faults_test.exs", do: {module, name, 1, place}, else: one
      end

    test = struct(ExUnit.Test, name: name, module: module, case: module, tags: tags(shop))
    failures = [{kind, reason, Enum.take_while(stack, &(elem(&1, 0) != ElixirScope.Observation.Boundary))}]
    ExUnit.Formatter.format_test_failure(test, failures, 1, 80, fn _, text -> text end)
  end

  defp tags(shop), do: %{file: Path.join(shop.dir, "test/faults_test.exs"), line: @test_line}

  defp write(dir, relative, text) do
    target = Path.join(dir, relative)
    File.mkdir_p!(Path.dirname(target))
    File.write!(target, text)
    target
  end
end

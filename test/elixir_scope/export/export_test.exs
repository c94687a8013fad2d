defmodule ElixirScope.ExportTest do
  # One capture in a VM: no other test may observe at the same time.
  use ExUnit.Case, async: false

  alias ElixirScope.{Core, Observation}
  alias ElixirScope.ASTRepository.Handle
  alias ElixirScope.Test.PythonJSON

  @compile {:no_warn_undefined, ExportSample}
  @moduletag :tmp_dir
  @tools Path.expand("../../tools", __DIR__)

  @code """
  defmodule ExportSample do
    def fib(n) when n < 2, do: n
    def fib(n), do: plus(fib(n - 1), fib(n - 2))
    defp plus(a, b), do: a + b

    def loop(0), do: :done
    def loop(n), do: loop(n - 1)

    def fail(x), do: raise(ArgumentError, "no \#{x}")
    def caught(x) do
      fail(x)
    rescue
      ArgumentError -> :caught
    end

    def unquote(:"odd;name <&> \\"")(x), do: x

    def run(n) do
      tasks = for _ <- 1..4, do: Task.async(fn -> fib(n) end)
      Task.await_many(tasks)
      loop(50)
      for x <- 1..5, do: caught(x)
      unquote(:"odd;name <&> \\"")(1)
    end
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-export-#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "sample.ex")
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(ExportSample)

    on_exit(fn ->
      Code.delete_path(dir)
      :code.purge(ExportSample) && :code.delete(ExportSample)
      File.rm_rf!(dir)
    end)

    {:ok, observation} =
      ElixirScope.observe(fn -> ExportSample.run(12) end, modules: ExportSample, source: dir)

    assert {:ok, 1} = observation.outcome
    %{observation: observation, traced: traced(fn -> ExportSample.run(12) end)}
  end

  # The VM's own count of calls, of a run without probes.
  defp traced(fun) do
    :erlang.trace_pattern({ExportSample, :_, :_}, true, [:call_count, :local])
    fun.()

    functions = ExportSample.module_info(:functions)

    counts =
      for {name, arity} <- functions,
          {:call_count, count} when count > 0 <- [
            :erlang.trace_info({ExportSample, name, arity}, :call_count)
          ],
          name not in [:module_info, :__info__],
          not String.starts_with?(Atom.to_string(name), "-"),
          into: %{},
          do: {"ExportSample.#{name}/#{arity}", count}

    :erlang.trace_pattern({ExportSample, :_, :_}, false, [:call_count, :local])
    counts
  end

  defp statistics(observation) do
    {:ok, ref} = Handle.ref(observation.repository)
    {:ok, functions} = Core.Runtime.functions(ref)
    Map.new(functions, fn {{m, f, a}, stats} -> {"#{inspect(m)}.#{f}/#{a}", stats} end)
  end

  test "what other tools read is what was recorded, and what the VM counts", context do
    %{observation: observation, traced: traced, tmp_dir: dir} = context
    repository = observation.repository

    files = %{
      folded: "folded",
      speedscope: "speedscope",
      chrome: "chrome",
      otlp: "otlp",
      svg: "svg",
      events_csv: "events.csv",
      events_parquet: "events.parquet",
      statistics_csv: "statistics.csv",
      statistics_parquet: "statistics.parquet"
    }

    for {format, file} <- files do
      assert {:ok, result} = ElixirScope.export(repository, format, Path.join(dir, file))
      assert result.bytes == File.stat!(result.path).size
      assert result.about.complete == "yes"
      assert result.about.events_lost == "0"
    end

    assert Path.wildcard(Path.join(dir, "*.tmp")) == []

    if PythonJSON.available?() do
      found = oracle(dir)
      stats = statistics(observation)
      self_ns = stats |> Map.values() |> Enum.map(& &1.self_ns) |> Enum.sum()
      calls = Map.new(stats, fn {name, stats} -> {name, stats.calls} end)
      ends = stats |> Map.values() |> Enum.map(&(&1.returned + &1.tailed + &1.errors)) |> Enum.sum()
      assert calls == traced

      assert found["folded"]["total"] == self_ns

      assert found["folded"]["self"] ==
               Map.new(stats, fn {name, stats} -> {String.replace(name, ";", ":"), stats.self_ns} end)

      checked(found["speedscope"], fn it ->
        assert it["merged"] == self_ns
        assert it["opened"] == traced
      end)

      checked(found["chrome"], fn it ->
        assert it["begun"] == traced
        assert it["threads"] == 5
        assert Map.keys(it["ends"]) -- ["return", "tail", "error"] == []
        assert it["ends"]["error"] == 5
      end)

      checked(found["otlp"], fn it ->
        assert it["names"] == traced
        assert {it["errors"], it["spans"], it["orphans"]} == {5, ends, 0}
        # Four tasks and the function that started them; what they jump to at their end belongs to them.
        assert it["traces"] == 5
      end)

      assert found["svg"]["whole"] == self_ns
      assert found["svg"]["metadata"] =~ "sampling"

      for name <- ["events_csv", "events_parquet"] do
        checked(found[name], fn it ->
          assert it["calls"] == traced
          assert it["kinds"]["enter"] == traced |> Map.values() |> Enum.sum()
          assert it["kinds"]["error"] == 5
          assert it["late"] == 0
        end)
      end

      for name <- ["statistics_csv", "statistics_parquet"] do
        checked(found[name], fn it ->
          assert it["self_ns"] == self_ns
          assert it["rows"] == Map.new(stats, fn {name, it} -> {name, [it.calls, it.errors, it.self_ns]} end)
        end)
      end

      checked(found["arrow_events"], fn it ->
        assert it["schema"]["time"] == "timestamp[ns, tz=UTC]"
        assert it["schema"]["correlation_id"] == "uint64"
        assert it["metadata"]["elixir_scope.complete"] == "yes"
        assert it["rows"] == traced |> Map.values() |> Enum.sum() |> Kernel.+(ends)
      end)
    else
      IO.puts("exports were not read by other tools: there is no python3")
    end
  end

  defp oracle(dir) do
    schema = Path.join(@tools, "speedscope_schema.json")

    {out, status} =
      System.cmd("python3", [Path.join(@tools, "export_oracle.py"), dir, schema], stderr_to_stdout: true)

    assert status == 0, out
    file = Path.join(dir, "found.json")
    File.write!(file, out)
    PythonJSON.read_file(file)
  end

  defp checked(%{"missing" => package}, _check), do: IO.puts("not read: pip install #{package}")
  defp checked(found, check), do: check.(found)

  test "a selection writes what was selected", %{observation: observation, tmp_dir: dir} do
    path = Path.join(dir, "some.csv")

    assert {:ok, _} =
             ElixirScope.export(observation.repository, :csv, path, functions: [{ExportSample, :loop, 1}])

    rows = path |> File.stream!() |> Enum.reject(&String.starts_with?(&1, "#")) |> tl()
    assert length(rows) == 102
    assert Enum.all?(rows, &(&1 =~ ",ExportSample,loop,1,"))

    assert {:ok, _} = ElixirScope.export(observation.repository, :csv, path, to: 0)
    assert path |> File.stream!() |> Enum.reject(&String.starts_with?(&1, "#")) |> length() == 1

    assert {:ok, _} = ElixirScope.export(observation.repository, :chrome, path, to: 0)
    assert {:ok, _} = ElixirScope.export(observation.repository, :speedscope, path, to: 0)
  end

  test "little memory reads more often and writes the same", %{observation: observation, tmp_dir: dir} do
    [large, small] = for name <- ["large", "small"], do: Path.join(dir, name)
    assert {:ok, %{passes: 2}} = ElixirScope.export(observation.repository, :speedscope, large)

    assert {:ok, %{passes: passes}} =
             ElixirScope.export(observation.repository, :speedscope, small, memory_bytes: 1)

    assert passes > 2
    assert File.read!(large) |> byte_size() == File.read!(small) |> byte_size()
  end

  test "what is wrong is said, and leaves what was there", %{observation: observation, tmp_dir: dir} do
    repository = observation.repository
    path = Path.join(dir, "kept")
    File.write!(path, "before")

    assert {:error, %{reason: :unknown, hint: hint}} = ElixirScope.export(repository, :speedscop, path)
    assert hint =~ "speedscope"
    assert {:error, %{reason: :unknown}} = ElixirScope.export(repository, :csv, path, form: 1)
    assert {:error, %{reason: :invalid_argument}} = ElixirScope.export(repository, :csv, path, from: "now")
    assert {:error, %{reason: :invalid_argument}} = ElixirScope.export(repository, :csv, dir)
    assert {:error, %{reason: :not_found}} = ElixirScope.export(:nobody, :csv, path)
    assert {:error, %{reason: :invalid_argument}} = ElixirScope.export(repository, :csv, 1)
    assert {:error, %{reason: :not_written}} = ElixirScope.export(repository, :csv, Path.join(path, "below"))

    late = fn _ -> Process.sleep(5) end

    assert {:error, %{reason: :timeout}} =
             ElixirScope.export(repository, :speedscope, path, timeout: 1, memory_bytes: 1, progress: late)

    assert File.read!(path) == "before"
    assert File.ls!(dir) == ["kept"]
  end

  test "a repository that was saved is exported too", %{observation: observation, tmp_dir: dir} do
    saved = Path.join(dir, "saved.scope")
    :ok = ElixirScope.ASTRepository.save(observation.repository, saved)
    {:ok, loaded} = ElixirScope.ASTRepository.load(saved)
    path = Path.join(dir, "again")
    assert {:ok, _} = ElixirScope.export(observation.repository, :folded, path)

    stacks = fn ->
      path |> File.read!() |> String.split("\n") |> Enum.reject(&(&1 =~ ~r/^#/)) |> Enum.sort()
    end

    before = stacks.()
    assert {:ok, _} = ElixirScope.export(loaded, :folded, path)
    assert stacks.() == before
    assert {:ok, _} = ElixirScope.export(loaded, :chrome, path)
    assert Observation.value!(observation) == 1
  end
end

defmodule ElixirScope.ObservationTest do
  # One capture in a VM: no other test may observe at the same time.
  use ExUnit.Case, async: false

  import ElixirScope.ASTRepository.Query
  import ExUnit.CaptureIO

  alias ElixirScope.{ASTRepository, Capture, Observation}

  # Compiled by the tests, to a directory of their own.
  @compile {:no_warn_undefined, [ObservationSample, ObservationSample.Other]}

  @code """
  defmodule ObservationSample do
    def twice(x), do: add(x, x)
    def add(a, b), do: Process.sleep(0) && a + b
    def fail(x), do: raise("no " <> x)
    def catches(x) do
      fail(x)
    rescue
      RuntimeError -> :caught
    end
    def loop(0), do: :done
    def loop(n), do: loop(n - 1)
    def call(f) do
      f.()
      :called
    end
    def unused(x) do
      cond do
        x > 3 -> if x > 5, do: :large, else: :middle
        true -> :small
      end
    end
  end

  defmodule ObservationSample.Other do
    def f(x), do: x
  end
  """

  setup_all do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-observation-#{System.pid()}-#{System.unique_integer([:positive])}"
      )

    File.mkdir_p!(Path.join(dir, "lib"))
    source = Path.join(dir, "lib/sample.ex")
    File.write!(source, @code)
    before = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.put_compiler_option(:parser_options, before)
    Code.prepend_path(dir)
    # Patterns see loaded modules.
    for module <- [ObservationSample, ObservationSample.Other], do: {:module, _} = Code.ensure_loaded(module)

    on_exit(fn ->
      Code.delete_path(dir)

      for module <- [ObservationSample, ObservationSample.Other],
          do: :code.purge(module) && :code.delete(module)

      File.rm_rf!(dir)
    end)

    %{source: dir}
  end

  setup do
    on_exit(fn -> refute_left_on() end)
  end

  defp refute_left_on do
    refute Capture.active?()
    refute ObservationSample in ElixirScope.instrumented()
  end

  defp run(context, fun, opts \\ []) do
    Observation.run(fun, Keyword.merge([modules: "ObservationSample.*", source: context.source], opts))
  end

  defp row(observation, function) do
    assert [row] = Enum.filter(observation.report.functions, &(&1.function == function))
    row
  end

  test "counts every call, and says where it stands", context do
    assert {:ok, observation} =
             run(context, fn ->
               for x <- 1..7, do: ObservationSample.twice(x)
               for _ <- 1..3, do: ObservationSample.catches("way")
               :value
             end)

    assert observation.outcome == {:ok, :value}
    assert Observation.value!(observation) == :value
    assert observation.modules == [ObservationSample, ObservationSample.Other]

    assert %{calls: 7, errors: 0, module: "ObservationSample", arity: 1, line: 2} = row(observation, "twice")
    assert %{calls: 7, errors: 0} = row(observation, "add")
    assert %{calls: 3, errors: 3} = row(observation, "fail")
    assert %{calls: 3, errors: 0} = row(observation, "catches")
    assert %{calls: 0, p95_us: nil, cyclomatic_complexity: 3} = row(observation, "unused")
    assert row(observation, "add").file =~ "lib/sample.ex"
    assert row(observation, "add").ast_node_id == "ObservationSample.add/2"

    totals = observation.report.totals
    assert totals.events_offered == totals.events_stored + totals.events_dropped
    assert totals.events_dropped == 0
    assert totals.events_correlated == totals.events_stored
    assert totals.modules == 2
    assert totals.points > 0

    # 20 activations begin, 17 of them report their end; 3 marks of a `try` begin and catch, which ends the other 3
    # (and perhaps an earlier test's process dies, which is an event too)
    assert totals.events_stored in 43..44

    # self times add up to what the outermost calls took (a tail call takes its caller's place)
    selves = observation.report.functions |> Enum.map(& &1.self_us) |> Enum.sum()
    outer = for name <- ~w(twice add catches), do: row(observation, name).total_us
    assert_in_delta selves, Enum.sum(outer), 0.01
    refute_left_on()
  end

  test "the repository answers further questions", context do
    {:ok, observation} = run(context, fn -> ObservationSample.twice(1) end)
    query = new() |> from(:functions) |> where({:gt, :calls, 0}) |> select([:function_key, :calls])
    {:ok, result} = ASTRepository.query(observation.repository, query)

    assert result.rows |> Enum.map(& &1.function_key) |> Enum.sort() == [
             {ObservationSample, :add, 2},
             {ObservationSample, :twice, 1}
           ]
  end

  for {how, code, kind} <-
        [
          raise: {quote(do: raise(ArgumentError, "mine")), :error},
          throw: {quote(do: throw(:mine)), :throw},
          exit: {quote(do: exit(:mine)), :exit}
        ]
        |> Enum.map(fn {how, {code, kind}} -> {how, code, kind} end) do
    test "a function that ends with #{how} is observed to its end", context do
      {:ok, observation} =
        run(context, fn ->
          ObservationSample.twice(1)
          ObservationSample.call(fn -> unquote(code) end)
        end)

      assert {:failed, unquote(kind), _, [_ | _]} = observation.outcome
      assert %{calls: 1, errors: 0} = row(observation, "twice")
      assert %{calls: 1, errors: 1} = row(observation, "call")
      assert {unquote(kind), _} = catch_kind(fn -> Observation.value!(observation) end)
      refute_left_on()
    end
  end

  defp catch_kind(fun) do
    fun.()
  catch
    kind, reason -> {kind, reason}
  end

  test "nothing stays on when the process is killed", context do
    test = self()

    pid =
      spawn(fn ->
        run(context, fn ->
          send(test, :running)
          Process.sleep(:infinity)
        end)
      end)

    assert_receive :running, 10_000
    assert Capture.active?()
    Process.exit(pid, :kill)
    eventually(fn -> not Capture.active?() and ObservationSample not in ElixirScope.instrumented() end)
  end

  defp eventually(check, tries \\ 100) do
    cond do
      check.() -> :ok
      tries == 0 -> flunk("did not come true")
      true -> Process.sleep(20) && eventually(check, tries - 1)
    end
  end

  test "one at a time", context do
    {:ok, observation} = run(context, fn -> run(context, fn -> :inner end) end)

    assert {:ok, {:error, %{reason: :busy, hint: hint}}} = observation.outcome
    assert hint =~ "Capture.stop"
  end

  test "only some modules", context do
    {:ok, observation} = run(context, fn -> ObservationSample.twice(1) end, only: "ObservationSample.Other")
    assert observation.modules == [ObservationSample.Other]
    assert Enum.map(observation.report.functions, & &1.module) == ["ObservationSample.Other"]

    assert {:error, %{reason: :not_found, message: message}} =
             run(context, fn -> flunk("not called") end, only: ["No.Such.*"])

    assert message =~ "No.Such.*"
  end

  test "what was instrumented before and is not wanted now stays silent", context do
    {:ok, _} = ElixirScope.instrument(ObservationSample)
    work = fn -> {ObservationSample.twice(1), ObservationSample.Other.f(1)} end

    {:ok, observation} = run(context, work, modules: ObservationSample.Other)
    assert row(observation, "f").calls == 1
    {:ok, twice} = ASTRepository.get_function(observation.repository, {ObservationSample, :twice, 1})
    assert twice.call_frequency == 0
    # a beginning and an end; perhaps the death of an earlier test's process
    assert observation.report.totals.events_stored in 2..3

    # and speaks again afterwards
    {:ok, observation} = run(context, work, modules: [ObservationSample, ObservationSample.Other])
    assert row(observation, "twice").calls == 1
  after
    ElixirScope.uninstrument(ObservationSample)
  end

  test "two runs into one repository add up", context do
    {:ok, repository} = ASTRepository.new()
    run(context, fn -> ObservationSample.twice(1) end, repository: repository)
    {:ok, second} = run(context, fn -> ObservationSample.twice(2) end, repository: repository)
    assert row(second, "twice").calls == 2
    # a run's own events are its own
    assert second.report.totals.events_stored >= 4
    assert second.report.totals.events_stored < 7
  end

  test "what cannot begin does not begin", context do
    never = fn -> flunk("called") end
    assert {:error, %ElixirScope.Error{}} = Observation.run(never, modules: 5)
    assert {:error, %ElixirScope.Error{}} = Observation.run(never, modules: NoSuchModule.AtAll)
    assert {:error, %ElixirScope.Error{}} = run(context, never, source: "/no/such/directory")

    if ElixirScope.instrumented() == [],
      do: assert({:error, %{hint: ~s(give modules: "MyApp.*")}} = Observation.run(never))
  end

  test "at a prompt: observe, then report", context do
    {:ok, observation} =
      ElixirScope.observe(fn -> ObservationSample.loop(1_000) end,
        modules: ObservationSample,
        source: context.source
      )

    text = capture_io(fn -> ElixirScope.report(observation, limit: 3, colors: false) end)
    assert text =~ ~r/ObservationSample\.loop\/1 +1,001/
    assert text =~ ~r/Complex and never run.*\n.*\n +ObservationSample\.unused\/1 +3/
  end
end

defmodule ElixirScope.ASTRepository.ObservedTest do
  # The capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.{ASTRepository, Capture}

  alias ElixirScope.ASTRepository.{
    FunctionCall,
    ExecutionStatistics,
    InstrumentationPoint,
    Query,
    Repository,
    RuntimeCorrelator,
    RuntimeEvent
  }

  @moduletag :tmp_dir

  @source """
  defmodule Observed.Till do
    def total(items), do: sum(items, 0)

    defp sum([], acc), do: acc
    defp sum([x | rest], acc), do: sum(rest, acc + price(x))

    def price(x) when x > 100 do
      raise ArgumentError, "too dear"
    end

    def price(x) do
      y = x * 2
      tax(y) + 1
    end

    def tax(y, rate \\\\ 1), do: y + rate

    def safe(x) do
      price(x)
    rescue
      ArgumentError -> :dear
    end

    def never, do: :ran
  end
  """

  setup %{tmp_dir: dir} do
    write(dir, %{"lib/till.ex" => @source})
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    debug_info = Code.get_compiler_option(:debug_info)
    Code.put_compiler_option(:debug_info, true)
    [{module, binary}] = Code.compile_string(@source, "lib/till.ex")
    Code.put_compiler_option(:debug_info, debug_info)
    File.write!(Path.join(ebin, "#{module}.beam"), binary)
    Code.prepend_path(ebin)
    :code.purge(module)
    :code.delete(module)
    {:module, _} = :code.load_file(module)

    repo = repository()
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    :ok = Capture.subscribe(repo)
    :ok = Capture.start([])
    {:ok, _} = ElixirScope.instrument([module])

    on_exit(fn ->
      ElixirScope.uninstrument([module])
      Capture.stop()
      Code.delete_path(ebin)
      :code.purge(module)
      :code.delete(module)
    end)

    %{repo: repo, dir: dir}
  end

  defp call(name, arguments), do: apply(Observed.Till, name, arguments)

  test "what ran is known of functions, modules, nodes and events", %{repo: repo, dir: dir} do
    for _ <- 1..10, do: assert(call(:total, [[1, 2, 3]]) == 18)
    for _ <- 1..5, do: assert(call(:safe, [1000]) == :dear)
    :ok = ASTRepository.flush(repo)

    # A function.
    assert {:ok, price} = ASTRepository.get_function(repo, {Observed.Till, :price, 1})
    assert %{call_frequency: 35, error_rate: rate} = price
    assert_in_delta rate, 5 / 35, 1.0e-9

    assert %ExecutionStatistics{call_frequency: 35, returned: 30, errors: 5, total_us: total} =
             price.execution_statistics

    assert total > 0
    assert (price.average_duration * 1_000 * 35) |> Float.round(3) == Float.round(total, 3)
    assert DateTime.diff(DateTime.utc_now(), price.last_executed) in 0..60

    assert [%FunctionCall{count: 30, kind: :local, sites: [%{line: _}]}] =
             for(%{function: {Observed.Till, :sum, 2}} = call <- price.called_by, do: call)

    assert [%FunctionCall{count: 30}] =
             for(%{function: {Observed.Till, :tax, 2}} = call <- price.calls_made, do: call)

    assert {:ok, %{call_frequency: 0, execution_statistics: nil, last_executed: nil}} =
             ASTRepository.get_function(repo, {Observed.Till, :never, 0})

    # Its module.
    assert {:ok, module} = ASTRepository.get_module(repo, Observed.Till)
    assert module.execution_frequency[{Observed.Till, :sum, 2}] == 40
    assert module.runtime_insights.error_frequencies == %{error: 5, aborted: 0}
    assert %ExecutionStatistics{errors: 5} = module.performance_data[{Observed.Till, :price, 1}]

    # Points lead to clauses, and say how often each ran.
    assert {:ok, points} = ASTRepository.get_instrumentation_points(repo, "Observed.Till.price/1")

    assert [%InstrumentationPoint{trigger_count: 5}, %{trigger_count: 30}] =
             Enum.filter(points, &(&1.instrumentation_type == :function_entry))

    for point <- points do
      assert point.ast_node_id =~ ~r"^Observed\.Till\.price/1#[0-9a-f]{6}$"
      assert ASTRepository.ast_node_exists?(repo, point.ast_node_id)
      assert {:ok, id} = ASTRepository.correlate_event(repo, %{point: String.to_integer(point.point_id)})
      assert id == point.ast_node_id
    end

    # Events lead to the clause that was entered, each through three of its fields.
    assert {:ok, events} = ASTRepository.get_correlated_events(repo, "Observed.Till.price/1")
    assert length(events) == 35
    assert Enum.frequencies_by(events, & &1.result) == %{return: 30, error: 5}
    assert events == Enum.sort_by(events, & &1.event_id)
    me = self()

    for event <- events do
      assert %RuntimeEvent{pid: ^me, event_type: :call, file: "lib/till.ex", duration_ns: ns, ast_node_id: id} =
               event

      assert ns > 0
      assert {:ok, ^id} = ASTRepository.correlate_event(repo, event)
      assert {:ok, ^id} = ASTRepository.correlate_event(repo, %{correlation_id: event.correlation_id})

      assert {:ok, %{ast_node_id: line_id, strategy: :line_based}} =
               RuntimeCorrelator.resolve(repo, %{file: event.file, line: event.line})

      assert String.starts_with?(line_id, id)
      assert RuntimeCorrelator.correlation_exists?(repo, event.correlation_id)
    end

    {raised, _} = events |> Enum.filter(&(&1.result == :error)) |> List.pop_at(0)
    assert raised.metadata == %{reason: ArgumentError}
    assert {:ok, own} = ASTRepository.get_correlated_events(repo, raised.ast_node_id)
    assert length(own) == 5
    assert {:ok, [_, _]} = ASTRepository.get_correlated_events(repo, "Observed.Till", limit: 2)

    assert {:error, :not_found} = ASTRepository.get_correlated_events(repo, "Observed.Till.nope/0")

    # One question spans both sides.
    import Query

    ran =
      new()
      |> select([:function_key])
      |> from(:functions)
      |> where({:execution_frequency_above, 30})
      |> where({:complexity_above, 1})

    assert {:ok, %{rows: rows, complete?: true}} = ASTRepository.query(repo, ran |> order_by(:calls, :desc))
    assert Enum.map(rows, & &1.function_key) == [{Observed.Till, :sum, 2}, {Observed.Till, :price, 1}]
    idle = new() |> select([:function_key]) |> from(:functions) |> where({:has_runtime_data, false})
    assert {:ok, %{rows: [%{function_key: {Observed.Till, :never, 0}}]}} = ASTRepository.query(repo, idle)

    slow =
      new()
      |> select([:ast_node_id, "execution_statistics.p95_us"])
      |> from(:functions)
      |> join_runtime_data(:inner, {:has_performance_data})

    assert {:ok, %{total: 5, rows: [%{"execution_statistics.p95_us" => p95} | _]}} =
             ASTRepository.query(repo, slow)

    assert is_float(p95)

    # And it lasts.
    path = Path.join(dir, "saved.scope")
    :ok = ASTRepository.save(repo, path)
    {:ok, loaded} = ASTRepository.load(path)
    assert {:ok, again} = ASTRepository.get_function(loaded, {Observed.Till, :price, 1})
    assert again.execution_statistics == price.execution_statistics

    assert {:ok, %{ast_node_id: id}} =
             RuntimeCorrelator.resolve(loaded, %{correlation_id: raised.correlation_id})

    assert id == raised.ast_node_id
    assert {:ok, :healthy} = Repository.health_check(repo)
    assert {:ok, %{event_count: count, runtime_memory_bytes: bytes}} = ASTRepository.get_statistics(loaded)
    assert count >= 35 and bytes > 0
  end

  test "a repository that is not subscribed learns nothing", %{repo: repo, dir: dir} do
    other = repository()
    {:ok, _} = ASTRepository.import_project(other, dir)
    call(:total, [[1]])
    :ok = ASTRepository.flush(repo)
    assert {:ok, %{call_frequency: 1}} = ASTRepository.get_function(repo, {Observed.Till, :total, 1})
    assert {:ok, %{call_frequency: 0}} = ASTRepository.get_function(other, {Observed.Till, :total, 1})
  end

  test "an answer over a gap says so, also when it was saved and loaded", %{tmp_dir: dir} do
    {:ok, repo} = ASTRepository.start_link([])
    {:ok, other} = ASTRepository.start_link([])
    :ok = Capture.subscribe(repo)
    :ok = Capture.start()
    # Points that nobody registered: offered, and dropped.
    for n <- 0..2, do: ElixirScope.Probe.enter(Bitwise.bsl(0x7E57, 20) + n)
    :ok = Capture.stop()
    :ok = Capture.flush()

    query = Query.new() |> Query.from(:functions) |> Query.select([:calls])
    assert {:ok, %{complete?: false, dropped: 3}} = ASTRepository.query(repo, query)
    assert {:ok, %{complete?: true, dropped: 0}} = ASTRepository.query(other, query)

    path = Path.join(dir, "gap.scope")
    :ok = ASTRepository.save(repo, path)
    {:ok, loaded} = ASTRepository.load(path)
    assert {:ok, %{complete?: false, dropped: 3}} = ASTRepository.query(loaded, query)
  end
end

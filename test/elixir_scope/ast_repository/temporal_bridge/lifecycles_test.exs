defmodule ElixirScope.ASTRepository.TemporalBridge.LifecyclesTest do
  # Loads modules; the capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures, only: [write: 2]

  alias ElixirScope.{ASTRepository, Capture, Core, Instrumentation}

  alias ElixirScope.ASTRepository.{
    Repository,
    ScopeAnalyzer,
    SemanticEnricher,
    TemporalBridge,
    VariableLifecycle
  }

  alias ElixirScope.Test.{Program, Shown, Twin}
  alias ElixirScope.Value.{Opaque, Redacted}

  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  setup %{tmp_dir: dir} do
    {:ok, repo} = ASTRepository.new()
    on_exit(fn -> Capture.stop() end)
    {:ok, repo: repo, dir: dir}
  end

  # The module of a twin, instrumented and reporting to a repository that has its source.
  defp observed(body, %{repo: repo, dir: dir}, options) do
    twin = Twin.compile(body, options)
    source = "#{options[:prelude]}\n\ndefmodule #{inspect(twin.module)} do\n#{body}\nend\n"
    write(dir, %{"lib/twin.ex" => source})
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    module = Twin.load(twin, :instrumented)
    {:ok, carried} = Instrumentation.Carrier.read(twin.instrumented)
    {:ok, _} = Core.Capture.register_points(module, carried.build, carried.points)
    :ok = Capture.subscribe(repo)
    :ok = Capture.start(overflow: :wait)
    twin
  end

  defp lifecycle(repo, target, opts), do: elem(TemporalBridge.variable_lifecycle(repo, target, opts), 1)
  defp values(%VariableLifecycle{values: values}), do: for(%{value: {:ok, value}} <- values, do: value)

  test "where a variable is bound and used, and what it was, activation by activation", context do
    %{repo: repo} = context

    %{module: module} =
      observed(
        "def f(%{a: x} = all, [y | _]) do\n  z = x + y\n  z = z * 2\n  g = fn w -> w + z end\n  {all, g.(z)}\nend",
        context,
        capture: [:args, :variables]
      )

    assert module.f(%{a: 1}, [2, 3]) == {%{a: 1}, 12}
    assert module.f(%{a: 10}, [20]) == {%{a: 10}, 120}
    :ok = Capture.flush()

    {:ok, all} = TemporalBridge.variable_lifecycle(repo, {module, :f, 2})
    # The body of a function that is made is evaluated before its name is bound.
    assert for(v <- all, v.name != :g, do: {v.name, v.version, values(v), v.rebinds, length(v.uses)}) == [
             {:x, 0, [1, 10], nil, 1},
             {:all, 1, [%{a: 1}, %{a: 10}], nil, 1},
             {:y, 2, [2, 20], nil, 1},
             {:z, 3, [3, 30], nil, 1},
             {:z, 4, [6, 60], 3, 2},
             {:w, 5, [6, 60], nil, 1}
           ]

    assert [%Opaque{kind: :function}, %Opaque{}] = values(Enum.find(all, &(&1.name == :g)))

    # Where each is bound and used is where ScopeAnalyzer says.
    {:ok, [scope]} = ScopeAnalyzer.analyze(repo, "#{inspect(module)}.f/2")
    assert Enum.map(all, & &1.variable_id) == Enum.map(scope.variables, & &1.ast_node_id)
    assert Enum.map(all, & &1.uses) == Enum.map(scope.variables, & &1.uses)

    # Which activation, when, who.
    {:ok, [first, second]} = TemporalBridge.get_all_events(repo, types: [:call])
    [z] = lifecycle(repo, {module, :f, 2}, name: :z, version: 4)
    assert Enum.map(z.values, & &1.correlation_id) == [first.correlation_id, second.correlation_id]
    assert Enum.all?(z.values, &(&1.pid == self() and &1.from == :binding))
    assert {z.count, z.truncated, z.complete, z.first_bound} == {2, false, true, hd(z.values).at}
    [x] = lifecycle(repo, {module, :f, 2}, name: :x)
    assert [%{from: :argument, event_id: id}, _] = x.values
    assert id == first.event_id

    # One activation only; by its event too.
    assert [%{values: [%{value: {:ok, 60}}], count: 1}] =
             lifecycle(repo, second.correlation_id, name: :z, version: 4)

    assert lifecycle(repo, second, name: :z) == lifecycle(repo, second.correlation_id, name: :z)

    # By a node: what is bound there, or used there.
    assert [^z] = lifecycle(repo, z.variable_id, [])
    assert [^z] = lifecycle(repo, z.clause, name: :z, version: 4)
    assert [%{name: :z, version: 4}] = lifecycle(repo, List.last(z.uses).ast_node_id, [])

    # Bounded, and said so.
    assert [%{values: [%{value: {:ok, 60}}], truncated: true, count: 2}] =
             lifecycle(repo, {module, :f, 2}, name: :z, version: 4, values: 1)

    assert [%{complete: false}] = lifecycle(repo, {module, :f, 2}, name: :z, version: 4, events: 2)

    # Among what was learnt of its function and its module; not of one that has no bindings recorded.
    {:ok, insights} = SemanticEnricher.insights(repo, {module, :f, 2})
    assert Enum.find(insights.variable_lifecycles, &(&1.variable_id == z.variable_id)) == z
    refute is_map_key(insights.unknown, :variable_lifecycles)
    {:ok, of_module} = SemanticEnricher.insights(repo, module)
    assert length(of_module.variable_lifecycles) == length(all)

    {:ok, %{variable_lifecycles: kept}} =
      ASTRepository.get_function(repo, {module, :f, 2}, fields: [:variable_lifecycles])

    assert z in kept

    # All of them by their ids.
    assert {:ok, %{} = lives} = Repository.fetch(repo, :variable_lifecycles)
    assert values(lives[z.variable_id]) == [6, 60]
  end

  test "a secret's name keeps its value out", context do
    %{module: module} =
      observed("def f(a) do\n  password = a\n  {password}\nend", context, capture: [:variables])

    module.f("hunter2")
    :ok = Capture.flush()
    [%{values: [%{value: {:ok, value}}]}] = lifecycle(context.repo, {module, :f, 1}, name: :password)
    assert %Redacted{} = value
  end

  test "parameters with recorded bindings are told once", context do
    %{module: module} =
      observed("def f({a, b}), do: {b, a}", context, capture: [:args, :variables, :parameters])

    module.f({1, 2})
    :ok = Capture.flush()

    assert [%{name: :a, count: 1, values: [%{from: :binding, value: {:ok, 1}}]}, %{name: :b, count: 1}] =
             lifecycle(context.repo, {module, :f, 1}, [])
  end

  test "values are those that the source shows, over generated programs", context do
    ExUnit.CaptureIO.capture_io(:stderr, fn -> Code.compile_string(Program.prelude(), "lib/parts.ex") end)

    counts =
      for seed <- 1..25 do
        {:ok, repo} = ASTRepository.new()
        dir = Path.join(context.tmp_dir, "#{seed}")
        source = Program.source(seed)
        twin = observed(source, %{repo: repo, dir: dir}, capture: [:args, :variables, :parameters])

        recorded_by =
          apart(fn ->
            try do
              twin.module.run()
            catch
              _, _ -> :failed
            end

            self()
          end)

        :ok = Capture.flush()
        Capture.unsubscribe(repo)
        {_, notes} = apart(fn -> Shown.run(fn -> shown(twin, source).run() end) end)

        expected =
          Enum.group_by(
            for({:bind, place, name, value} <- notes, do: {{name, place}, plain(value)}),
            &elem(&1, 0),
            &elem(&1, 1)
          )

        {:ok, functions} = ASTRepository.query(repo, functions_of(twin.module))

        got =
          for %{function_key: key} <- functions.rows,
              life <- lifecycle(repo, key, values: 10_000),
              own = Enum.filter(life.values, &(&1.pid == recorded_by)),
              own != [] do
            assert life.variable_id =~ "#{inspect(twin.module)}.",
                   "not a variable of the source: #{inspect(life)}"

            assert life.version != nil, "no variable of the source: #{inspect(life)}"
            {{life.name, {life.line, life.column}}, for(%{value: {:ok, value}} <- own, do: plain(value))}
          end

        assert {seed, Map.new(got)} == {seed, expected}
        length(notes)
      end

    assert Enum.sum(counts) > 25 * 10
  end

  defp functions_of(module) do
    alias ElixirScope.ASTRepository.Query

    Query.new()
    |> Query.from(:functions)
    |> Query.select([:function_key])
    |> Query.add_where({:eq, :module_name, module})
  end

  defp shown(twin, source) do
    text = "\n\ndefmodule #{inspect(twin.module)} do\n#{source}\nend\n"
    {:ok, quoted} = Code.string_to_quoted(text, columns: true, file: "lib/twin.ex")
    {quoted, _} = Shown.transform(quoted)
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)
    ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_quoted(quoted, "lib/twin.ex") end)
    Code.put_compiler_option(:ignore_module_conflict, conflicts)
    twin.module
  end

  defp apart(fun) do
    Task.await(
      Task.async(fn ->
        {:ok, device} = StringIO.open("")
        Process.group_leader(self(), device)
        fun.()
      end),
      60_000
    )
  end

  # What differs from run to run by its nature.
  defp plain(value) when is_function(value), do: :function
  defp plain(%Opaque{kind: kind}), do: kind
  defp plain(value) when is_pid(value), do: :pid
  defp plain(value) when is_reference(value), do: :reference
  defp plain(value) when is_tuple(value), do: value |> Tuple.to_list() |> plain() |> List.to_tuple()
  defp plain(%{} = value), do: value |> Map.to_list() |> plain()
  defp plain([head | tail]), do: [plain(head) | plain(tail)]
  defp plain(value), do: value
end

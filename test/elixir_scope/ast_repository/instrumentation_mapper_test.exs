defmodule ElixirScope.ASTRepository.InstrumentationMapperTest do
  # Instruments modules of the VM.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.InstrumentationMapper, as: Mapper
  alias ElixirScope.Capture

  @code """
  defmodule ElixirScope.MapperTarget do
    use GenServer
    def init(state), do: {:ok, state}
    def handle_call(:get, _from, state), do: {:reply, state, state}
    def add(a, b) do
      sum = a + b
      sum * 2
    end
  end
  """
  @module ElixirScope.MapperTarget

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_mapper_#{System.pid()}")
    File.mkdir_p!(dir)
    old = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    [{module, binary}] = Code.compile_string(@code, "mapper_target.ex")
    Code.put_compiler_option(:parser_options, old)
    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, ^module} = :code.load_file(module)
    File.write!(Path.join(dir, "mapper_target.ex"), @code)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)

    on_exit(fn ->
      ElixirScope.uninstrument(@module)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)

    {:ok, repository: repository}
  end

  test "from specs to points that count", %{repository: repository} do
    {:ok, [point]} =
      Mapper.plan(repository, [
        %{function: {@module, :add, 2}, types: [:function_entry], hits: 5, priority: :high, tags: ["a"]}
      ])

    assert {point.priority, point.tags, point.trigger_count} == {:high, ["a"], nil}

    assert {:ok, [%{execution_frequency: nil, overhead_estimate: one, average_duration: unit}]} =
             Mapper.estimate(repository, [point])

    assert unit > 0 and one > 0
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    {:ok, [applied]} = Mapper.apply([point])
    assert [_] = applied.correlation_metadata.points
    for n <- 1..20, do: apply(@module, :add, [n, 1])
    Capture.stop()
    :ok = Capture.flush()
    {:ok, [measured]} = Mapper.measure([applied])
    assert measured.trigger_count == 5
    assert measured.overhead_estimate > 0
    assert %DateTime{} = measured.last_triggered
    {:ok, [again]} = Mapper.estimate(repository, [point])
    assert again.execution_frequency == 5
    Capture.unsubscribe(repository)
    {:ok, _} = Mapper.revert([applied])
    refute @module in ElixirScope.instrumented()
  end

  test "patterns, behaviours, and what is wrong", %{repository: repository} do
    {:ok, points} = Mapper.plan(repository, [%{callbacks_of: GenServer}])

    assert Enum.sort(for p <- points, do: p.correlation_metadata.target) ==
             [{:function, :handle_call, 3}, {:function, :init, 1}]

    {:ok, [sum]} = Mapper.plan(repository, [%{pattern: "a + b", types: [:expression_trace]}])
    assert {:place, 6, _} = sum.correlation_metadata.target

    assert {:error, %{reason: :unknown, hint: hint}} =
             Mapper.plan(repository, [%{module: @module, types: [:brunch]}])

    assert hint =~ ":branch"

    assert {:error, %{reason: :invalid_argument}} =
             Mapper.plan(repository, [%{module: @module, sampling_rate: 3}])

    assert {:error, _} = Mapper.plan(repository, [%{node: "Nothing.at/1"}])
  end
end

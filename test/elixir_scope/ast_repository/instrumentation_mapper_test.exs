defmodule ElixirScope.ASTRepository.InstrumentationMapperTest do
  # Instruments modules of the VM.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.InstrumentationMapper, as: Mapper
  alias ElixirScope.{Capture, Error}

  @code """
  defmodule ElixirScope.MapperTarget do
    use GenServer
    def init(state), do: {:ok, state}
    def handle_call(:get, _from, state), do: {:reply, state, state}
    def handle_cast({:put, state}, _old), do: {:noreply, state}
    def add(a, b) do
      sum = a + b
      sum * 2
    end
    def sign(n) do
      case n do
        0 -> :zero
        n when n > 0 -> :plus
        _ -> :minus
      end
    end
    def wait(from) do
      send(from, :waiting)
      receive do
        :go -> :gone
      end
    end
    def safe(f) do
      f.()
    rescue
      ArgumentError -> :argument
    end
    def two(0), do: add(0, 0)
    def two(n), do: n
  end
  defmodule ElixirScope.MapperOther do
    def sub(a, b), do: a - b
    def hold(from), do: (send(from, :holding); receive do: (:go -> :ok))
  end
  """
  @module ElixirScope.MapperTarget
  @other ElixirScope.MapperOther
  @erlang :elixir_scope_mapper_erlang

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_mapper_#{System.pid()}")
    File.mkdir_p!(dir)
    old = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    compiled = Code.compile_string(@code, Path.join(dir, "mapper_target.ex"))
    Code.put_compiler_option(:parser_options, old)

    erlang = ~c"""
    -module(elixir_scope_mapper_erlang).
    -export([add/2, pick/1]).
    add(A, B) -> C = A + B, C.
    pick(1) -> one;
    pick(_) -> many.
    """

    source = Path.join(dir, "#{@erlang}.erl")
    File.write!(source, erlang)
    {:ok, @erlang, binary} = :compile.file(String.to_charlist(source), [:binary, :debug_info])
    bare = Path.join(dir, "bare.ex")

    [{ElixirScope.MapperBare, stripped}] =
      Code.compile_string("defmodule ElixirScope.MapperBare do\n def f(n), do: n\nend", bare)

    {:ok, {_, stripped}} = :beam_lib.strip(stripped)

    for {module, binary} <- [{@erlang, binary}, {ElixirScope.MapperBare, stripped} | compiled] do
      File.write!(Path.join(dir, "#{module}.beam"), binary)
      :code.purge(module)
      :code.delete(module)
      :code.purge(module)
    end

    Code.prepend_path(dir)

    for module <- [@module, @other, @erlang, ElixirScope.MapperBare],
        do: {:module, _} = :code.load_file(module)

    File.write!(Path.join(dir, "mapper_target.ex"), @code)

    on_exit(fn ->
      for module <- [@module, @other, @erlang], do: ElixirScope.uninstrument(module)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)

    {:ok, dir: dir}
  end

  setup %{dir: dir} do
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)

    on_exit(fn ->
      Capture.stop()
      for module <- [@module, @other, @erlang], do: ElixirScope.uninstrument(module)
      Capture.ungate(:all)
    end)

    {:ok, repository: repository}
  end

  defp plan!(repository, specs) do
    {:ok, points} = Mapper.plan(repository, specs)
    points
  end

  # What runs between is observed by the repository.
  defp observed(repository, fun) do
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    fun.()
    Capture.stop()
    :ok = Capture.flush()
    Capture.unsubscribe(repository)
  end

  defp md5(module), do: module.module_info(:md5)

  # The code in the VM, not what a module says of itself.
  defp loaded(module), do: {md5(module), :erlang.md5(:erlang.term_to_binary(module.module_info(:compile)))}

  describe "a plan" do
    test "leads from specs to points that count", %{repository: repository} do
      [point] =
        plan!(repository, [
          %{function: {@module, :add, 2}, types: [:function_entry], hits: 5, priority: :high, tags: ["a"]}
        ])

      assert {point.priority, point.tags, point.trigger_count} == {:high, ["a"], nil}

      assert {:ok, [%{execution_frequency: nil, overhead_estimate: one, average_duration: unit}]} =
               Mapper.estimate(repository, [point])

      assert unit > 0 and one > 0
      {:ok, [applied]} = Mapper.apply([point])
      assert applied.correlation_metadata.points == point.correlation_metadata.points

      observed(repository, fn -> for n <- 1..20, do: apply(@module, :add, [n, 1]) end)
      {:ok, [measured]} = Mapper.measure([applied])
      assert measured.trigger_count == 5
      assert measured.overhead_estimate > 0
      assert %DateTime{} = measured.last_triggered
      {:ok, [again]} = Mapper.estimate(repository, [point])
      assert again.execution_frequency == 5
      {:ok, _} = Mapper.revert([applied])
      refute @module in ElixirScope.instrumented()
    end

    test "takes every target", %{repository: repository, dir: dir} do
      functions = fn points -> Enum.sort(for p <- points, do: p.correlation_metadata.target) end

      assert functions.(plan!(repository, [%{callbacks_of: GenServer}])) ==
               [{:function, :handle_call, 3}, {:function, :handle_cast, 2}, {:function, :init, 1}]

      assert [%{correlation_metadata: %{target: {:place, 7, _}}}] =
               plan!(repository, [%{pattern: "a + b", types: [:expression_trace]}])

      assert [%{correlation_metadata: %{module: @module, target: :all}}] =
               plan!(repository, [%{module_type: :genserver}])

      assert [%{correlation_metadata: %{target: {:function, :add, 2}}}] =
               plan!(repository, [%{node: "ElixirScope.MapperTarget.add/2"}])

      assert [%{correlation_metadata: %{target: {:place, 7, nil}, unmatched: nil}}] =
               plan!(repository, [
                 %{file: Path.join(dir, "mapper_target.ex"), line: 7, types: [:variable_capture]}
               ])

      both = plan!(repository, [%{module: "ElixirScope.Mapper*", types: ["exception", :function_exit]}])

      # The other module catches nothing: that is no fault of a spec that means many.
      assert Enum.sort(for p <- both, p.enabled, do: {p.correlation_metadata.module, p.instrumentation_type}) ==
               [{@other, :function_exit}, {@module, :exception}, {@module, :function_exit}]

      assert [{_, %Error{reason: :no_debug_info}}, _] = Mapper.unmatched(both)

      for within <- [@module, "ElixirScope.MapperT*", {@module, :add, 2}, [{@module, :add, 2}, @other]] do
        spec = %{pattern: "a + b", types: [:expression_trace], within: within}
        assert [%{enabled: true}] = plan!(repository, [spec])
      end

      assert [{_, %Error{reason: :not_within}}] =
               Mapper.unmatched(plan!(repository, [%{pattern: "a + b", within: {@module, :sign, 1}}]))
    end

    test "says what each place is", %{repository: repository} do
      [point] = plan!(repository, [%{function: {@module, :sign, 1}, types: [:branch]}])
      places = point.runtime_mapping |> Map.values() |> Enum.sort_by(& &1.line)

      assert Enum.map(places, &{&1.function, &1.arity, &1.line, &1.target}) == [
               {:sign, 1, 12, {nil, :case, 0}},
               {:sign, 1, 13, {nil, :case, 1}},
               {:sign, 1, 14, {nil, :case, 2}}
             ]

      {:ok, [applied]} = Mapper.apply([point])
      live = applied.runtime_mapping

      for {number, place} <- live do
        assert "ElixirScope.MapperTarget.sign/1#" <> _ = place.ast_node_id
        assert {:ok, [_ | _] = all} = ASTRepository.get_instrumentation_points(repository, place.ast_node_id)
        assert %{runtime_mapping: %{^number => %{line: line}}} = Enum.find(all, &(&1.point_id == "#{number}"))
        assert line == place.line
      end
    end

    test "lists what matches nothing, with the reason", %{repository: repository, dir: dir} do
      specs = [
        {%{module: ElixirScope.MaperTarget}, :unknown_module, "MapperTarget"},
        {%{function: {@module, :ad, 2}}, :no_such_function, "add/2"},
        {%{function: {@module, :add, 3}}, :no_such_function, "arities 2"},
        {%{function: {@module, :add, 2}, types: [:exception]}, :nothing_there, "add/2"},
        {%{file: Path.join(dir, "mapper_target.ex"), line: 4_000}, :not_found, ""},
        {%{file: Path.join(dir, "nobody.ex"), line: 4}, :not_found, ""},
        {%{pattern: "nobody.has(written, this)"}, :nothing_there, "nobody"},
        {%{node: "Nothing.at/1"}, :not_found, ""},
        {%{module: ElixirScope.MapperBare}, :no_debug_info, "MapperBare"},
        {%{module: :lists}, :not_instrumentable, "sticky"},
        {%{module_type: :supervisor}, :nothing_there, "genserver"},
        {%{module: @erlang, types: [:variable_capture]}, :erlang, "function_entry and function_exit"},
        {%{module: @erlang, types: [:function_entry], conditions: quote(do: a > 1)}, :erlang,
         "without conditions"},
        {%{function: {@module, :add, 2}, conditions: quote(do: nobody > 1)}, :not_visible, "nobody"}
      ]

      for {spec, reason, part} <- specs do
        assert {:ok, [point]} = Mapper.plan(repository, [spec])
        assert [{^point, %Error{} = error}] = Mapper.unmatched([point])
        assert {spec, error.reason} == {spec, reason}
        assert Exception.message(error) =~ part
        refute point.enabled
      end

      # They hinder nothing, and are no plan alone.
      {:ok, points} = Mapper.plan(repository, [%{module: @other} | Enum.map(specs, &elem(&1, 0))])
      assert length(Mapper.unmatched(points)) == length(specs)
      assert {:ok, applied} = Mapper.apply(points)
      assert Enum.count(applied, & &1.enabled) == 1
      assert {:error, %Error{reason: :not_found}} = Mapper.apply(Enum.reject(points, & &1.enabled))
    end

    test "refuses what is no spec, and never raises", %{repository: repository} do
      improper = [:branch | :branch]

      wrong = [
        [%{module: @module, types: [:brunch]}],
        [%{module: @module, types: ["brunch_that_nobody_named"]}],
        [%{module: @module, types: %{}}],
        [%{module: @module, types: []}],
        [%{module: @module, types: improper}],
        [%{module: @module, types: 7}],
        [%{module: @module, sampling_rate: 3}],
        [%{module: @module, sampling_rate: -0.1}],
        [%{module: @module, rate: -1}],
        [%{module: @module, hits: 0}],
        [%{module: @module, capture_config: :big}],
        [%{module: @module, kinds: [:calls]}],
        [%{module: "NobodyHasEverNamedThisModule"}],
        [%{module: <<255>>}],
        [%{module: nil}],
        [%{module: 1}],
        [%{function: {@module, "nobody_named_this_function", 1}}],
        [%{function: {@module, :add}}],
        [%{function: {@module, :add, 256}}],
        [%{file: "x.ex"}],
        [%{file: "x.ex", line: 0}],
        [%{file: 1, line: 1}],
        [%{file: "x.ex", line: 1, column: "2"}],
        [%{module: @module, line: 1}],
        [%{module: @module, node: "x"}],
        [%{node: :atom}],
        [%{pattern: "a +"}],
        [%{pattern: 1.5e3, within: %{}}],
        [%{module: @module, within: 5}],
        [%{module: @module, within: improper}],
        [%{module: @module, conditions: {1, 2, 3, 4}}],
        [%{module: @module, conditions: %{a: self()}}],
        [%{module: @module, conditions: quote(do: send(self(), 1))}],
        [%{module: @module, types: [:custom]}],
        [%{module: @module, types: [:branch], custom_logic: quote(do: 1)}],
        [%{module: @module, custom_logic: quote(do: nobody_defined(1))}],
        [%{module: @module, tags: [1]}],
        [%{module: @module, description: :no}],
        [%{module: @module, unheard: 1}],
        [%{"module" => @module}],
        [%{}],
        [:no_map],
        [1 | 2],
        :no_list,
        "text",
        nil,
        [%Error{}]
      ]

      for specs <- wrong do
        assert {:error, %Error{reason: reason, message: message}} = Mapper.plan(repository, specs)
        assert is_atom(reason) and is_binary(message) and byte_size(message) < 2_000
      end

      assert {:error, %Error{}} = Mapper.plan(:nobody_is_called_this, [%{module: @module}])
      assert {:error, %Error{}} = Mapper.plan(repository, [%{module: @module}], :no_defaults)
      assert {:error, %{hint: hint}} = Mapper.plan(repository, [%{module: @module, types: [:brunch]}])
      assert hint =~ ":branch"

      for points <- [nil, [1], %{}, [%{}], [1 | 2], "x"] do
        assert {:error, %Error{reason: :invalid_argument}} = Mapper.apply(points)
        assert {:error, %Error{reason: :invalid_argument}} = Mapper.measure(points)
        assert {:error, %Error{reason: :invalid_argument}} = Mapper.revert(points)
        assert {:error, %Error{reason: :invalid_argument}} = Mapper.estimate(repository, points)
      end

      assert {:error, %Error{}} = Mapper.apply(plan!(repository, [%{module: @module}]), verbose: true)
      refute @module in ElixirScope.instrumented()
    end
  end

  describe "applying" do
    test "is done whole or not at all, and taken back exactly", %{repository: repository} do
      points = plan!(repository, [%{module: "ElixirScope.Mapper*", types: [:function_entry], hits: 5}])
      points = Enum.filter(points, & &1.enabled)
      assert length(points) == 2

      # The first and the last one in turn: a process in code that is old by now, so that module refuses.
      for {refusing, function, word} <- [{@other, :hold, :holding}, {@module, :wait, :waiting}] do
        own = self()
        pid = spawn(fn -> apply(refusing, function, [own]) end)
        assert_receive ^word
        {:module, _} = :code.load_file(refusing)
        before = for module <- [@module, @other], do: loaded(module)

        assert {:error, %Error{reason: :old_code_in_use}} = Mapper.apply(points)
        assert for(module <- [@module, @other], do: loaded(module)) == before
        assert ElixirScope.instrumented() -- ElixirScope.instrumented() -- [@module, @other] == []
        assert {:ok, []} = Capture.gates(@module)
        assert {:ok, []} = Capture.gates(@other)

        ref = Process.monitor(pid)
        send(pid, :go)
        assert_receive {:DOWN, ^ref, _, _, _}
      end

      before = for module <- [@module, @other], do: loaded(module)
      assert {:ok, applied} = Mapper.apply(points)
      assert @module in ElixirScope.instrumented() and @other in ElixirScope.instrumented()
      assert loaded(@module) != hd(before)
      assert {:ok, [_]} = Capture.gates(@module)

      assert {:ok, _} = Mapper.revert(applied)
      assert for(module <- [@module, @other], do: loaded(module)) == before

      for module <- [@module, @other] do
        {^module, beam, _} = :code.get_object_code(module)
        assert {:ok, {module, md5(module)}} == :beam_lib.md5(beam)
        assert {:ok, []} = Capture.gates(module)
      end
    end

    test "what was taken back and what is limited by time goes by itself", %{repository: repository} do
      points = plan!(repository, [%{module: @module, types: [:function_entry, :branch], for: 60}])
      {:ok, _} = Mapper.apply(points)
      assert @module in ElixirScope.instrumented()
      wait_until(fn -> @module not in ElixirScope.instrumented() end)

      points = plan!(repository, [%{function: {@module, :add, 2}, hits: 2}])
      {:ok, _} = Mapper.apply(points)
      observed(repository, fn -> for _ <- 1..3, do: apply(@module, :add, [1, 1]) end)
      wait_until(fn -> @module not in ElixirScope.instrumented() end)
    end

    test "one call has one gate", %{repository: repository} do
      assert {:error, %Error{reason: :conflict}} =
               Mapper.plan(repository, [
                 %{function: {@module, :add, 2}, types: [:function_entry], hits: 5},
                 %{function: {@module, :add, 2}, types: [:function_exit], hits: 6}
               ])
    end

    test "the narrowest decides", %{repository: repository} do
      points =
        plan!(repository, [
          %{function: {@module, :add, 2}, sampling_rate: 0.0},
          %{module: @module, types: [:function_entry]}
        ])

      {:ok, applied} = Mapper.apply(points)

      observed(repository, fn ->
        for n <- 1..10, do: {apply(@module, :add, [n, 1]), apply(@module, :sign, [n])}
      end)

      {:ok, [narrow, broad]} = Mapper.measure(applied)
      assert {narrow.trigger_count, narrow.execution_frequency} == {0, 10}
      assert {broad.trigger_count, broad.execution_frequency} == {10, 20}
      assert narrow.correlation_metadata.measured.refused == %{sampled_out: 10}
      refute broad.correlation_metadata.measured.shared
      # Each place is paid by who decides there.
      assert narrow.overhead_estimate > 0 and broad.overhead_estimate > narrow.overhead_estimate
    end

    test "points with nodes and patterns in the options of instrument/2", %{repository: repository} do
      {:ok, result} =
        ElixirScope.instrument(@module,
          capture: [],
          repository: repository,
          points: [
            %{node: "ElixirScope.MapperTarget.sign/1", kinds: [:branches], id: :node},
            %{pattern: "a + b", kinds: [:expressions], id: :pattern}
          ]
        )

      assert [_, _, _] = result.placed[:node]
      assert [_] = result.placed[:pattern]

      assert {:error, %Error{reason: :not_found}} =
               ElixirScope.instrument(@module, repository: repository, points: [%{node: "Nothing.at/1"}])
    end

    test "Erlang's functions, one by one", %{repository: repository} do
      points = plan!(repository, [%{function: {@erlang, :add, 2}, types: [:function_entry, :function_exit]}])

      assert [] = Mapper.unmatched(points)
      {:ok, applied} = Mapper.apply(points)

      observed(repository, fn ->
        for n <- 1..4, do: {apply(@erlang, :add, [n, 1]), apply(@erlang, :pick, [n])}
      end)

      {:ok, [entry, ending]} = Mapper.measure(applied)
      assert {entry.trigger_count, ending.trigger_count} == {4, 4}
      assert {:ok, %{calls: 4}} = ElixirScope.Core.Runtime.function_stats(repository.ref, {@erlang, :add, 2})
      assert {:ok, nil} = ElixirScope.Core.Runtime.function_stats(repository.ref, {@erlang, :pick, 1})
      # One entry and one exit in all, whatever they are called.
      {:ok, [_, _] = both} = Mapper.estimate(repository, points)
      {:ok, [alone]} = Mapper.estimate(repository, [hd(points)])
      sum = both |> Enum.map(& &1.overhead_estimate) |> Enum.sum()
      assert sum < 2 * alone.overhead_estimate
    end
  end

  describe "measuring" do
    test "counts every kind of point, with its bytes", %{repository: repository} do
      specs = [
        %{
          function: {@module, :add, 2},
          types: [:function_entry, :function_exit, :variable_capture, :expression_trace]
        },
        %{function: {@module, :sign, 1}, types: [:branch]},
        %{function: {@module, :wait, 1}, types: [:message_send, :message_receive]},
        %{function: {@module, :safe, 1}, types: [:exception]},
        %{function: {@module, :two, 1}, custom_logic: quote(do: n * 100)}
      ]

      points = plan!(repository, specs)
      assert [] = Mapper.unmatched(points)
      {:ok, applied} = Mapper.apply(points)

      observed(repository, fn ->
        for n <- 1..10, do: apply(@module, :add, [n, 1])
        for n <- -1..1, do: apply(@module, :sign, [n])
        send(self(), :go)
        apply(@module, :wait, [self()])
        assert_receive :waiting
        apply(@module, :safe, [fn -> raise ArgumentError end])
        apply(@module, :two, [7])
      end)

      {:ok, measured} = Mapper.measure(applied)
      by_type = Map.new(measured, &{&1.instrumentation_type, &1})
      hits = Map.new(by_type, fn {type, point} -> {type, point.trigger_count} end)

      assert hits == %{
               function_entry: 10,
               function_exit: 10,
               variable_capture: 10,
               expression_trace: 20,
               branch: 3,
               message_send: 1,
               message_receive: 1,
               exception: 1,
               custom: 1
             }

      for {type, point} <- by_type do
        told = point.correlation_metadata.measured
        assert told.ns > 0 and told.seen == told.hits and told.refused == %{}, "#{type}"
        assert type == :branch or told.bytes > 0, "#{type} has no bytes"

        assert point.runtime_mapping |> Map.values() |> Enum.map(& &1.hits) |> Enum.sum() == told.hits,
               "#{type}"
      end

      assert by_type.branch.correlation_metadata.measured.bytes == 0
      assert for({_, place} <- by_type.branch.runtime_mapping, do: place.hits) == [1, 1, 1]
    end
  end

  describe "code of the user's own" do
    setup do
      Application.put_env(:elixir_scope, :custom, run_us: 60_000, slow_max: 3)
      on_exit(fn -> Application.delete_env(:elixir_scope, :custom) end)
    end

    test "is switched off when it is slow too often, and the program goes on", %{repository: repository} do
      slow = quote(do: Process.sleep(n))
      points = plan!(repository, [%{function: {@module, :two, 1}, custom_logic: slow}])
      {:ok, applied} = Mapper.apply(points)

      observed(repository, fn ->
        assert for(n <- [1, 80, 80, 80, 80], do: apply(@module, :two, [n])) == [1, 80, 80, 80, 80]
        # Off: nobody waits any more.
        {us, 1_000} = :timer.tc(fn -> apply(@module, :two, [1_000]) end)
        assert us < 500_000
      end)

      {:ok, [measured]} = Mapper.measure(applied)
      code = measured.correlation_metadata.measured.custom
      assert %{runs: 4, slow: 3, failures: 0, off: true} = code
      assert code.longest_ns > 80_000_000 and code.ns >= code.longest_ns
      assert measured.overhead_estimate >= code.ns

      :ok = ElixirScope.Probe.Custom.reset(code.code)
      observed(repository, fn -> apply(@module, :two, [1]) end)
      assert %{runs: 1, off: false} = ElixirScope.Probe.Custom.of(code.code)
    end

    test "fails alone, however it fails", %{repository: repository} do
      failing =
        quote do
          case n do
            1 -> raise "no"
            2 -> throw(:no)
            3 -> exit(:no)
            4 -> :erlang.error({:no, n})
            n -> n
          end
        end

      points = plan!(repository, [%{function: {@module, :two, 1}, custom_logic: failing}])
      {:ok, applied} = Mapper.apply(points)
      dictionary = Process.get()

      observed(repository, fn ->
        assert for(n <- 1..6, do: apply(@module, :two, [n])) == Enum.to_list(1..6)
      end)

      assert Process.get() == dictionary
      {:ok, [measured]} = Mapper.measure(applied)
      assert %{runs: 6, failures: 4, slow: 0, off: false} = measured.correlation_metadata.measured.custom
    end
  end

  defp wait_until(condition, left \\ 200) do
    cond do
      condition.() -> :ok
      left == 0 -> flunk("it did not happen")
      true -> Process.sleep(25) && wait_until(condition, left - 1)
    end
  end
end

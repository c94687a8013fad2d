defmodule ElixirScope.Sources.LoggerTest do
  # The handlers of a VM are shared.
  use ExUnit.Case, async: false

  require Logger

  alias ElixirScope.{ASTRepository, Capture, Core, Sources}
  alias ElixirScope.ASTRepository.RuntimeCorrelator
  alias ElixirScope.Sources.Logger, as: Records
  alias ElixirScope.Sources.Logger.Message

  defmodule Collect do
    @moduledoc false
    # What ours would record of each event, sent to the test.
    def log(event, %{config: %{to: to}}), do: send(to, {:told, Records.told(event)})

    # In place of our filter.
    def filter(event, to) do
      with %{} = crash <- Sources.Crash.of_log(event), do: send(to, {:crash, crash})
      :ignore
    end
  end

  defmodule Given do
    @moduledoc false
    # A handler of the program's own, which passes on what it is given.
    def log(event, %{config: %{to: to}}), do: send(to, {:given, event})
  end

  setup do
    level = Logger.level()
    Logger.configure(level: :debug)

    on_exit(fn ->
      Sources.detach()
      Logger.configure(level: level)
    end)
  end

  defp collect do
    :ok = :logger.add_handler(:collect, Collect, %{config: %{to: self()}})
    on_exit(fn -> :logger.remove_handler(:collect) end)
  end

  # Our handler and filter, with capture on while `fun` runs: the crashes that were recorded.
  defp crashes(fun) do
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)

    quietly(fn ->
      :ok = Capture.start(sources: [:crashes])
      fun.()
      # What the VM itself reports goes through a process of its own.
      Process.sleep(100)
      :ok = Capture.stop()
    end)

    :ok = Capture.flush()
    Capture.unsubscribe(repository)
    {:ok, events} = Sources.events(repository, source: :crash)
    for event <- events, do: event.data
  end

  # Our own console stays quiet.
  defp quietly(fun), do: ExUnit.CaptureLog.capture_log(fun)

  defp told do
    receive do
      {:told, told} -> told
    after
      5_000 -> flunk("nothing was told")
    end
  end

  test "a record has level, message, metadata and its place" do
    collect()
    quietly(fn -> Logger.warning("stock of #{:tea} is low", stock: 3) end)
    line = __ENV__.line - 1
    {place, data} = told()
    assert %{level: :warning, message: "stock of tea is low", metadata: %{stock: 3}} = data
    assert %{line: ^line, mfa: {__MODULE__, _, _}, file: file} = place
    assert String.ends_with?(file, "logger_test.exs")
  end

  test "messages are bounded, whatever they are made of" do
    huge = String.duplicate("word ", 100_000)
    nested = Enum.reduce(1..10_000, ["x"], fn _, list -> [list, "word "] end)

    for event <- [
          %{msg: {:string, huge}, meta: %{}},
          %{msg: {:string, nested}, meta: %{}},
          %{msg: {~c"~p and ~s", [Enum.to_list(1..100_000), huge]}, meta: %{}},
          %{msg: {:report, %{list: Enum.to_list(1..100_000), text: huge}}, meta: %{}},
          %{msg: {:report, [a: huge]}, meta: %{report_cb: fn [a: text] -> {~c"~ts", [text]} end}},
          %{msg: {:string, <<255, 254, 0>>}, meta: %{}}
        ] do
      text = Message.text(event)
      assert byte_size(text) <= 4_200
      assert String.valid?(text)
    end

    # A long word at the end is left out whole: half of a token would not be known as one.
    text =
      Message.text(%{msg: {:string, String.duplicate("a ", 2_040) <> String.duplicate("s", 1_000)}, meta: %{}})

    refute text =~ "s"
  end

  test "a record leads to the call of Logger, and a changed source to its function" do
    source = """
    defmodule Logged do
      require Logger

      def work(x) do
        y = x + 1
        Logger.info("at work with \#{y}")
        y
      end
    end
    """

    {:ok, repository} = ASTRepository.new()
    dir = Path.join(System.tmp_dir!(), "elixir_scope-logged-#{System.pid()}")
    File.mkdir_p!(Path.join(dir, "lib"))
    on_exit(fn -> File.rm_rf!(dir) end)
    path = Path.join(dir, "lib/logged.ex")
    File.write!(path, source)
    {:ok, _} = ASTRepository.import_project(repository, dir)
    Code.compile_file(path)

    collect()
    quietly(fn -> apply(Logged, :work, [1]) end)
    {place, _} = told()

    assert {:ok, %{ast_node_id: id, strategy: :line_based, confidence: 0.95}} =
             RuntimeCorrelator.resolve(repository, %{place: place})

    assert {:ok, {{:., _, [{:__aliases__, _, [:Logger]}, :info]}, _, _}} =
             ASTRepository.get_ast_node(repository, id)

    File.write!(
      path,
      String.replace(source, "  require Logger", "  @x [\n    1,\n    2,\n    3\n  ]\n  require Logger")
    )

    {:ok, _} = ASTRepository.import_project(repository, dir)

    assert {:ok, %{ast_node_id: "Logged.work/1" <> rest, confidence: confidence}} =
             RuntimeCorrelator.resolve(repository, %{place: place})

    assert rest == "" or confidence == 0.95
    :code.purge(Logged)
    :code.delete(Logged)
  end

  describe "crashes" do
    defmodule Server do
      use GenServer
      def init(arg), do: {:ok, arg}
      def handle_call(:fail, _from, state), do: {:reply, Map.fetch!(state, :nothing), state}
      def handle_cast({:exit, reason}, _state), do: exit(reason)
    end

    test "of a generic server, with the frames of what failed" do
      found =
        crashes(fn ->
          {:ok, pid} = GenServer.start(Server, %{})
          catch_exit(GenServer.call(pid, :fail))
          ended(pid)
        end)

      # What the server says, and what `:proc_lib` says.
      assert [:gen_server, :process] = found |> Enum.map(& &1.type) |> Enum.sort()

      for crash <- found do
        assert %{class: :error, exception: KeyError} = crash
        assert Enum.any?(crash.frames, &match?({Server, :handle_call, 3, _, line} when is_integer(line), &1))
      end
    end

    test "of an exit, a task, a plain process" do
      found =
        crashes(fn ->
          {:ok, pid} = GenServer.start(Server, %{})
          GenServer.cast(pid, {:exit, {:no, :way}})
          ended(pid)
          {:ok, pid} = Task.start(fn -> raise ArgumentError, "no" end)
          ended(pid)
          ended(spawn(fn -> :erlang.error({:badmatch, 3}) end))
        end)

      assert Enum.any?(found, &(inspect(&1.reason) =~ "no" and &1.class in [:exit, :error]))
      assert crash = Enum.find(found, &(&1.exception == ArgumentError))
      assert crash.class == :error
      assert Enum.any?(crash.frames, &match?({__MODULE__, _, _, _, _}, &1))
      assert Enum.find(found, &(&1.exception == MatchError)).type == :process
    end

    test "of a supervisor's child, with the child" do
      found =
        crashes(fn ->
          child = %{id: :fails, start: {Task, :start_link, [fn -> raise "child" end]}}
          {:ok, pid} = Supervisor.start_link([child], strategy: :one_for_one, max_restarts: 1)
          Process.unlink(pid)
          ended(pid)
        end)

      assert crash = Enum.find(found, &(&1.type == :supervisor and &1.context == :child_terminated))
      assert %{id: :fails, start: {Task, :start_link, 1}} = crash.child
      assert crash.exception == RuntimeError
    end

    test "of a reason that is too large are cut, and still say what they are of" do
      huge = for n <- 1..60, do: String.duplicate("#{n} ", 400)

      found =
        crashes(fn ->
          child = %{id: :fails, start: {Task, :start_link, [fn -> exit({:too_much, huge}) end]}}
          {:ok, pid} = Supervisor.start_link([child], strategy: :one_for_one, max_restarts: 0)
          Process.unlink(pid)
          ended(pid)
        end)

      assert crash = Enum.find(found, &(&1.type == :supervisor and &1.context == :child_terminated))
      # Cut, or with a reason that is: where keys come in another order, all but that may be there.
      assert %{child: %{id: :fails}, frames: frames} = crash
      assert is_list(frames)
      assert inspect(crash.reason) =~ "too_much"
      assert Enum.all?(found, &(is_atom(&1.type) and is_list(&1.frames)))
    end

    test "cut anywhere are crashes still, and nothing else is one" do
      cut = &%ElixirScope.Value.Truncated{kind: &1, by: :time, kept: &2}
      whole = %{type: :process, class: :exit, exception: nil, reason: :no, frames: []}
      assert Sources.Crash.of_value({:crash, %{}, whole}) == whole

      for value <- [
            {:crash, %{}, cut.(:map, nil)},
            {:crash, %{}, cut.(:map, %{class: :exit})},
            {:crash, %{}, cut.(:map, %{frames: cut.(:list, [{A, :f, 1, nil, nil}, cut.(:tuple, [B])])})},
            {:crash, %{}, cut.(:map, [{:class, :exit}])},
            {:crash, %{}, :odd},
            cut.(:tuple, [:crash]),
            cut.(:tuple, [:crash, cut.(:map, nil)]),
            cut.(:tuple, [:exception, %{}, %{class: :exit}])
          ] do
        assert %{cut: true, type: :process, frames: frames, reason: %{}} = Sources.Crash.of_value(value)
        assert frames in [[], [{A, :f, 1, nil, nil}]]
      end

      for value <- [{:logger, %{}, %{}}, cut.(:tuple, nil), cut.(:map, %{}), nil, 1],
          do: assert(Sources.Crash.of_value(value) == nil)
    end

    test "are no log records as well, and the program's own handlers are given the same with and without us" do
      :ok = :logger.add_handler(:given, Given, %{config: %{to: self()}})
      on_exit(fn -> :logger.remove_handler(:given) end)

      fail = fn ->
        Logger.error("a record")
        {:ok, pid} = GenServer.start(Server, %{})
        catch_exit(GenServer.call(pid, :fail))
        ended(pid)
        child = %{id: :fails, start: {Task, :start_link, [fn -> raise "child" end]}}
        {:ok, pid} = Supervisor.start_link([child], strategy: :one_for_one, max_restarts: 1)
        Process.unlink(pid)
        ended(pid)
      end

      {:ok, repository} = ASTRepository.new()
      :ok = Capture.subscribe(repository)
      filters = :logger.get_primary_config().filters

      observed = fn sources ->
        :ok = Sources.attach(sources)
        ids = Keyword.keys(:logger.get_primary_config().filters)
        ours = Enum.find_index(ids, &(&1 == :elixir_scope_crashes))
        # In front of what makes text of reports.
        translator = Enum.find_index(ids, &(&1 == :logger_translator)) || length(ids)
        assert if(sources == [], do: ours == nil, else: ours < translator)

        quietly(fn ->
          :ok = Capture.start()
          fail.()
          :ok = Capture.stop()
        end)

        given()
      end

      # On one line, so that stacktraces are alike.
      {without, with_us} = {observed.([]), observed.([:logger, :crashes])}
      assert [_ | _] = without
      assert with_us == without
      :ok = Capture.flush()
      {:ok, records} = Sources.events(repository, source: :logger)
      assert for(%{data: %{level: :error} = data} <- records, do: data.message) == ["a record"]
      {:ok, crashes} = Sources.events(repository, source: :crash)
      assert Enum.any?(crashes, &match?(%{data: %{type: :supervisor, child: %{id: :fails}}}, &1))
      assert %{crashes: %{attached: true, failed: 0}} = Sources.status()
      :ok = Sources.detach()
      assert :logger.get_primary_config().filters == filters
      Capture.unsubscribe(repository)
    end

    test "a filter that fails says nothing and stays" do
      :ok = Sources.attach([:crashes])
      :ok = Capture.start()
      {_, {filter, config}} = List.keyfind(:logger.get_primary_config().filters, :elixir_scope_crashes, 0)
      assert filter.(%{level: :nonsense, msg: 1, meta: 2}, %{config | level: :info}) == :ignore
      assert Sources.status().crashes.failed == 1
      Capture.stop()
    end

    defp ended(pid) do
      ref = Process.monitor(pid)
      assert_receive {:DOWN, ^ref, _, _, _}, 5_000
    end

    # All that our handler was given, without what differs from run to run.
    defp given(all \\ []) do
      receive do
        {:given, %{level: level, msg: msg, meta: meta}} ->
          text =
            inspect({msg, Map.drop(meta, [:time, :pid, :gl])}, limit: :infinity, printable_limit: :infinity)

          changing = ~r/[<(]\d+[.\d]*[>)]|#(PID|Function|Reference)<[^>]*>|(size|reductions|len)(:|: |=)\d+/
          given([{level, Regex.replace(changing, text, "#")} | all])
      after
        200 -> Enum.sort(all)
      end
    end

    test "values of arguments stay out of stacktraces" do
      assert [{Enum, :map, 2, "lib/enum.ex", 3}, {:lists, :foldl, 3, nil, nil}] =
               Sources.Crash.frames([
                 {Enum, :map, [["secret"], & &1], [file: ~c"lib/enum.ex", line: 3]},
                 {:lists, :foldl, 3, []}
               ])
    end
  end

  describe "in a running program" do
    @source """
    defmodule LoggedRun do
      require Logger

      def outer(x) do
        y = inner(x)
        Logger.info("after")
        y
      end

      def inner(x) do
        Logger.warning("token: \#{x}", password: "hunter2hunter2")
        ElixirScope.Sources.note(:seen, %{password: x}, __ENV__)
        :done
      end

      def caught(x) do
        fail(x)
      rescue
        error -> ElixirScope.Sources.exception(:error, error, __STACKTRACE__)
      end

      def crash(x), do: spawn(fn -> fail(x) end)
      def fail(x), do: Map.fetch!(%{}, x)
    end
    """

    test "records, notes and crashes lie between the calls, lead to nodes, and hold no secret" do
      dir = Path.join(System.tmp_dir!(), "elixir_scope-run-#{System.pid()}")
      File.mkdir_p!(Path.join(dir, "lib"))
      on_exit(fn -> File.rm_rf!(dir) end)
      path = Path.join(dir, "lib/logged_run.ex")
      File.write!(path, @source)
      {:ok, repository} = ASTRepository.new()
      {:ok, _} = ASTRepository.import_project(repository, dir)
      [{module, binary}] = Code.compile_file(path)
      {:ok, instrumented} = ElixirScope.Instrumentation.instrument_binary(binary)

      {:ok, _} =
        ElixirScope.Instrumentation.Loader.load_instrumented(module, instrumented.binary, ~c"logged_run.ex")

      :ok = Capture.subscribe(repository)
      secret = "sk_live_" <> String.duplicate("4242abcd", 4)

      quietly(fn ->
        :ok = Capture.start(sources: [:logger, :crashes])
        apply(module, :outer, [secret])
        apply(module, :caught, [:caught])
        pid = apply(module, :crash, [:nothing])
        ref = Process.monitor(pid)
        assert_receive {:DOWN, ^ref, _, _, _}, 5_000
        Process.sleep(100)
        :ok = Capture.stop()
      end)

      :ok = Capture.flush()
      Capture.unsubscribe(repository)
      {:ok, events} = Sources.events(repository)
      refute inspect(events, limit: :infinity, printable_limit: :infinity) =~ secret
      refute inspect(events, limit: :infinity, printable_limit: :infinity) =~ "hunter2"

      assert [warning, noted, info, caught] = for(%{pid: pid} = event <- events, pid == self(), do: event)
      assert %{data: %{level: :warning, message: %ElixirScope.Value.Redacted{}}} = warning
      assert %{source: :caller, data: %{name: :seen}} = noted
      assert %{data: %{message: "after"}} = info

      # Each belongs to the activation that ran.
      for {event, function} <- [{warning, "inner"}, {noted, "inner"}, {info, "outer"}] do
        assert {:ok, id} = ASTRepository.correlate_event(repository, %{correlation_id: event.correlation_id})
        assert String.starts_with?(id, "LoggedRun.#{function}/1#")
      end

      for {event, line} <- [{warning, 11}, {noted, 12}, {info, 6}] do
        assert {:ok, %{ast_node_id: id, confidence: 0.95}} = Sources.locate(repository, event)
        assert {:ok, %{line: ^line}} = ASTRepository.get_node_location(repository, id)
      end

      assert %{source: :exception, data: %{exception: KeyError, type: :caught}} = caught
      assert {:ok, %{ast_node_id: "LoggedRun.fail/1" <> _}} = Sources.locate(repository, caught)

      assert crash = Enum.find(events, &(&1.source == :crash and &1.data.exception == KeyError))
      assert {:ok, %{ast_node_id: "LoggedRun.fail/1" <> _}} = Sources.locate(repository, crash)
      :code.purge(module)
      :code.delete(module)
    end
  end

  describe "the handler" do
    test "records while capture is on, in the process that logs, and is gone after" do
      {:ok, repository} = ASTRepository.new()
      :ok = Capture.subscribe(repository)
      before = handlers()
      assert :ok = Sources.attach([:logger])
      assert %{logger: %{attached: true}} = Sources.status()
      quietly(fn -> Logger.info("not recorded: capture is off") end)

      # What captures the log starts processes, which is reported, too.
      quietly(fn ->
        :ok = Capture.start()
        for n <- 1..10, do: Logger.info("number #{n}")
        Logger.info("our own", domain: [:elixir_scope])
        :ok = Capture.stop()
      end)

      :ok = Capture.flush()
      {:ok, ref} = ASTRepository.Handle.ref(repository)
      notes = for %{kind: :note} = event <- events(ref), do: event
      assert length(notes) == 10
      assert {:ok, told} = Sources.events(repository, source: :logger)
      assert for(event <- told, do: event.data.message) == for(n <- 1..10, do: "number #{n}")
      assert %{level: :info, metadata: %{}} = hd(told).data
      assert {:ok, [%{data: %{message: "number 10"}}]} = Sources.events(repository, limit: 1)
      assert {:ok, []} = Sources.events(repository, source: :crash)
      assert {:error, %{reason: :unknown}} = Sources.events(repository, source: :loger)
      assert Enum.all?(notes, &(&1.pid == self()))
      :ok = Sources.detach()
      assert handlers() == before
      Capture.unsubscribe(repository)
    end

    test "many processes that log at once lose nothing they may record, and all beyond is counted" do
      {:ok, repository} = ASTRepository.new()
      :ok = Capture.subscribe(repository)
      assert :ok = Sources.attach([:logger], per_second: 500)
      before = Capture.stats()

      quietly(fn ->
        :ok = Capture.start()

        1..20
        |> Enum.map(fn _ -> Task.async(fn -> for n <- 1..200, do: Logger.info("load #{n}") end) end)
        |> Task.await_many(30_000)

        :ok = Capture.stop()
      end)

      :ok = Capture.flush()
      limited = Sources.status().logger.limited
      {:ok, ref} = ASTRepository.Handle.ref(repository)
      recorded = Enum.count(events(ref, 100_000), &(&1.kind == :note))
      later = Capture.stats()
      dropped = Enum.sum(Map.values(later.dropped)) - Enum.sum(Map.values(before.dropped))
      assert recorded + limited + dropped == 4_000
      assert limited > 0
      Capture.unsubscribe(repository)
    end

    test "survives what is done to the logger, and says when it was taken out" do
      assert :ok = Sources.attach([:logger, :crashes])
      :ok = :logger.update_handler_config(Records.id(), :level, :error)
      :ok = :logger.set_handler_config(Records.id(), %{level: :all, config: %{}})

      assert {:ok, %{config: %{rate: _, what: [:records, :crashes]}}} =
               :logger.get_handler_config(Records.id())

      Logger.configure(level: :info)
      assert Records.attached?()

      log =
        quietly(fn ->
          :logger.remove_handler(Records.id())
          Process.sleep(50)
        end)

      assert log =~ "was removed by"
      assert %{removed: true, logger: %{attached: false}} = Sources.status()
      assert :ok = Sources.attach([:logger])
      assert %{removed: false, logger: %{attached: true}} = Sources.status()
    end

    test "is attached again by the successor of a killed owner" do
      assert :ok = Sources.attach([:logger])
      owner = Process.whereis(Sources.Server)
      Process.exit(owner, :kill)
      assert eventually(fn -> Process.whereis(Sources.Server) not in [nil, owner] end)
      assert %{logger: %{attached: true}} = Sources.status()
      :ok = Sources.detach()
      refute Records.attached?()
    end

    test "a record that cannot be shown fails nobody" do
      assert :ok = Sources.attach([:logger])
      :ok = Capture.start()
      bad = %{level: :info, msg: {:report, %{a: 1}}, meta: %{report_cb: fn _ -> raise "no" end}}
      {:ok, config} = :logger.get_handler_config(Records.id())
      assert :ok = Records.log(bad, config)
      assert %{logger: %{failed: 1}} = Sources.status()
      Capture.stop()
      assert Records.attached?()
    end

    test "wrong names are answered" do
      assert {:error, %{reason: :unknown, hint: "did you mean :logger?"}} = Sources.attach([:loger])
      assert {:error, %{reason: :unknown}} = Sources.attach([:logger], levl: :info)
    end
  end

  defp handlers, do: Enum.sort(:logger.get_handler_ids())

  defp events(ref, limit \\ 1_000) do
    case Core.call(fn -> ElixirScope.Native.runtime_events(ref, limit) end) do
      {:ok, events} -> events
      events when is_list(events) -> events
    end
  end

  defp eventually(fun, tries \\ 100) do
    cond do
      fun.() -> true
      tries == 0 -> false
      true -> Process.sleep(20) && eventually(fun, tries - 1)
    end
  end
end

defmodule ElixirScope.FlightRecorderTest do
  # One capture in a VM, and one logger.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, FlightRecorder, Sources}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.FlightRecorder.Files

  @compile {:no_warn_undefined, FlightSample}
  @moduletag :tmp_dir
  @moduletag :capture_log

  @code """
  defmodule FlightSample do
    use GenServer
    def init(state), do: {:ok, state}
    def handle_call({:share, amount, among}, _from, state), do: {:reply, share(amount, among), state}
    def handle_call({:exit, reason}, _from, _state), do: exit(reason)
    def share(amount, among), do: div(amount, among)

    def work(ms) do
      Process.sleep(ms)
      :done
    end
  end
  """

  setup %{tmp_dir: dir} do
    source = Path.join(dir, "flight_sample.ex")
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(FlightSample)
    {:ok, _} = ElixirScope.instrument(FlightSample, capture: [:args, :result])
    refute Capture.active?()

    on_exit(fn ->
      Capture.stop()
      Sources.detach()
      ElixirScope.uninstrument(FlightSample)
      Code.delete_path(dir)
      :code.purge(FlightSample)
      :code.delete(FlightSample)
    end)

    {:ok, flights: Path.join(dir, "flights")}
  end

  defp recorder(context, opts) do
    start_supervised!({FlightRecorder, [dir: context.flights] ++ opts}, restart: :temporary)
  end

  defp eventually(fun, tries \\ 250) do
    cond do
      value = fun.() -> value
      tries == 0 -> flunk("it did not come to it")
      true -> Process.sleep(20) && eventually(fun, tries - 1)
    end
  end

  defp saved(recorder, n \\ 1) do
    eventually(fn ->
      {:ok, files} = FlightRecorder.saved(recorder)
      if length(files) >= n, do: files
    end)
  end

  defp calls(path) do
    {:ok, repository} = ASTRepository.load(path)
    {:ok, events} = TemporalBridge.get_all_events(repository, types: [:call], limit: 100_000)
    for %{module: FlightSample} = event <- events, do: {event.function, event.arguments, event.result}
  end

  defp crash do
    {:ok, server} = GenServer.start(FlightSample, :state)
    3 = GenServer.call(server, {:share, 6, 2})
    catch_exit(GenServer.call(server, {:share, 7, 0}))
    server
  end

  test "a crash is saved, with the calls and arguments before it", context do
    recorder = recorder(context, on: [:crash])
    assert Capture.active?() and Sources.status().crashes.attached
    server = crash()

    [file] = saved(recorder)
    calls = calls(file.path)
    assert {:share, [6, 2], :tail} in calls or {:share, [6, 2], :return} in calls
    assert Enum.any?(calls, &match?({:share, [7, 0], _}, &1))
    assert Enum.any?(calls, &match?({:handle_call, [{:share, 7, 0}, _, :state], _}, &1))

    assert file.path =~ ~r"/flight-\d{8}T\d{6}\.\d{6}Z-\d+-crash-ArithmeticError\.scope$"
    text = File.read!(file.text)
    assert text =~ "trigger:   crash: ArithmeticError"
    assert text =~ "gen_server #{inspect(server)}"
    assert text =~ "FlightSample.share/2"
    assert text =~ "FlightSample.share(6, 2)"
    assert text =~ "FlightSample.share(7, 0)"
    assert text =~ "FlightSample.handle_call({:share, 6, 2}, "
    assert Path.wildcard(Path.join(context.flights, "*.tmp")) == []

    status = FlightRecorder.status(recorder)
    assert %{saved: 1, failed: 0, capture: true, last: %{kind: :crash, what: "ArithmeticError"}} = status
    assert status.bytes == File.stat!(file.path).size + File.stat!(file.text).size

    :ok = FlightRecorder.stop(recorder)
    refute Capture.active?()
    refute Sources.status().crashes.attached
    assert File.exists?(file.path)
    assert {:error, %{reason: :not_found}} = FlightRecorder.status(recorder)
  end

  test "an exit is saved, of a pid and of whoever has a name", context do
    {:ok, server} = GenServer.start(FlightSample, 1)
    recorder = recorder(context, on: [{:exit, server}, {:exit, FlightNamed}], debounce_ms: 0)
    assert FlightRecorder.status(recorder).watched == [server]
    GenServer.call(server, {:share, 8, 4})
    GenServer.stop(server, :normal)
    [first] = saved(recorder)
    assert Enum.any?(calls(first.path), &match?({:share, [8, 4], _}, &1))
    assert File.read!(first.text) =~ "#{inspect(server)} exited: :normal"

    for n <- 2..3 do
      {:ok, named} = GenServer.start(FlightSample, 1, name: FlightNamed)
      eventually(fn -> FlightNamed in FlightRecorder.status(recorder).watched end)
      Process.exit(named, :kill)
      file = recorder |> saved(n) |> List.last()
      assert File.read!(file.text) =~ "trigger:   exit: FlightNamed"
      assert File.read!(file.text) =~ "#{inspect(named)} exited: :killed"
    end
  end

  test "a secret in the reason of an exit is not written", context do
    {:ok, server} = GenServer.start(FlightSample, 1)
    recorder = recorder(context, on: [{:exit, server}])
    Process.exit(server, {:refused, %{name: "plain", password: "CANARY17"}})
    [file] = saved(recorder)
    text = File.read!(file.text)
    assert text =~ "exited: {:refused, " and text =~ "plain"
    refute text =~ "CANARY17"
    refute File.read!(file.path) =~ "CANARY17"
  end

  test "everything of the last milliseconds is kept, and what is older is not told", context do
    recorder = recorder(context, on: [:crash], keep_ms: 500)

    # Blocks and segments of the log begin and end meanwhile.
    Enum.reduce(1..30, %{}, fn round, began ->
      began = Map.put(began, round, System.monotonic_time(:millisecond))
      for n <- 1..200, do: FlightSample.share(round * 1_000 + n, 77)
      Process.sleep(20)

      if rem(round, 6) == 0 do
        assert {:ok, path} = FlightRecorder.save_now(recorder)
        told = for {:share, [n, 77], _} <- calls(path), into: MapSet.new(), do: n
        # On a busy machine a round takes its time.
        now = System.monotonic_time(:millisecond)
        recent = for {back, at} <- began, now - at < 450, n <- 1..200, do: back * 1_000 + n
        assert Enum.reject(recent, &(&1 in told)) == []
      end

      began
    end)

    Process.sleep(600)
    FlightSample.share(66, 6)
    {:ok, path} = FlightRecorder.save_now(recorder)
    text = File.read!(Path.rootname(path) <> ".txt")
    assert text =~ "FlightSample.share(66, 6)"
    refute text =~ ", 77)"
  end

  test "a slow call is saved, once, ended or not; a quick one is not", context do
    recorder = recorder(context, on: [{:slow, {FlightSample, :work, 1}, 100}], debounce_ms: 0)
    for _ <- 1..5, do: FlightSample.work(1)
    Process.sleep(150)
    assert {:ok, []} = FlightRecorder.saved(recorder)

    FlightSample.work(130)
    Process.sleep(200)
    assert [file] = saved(recorder)
    assert {:work, [130], _} = List.keyfind(calls(file.path), [130], 1)
    assert File.read!(file.text) =~ "trigger:   slow: FlightSample.work/1"
    assert File.read!(file.text) =~ "the limit is 100 ms"

    # Quick ones after a slow one are as quick as before.
    FlightSample.work(2)
    pid = spawn(fn -> FlightSample.work(60_000) end)
    [_, hung] = saved(recorder, 2)
    assert File.read!(hung.text) =~ "#{inspect(pid)} has not ended after"
    assert {:work, [60_000], nil} in calls(hung.path)
    Process.exit(pid, :kill)
    Process.sleep(200)
    assert {:ok, [_, _]} = FlightRecorder.saved(recorder)
  end

  test "a slow call that ended between two looks is found", context do
    recorder = recorder(context, on: [{:slow, {FlightSample, :work, 1}, 5}], debounce_ms: 0)
    FlightSample.work(10)
    [file] = saved(recorder)

    assert File.read!(file.text) =~
             ~r"FlightSample.work/1 of #PID<[\d.]+> (took|has not ended after) \d+\.\d+ ms"
  end

  test "a condition is saved; one that raises or hangs is counted and harms nothing", context do
    wanted = fn events -> Enum.any?(events, &(&1.arguments == [99, 3])) end
    raises = fn _events -> raise "no" end
    hangs = fn _events -> Process.sleep(:infinity) end
    recorder = recorder(context, on: [raises, hangs, wanted])
    FlightSample.share(1, 1)
    eventually(fn -> FlightRecorder.status(recorder).conditions_failed >= 2 end)
    assert {:ok, []} = FlightRecorder.saved(recorder)
    FlightSample.share(99, 3)
    [file] = saved(recorder)
    assert file.path =~ "condition-3"
    assert Enum.any?(calls(file.path), &match?({:share, [99, 3], _}, &1))
    assert Process.alive?(recorder)
  end

  test "what triggers too soon after a save is counted, and asking saves in any case", context do
    recorder = recorder(context, on: [{:exit, FlightNamed}], debounce_ms: 60_000)

    for _ <- 1..3 do
      {:ok, named} = GenServer.start(FlightSample, 1, name: FlightNamed)
      eventually(fn -> FlightNamed in FlightRecorder.status(recorder).watched end)
      GenServer.stop(named)
      eventually(fn -> FlightNamed not in FlightRecorder.status(recorder).watched end)
    end

    assert %{saved: 1, skipped: 2} = FlightRecorder.status(recorder)
    assert {:ok, path} = FlightRecorder.save_now(recorder, "a look / around")
    assert path =~ "asked-a-look-around.scope"
    assert {:ok, [_, %{path: ^path}]} = FlightRecorder.saved(recorder)
    assert {:error, %{reason: :invalid_argument}} = FlightRecorder.save_now(recorder, 5)
  end

  test "files are bounded by number and by bytes; others are left alone", context do
    File.mkdir_p!(context.flights)
    other = Path.join(context.flights, "mine.scope")
    File.write!(other, "mine")
    recorder = recorder(context, max_files: 3, on: [])
    paths = for n <- 1..5, do: elem(FlightRecorder.save_now(recorder, "n#{n}"), 1)
    {:ok, files} = FlightRecorder.saved(recorder)
    assert Enum.map(files, & &1.path) == Enum.take(paths, -3)
    assert %{saved: 5, removed: 2, files: 3} = FlightRecorder.status(recorder)
    assert length(File.ls!(context.flights)) == 3 * 2 + 1
    assert File.read!(other) == "mine"

    two = files |> Enum.take(-2) |> Enum.map(& &1.bytes) |> Enum.sum()
    assert Files.prune(%{dir: context.flights, max_files: 9, max_bytes: two}) == 1
    assert Enum.map(Files.list(context.flights), & &1.path) == Enum.take(paths, -2)
    assert Files.prune(%{dir: context.flights, max_files: 9, max_bytes: 1}) == 1
    assert Enum.map(Files.list(context.flights), & &1.path) == Enum.take(paths, -1)
  end

  test "a save that fails is told, and the recorder goes on", context do
    recorder = recorder(context, on: [])
    File.rm_rf!(context.flights)
    File.write!(context.flights, "in the way")
    assert {:error, %{reason: :file}} = FlightRecorder.save_now(recorder)
    assert %{failed: 1, saved: 0, last_error: %{reason: :file}} = FlightRecorder.status(recorder)
    File.rm!(context.flights)
    assert {:ok, _} = FlightRecorder.save_now(recorder)
  end

  test "bad options are errors that name the right one", %{flights: dir} do
    bad = fn opts -> FlightRecorder.start_link(opts) |> elem(1) end
    assert %{reason: :unknown, hint: "did you mean :debounce_ms?"} = bad.(dir: dir, debounce: 5)
    assert %{reason: :unknown, hint: "did you mean :crash?"} = bad.(dir: dir, on: [:crsh])
    assert %{reason: :unknown, hint: "did you mean :slow?"} = bad.(dir: dir, on: [{:slw, {A, :b, 1}, 5}])
    assert %{reason: :unknown, hint: "did you mean :crashes?"} = bad.(dir: dir, sources: [:crash])
    assert %{reason: :invalid_argument} = bad.(dir: dir, name: "text")

    for opts <-
          [
            [],
            [dir: ""],
            [dir: 5],
            [dir: dir, keep_ms: 0],
            [dir: dir, on: :crash],
            [dir: dir, max_bytes: 100]
          ] ++
            [
              :dir,
              [dir: dir, on: [{:slow, A, 5}]],
              [dir: dir, on: [fn -> true end]],
              [dir: dir, on: [{:exit, 5}]]
            ] do
      assert %{reason: :invalid_argument, hint: hint} = bad.(opts)
      assert is_binary(hint)
    end

    refute File.exists?(dir)
    File.write!(dir, "a file")
    assert %{reason: :file} = bad.(dir: dir)
    refute Capture.active?()
  end

  test "a crash whose reason is larger than an event is saved, and the recorder lives", context do
    recorder = recorder(context, on: [:crash])
    {:ok, server} = GenServer.start(FlightSample, :state)
    huge = for n <- 1..60, do: String.duplicate("#{n} ", 400)
    catch_exit(GenServer.call(server, {:exit, huge}))
    assert [file] = saved(recorder)
    assert File.read!(file.text) =~ "crash"
    assert FlightRecorder.status(recorder).saved == 1
  end

  test "a killed recorder leaves nothing on, and a supervisor starts it again", context do
    recorder = recorder(context, on: [:crash])
    assert Capture.active?()
    Process.exit(recorder, :kill)
    eventually(fn -> not Capture.active?() and not Sources.status().crashes.attached end)

    opts = [dir: context.flights, name: FlightSupervised, on: [:crash]]
    {:ok, supervisor} = Supervisor.start_link([{FlightRecorder, opts}], strategy: :one_for_one)
    first = Process.whereis(FlightSupervised)
    Process.exit(first, :kill)
    eventually(fn -> Process.whereis(FlightSupervised) not in [nil, first] end)
    Process.sleep(100)
    assert FlightRecorder.status(FlightSupervised).capture
    crash()
    assert [_] = saved(FlightSupervised)
    Supervisor.stop(supervisor)
    refute Capture.active?()
    refute Sources.status().crashes.attached
  end

  test "capture and sources that were on stay on; of two recorders the last one switches off", context do
    one = recorder(context, on: [:crash])
    {:ok, two} = FlightRecorder.start_link(dir: context.flights, on: [:crash])
    :ok = FlightRecorder.stop(one)
    assert Capture.active?() and Sources.status().crashes.attached
    :ok = FlightRecorder.stop(two)
    refute Capture.active?() or Sources.status().crashes.attached

    :ok = Sources.attach([:crashes])
    :ok = Capture.start()
    {:ok, three} = FlightRecorder.start_link(dir: context.flights, on: [:crash])
    :ok = FlightRecorder.stop(three)
    assert Capture.active?() and Sources.status().crashes.attached
  end
end

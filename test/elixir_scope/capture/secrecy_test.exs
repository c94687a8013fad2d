defmodule ElixirScope.Capture.SecrecyTest do
  # From everything that a program can have secrets in, to everything that is recorded of it, in memory and in files. Beside each
  # secret there is a text that is none: where that one is found, the secret would have been found. One capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Export, FlightRecorder, Sources}
  alias ElixirScope.Report.{Collect, Document, Text}
  alias ElixirScope.Test.{Canaries, Telemetry}

  @compile {:no_warn_undefined, [SecretProgram, SecretProgram.Denied]}
  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  @secret "CANARY"
  @plain "PLAINTEXT"

  @code """
  defmodule SecretProgram do
    use GenServer
    require Logger

    defmodule Denied do
      defexception [:message, :password, :note]
    end

    def init(state), do: {:ok, state}

    def handle_call({:login, %{password: password} = given}, _from, state),
      do: {:reply, check(password, given), Map.put(state, :session_token, password)}

    def handle_cast({:keep, message}, state), do: {:noreply, Map.put(state, :last, message)}
    def handle_cast({:fail, credentials}, state), do: refuse(credentials, state)

    def handle_info(_message, state), do: {:noreply, state}

    def check(password, %{note: note}), do: {:ok, %ElixirScope.Test.Terms.Derived{hidden: password, shown: note}, note}

    def header(text, note) do
      copied = text
      letters = String.to_charlist(copied)
      {copied, letters, note}
    end

    def options(options), do: options |> Keyword.put(:more, 1) |> Enum.into(%{})

    def refuse(%{secret: secret, note: note}, _state),
      do: raise(Denied, message: "password: \#{inspect(secret)} was wrong, \#{note}", password: secret, note: note)

    def caught(credentials) do
      refuse(credentials, %{})
    rescue
      error -> {:error, error}
    end

    def thrown(credentials) do
      throw({:denied, credentials})
    catch
      value -> value
    end

    def log(secret, note) do
      Logger.warning("token=\#{secret} \#{note}", api_key: secret, note: note)
      Logger.error(%{authorization: secret, note: note})
    end

    def telemetry(secret, note) do
      :telemetry.execute([:secret, :done], %{n: 1}, %{cookie: secret, note: note})
    end

    def point(secret, note), do: {byte_size(secret), note}

    def send_to(pid, secret, note) do
      send(pid, {:take, %{access_token: secret, note: note}})
      send(pid, {:note, note})
    end
  end
  """

  setup %{tmp_dir: dir} do
    Telemetry.available()
    source = Path.join(dir, "lib/secret_program.ex")
    File.mkdir_p!(Path.dirname(source))
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    modules = [SecretProgram, SecretProgram.Denied]
    for module <- modules, do: {:module, _} = Code.ensure_loaded(module)

    on_exit(fn ->
      Capture.stop()
      Sources.detach()
      ElixirScope.untrace(:all)
      ElixirScope.uninstrument(SecretProgram)
      Telemetry.away()
      Code.delete_path(dir)
      for module <- modules, do: {:code.purge(module), :code.delete(module)}
    end)

    :ok
  end

  defmodule Ours do
    @moduledoc false
    # What we log ourselves.
    def log(%{meta: meta} = event, %{config: %{to: to}}) do
      ours? =
        :elixir_scope in List.wrap(meta[:domain]) or
          (match?({module, _, _} when is_atom(module), meta[:mfa]) and
             String.starts_with?(Atom.to_string(elem(meta.mfa, 0)), "Elixir.ElixirScope.") and
             not String.contains?(Atom.to_string(elem(meta.mfa, 0)), "Test"))

      if ours?, do: send(to, {:ours, inspect(event, limit: :infinity, printable_limit: :infinity)})
    end
  end

  # One of 10,000: known by its name everywhere, and by its looks where it has to be.
  defp secret(n), do: "sk_live_#{@secret}#{Base.encode16(<<n::32>>)}"
  defp plain(n), do: "#{@plain}#{n}"

  defp places do
    [
      fn server, n -> GenServer.call(server, {:login, %{password: secret(n), note: plain(n)}}) end,
      fn server, n ->
        GenServer.cast(server, {:keep, %{"refresh_token" => secret(n), "note" => plain(n)}})
      end,
      fn _, n -> SecretProgram.header("Authorization: Bearer #{secret(n)}", plain(n)) end,
      fn _, n -> SecretProgram.header("see https://me:#{secret(n)}@example.com/", plain(n)) end,
      fn _, n -> SecretProgram.options(cookie: secret(n), note: plain(n)) end,
      fn _, n ->
        SecretProgram.options(password: String.to_charlist(secret(n)), note: String.to_charlist(plain(n)))
      end,
      fn _, n -> SecretProgram.caught(%{secret: secret(n), note: plain(n)}) end,
      fn _, n -> SecretProgram.thrown(%{passphrase: secret(n), note: plain(n)}) end,
      fn _, n -> SecretProgram.log(secret(n), plain(n)) end,
      fn _, n -> SecretProgram.telemetry(secret(n), plain(n)) end,
      fn _, n -> SecretProgram.point(secret(n), plain(n)) end,
      fn server, n -> SecretProgram.send_to(server, secret(n), plain(n)) end,
      fn _, n -> Sources.note(:noted, %{credentials: secret(n), note: plain(n)}) end,
      fn _, n ->
        Sources.exception(:error, SecretProgram.Denied.exception(password: secret(n), note: plain(n)), [])
      end,
      fn _, n -> send(self(), {:otp, secret(n), plain(n)}) end,
      fn _, n -> :erlang.binary_to_term(:erlang.term_to_binary(%{dsn: secret(n), note: plain(n)})) end
    ]
  end

  # Crash and supervisor reports, with the secret in the state, in the last message, in the start arguments.
  defp crash(n) do
    state = %{password: secret(n), note: plain(n)}
    child = %{id: :server, start: {GenServer, :start_link, [SecretProgram, state]}, restart: :temporary}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    [{:server, server, _, _}] = Supervisor.which_children(supervisor)
    ref = Process.monitor(server)
    GenServer.cast(server, {:fail, %{secret: secret(n), note: plain(n)}})
    assert_receive {:DOWN, ^ref, _, _, _}, 5_000
    Supervisor.stop(supervisor)
  end

  test "of 10,000 secrets none is recorded anywhere, and what stands beside them is", %{tmp_dir: dir} do
    :ok = :logger.add_handler(:ours, Ours, %{config: %{to: self()}})
    on_exit(fn -> :logger.remove_handler(:ours) end)

    {:ok, %{failed: []}} =
      SecretProgram
      |> ElixirScope.instrument(
        capture: [:args, :result, :variables, :exceptions, :messages, :branches],
        points: [%{function: {:point, 2}, custom: quote(do: %{jwt: secret, note: note}), id: :custom}]
      )
      |> case do
        {:ok, result} -> {:ok, Map.put_new(Map.from_struct(result), :failed, [])}
      end

    {:ok, repository} =
      ASTRepository.new(
        event_log: [bytes: 1_000_000, spill: Path.join(dir, "spilled"), spill_bytes: 500_000_000]
      )

    {:ok, _} = ASTRepository.import_project(repository, dir)
    :ok = Capture.subscribe(repository)
    :ok = Sources.attach([:logger, :crashes])
    :ok = Sources.attach([:telemetry], events: [[:secret, :done]])
    flights = Path.join(dir, "flights")

    recorder =
      start_supervised!({FlightRecorder, dir: flights, on: [:crash], debounce_ms: 2_000, max_files: 8})

    lost = lost()
    :ok = Capture.start(overflow: :wait)
    {:ok, server} = GenServer.start(SecretProgram, %{})

    {:ok, _} =
      ElixirScope.trace([functions: [{:erlang, :binary_to_term, 1}], flags: [:calls, :messages]],
        processes: [self(), server],
        values: [:arguments, :results, :messages],
        count: 1_000_000
      )

    places = List.to_tuple(places())

    # What the program logs is the program's own.
    ExUnit.CaptureLog.capture_log(fn ->
      for n <- 1..10_000 do
        if rem(n, 25) == 0, do: crash(n), else: elem(places, rem(n, tuple_size(places))).(server, n)
        receive(do: ({:otp, _, _} -> :ok), after: (0 -> :ok))
        # Before the rings have gone round.
        if rem(n, 1_000) == 0, do: rings!()
      end
    end)

    GenServer.call(server, {:login, %{password: secret(0), note: plain(0)}})
    :ok = Capture.flush(60_000)
    rings!()
    {:ok, _} = FlightRecorder.save_now(recorder)
    :ok = ElixirScope.untrace(:all)
    :ok = Capture.stop()
    :ok = Capture.flush(60_000)

    assert lost() == lost

    spilled = Canaries.spilled()
    assert found("spilled segments", spilled) == [@plain]

    saved = Path.join(dir, "saved.scope")
    :ok = ASTRepository.save(repository, saved)
    assert found("the saved repository", Canaries.file(saved)) == [@plain]

    files = Path.wildcard(Path.join(flights, "*"))
    assert Enum.any?(files, &(Path.basename(&1) =~ "crash"))
    for path <- files, do: assert(found(path, Canaries.file(path)) == [@plain])

    for format <- Export.formats() do
      path = Path.join(dir, "#{format}.out")
      assert {:ok, _} = Export.run(repository, format, path)
      assert found(path, Canaries.file(path)) -- [@plain] == []
      if format in [:events_csv, :events_parquet], do: assert(found(path, Canaries.file(path)) == [@plain])
    end

    {:ok, functions} = Collect.functions(repository)
    report = %ElixirScope.Report{totals: Map.new(ElixirScope.Report.totals(), &{&1, 0}), functions: functions}
    {:ok, json} = Document.encode(report)
    assert json =~ "SecretProgram" and found("the report", [json, Text.render(report)]) == []

    assert found("what we log", logged()) == []
    assert found("our errors", errors(repository)) == []

    # By source: each was recorded, with what is no secret.
    {:ok, events} = Sources.events(repository, limit: 100_000)

    for source <- [:logger, :crash, :telemetry, :exception, :caller] do
      told =
        for %{source: ^source} = event <- events,
            do: inspect(event, limit: :infinity, printable_limit: :infinity)

      assert told != [] and Enum.any?(told, &(&1 =~ @plain)), "#{source}"
    end
  end

  test "with redaction off the search finds them: in the rings, in events, in a saved repository", %{
    tmp_dir: dir
  } do
    on_exit(fn -> Capture.Redaction.configure() end)
    :ok = Capture.Redaction.configure(built_in: false, looks: [])
    {:ok, _} = ElixirScope.instrument(SecretProgram, capture: [:args, :result])
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    # Its own word: what is left in the rings would be found by the other test.
    SecretProgram.header("Authorization: Bearer SEEDED0123456789", plain(1))
    SecretProgram.options(password: String.to_charlist("SEEDEDLETTERS"))
    :ok = Capture.stop()
    :ok = Capture.flush()
    assert Enum.any?(Canaries.rings(), &(Canaries.within(&1, ["SEEDED0123"]) != []))
    saved = Path.join(dir, "saved.scope")
    :ok = ASTRepository.save(repository, saved)
    files = Canaries.file(saved)

    # As it is, and as a list, whose letters are numbers.
    for needle <- ["SEEDED0123", "SEEDEDLETTERS"] do
      assert Enum.any?(files, &(Canaries.within(&1, [needle]) == [needle]))
    end

    Capture.unsubscribe(repository)
  end

  defp lost do
    %{dropped: dropped, values: values} = Capture.stats()
    {Enum.sum(Map.values(dropped)), values.dropped}
  end

  defp rings! do
    memory = Canaries.rings()
    assert memory != []
    assert found("the rings", memory) == [@plain]
  end

  defp found(_where, parts) do
    for part <- List.flatten(parts),
        needle <- Canaries.within(part, [@secret, @plain]),
        uniq: true,
        do: needle
  end

  defp logged do
    receive do
      {:ours, text} -> [text | logged()]
    after
      0 -> []
    end
  end

  # What we say to who calls us with something wrong.
  defp errors(repository) do
    wrong = %{password: secret(0), list: [token: secret(1)]}

    answers = [
      Capture.start(overflow: wrong),
      Capture.start([{:password, secret(0)}]),
      Sources.attach([wrong]),
      Sources.attach([:logger], api_key: secret(1)),
      ElixirScope.instrument(wrong),
      ElixirScope.instrument(SecretProgram, capture: [wrong]),
      ElixirScope.instrument(SecretProgram,
        points: [%{function: {:point, 2}, custom: quote(do: no_such(%{password: unquote(secret(2))}))}]
      ),
      ElixirScope.trace(wrong, processes: self()),
      ElixirScope.trace({SecretProgram, :point}, processes: [wrong]),
      ASTRepository.new(event_log: [bytes: wrong]),
      ASTRepository.query(repository, %{secret: secret(3)}),
      ASTRepository.get_module(repository, wrong),
      ASTRepository.correlate_event(repository, wrong),
      Export.run(repository, wrong, "x"),
      Capture.Redaction.configure(keys: [wrong]),
      FlightRecorder.start_link(dir: wrong)
    ]

    for answer <- answers do
      assert {:error, %ElixirScope.Error{} = error} = answer
      Exception.message(error) <> inspect(error, limit: :infinity, printable_limit: :infinity)
    end
  end
end

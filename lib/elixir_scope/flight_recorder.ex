defmodule ElixirScope.FlightRecorder do
  @moduledoc """
  Keeps what happened in the last seconds, and saves it when something goes wrong.

      children = [
        {ElixirScope.FlightRecorder,
         name: MyApp.Recorder,
         dir: "/var/log/my_app/flights",
         keep_ms: 30_000,
         on: [:crash, {:exit, MyApp.Cart}, {:slow, {MyApp.Cart, :total, 1}, 200}]}
      ]

  and, for what is to be recorded, for example:

      ElixirScope.instrument("MyApp.*", capture: [:args, :result])

  When `MyApp.Cart` crashes, `dir` has two more files: `flight-20260131T101502.123456Z-71-crash-KeyError.scope`, and a text of the same
  name with what triggered it and the last events, calls with their arguments. The first is a whole repository:

      {:ok, repository} = ElixirScope.ASTRepository.load(path)
      {:ok, events} = ElixirScope.ASTRepository.TemporalBridge.get_all_events(repository, newest_first: true, limit: 100)

  The recorder has a repository of its own. It switches capture on if it is off, and attaches the sources that it needs;
  when it ends, however that happens, both are again what they were. Several recorders live side by side.

  ## Options

    * `:dir` - the directory for the files; must be given, is made when it is not there
    * `:on` - what to save on, a list (`[:crash]`):
      * `:crash` - a crash report, of any process of the VM: see `ElixirScope.Sources.Crash`
      * `{:exit, pid | name}` - the process ends, for whatever reason. After a name's process ended, the next that takes
        the name is watched
      * `{:slow, {module, function, arity}, ms}` - a call of an instrumented or traced function that takes so long, ended or not (of what
        has not ended, the newest 1,000 calls are looked at). Time in a call in tail position is the callee's
      * a function of one argument - it gets the events since it was asked last (`ElixirScope.ASTRepository.RuntimeEvent`s, at most
        1,000 at a time, oldest first), and saves when it gives a true value. It runs in a process of its own, for at most
        a second; when it raises or takes longer, that is counted as `:conditions_failed`
    * `:keep_ms` - how far back it remembers (30_000): events that are older go, block by block. The text tells the last 200
    * `:log_bytes` - the room for events in memory (32 MiB): what has none goes, oldest first, whatever its age
    * `:max_files`, `:max_bytes` - of saved files in `dir`, texts included (20, 256 MiB): the oldest are removed. The newest
      stays in any case
    * `:debounce_ms` - what triggers within so long after a save is counted and not saved (1_000)
    * `:sources` - to attach besides what `:on` needs: `[:logger, :crashes, :telemetry]`, see `ElixirScope.Sources`
    * `:name` - registers it: an atom

  It looks for crashes, slow calls and conditions every 50 ms.

  Errors of `start_link/1`: `:unknown` for an option, source or trigger, with the nearest right one; `:invalid_argument`; `:file` when
  `dir` cannot be made; `:not_started` when ElixirScope is not running.
  """

  use GenServer

  alias ElixirScope.{ASTRepository, Capture, Error}
  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.FlightRecorder.{Files, Hold, Options, Triggers}
  alias ElixirScope.Observation.Guard

  @look_ms 50
  @call_ms 60_000

  @typedoc """
  `:files` and `:bytes` are what is in the directory now; `:saved`, `:skipped` (triggers within `:debounce_ms`), `:failed` (saves), `:removed`
  (files) and `:conditions_failed` count since the start. `:watched` are those of `{:exit, _}` that are there now.
  """
  @type status :: %{
          capture: boolean(),
          saved: non_neg_integer(),
          skipped: non_neg_integer(),
          failed: non_neg_integer(),
          removed: non_neg_integer(),
          conditions_failed: non_neg_integer(),
          files: non_neg_integer(),
          bytes: non_neg_integer(),
          watched: [pid() | atom()],
          last: %{path: Path.t(), kind: atom(), what: String.t(), at: DateTime.t()} | nil,
          last_error: Error.t() | nil
        }

  @type file :: %{path: Path.t(), text: Path.t(), bytes: non_neg_integer()}

  @doc "Starts a recorder; see the module's documentation for options and errors."
  @spec start_link(keyword()) :: GenServer.on_start() | {:error, Error.t()}
  def start_link(opts) do
    # Checked here, so that what is wrong is an answer and not the exit of a linked process.
    with {:ok, opts} <- Options.new(opts),
         {:ok, server} <- name(opts.name),
         %{} <- ElixirScope.Sources.status(),
         :ok <- directory(opts.dir) do
      GenServer.start_link(__MODULE__, opts, server)
    end
  end

  @doc "The child specification; its id is the `:name`."
  def child_spec(opts) do
    %{
      id: (is_list(opts) && Keyword.keyword?(opts) && opts[:name]) || __MODULE__,
      start: {__MODULE__, :start_link, [opts]},
      shutdown: 10_000
    }
  end

  @doc "Ends a recorder. What it saved stays."
  @spec stop(pid() | atom()) :: :ok | {:error, Error.t()}
  def stop(recorder) do
    GenServer.stop(recorder, :normal, @call_ms)
  catch
    :exit, reason -> gone(recorder, reason)
  end

  @doc "Saves now, whatever was saved a moment ago; `reason`, text or an atom, is told in the files. Gives `{:ok, path}`."
  @spec save_now(pid() | atom(), String.t() | atom()) :: {:ok, Path.t()} | {:error, Error.t()}
  def save_now(recorder, reason \\ :asked)

  def save_now(recorder, reason) when is_atom(reason) or is_binary(reason) do
    text = to_string(reason)

    if String.valid?(text),
      do: call(recorder, {:save, text}),
      else: Fault.invalid(:reason, reason, "give text or an atom")
  end

  def save_now(_recorder, other), do: Fault.invalid(:reason, other, "give text or an atom")

  @doc "What the recorder did so far."
  @spec status(pid() | atom()) :: status() | {:error, Error.t()}
  def status(recorder), do: call(recorder, :status)

  @doc "The saved files in the recorder's directory, oldest first, those of earlier runs among them."
  @spec saved(pid() | atom()) :: {:ok, [file()]} | {:error, Error.t()}
  def saved(recorder), do: call(recorder, :saved)

  defp call(recorder, message) do
    GenServer.call(recorder, message, @call_ms)
  catch
    :exit, reason -> gone(recorder, reason)
  end

  defp gone(recorder, {:timeout, _}) do
    {:error,
     %Error{reason: :timeout, message: "#{Fault.show(recorder)} did not answer in time", hint: "ask it again"}}
  end

  defp gone(recorder, _reason), do: Fault.not_found(:flight_recorder, recorder, "start it: start_link/1")

  defp name(nil), do: {:ok, []}
  defp name(name) when is_atom(name) and name not in [true, false, :undefined], do: {:ok, [name: name]}
  defp name(other), do: Fault.invalid(:name, other, "give an atom")

  defp directory(dir) do
    with {:error, posix} <- File.mkdir_p(dir) do
      {:error,
       %Error{
         reason: :file,
         message: "#{dir} cannot be made: #{:file.format_error(posix)}",
         hint: "give a directory that can be written to as :dir",
         details: %{path: dir, posix: posix}
       }}
    end
  end

  ## The process

  @impl true
  def init(opts) do
    # So that terminate/2 runs when the supervisor ends us.
    Process.flag(:trap_exit, true)
    me = self()
    log = [bytes: opts.log_bytes, age_ms: opts.keep_ms]

    with {:ok, repository} <- ASTRepository.new(event_log: log),
         {:ok, triggers} <- Triggers.new(repository, opts.on) do
      # From here on, whatever happens to us, everything is taken back.
      guard = Guard.start(fn -> take_back(me, repository) end)

      with :ok <- Capture.ignore(me),
           :ok <- Capture.subscribe(repository),
           :ok <- Hold.acquire(me, opts.sources) do
        look_later()

        {:ok,
         %{
           opts: opts,
           repository: repository,
           triggers: Triggers.watch(triggers),
           guard: guard,
           quiet_until: nil,
           counts: %{saved: 0, skipped: 0, failed: 0, removed: 0},
           last: nil,
           last_error: nil
         }}
      else
        {:error, error} ->
          Guard.finish(guard)
          {:stop, error}
      end
    else
      {:error, error} -> {:stop, error}
    end
  end

  defp take_back(pid, repository) do
    Capture.unsubscribe(repository)
    Hold.release(pid)
    ASTRepository.stop(repository)
    Capture.unignore(pid)
  end

  @impl true
  def handle_call({:save, reason}, _from, state) do
    {result, state} = save(state, Triggers.trigger(:asked, reason, []))
    {:reply, result, state}
  end

  def handle_call(:saved, _from, state), do: {:reply, {:ok, Files.list(state.opts.dir)}, state}

  def handle_call(:status, _from, state) do
    files = Files.list(state.opts.dir)

    status =
      Map.merge(state.counts, %{
        capture: Capture.active?(),
        conditions_failed: state.triggers.failed,
        files: length(files),
        bytes: Enum.sum(Enum.map(files, & &1.bytes)),
        watched: Map.values(state.triggers.watched),
        last: state.last,
        last_error: state.last_error
      })

    {:reply, status, state}
  end

  @impl true
  def handle_info(:look, state) do
    {found, triggers} = Triggers.look(state.triggers)
    look_later()
    {:noreply, Enum.reduce(found, %{state | triggers: triggers}, &triggered(&2, &1))}
  end

  def handle_info({:DOWN, reference, :process, pid, reason}, state) do
    {found, triggers} = Triggers.down(state.triggers, reference, pid, reason)
    state = %{state | triggers: triggers}
    {:noreply, if(found, do: triggered(state, found), else: state)}
  end

  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state), do: Guard.finish(state.guard)

  defp look_later, do: :erlang.send_after(@look_ms, self(), :look)

  defp triggered(state, trigger) do
    if state.quiet_until != nil and now() < state.quiet_until do
      count(state, :skipped, 1)
    else
      {_result, state} = save(state, trigger)
      %{state | quiet_until: now() + state.opts.debounce_ms}
    end
  end

  # What cannot be flushed in time is saved without its last events: better than nothing.
  defp save(state, trigger) do
    _ = ASTRepository.flush(state.repository)
    at_ns = System.os_time(:nanosecond)

    case Files.save(state.repository, state.opts, trigger, at_ns) do
      {:ok, path} ->
        at = DateTime.from_unix!(at_ns, :nanosecond)
        state = state |> count(:saved, 1) |> count(:removed, Files.prune(state.opts))
        {{:ok, path}, %{state | last: %{path: path, kind: trigger.kind, what: trigger.what, at: at}}}

      {:error, error} ->
        {{:error, error}, count(%{state | last_error: error}, :failed, 1)}
    end
  end

  defp count(state, name, n), do: %{state | counts: Map.update!(state.counts, name, &(&1 + n))}
  defp now, do: :erlang.monotonic_time(:millisecond)
end

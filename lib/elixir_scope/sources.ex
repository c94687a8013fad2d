defmodule ElixirScope.Sources do
  @moduledoc """
  What tells of the running program besides probes: log records, crash reports, telemetry events, and whatever a caller
  notes. Each becomes an event in the stream, of the process it happened in, between the calls that stood around it.

      :ok = ElixirScope.Sources.attach([:logger, :crashes])
      :ok = ElixirScope.Capture.start()
      require Logger
      Logger.warning("stock is low")
      ElixirScope.Capture.flush()
      {:ok, [event]} = ElixirScope.Sources.events(repository, source: :logger)
      event.data.message
      #=> "stock is low"

  | source | what | module |
  |---|---|---|
  | `:logger` | log records | `ElixirScope.Sources.Logger` |
  | `:crashes` | crash and supervisor reports | `ElixirScope.Sources.Crash` |
  | `:telemetry` | events of the library of that name | `ElixirScope.Sources.Telemetry` |

  Tests are a source of their own: `ElixirScope.Sources.ExUnit`. What a program wants to say itself, it says with `note/3`.

  Sources are attached for the whole VM, and record while capture is on. A process of ours has them: when it ends, however that
  happens, its successor attaches them again; `detach/0` leaves nothing behind.
  """

  alias ElixirScope.{ASTRepository, Error}
  alias ElixirScope.ASTRepository.RuntimeCorrelator
  alias ElixirScope.Sources.{Crash, Events, Note, Server}

  @typedoc """
  An event of one of these sources. `:place` is what it said of where it happened, `:data` what it told; `:correlation_id` is the
  activation on top of the process at that moment.
  """
  @type event :: %{
          source: Note.source(),
          timestamp: integer(),
          pid: pid() | nil,
          correlation_id: non_neg_integer() | nil,
          event_id: non_neg_integer(),
          place: Note.place(),
          data: term()
        }

  @doc """
  Attaches sources, in addition to those that are.

    * `:level`, `:per_second` - of `:logger` and `:crashes`; see `ElixirScope.Sources.Logger`
    * `:events`, `:repository`, `:per_second` - of `:telemetry`; see `ElixirScope.Sources.Telemetry`

  Errors: `:unknown` for another source, `:not_found` when the telemetry library is not there, `:not_started`.
  """
  @spec attach([:logger | :crashes | :telemetry], keyword()) :: :ok | {:error, Error.t()}
  def attach(sources, opts \\ []), do: Server.attach(sources, opts)

  @doc "Detaches sources; without an argument, all. Nothing of theirs remains."
  @spec detach([:logger | :crashes | :telemetry] | :all) :: :ok | {:error, Error.t()}
  def detach(sources \\ :all), do: Server.detach(sources)

  @doc """
  What is attached, and what was left out: `%{logger: %{attached:, limited:, failed:}, crashes: ..., telemetry: ..., removed:}`.

  `:removed` is true when somebody else took our `:logger` handler out.
  """
  @spec status() :: map() | {:error, Error.t()}
  def status, do: Server.status()

  @doc """
  Notes something of the program's own, at this moment of the calling process: `data` is any term, bounded and redacted as all values.

  `place` is `__ENV__`, or a map of `:file`, `:line` and `:mfa`; without it, the event belongs to the activation that is running.
  Nothing happens, and nothing is raised, while capture is off.

      ElixirScope.Sources.note(:retried, %{attempt: 2}, __ENV__)
  """
  @spec note(atom(), term(), Macro.Env.t() | map()) :: :ok
  def note(name, data, place \\ %{}) when is_atom(name) do
    if Note.wanted?(), do: Note.put(:caller, place(place), %{name: name, data: data}), else: :ok
  end

  @doc """
  Notes an exception, throw or exit that was caught, with its stacktrace: what a crash report says, without a crash.

      rescue
        error -> ElixirScope.Sources.exception(:error, error, __STACKTRACE__)
  """
  @spec exception(:error | :exit | :throw, term(), Exception.stacktrace()) :: :ok
  def exception(kind, reason, stacktrace) when kind in [:error, :exit, :throw] do
    if Note.wanted?(),
      do: Note.put(:exception, %{}, Crash.of_caught(kind, reason, stacktrace)),
      else: :ok
  end

  defp place(%Macro.Env{} = env) do
    mfa = with {name, arity} <- env.function, do: {env.module, name, arity}
    Note.place(%{file: Path.relative_to_cwd(env.file), line: env.line, mfa: mfa})
  end

  defp place(%{} = map), do: Note.place(map)
  defp place(_other), do: %{}

  @doc """
  Events of these sources that the repository's log holds, oldest first.

    * `:source` - only of this one, or these: `:logger`, `:crash`, `:telemetry`, `:exception`, `:test`, `:caller`
    * `:limit` - the newest so many (1000)
  """
  @spec events(ASTRepository.repository(), keyword()) :: {:ok, [event()]} | {:error, Error.t()}
  defdelegate events(repository, opts \\ []), to: Events, as: :read

  @doc """
  The node of such an event, with the strategy that found it and how certain that is, as
  `ElixirScope.ASTRepository.RuntimeCorrelator.resolve/3` gives it: of a log record the call of `Logger`, of a crash its first frame in the
  repository, of a telemetry event the call that emitted it, in the function that was running; else the activation's clause.
  """
  @spec locate(ASTRepository.repository(), event()) ::
          {:ok, RuntimeCorrelator.resolution()} | {:error, Error.t()}
  defdelegate locate(repository, event), to: Events
end

defmodule ElixirScope.Sources.Logger do
  @moduledoc """
  Log records as events: a handler of OTP's `:logger`, which gets what `Logger` and `:logger` are told.

      :ok = ElixirScope.Sources.attach([:logger])

  Each record becomes an event of the process that logged, in order with its calls: level, message (redacted, at most
  4 kB), and of its metadata the place (`file`, `line`, `mfa`), the time, the domain and what `Logger.metadata/1` added.
  `ElixirScope.ASTRepository.RuntimeCorrelator` leads from it to the call of `Logger`.

  What it promises:

    * it never raises, and never waits: what has no room is dropped and counted
    * at most `:per_second` records a second (10_000); what is beyond is counted, and costs a microsecond
    * it never takes itself out; when somebody else does, `ElixirScope.Sources.status/0` says so, and who it was that
      called is told by a warning
    * what ElixirScope logs itself is left out

  Crashes (`:crashes`) are recorded by a primary filter of ours, in front of Logger's translator: so a supervisor's report has
  its child on every version of Elixir, whether Logger is told to show it (`handle_sasl_reports`) or not. The filter changes no
  event: what the program's own handlers get stays as it is. With it, what is recorded as a crash is no log record as well.

  `:level` is `:all` by default: the levels of `:logger` and of modules apply before.
  """

  alias ElixirScope.Sources.{Note, Rate}
  alias ElixirScope.Sources.Logger.{Crashes, Message}

  @id :elixir_scope
  @per_second 10_000
  # What `Logger` and `:logger` add by themselves.
  @own [
    :file,
    :line,
    :mfa,
    :module,
    :function,
    :time,
    :gl,
    :pid,
    :domain,
    :report_cb,
    :error_logger,
    :logger_formatter,
    :erl_level,
    :crash_reason,
    :ansi_color,
    :application,
    :initial_call,
    :registered_name,
    :ancestors,
    :callers,
    :mod_fun
  ]
  @metadata_max 32

  @doc "The handler's id."
  def id, do: @id

  @doc false
  # What: `:records`, `:crashes` or both.
  def attach(what, opts) do
    rate = Rate.new(Keyword.get(opts, :per_second, @per_second))
    level = Keyword.get(opts, :level, :all)
    config = %{level: level, config: %{what: what, rate: rate, owner: self()}}

    added =
      case :logger.add_handler(@id, __MODULE__, config) do
        {:error, {:already_exist, _}} -> :logger.set_handler_config(@id, config)
        other -> other
      end

    cond do
      added != :ok -> added
      :crashes in what -> Crashes.attach(level, rate)
      true -> Crashes.detach()
    end
  end

  @doc false
  def detach do
    Crashes.detach()

    case :logger.get_handler_config(@id) do
      {:ok, %{config: config} = handler} ->
        # So that the removal is known for ours.
        :logger.set_handler_config(@id, :config, Map.put(config, :leaving, true))
        :logger.remove_handler(@id)
        Rate.lost(handler.config.rate)

      _ ->
        0
    end
  end

  @doc "Whether the handler is there."
  def attached?, do: match?({:ok, _}, :logger.get_handler_config(@id))

  @doc "How many records were left out because there were too many, and how many because something failed."
  def lost do
    case :logger.get_handler_config(@id) do
      {:ok, %{config: %{rate: rate}}} -> %{limited: Rate.lost(rate), failed: Rate.failed(rate)}
      _ -> %{limited: 0, failed: 0}
    end
  end

  ## What `:logger` calls

  @doc false
  def log(event, %{config: %{rate: rate, what: what}}) do
    if Note.wanted?() and not own?(event) and record?(event, what) and Rate.pass?(rate) do
      {place, data} = told(event)
      Note.put(:logger, place, data)
    end

    :ok
  rescue
    _ -> failed(event)
  catch
    _, _ -> failed(event)
  end

  def log(_event, _config), do: :ok

  # A handler that raises would be removed by `:logger`.
  defp failed(_event) do
    with {:ok, %{config: %{rate: rate}}} <- :logger.get_handler_config(@id), do: Rate.fail(rate)
    :ok
  rescue
    _ -> :ok
  catch
    _, _ -> :ok
  end

  defp own?(%{meta: meta}) do
    case meta do
      %{domain: domain} when is_list(domain) -> :elixir_scope in domain
      %{mfa: {module, _, _}} -> module |> Atom.to_string() |> String.starts_with?("Elixir.ElixirScope.")
      _ -> false
    end
  end

  # What the filter records as a crash is left to it.
  defp record?(event, what),
    do: :records in what and not (:crashes in what and Crashes.reported?(event))

  @doc false
  # What is recorded of an event: its place, and what it says.
  def told(%{level: level, meta: meta} = event) do
    {Note.place(meta),
     %{
       level: level,
       message: Message.text(event),
       domain: Map.get(meta, :domain, []),
       metadata: metadata(meta)
     }}
  end

  defp metadata(meta) do
    meta |> Map.drop(@own) |> Enum.take(@metadata_max) |> Map.new()
  end

  @doc false
  def adding_handler(config), do: {:ok, config}

  # Whatever is configured, what we need stays: a new configuration without it would be the end of recording, in silence.
  @doc false
  def changing_config(_how, %{config: own}, %{config: %{rate: _}} = new),
    do: {:ok, Map.update!(new, :config, &Map.merge(own, &1))}

  def changing_config(_how, old, new), do: {:ok, Map.put(new, :config, old.config)}

  @doc false
  def removing_handler(%{config: %{leaving: true}}), do: :ok

  def removing_handler(%{config: %{owner: owner}}) do
    send(owner, {__MODULE__, :removed, self()})
    :ok
  end

  def removing_handler(_config), do: :ok
end

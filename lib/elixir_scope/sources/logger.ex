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

  From Elixir 1.15 on `Logger` keeps reports of supervisors and of `:proc_lib` from all handlers unless it is told otherwise:
  `config :logger, handle_sasl_reports: true`. What supervisors report is text by then: a log record, and no crash with its
  child. What generic servers and tasks report is not concerned.

  `:level` of the handler is `:all` by default: the levels of `:logger` and of modules apply before.
  """

  alias ElixirScope.Sources.{Crash, Note, Rate}
  alias ElixirScope.Sources.Logger.Message

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
    config = %{level: Keyword.get(opts, :level, :all), config: %{what: what, rate: rate, owner: self()}}

    case :logger.add_handler(@id, __MODULE__, config) do
      {:error, {:already_exist, _}} -> :logger.set_handler_config(@id, config)
      other -> other
    end
  end

  @doc false
  def detach do
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
    if Note.wanted?() and not own?(event) do
      if Rate.pass?(rate), do: record(event, what)
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

  defp record(event, what) do
    with {source, place, data} <- told(event, what), do: Note.put(source, place, data)
  end

  @doc false
  # What is recorded of an event, `nil` for nothing.
  def told(%{level: level, meta: meta} = event, what) do
    case if(:crashes in what, do: Crash.of_log(event)) do
      %{} = crash ->
        {:crash, Note.place(meta), crash}

      nil ->
        if :records in what do
          {:logger, Note.place(meta),
           %{
             level: level,
             message: Message.text(event),
             domain: Map.get(meta, :domain, []),
             metadata: metadata(meta)
           }}
        end
    end
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

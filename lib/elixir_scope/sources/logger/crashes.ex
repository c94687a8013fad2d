defmodule ElixirScope.Sources.Logger.Crashes do
  @moduledoc false
  # What OTP reports of failures, before anybody changes it. From Elixir 1.15 on Logger's translator is a primary filter: handlers
  # get text, and of supervisors and `:proc_lib` nothing at all unless `handle_sasl_reports` is set. So this is a primary filter
  # too, in front of that one. It leaves every event as it is: what the program's own handlers get does not change.

  alias ElixirScope.Sources.{Crash, Note, Rate}

  @id :elixir_scope_crashes
  @translator :logger_translator

  @doc false
  def id, do: @id

  @doc "Puts the filter in front of the translator, wherever it was."
  @spec attach(:logger.level() | :all, Rate.t()) :: :ok | {:error, term()}
  def attach(level, rate) do
    detach()

    with :ok <- :logger.add_primary_filter(@id, {&__MODULE__.filter/2, %{level: level, rate: rate}}) do
      %{filters: filters} = :logger.get_primary_config()

      case Enum.split_while(filters, &(elem(&1, 0) != @translator)) do
        # No translator here, or it follows: nothing of the others' is touched.
        {_, []} ->
          :ok

        {before, rest} ->
          {ours, rest} = Enum.split_with(rest, &(elem(&1, 0) == @id))
          if ours == [], do: :ok, else: :logger.set_primary_config(:filters, before ++ ours ++ rest)
      end
    end
  end

  @doc "Takes the filter out; also when it is not there."
  @spec detach() :: :ok
  def detach do
    _ = :logger.remove_primary_filter(@id)
    :ok
  end

  @spec attached?() :: boolean()
  def attached?, do: List.keymember?(:logger.get_primary_config().filters, @id, 0)

  @doc """
  Whether a handler's event is one that the filter was given as a crash. By then it may be text, but what Logger puts beside
  it, and what it leaves there, tells.
  """
  @spec reported?(:logger.log_event()) :: boolean()
  def reported?(%{meta: %{crash_reason: _}}), do: true

  def reported?(%{meta: %{error_logger: %{type: type}}}) when type in [:supervisor_report, :crash_report],
    do: true

  def reported?(event), do: Crash.of_log(event) != nil

  # A filter that raises would be removed by `:logger`, with a message in the program's log.
  @doc false
  def filter(event, config) do
    if Note.wanted?(), do: record(event, config)
    :ignore
  rescue
    _ -> failed(config)
  catch
    _, _ -> failed(config)
  end

  defp failed(config) do
    with %{rate: rate} <- config, do: Rate.fail(rate)
    :ignore
  end

  defp record(%{level: level, meta: meta} = event, %{level: least, rate: rate}) do
    with true <- takes?(level, least), %{} = crash <- Crash.of_log(event), true <- Rate.pass?(rate) do
      Note.put(:crash, meta |> Note.place() |> Map.put(:crash, Crash.facts(crash)), crash)
    end
  end

  defp takes?(_level, :all), do: true
  defp takes?(level, least), do: :logger.compare_levels(level, least) != :lt
end

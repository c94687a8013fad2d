defmodule ElixirScope.Sources.Server do
  @moduledoc false
  # Owns what is attached. It handles no event. What is attached is also kept outside of it, so that a successor takes over
  # after a crash; when it ends in order, it detaches everything.

  use GenServer

  require Logger

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.{Error, OwnProcess, Suggest}
  alias ElixirScope.Sources.Logger, as: Records
  alias ElixirScope.Sources.Logger.Crashes
  alias ElixirScope.Sources.Telemetry

  @sources [:logger, :crashes, :telemetry]
  @kept {__MODULE__, :attached}
  @options [:level, :per_second, :events, :repository]

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  def attach(sources, opts) do
    with :ok <- known(sources), :ok <- options(opts), do: call({:attach, sources, opts})
  end

  def detach(:all), do: call({:detach, @sources})
  def detach(sources), do: with(:ok <- known(sources), do: call({:detach, sources}))
  def status, do: call(:status)

  defp known(sources) when is_list(sources) do
    case Enum.find(sources, &(&1 not in @sources)) do
      nil -> :ok
      other -> unknown("source", other, @sources)
    end
  end

  defp known(other), do: unknown("source", other, @sources)

  defp options(opts) do
    if Keyword.keyword?(opts) do
      case Enum.find(Keyword.keys(opts), &(&1 not in @options)) do
        nil -> :ok
        other -> unknown("option", other, @options)
      end
    else
      unknown("option", opts, @options)
    end
  end

  defp unknown(what, name, valid) do
    {:error,
     %Error{
       reason: :unknown,
       message: "unknown #{what} #{Fault.show(name)}",
       hint: Suggest.hint(if(is_atom(name), do: name, else: Fault.show(name)), valid)
     }}
  end

  defp call(message), do: OwnProcess.call(__MODULE__, message)

  # State: `%{attached: %{source => options}, removed: boolean}`

  @impl true
  def init(_) do
    Process.flag(:trap_exit, true)
    {:ok, %{attached: %{}, removed: false}, {:continue, :again}}
  end

  @impl true
  def handle_continue(:again, state) do
    attached = :persistent_term.get(@kept, %{})
    {_, state} = switch(%{state | attached: attached}, Map.keys(attached))
    {:noreply, state}
  end

  @impl true
  def handle_call({:attach, sources, opts}, _from, state) do
    before = state
    attached = Enum.reduce(sources, state.attached, &Map.put(&2, &1, opts))

    case switch(%{state | attached: attached, removed: false}, sources) do
      {:ok, state} ->
        {:reply, :ok, kept(state)}

      {error, _state} ->
        {_, state} = switch(before, sources)
        {:reply, error, kept(state)}
    end
  end

  def handle_call({:detach, sources}, _from, state) do
    {_, state} = switch(%{state | attached: Map.drop(state.attached, sources)}, sources)
    {:reply, :ok, kept(%{state | removed: false})}
  end

  def handle_call(:status, _from, state) do
    log = Records.lost()
    one = fn source, there, lost -> Map.put(lost, :attached, is_map_key(state.attached, source) and there) end

    status = %{
      logger: one.(:logger, Records.attached?(), log),
      crashes: one.(:crashes, Crashes.attached?(), log),
      telemetry: one.(:telemetry, Telemetry.attached?(), Telemetry.lost()),
      removed: state.removed
    }

    {:reply, status, state}
  end

  @impl true
  def handle_info({Records, :removed, who}, state) do
    if is_map_key(state.attached, :logger) or is_map_key(state.attached, :crashes) do
      Logger.warning(
        "the log handler of ElixirScope was removed by #{inspect(who)}: log records and crashes are not recorded any more",
        domain: [:elixir_scope]
      )

      {:noreply, %{state | removed: true}}
    else
      {:noreply, state}
    end
  end

  def handle_info(_other, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, _state) do
    Records.detach()
    Telemetry.detach()
  end

  defp kept(state) do
    if state.attached == %{},
      do: :persistent_term.erase(@kept),
      else: :persistent_term.put(@kept, state.attached)

    state
  end

  # Brings what is there in line with what is wanted, as far as `sources` are concerned.
  defp switch(state, sources) do
    log = if :logger in sources or :crashes in sources, do: log(state.attached), else: :ok
    telemetry = if :telemetry in sources, do: telemetry(state.attached), else: :ok
    if log == :ok, do: {telemetry, state}, else: {log, state}
  end

  # Records and crashes come by one handler.
  defp log(attached) do
    what = for {source, what} <- [logger: :records, crashes: :crashes], is_map_key(attached, source), do: what

    opts =
      Keyword.take(Map.get(attached, :logger) || Map.get(attached, :crashes) || [], [:level, :per_second])

    if what == [] do
      Records.detach()
      :ok
    else
      case Records.attach(what, opts) do
        :ok ->
          :ok

        {:error, reason} ->
          {:error,
           %Error{reason: :failed, message: "the logger refused the handler: #{inspect(reason)}", hint: nil}}
      end
    end
  end

  defp telemetry(%{telemetry: opts}), do: Telemetry.attach(opts)

  defp telemetry(_attached) do
    Telemetry.detach()
    :ok
  end
end

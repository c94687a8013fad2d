defmodule ElixirScope.ASTRepository.Registry do
  @moduledoc false
  # From a pid or a name to the repository it stands for, without a message: one ETS lookup.
  # The table belongs to this process; entries go when their process does.

  use GenServer

  alias ElixirScope.ASTRepository.Fault

  @table __MODULE__

  @doc "Starts the owner of the table."
  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Whether there is a registry: it starts with the application."
  @spec running() :: :ok | {:error, ElixirScope.Error.t()}
  def running do
    if Process.whereis(__MODULE__),
      do: :ok,
      else:
        Fault.not_found(
          :application,
          :elixir_scope,
          "start it: Application.ensure_all_started(:elixir_scope)"
        )
  end

  @doc "Makes `pid` stand for `repository`. Called once, by the process itself, when it starts."
  @spec register(pid(), struct()) :: :ok | {:error, :not_started}
  def register(pid, repository) do
    GenServer.call(__MODULE__, {:register, pid, repository})
  catch
    :exit, _ -> {:error, :not_started}
  end

  @doc "The native handle behind a pid."
  @spec ref(pid()) :: {:ok, reference()} | :error
  def ref(pid), do: element(pid, 2)

  @doc "The repository behind a pid."
  @spec repository(pid()) :: {:ok, struct()} | :error
  def repository(pid), do: element(pid, 3)

  defp element(pid, position) do
    {:ok, :ets.lookup_element(@table, pid, position)}
  rescue
    # No such pid, or no table because the application is not started.
    ArgumentError -> :error
  end

  @impl true
  def init([]) do
    :ets.new(@table, [:named_table, :protected, :set, read_concurrency: true])
    {:ok, %{}}
  end

  @impl true
  def handle_call({:register, pid, repository}, _from, monitors) do
    :ets.insert(@table, {pid, repository.ref, repository})
    {:reply, :ok, Map.put(monitors, Process.monitor(pid), pid)}
  end

  @impl true
  def handle_info({:DOWN, monitor, :process, pid, _reason}, monitors) do
    :ets.delete(@table, pid)
    {:noreply, Map.delete(monitors, monitor)}
  end

  def handle_info(_other, monitors), do: {:noreply, monitors}
end

defmodule ElixirScope.ASTRepository.Server do
  @moduledoc false
  # Owns a repository's life, and nothing else: no read or write passes through here.

  use GenServer

  alias ElixirScope.ASTRepository.Registry
  alias ElixirScope.Core

  @impl true
  def init(repository) do
    # So that terminate/2 runs when the supervisor ends us.
    Process.flag(:trap_exit, true)
    repository = %{repository | pid: self()}

    case Registry.register(self(), repository) do
      :ok -> {:ok, repository}
      {:error, reason} -> {:stop, reason}
    end
  end

  @impl true
  def handle_call(_request, _from, repository), do: {:reply, {:error, :unknown_request}, repository}

  @impl true
  def handle_cast(_request, repository), do: {:noreply, repository}

  @impl true
  def handle_info({:EXIT, _pid, reason}, repository), do: {:stop, reason, repository}
  def handle_info(_message, repository), do: {:noreply, repository}

  @impl true
  def terminate(_reason, repository), do: Core.Repository.close(repository.ref)
end

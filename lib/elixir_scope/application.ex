defmodule ElixirScope.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    with :ok <- redaction(), do: supervise()
  end

  # A configuration that cannot be followed must not become one that withholds less.
  defp redaction do
    case ElixirScope.Capture.Redaction.configure() do
      {:error, %{reason: :invalid_argument} = error} -> {:error, Exception.message(error)}
      _ -> :ok
    end
  end

  defp supervise do
    children = [
      ElixirScope.ASTRepository.Registry,
      ElixirScope.CompileListeners,
      ElixirScope.ASTRepository.CallSites,
      ElixirScope.Capture.Collector,
      ElixirScope.Capture.Leases,
      ElixirScope.Sources.Server,
      ElixirScope.Trace.Keeper
    ]

    # Each child stands alone. A collector that is killed again and again is started again and again: it holds no data.
    Supervisor.start_link(children,
      strategy: :one_for_one,
      max_restarts: 100,
      max_seconds: 5,
      name: ElixirScope.Supervisor
    )
  end
end

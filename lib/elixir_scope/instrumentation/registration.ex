defmodule ElixirScope.Instrumentation.Registration do
  @moduledoc false
  # Tells the native side which points a build has. Without the library there is nobody to tell, and nothing lost:
  # the probes are no-ops then.

  alias ElixirScope.Core

  @doc "Registers the points of an instrumented module; once per build and VM, more often does nothing."
  def register(module, build, points) do
    _ = Code.ensure_loaded(Core)

    if function_exported?(Core, :register_points, 3) do
      case apply(Core, :register_points, [module, build, points]) do
        {:error, %{reason: :nif_not_loaded}} -> :ok
        {:error, _} = error -> error
        _ -> :ok
      end
    else
      :ok
    end
  end
end

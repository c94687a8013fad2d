defmodule ElixirScope.Core.Metrics do
  @moduledoc false
  # Metrics of what is smaller than a function, from the native store.

  alias ElixirScope.{Core, Native}

  @doc "The `ClauseMetrics` of a module, function, clause or node."
  def of_clauses(ref, id), do: Core.call(fn -> Native.metrics_of_clauses(ref, id) end)
end

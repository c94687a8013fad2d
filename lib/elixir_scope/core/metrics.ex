defmodule ElixirScope.Core.Metrics do
  @moduledoc false
  # Metrics of what is smaller than a function, and findings, from the native store.

  alias ElixirScope.{Core, Native}

  @doc "The `ClauseMetrics` of a module, function, clause or node."
  def of_clauses(ref, id), do: Core.call(fn -> Native.metrics_of_clauses(ref, id) end)

  @doc "The `CodeSmell`s of all files: of these kinds (none: all), with these thresholds."
  def findings(ref, kinds, thresholds, tests),
    do: Core.call(fn -> Native.smells_find(ref, kinds, thresholds, tests) end)

  @doc "What kinds of findings there are, with their thresholds."
  def catalog, do: Core.call(fn -> Native.smells_catalog() end)
end

defmodule ElixirScope.Core.Runtime do
  @moduledoc false
  # What a native store knows of the running system. `handle` is a native repository, or a recording of `new/1`.

  alias ElixirScope.{Core, Native}

  @doc "A store of its own, without a repository."
  def new(event_log_bytes), do: Core.call(fn -> {:ok, Native.runtime_new(event_log_bytes)} end)

  def function_stats(handle, mfa), do: Core.call(fn -> Native.runtime_function_stats(handle, mfa) end)
  def functions(handle), do: Core.call(fn -> Native.runtime_functions(handle) end)
  def clauses(handle, mfa), do: Core.call(fn -> Native.runtime_clauses(handle, mfa) end)
  def edges(handle), do: Core.call(fn -> Native.runtime_edges(handle) end)
  def events(handle, limit), do: Core.call(fn -> Native.runtime_events(handle, limit) end)
  def notes(handle, limit), do: Core.call(fn -> Native.runtime_notes(handle, limit) end)

  @doc "`{:ok, [{point, events, last_ns, value_bytes, end_bytes}]}` of those that reported."
  def points(handle, points), do: Core.call(fn -> Native.runtime_points(handle, points) end)

  @doc """
  The points that were met of functions: `{:ok, [{{point, kind, mfa, clause, line}, {column, variable, events, value_bytes,
  end_bytes}}]}`, `variable` being `{name, version}` or nil.
  """
  def points_of(handle, functions), do: Core.call(fn -> Native.runtime_points_of(handle, functions) end)

  def totals(handle), do: Core.call(fn -> Native.runtime_totals(handle) end)
end

defmodule ElixirScope.Core.Events do
  @moduledoc false
  # The event log of a native store, one function a NIF, with results as `ElixirScope.Core` gives them.

  alias ElixirScope.{Core, Native}

  def read(ref, filter, limit), do: Core.call(fn -> Native.events_read(ref, filter, limit) end)

  def store(ref, at_ns, node, type, event),
    do: Core.call(fn -> Native.events_store(ref, at_ns, node, type, event) end)

  def types(ref), do: Core.call(fn -> Native.events_types(ref) end)
  def stats(ref), do: Core.call(fn -> Native.events_stats(ref) end)
end

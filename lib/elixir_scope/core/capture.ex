defmodule ElixirScope.Core.Capture do
  @moduledoc false
  # The native capture, one function a NIF, with results as `ElixirScope.Core` gives them.

  alias ElixirScope.{Core, Error, Native}

  # switches
  def start(overflow), do: Core.call(fn -> Native.capture_start(overflow) end)
  def stop, do: Core.call(fn -> Native.capture_stop() end)
  def active?, do: Core.call(fn -> Native.capture_active() end) == true
  def recording?, do: Core.call(fn -> Native.capture_recording() end) == true

  # stores that get what is captured: `handle` is a native repository or recording
  def subscribe(handle), do: Core.call(fn -> Native.capture_subscribe(handle) end)
  def unsubscribe(handle), do: Core.call(fn -> Native.capture_unsubscribe(handle) end)

  # processes that never record
  def ignore(pid) when is_pid(pid) and node(pid) == node(),
    do: Core.call(fn -> Native.capture_ignore(pid, true) end)

  def ignore(other), do: not_local(other)

  def unignore(pid) when is_pid(pid) and node(pid) == node(),
    do: Core.call(fn -> Native.capture_ignore(pid, false) end)

  def unignore(other), do: not_local(other)

  # notes
  @doc "What another source tells of the calling process, as an event of it: bounded, redacted, and dropped when there is no room."
  def note(source, term), do: Core.call(fn -> Native.capture_note(source, term) end)

  # points
  @doc """
  Makes the points of a build known, once per VM; more often does nothing. `points` is a list of
  `{index, :clause | :tail | :try, name, arity, clause, line, column | nil, target | nil}`. Gives `{:ok, count}`.
  """
  def register_points(module, build, points)
      when is_atom(module) and is_integer(build) and build > 0 and is_list(points) do
    Core.call(fn -> Native.capture_register(module, build, points) end)
  end

  def register_points(_module, _build, _points) do
    invalid("points are registered with a module, a positive build and a list")
  end

  @doc "When points of a module were registered first in this VM: `{:ok, nanoseconds since 1970 | nil}`."
  def since(module), do: Core.call(fn -> Native.capture_since(module) end)

  def switch(selection, on), do: Core.call(fn -> Native.capture_switch(selection, on) end)

  # the consumer
  @doc "One slice: `{:ok, more?}`, or `:busy` while somebody else is at it."
  def ingest(budget_us, thorough), do: Core.call(fn -> Native.capture_ingest(budget_us, thorough) end)

  def now, do: Core.call(fn -> Native.capture_now() end)
  def visible?(ticks), do: Core.call(fn -> Native.capture_visible(ticks) end)
  def pending?, do: Core.call(fn -> Native.capture_pending() end) == true
  def suspects(quiet_ms, limit), do: Core.call(fn -> Native.capture_suspects(quiet_ms, limit) end)
  def retire(pid, stack, ticks), do: Core.call(fn -> Native.capture_retire(pid, stack, ticks) end)
  def accounts, do: Core.call(fn -> Native.capture_accounts() end)

  @doc "Where the rings lie in the memory of the operating system's process: `{address, bytes}` each. Nothing here reads them."
  def memory, do: Core.call(fn -> Native.capture_memory() end)

  defp not_local(other),
    do: invalid("#{Core.Values.redact_text(inspect(other, limit: 5))} is no process of this node")

  defp invalid(message) do
    {:error, %Error{reason: :invalid_argument, message: message, hint: nil}}
  end
end

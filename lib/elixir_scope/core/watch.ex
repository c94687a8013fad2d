defmodule ElixirScope.Core.Watch do
  @moduledoc false
  # The native watch of directories, one function a NIF, with results as `ElixirScope.Core` gives them.

  alias ElixirScope.{Core, Native}

  @doc "`backend` is `:auto` (the operating system's events, or polling beyond `native_max` directories) or `:poll`."
  def start(roots, exclude, backend, native_max, poll_ms),
    do: Core.call(fn -> Native.watch_start(roots, exclude, backend, native_max, poll_ms) end)

  @doc "Whether there is anything to take: costs nothing."
  def pending?(watch), do: Core.call(fn -> Native.watch_pending(watch) end) == {:ok, true}

  @doc "What happened since: `{:ok, %{files:, removed:, overflow:}}`."
  def take(watch), do: Core.call(fn -> Native.watch_take(watch) end)

  def status(watch), do: Core.call(fn -> Native.watch_status(watch) end)

  @doc "Ends the watch, and waits for the thread behind it."
  def stop(watch), do: Core.call(fn -> Native.watch_stop(watch) end)
end

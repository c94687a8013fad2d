defmodule ElixirScope.Core.Trace do
  @moduledoc false
  # The gates of the VM's own traces, one function a NIF, with results as `ElixirScope.Core` gives them.

  import Bitwise

  alias ElixirScope.{Core, Native}

  @bits [ends: 1, arguments: 2, results: 4, messages: 8]

  @doc "The tracer, as the VM takes it: a module of NIFs and the trace's id."
  def tracer(id), do: {Native, id}

  @doc """
  Opens a gate: `{:ok, id}`. `limits` is `{count, rate, window_ms, rate_ends, time_ms}`; `options` are of `:ends`,
  `:arguments`, `:results`, `:messages`; `bounds` is a map of those of values.
  """
  def open(limits, options, bounds \\ %{}) do
    bits = Enum.reduce(options, 0, &(&2 ||| Keyword.fetch!(@bits, &1)))
    Core.call(fn -> Native.trace_open(limits, bits, bounds) end)
  end

  def stop(id), do: Core.call(fn -> Native.trace_stop(id) end)

  @doc "`{:on | :count | :rate | :time | :stopped, taken, refused}`, or `:unknown`."
  def status(id), do: Core.call(fn -> Native.trace_status(id) end)

  @doc "`:ok`, or `:busy`: come again."
  def close(id), do: Core.call(fn -> Native.trace_close(id) end)

  @doc "The ids of the traces that are known."
  def all, do: Core.call(fn -> Native.traces_open() end)
end

defmodule ElixirScope.Test.Recorder do
  @moduledoc """
  A probe module that sends what happens to the calling process, and checks nothing.

      Instrumentation.instrument_binary(beam, probe: ElixirScope.Test.Recorder)

  `events/1` gives what the process recorded, with each point resolved: `{:enter, {:f, 1}, token}`, ...
  """

  import Bitwise

  def enter(point), do: record(:enter, point, next(), nil)

  def exit(point, token, value) do
    record(:exit, point, token, value)
    value
  end

  def tail(point, token), do: record(:tail, point, token, nil)
  def try_enter(point), do: record(:try_enter, point, next(), nil)

  def try_leave(point, token, value) do
    record(:try_leave, point, token, value)
    value
  end

  def caught(point, token, reason), do: record(:caught, point, token, reason)

  def enter(point, arguments), do: record(:enter, point, next(), arguments)

  def exit_value(point, token, value) do
    record(:exit, point, token, value)
    value
  end

  def bind(point, token \\ nil, value), do: record(:bind, point, token, value)
  def branch(point, token \\ nil), do: record(:branch, point, token, nil)
  def send(point, token \\ nil, to, message), do: record(:send, point, token, {to, message})
  def receive(point, token \\ nil, message), do: record(:receive, point, token, message)
  def handle(point, token, message, from), do: record(:handle, point, token, {message, from})
  def raised(point, token \\ nil, kind, reason), do: record(:raised, point, token, {kind, reason})

  def trace(point, token \\ nil, value) do
    record(:trace, point, token, value)
    value
  end

  def custom(point, token \\ nil, module, values) do
    record(:custom, point, token, apply(module, :run, values))
  catch
    kind, reason -> record(:custom, point, token, {kind, reason})
  end

  defp next do
    n = Process.get({__MODULE__, :tokens}, 0) + 1
    Process.put({__MODULE__, :tokens}, n)
    n
  end

  defp record(kind, point, token, value) do
    Process.put(__MODULE__, [{kind, point &&& 0xFFFFF, token, value} | Process.get(__MODULE__, [])])
    token
  end

  @doc "Runs `fun` and gives `{its value, its events}`; an exception is a value, `{kind, reason}`."
  def run(fun) do
    Process.delete(__MODULE__)

    value =
      try do
        fun.()
      catch
        kind, reason -> {kind, reason}
      end

    {value, Enum.reverse(Process.get(__MODULE__, []))}
  end

  @doc "Events with their point instead of its number, and without values: `{kind, name, token}`."
  def brief(events, points) do
    by_index = Map.new(points, &{elem(&1, 0), &1})

    for {kind, index, token, _} <- events do
      {_, _, name, _, _, _, _, target} = Map.fetch!(by_index, index)
      if kind == :tail, do: {:tail, name, token, target}, else: {kind, name, token}
    end
  end

  @doc "Events of some kinds, with the point itself and the value: `{kind, point, value}`."
  def full(events, points, kinds) do
    by_index = Map.new(points, &{elem(&1, 0), &1})
    for {kind, index, _, value} <- events, kind in kinds, do: {kind, Map.fetch!(by_index, index), value}
  end
end

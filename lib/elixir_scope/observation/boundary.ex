defmodule ElixirScope.Observation.Boundary do
  @moduledoc false
  # The edge of an observed run, as a probe of our own: what an exception unwinds up to here has ended with it. Without it, calls
  # that fail out of the observed function would seem to go on, because their process lives on and its code reports nothing.

  import Bitwise

  alias ElixirScope.{Core, Probe}
  alias ElixirScope.Instrumentation.Context

  @build Context.build(__MODULE__, "boundary", 1)
  @point @build <<< 20

  # A mark and its end: no events of the observed program, and not counted as such.
  @events 2
  @points 1

  @doc "How many points and events of the capture's accounts are ours."
  def own, do: %{points: @points, events: @events}

  @doc "Makes the point known, once in a VM."
  def register do
    with {:ok, _} <- Core.Capture.register_points(__MODULE__, @build, [{0, :try, :run, 1, 0, 1, nil, nil}]),
         do: :ok
  end

  @doc "Runs `fun`: `{outcome, microseconds, events of ours}`."
  def run(fun) do
    began = System.monotonic_time()
    token = Probe.try_enter(@point)

    outcome =
      try do
        value = fun.()
        Probe.try_leave(@point, token, value)
        {:ok, value}
      catch
        kind, reason ->
          stack = __STACKTRACE__
          Probe.caught(@point, token, reason)
          {:failed, kind, reason, stack}
      end

    duration = System.convert_time_unit(System.monotonic_time() - began, :native, :microsecond)
    {outcome, duration, if(token == 0, do: 0, else: @events)}
  end
end

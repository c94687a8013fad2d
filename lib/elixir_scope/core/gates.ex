defmodule ElixirScope.Core.Gates do
  @moduledoc false
  # Gates of the native capture. `selection` is `:all`, a module, an mfa or a list of points; `changes` is a map with
  # any of `:mode`, `:depth`, `:width`, `:bytes`, `:time_ns`, `:sampling_rate`, `:rate` (`{per_second, burst}`),
  # `:hits`, `:for_ns`, `:priority` and `:enabled`, or `capture: nil`.

  alias ElixirScope.{Core, Native}

  @doc "Sets gates. `scope` is `:calls` or a list of kinds of points; `per` says what shares one. `{:ok, points}`."
  def set(selection, scope, per, changes) do
    Core.call(fn -> Native.capture_gates_set(selection, scope, per, changes) end)
  end

  @doc "Takes gates away. `{:ok, points_that_had_one}`."
  def clear(selection), do: Core.call(fn -> Native.capture_gates_clear(selection) end)

  @doc "All gates with their settings and counts, as maps, or that of one point."
  def list(point \\ :all), do: Core.call(fn -> Native.capture_gates(point) end)

  @doc """
  How much of a function's calls is recorded, `{sampling_rate, seen, passed}` since its gates were made; nil where nothing is held
  back.
  """
  def share({module, name, arity}) do
    with {_rate, _seen, _passed} = share <- Core.call(fn -> Native.capture_share(module, name, arity) end),
         do: share,
         else: (_ -> nil)
  end

  @doc "Limits the whole capture (a map of changes), or no longer (nil)."
  def limit(changes), do: Core.call(fn -> Native.capture_limit(changes) end)

  @doc "What limits the whole capture, as a map like those of `list/1`; nil when nothing does."
  def limits, do: Core.call(fn -> Native.capture_limits() end)

  @doc "Whether the whole capture has used up what it was limited to."
  def spent?, do: Core.call(fn -> Native.capture_spent() end) == true

  @doc "The points of a selection: `{:ok, [{point, kind, mfa, clause, line, column | nil}]}`."
  def points(selection), do: Core.call(fn -> Native.capture_points(selection) end)

  @doc """
  What the native halves of probes cost on this machine, `{:ok, %{what => picoseconds}}`, with the bytes that the samples
  take: `{arguments, small, large}`.
  """
  def calibrate(rounds, samples), do: Core.call(fn -> Native.capture_calibrate(rounds, samples) end)

  @doc "A probe that is called and says no at once: what a call of one costs. A word that is no point is counted nowhere."
  def probe_call, do: Native.probe_enter(:none)
end

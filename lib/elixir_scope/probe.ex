defmodule ElixirScope.Probe do
  @moduledoc """
  What instrumented code calls, and the only module it calls.

  Every function works, as a no-op, when the native library is absent or capture is off. None raises,
  blocks or sends a message. A *point* is an integer literal of the instrumented module
  (`build <<< 20 ||| index`); a *token* is what `enter/1` or `try_enter/1` gave: the activation's
  `correlation_id`, or `0` when nothing was recorded (then what belongs to it is not recorded either).
  """

  alias ElixirScope.Native

  @doc "A clause of a function was entered."
  def enter(point), do: Native.probe_enter(point)

  @doc "The activation ends with `value`, which is given back."
  # Token 0 ends here: whoever is not recorded pays for one native call, not two.
  def exit(_point, 0, value), do: value
  def exit(point, token, value), do: Native.probe_exit(point, token, value)

  @doc "The activation ends: its frame is handed to a tail call, whose arguments are evaluated."
  def tail(_point, 0), do: :ok
  def tail(point, token), do: Native.probe_tail(point, token)

  @doc "A branch was reached. Recorded once for each point, until another repository wants to know."
  def reach(point), do: Native.probe_reach(point)

  @doc "A `try` begins."
  def try_enter(point), do: Native.probe_try_enter(point)

  @doc "The body of a `try` ended with `value`, which is given back."
  def try_leave(_point, 0, value), do: value
  def try_leave(point, token, value), do: Native.probe_try_leave(point, token, value)

  @doc "A `rescue` or `catch` clause of the `try` runs: every frame above it was unwound."
  def caught(_point, 0, _reason), do: :ok
  def caught(point, token, reason), do: Native.probe_caught(point, token, reason)
end

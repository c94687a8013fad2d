defmodule ElixirScope.Probe do
  @moduledoc """
  What instrumented code calls, and the only module it calls.

  Every function works, as a no-op, when the native library is absent or capture is off. None raises,
  blocks or sends a message. A *point* is an integer literal of the instrumented module
  (`build <<< 20 ||| index`); a *token* is what `enter/1` or `try_enter/1` gave: the activation's
  `correlation_id`, or `0` when nothing was recorded (then what belongs to it is not recorded either).

  Inside an anonymous function there is no token: one that is captured would change what the function is equal to. There
  the forms with one argument less are called, which mean the innermost open activation of the point's function.
  """

  alias ElixirScope.Native
  alias ElixirScope.Probe.Custom

  @doc "A clause of a function was entered."
  def enter(point), do: Native.probe_enter(point)

  @doc "A clause of a function was entered, with these arguments."
  def enter(point, arguments), do: Native.probe_enter(point, arguments)

  @doc "The activation ends with `value`, which is given back."
  # Token 0 ends here: whoever is not recorded pays for one native call, not two.
  def exit(_point, 0, value), do: value
  def exit(point, token, value), do: Native.probe_exit(point, token, value)

  @doc "The activation ends with `value`, which is recorded and given back."
  def exit_value(_point, 0, value), do: value
  def exit_value(point, token, value), do: Native.probe_exit_value(point, token, value)

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

  @doc "A variable was bound to `value`."
  def bind(_point, 0, _value), do: :ok
  def bind(point, token, value), do: Native.probe_bind(point, token, value)

  @doc false
  def bind(point, value), do: Native.probe_bind(point, value)

  @doc "An expression gave `value`, which is given back."
  def trace(_point, 0, value), do: value
  def trace(point, token, value), do: Native.probe_trace(point, token, value)

  @doc false
  def trace(point, value), do: Native.probe_trace(point, value)

  @doc "A branch was taken. Recorded each time."
  def branch(_point, 0), do: :ok
  def branch(point, token), do: Native.probe_branch(point, token)

  @doc false
  def branch(point), do: Native.probe_branch(point)

  @doc """
  `message` is about to be sent to `to`; of what starts a process, `message` is what it is to run, and `to` what came of
  it (`nil` where that is not known: the call is a tail call).
  """
  def send(_point, 0, _to, _message), do: :ok
  def send(point, token, to, message), do: Native.probe_send(point, token, peer(to), message)

  @doc false
  def send(point, to, message), do: Native.probe_send(point, peer(to), message)

  # The process in what starts processes (and the caller in what is replied to).
  defp peer({pid, _}) when is_pid(pid), do: pid
  defp peer({:ok, pid}) when is_pid(pid), do: pid
  defp peer(%{__struct__: Task, pid: pid}), do: pid
  defp peer(to), do: to

  @doc "A clause of a `receive` took `message`."
  def receive(_point, 0, _message), do: :ok
  def receive(point, token, message), do: Native.probe_receive(point, token, message)

  @doc false
  def receive(point, message), do: Native.probe_receive(point, message)

  @doc "A callback of OTP was given `message`; `from` is the caller who waits for a reply, `nil` for none."
  def handle(_point, 0, _message, _from), do: :ok
  def handle(point, token, message, from), do: Native.probe_handle(point, token, message, from)

  @doc "An exception of this kind and with this reason arrived at a `try`."
  def raised(_point, 0, _kind, _reason), do: :ok
  def raised(point, token, kind, reason), do: Native.probe_raised(point, token, kind, reason)

  @doc false
  def raised(point, kind, reason), do: Native.probe_raised(point, kind, reason)

  @doc """
  Runs the user's own code, `module.run` with what the variables are, and records what it gives. Whatever it raises,
  throws or exits with is recorded as that, counted (`custom_failures/0`), and goes no further.

  The code is not run again while it runs: what it calls may be observed, too. Code that is slow too often is switched off:
  `ElixirScope.Probe.Custom` has the limits, and what they cannot do.
  """
  def custom(_point, 0, _module, _values), do: :ok

  def custom(point, token, module, values) do
    apart(module, values, &Native.probe_custom(point, token, &1), &Native.probe_raised(point, token, &1, &2))
  end

  @doc false
  def custom(point, module, values) do
    # Without a token nothing else tells whether anybody listens.
    if Native.capture_active(),
      do: apart(module, values, &Native.probe_custom(point, 0, &1), &Native.probe_raised(point, &1, &2)),
      else: :ok
  catch
    _, _ -> :ok
  end

  @running {__MODULE__, :custom}

  defp apart(module, values, done, failed) do
    if :erlang.get(@running) == :undefined do
      :erlang.put(@running, true)

      try do
        case Custom.run(module, values) do
          {:ok, value} -> done.(value)
          {:failed, kind, reason} -> failed.(kind, reason)
          :off -> :ok
        end
      after
        :erlang.erase(@running)
      end
    end

    :ok
  end

  @doc "How often the user's own code has failed in this VM."
  @spec custom_failures() :: non_neg_integer()
  defdelegate custom_failures, to: Custom, as: :failures
end

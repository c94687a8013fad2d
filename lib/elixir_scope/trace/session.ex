defmodule ElixirScope.Trace.Session do
  @moduledoc false
  # Traces where the VM has sessions (from OTP 27 on): each trace is one of its own, and disturbs nobody. A session that nobody
  # holds any more is destroyed by the VM.

  alias ElixirScope.{Core, Error}

  def available? do
    Code.ensure_loaded?(:trace) and function_exported?(:trace, :session_create, 3)
  end

  @doc "Creates the session and sets its patterns and flags: `{:ok, undo}`."
  def set(plan, id) do
    session = apply(:trace, :session_create, [:elixir_scope, Core.Trace.tracer(id), []])
    undo = %{id: id, session: session, measured: plan.measured, measure: plan.measure}

    if :receive in plan.flags do
      apply(:trace, :recv, [session, [{[:_, :"$1", :_], [], [{:message, :"$1"}]}], []])
    end

    for {function, spec} <- plan.functions, do: pattern(session, function, spec, [:local])
    for function <- plan.measured, what <- plan.measure, do: pattern(session, function, true, [call(what)])
    for process <- plan.processes, plan.flags != [], do: flag(session, process, plan.flags)
    {:ok, undo}
  rescue
    error in ArgumentError ->
      {:error,
       %Error{reason: :failed, message: "the VM refused the trace: #{Exception.message(error)}", hint: nil}}
  end

  defp pattern(session, function, spec, flags), do: apply(:trace, :function, [session, function, spec, flags])

  # A process may have died meanwhile.
  defp flag(session, process, flags) do
    apply(:trace, :process, [session, process, true, flags])
  rescue
    error in ArgumentError ->
      if is_pid(process) and not Process.alive?(process), do: 0, else: reraise(error, __STACKTRACE__)
  end

  def clear(undo) do
    apply(:trace, :session_destroy, [undo.session])
    :ok
  end

  @doc "What can be kept without keeping the session."
  def weak(%{session: {_strong, weak}} = undo), do: %{undo | session: weak}
  def weak(undo), do: undo

  def measured(undo) do
    for function <- undo.measured, into: %{} do
      {function,
       Map.new(undo.measure, &{&1, elem(apply(:trace, :info, [undo.session, function, call(&1)]), 1)})}
    end
  end

  def reset(undo) do
    for function <- undo.measured,
        what <- undo.measure,
        do: pattern(undo.session, function, :restart, [call(what)])

    :ok
  end

  defp call(:count), do: :call_count
  defp call(:time), do: :call_time
  defp call(:memory), do: :call_memory
end

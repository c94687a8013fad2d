defmodule ElixirScope.Trace.Legacy do
  @moduledoc false
  # Traces where the VM has one tracer for a process and one pattern for a function (OTP 25 and 26): what is somebody
  # else's is left alone, and so is never taken over.

  alias ElixirScope.{Core, Error}

  @doc "Sets patterns and flags: `{:ok, undo}`, or an error with nothing set."
  def set(plan, id) do
    tracer = Core.Trace.tracer(id)

    with :ok <- free_functions(plan),
         :ok <- free_processes(plan.processes, tracer) do
      undo = %{
        id: id,
        functions: Enum.map(plan.functions, &elem(&1, 0)),
        measured: plan.measured,
        measure: plan.measure,
        receive: false
      }

      undo = %{undo | receive: senders(plan)}
      for {function, spec} <- plan.functions, do: :erlang.trace_pattern(function, spec, [:local])

      for function <- plan.measured,
          what <- plan.measure,
          do: :erlang.trace_pattern(function, true, [call(what)])

      case flags(plan, tracer) do
        :ok ->
          {:ok, undo}

        error ->
          clear(undo)
          error
      end
    end
  end

  @doc "Takes away what `set/2` set, whatever became of it meanwhile."
  def clear(undo) do
    tracer = Core.Trace.tracer(undo.id)
    # With the tracer given, processes of other tracers are left alone.
    off = [:all, tracer_flag(tracer)]
    :erlang.trace(:existing_processes, false, off)

    if :erlang.trace_info(:new_processes, :tracer) == {:tracer, tracer},
      do: :erlang.trace(:new_processes, false, off)

    for function <- undo.functions, do: :erlang.trace_pattern(function, false, [:local])

    for function <- undo.measured,
        what <- undo.measure,
        do: :erlang.trace_pattern(function, false, [call(what)])

    if undo.receive, do: :erlang.trace_pattern(:receive, true, [])
    :ok
  end

  @doc "What breakpoints have counted: `%{function => %{count: _, time: _}}`."
  def measured(undo) do
    for function <- undo.measured, into: %{} do
      {function, Map.new(undo.measure, &{&1, elem(:erlang.trace_info(function, call(&1)), 1)})}
    end
  end

  def reset(undo) do
    for function <- undo.measured,
        what <- undo.measure,
        do: :erlang.trace_pattern(function, :restart, [call(what)])

    :ok
  end

  defp call(:count), do: :call_count
  defp call(:time), do: :call_time
  defp call(:memory), do: :call_memory

  defp tracer_flag({module, state}), do: {:tracer, module, state}

  ## Flags

  defp flags(%{flags: []}, _tracer), do: :ok

  defp flags(plan, tracer) do
    flags = [tracer_flag(tracer) | plan.flags]
    Enum.reduce_while(plan.processes, :ok, fn process, :ok -> flag(process, flags) end)
  end

  defp flag(process, flags) do
    :erlang.trace(vm_name(process), true, flags)
    {:cont, :ok}
  rescue
    # It died meanwhile, or somebody was faster.
    ArgumentError ->
      if is_pid(process) and not Process.alive?(process), do: {:cont, :ok}, else: {:halt, busy(process, nil)}
  end

  defp vm_name(:all), do: :processes
  defp vm_name(:new), do: :new_processes
  defp vm_name(:existing), do: :existing_processes
  defp vm_name(pid), do: pid

  # Who sent a message that arrives, the VM tells only a pattern. The pattern is one for all: it is set while nobody else
  # can be disturbed by it.
  defp senders(plan) do
    # Without a pattern the answer is `true`, or `[]` after one was taken away.
    {:match_spec, pattern} = :erlang.trace_info(:receive, :match_spec)
    wanted = :receive in plan.flags and pattern in [true, []]

    if wanted and not Enum.any?(Process.list(), &receives_for_others?/1) do
      :erlang.trace_pattern(:receive, [{[:_, :"$1", :_], [], [{:message, :"$1"}]}], [])
      true
    else
      false
    end
  end

  defp receives_for_others?(pid) do
    case :erlang.trace_info(pid, :flags) do
      {:flags, flags} when is_list(flags) -> :receive in flags
      _ -> false
    end
  end

  ## Others

  defp free_functions(plan) do
    local = for {function, _} <- plan.functions, do: {function, :traced}
    counted = for function <- plan.measured, what <- plan.measure, do: {function, call(what)}

    Enum.find_value(local ++ counted, :ok, fn {function, what} ->
      case :erlang.trace_info(function, what) do
        {_, free} when free in [false, :undefined] -> nil
        _ -> busy(function, callers_tracer())
      end
    end)
  end

  # Patterns have no owner; whoever traces calls may be the one.
  defp callers_tracer do
    Enum.find_value(Process.list(), fn pid ->
      with {:flags, flags} when is_list(flags) <- :erlang.trace_info(pid, :flags),
           true <- :call in flags,
           {:tracer, tracer} when tracer != [] <- :erlang.trace_info(pid, :tracer) do
        tracer
      else
        _ -> nil
      end
    end)
  end

  defp free_processes(processes, tracer) do
    Enum.find_value(processes, :ok, fn process ->
      case owner_of(process) do
        nil -> nil
        ^tracer -> nil
        other -> busy(process, other)
      end
    end)
  end

  # `:existing` takes those that are free.
  defp owner_of(:existing), do: nil
  defp owner_of(all) when all in [:all, :new], do: owner_of(:new_processes)

  defp owner_of(process) do
    case :erlang.trace_info(process, :tracer) do
      {:tracer, other} when other != [] -> other
      _ -> nil
    end
  end

  defp busy(what, tracer) do
    {:error,
     %Error{
       reason: :busy,
       message: "#{inspect(what)} is traced already#{by(tracer)}",
       hint: "wait for that trace to end; from OTP 27 on traces do not get in each other's way",
       details: %{traced: what, tracer: tracer}
     }}
  end

  defp by(nil), do: ""
  defp by(tracer), do: ", by #{inspect(tracer)}"
end

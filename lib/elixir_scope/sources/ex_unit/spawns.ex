defmodule ElixirScope.Sources.ExUnit.Spawns do
  @moduledoc false
  # Who starts whom, from the VM: the descendants of a test are known for certain, however short they live.
  #
  # From OTP 27 on this is a trace session of our own. Before, a process has one tracer at most: a suite that traces itself
  # would meet ours. So it is left out when a module of the project or of its tests names one of the VM's tools for
  # tracing; what is started is then found by its dictionary, or counted as meanwhile.

  @flags [:procs, :set_on_spawn]
  @tools [:dbg, :ttb, :et, :fprof, :eprof, :cprof, :eflame, :recon_trace, :redbug, :trace]
  @compile {:no_warn_undefined, :trace}

  @type t :: {:session, term()} | {:tracer, pid()} | nil

  @doc "How the calling process, which gets the messages, can follow others. `modules` are those whose code may trace, too."
  @spec new([module()]) :: t()
  def new(modules) do
    cond do
      sessions?() -> {:session, :trace.session_create(:elixir_scope_tests, self(), [])}
      Enum.any?(modules, &traces?/1) -> nil
      true -> {:tracer, self()}
    end
  end

  defp sessions?, do: Code.ensure_loaded?(:trace) and function_exported?(:trace, :session_create, 3)

  @doc "Follows the calling process and all it starts. Nothing when somebody else traces it."
  @spec follow(t()) :: :ok
  def follow(nil), do: :ok

  def follow({:session, session}) do
    :trace.process(session, self(), true, @flags)
    :ok
  rescue
    _ -> :ok
  end

  def follow({:tracer, pid}) do
    :erlang.trace(self(), true, [{:tracer, pid} | @flags])
    :ok
  rescue
    ArgumentError -> :ok
  end

  @doc "Waits until what was started before is told."
  def delivered(nil), do: :ok

  def delivered(how) do
    reference =
      case how do
        {:session, session} -> :trace.delivered(session, :all)
        {:tracer, _} -> :erlang.trace_delivered(:all)
      end

    receive do
      {:trace_delivered, :all, ^reference} -> :ok
    after
      5_000 -> :ok
    end
  end

  @doc "The end of it. What is traced by a process alone ends with that."
  def stop({:session, session}), do: :trace.session_destroy(session)
  def stop(_other), do: :ok

  @doc "Whether code that names this function traces processes itself."
  def tool?(:erlang, name), do: name in [:trace, :trace_pattern]
  def tool?(module, _name), do: module in @tools

  defp traces?(module) do
    with path when is_list(path) <- :code.which(module),
         {:ok, {_, [imports: imports]}} <- :beam_lib.chunks(path, [:imports]) do
      Enum.any?(imports, fn {module, name, _} -> tool?(module, name) end)
    else
      _ -> false
    end
  end
end

defmodule ElixirScope.OTP.Running do
  @moduledoc """
  The supervision tree of the running system, read from a supervisor downwards.

  A supervisor that is busy (starting a child that takes long, restarting) is waited for no longer than a bounded time, and by a
  process of its own: the caller never blocks longer than `:timeout`, and what a late answer says reaches nobody. A child is
  asked for its children only when it is a supervisor by its own initial call, whatever its specification says.
  """

  alias ElixirScope.ASTRepository.Fault

  @timeout 5_000
  @supervisor_timeout 500
  @children_max 10_000

  @typedoc """
  A running process: `:type` is `:supervisor` or `:worker`; `:status` of a supervisor that was not read is `:busy`, of a child without
  pid `:restarting` or `:ignored`. `:left_out` counts children above the limit.
  """
  @type running :: %{
          id: term(),
          pid: pid() | nil,
          type: :supervisor | :worker,
          modules: [module()],
          status: :running | :busy | :restarting | :ignored,
          children: [running()],
          left_out: non_neg_integer()
        }

  @doc """
  What runs below an application's top supervisor, or below a supervisor (a pid or a registered name).

    * `:timeout` - milliseconds for all of it (#{@timeout})
    * `:supervisor_timeout` - milliseconds for one supervisor (#{@supervisor_timeout})

  Children are in the order in which they were started. Errors: `:not_found` when it does not run, `:timeout`.
  """
  @spec read({:application, atom()} | pid() | atom(), keyword()) ::
          {:ok, running()} | {:error, ElixirScope.Error.t()}
  def read(top, opts \\ []) do
    timeout = Keyword.get(opts, :timeout, @timeout)
    limit = Keyword.get(opts, :supervisor_timeout, @supervisor_timeout)
    deadline = now() + timeout
    {pid, monitor} = spawn_monitor(fn -> exit({:read, walk(top, deadline, limit)}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {:read, {:ok, running}}} -> {:ok, running}
      {:DOWN, ^monitor, :process, ^pid, {:read, :not_running}} -> not_running(top)
      {:DOWN, ^monitor, :process, ^pid, _crashed} -> not_running(top)
    after
      # What the supervisors take is within the deadline already; this is for whatever else may hang.
      timeout + limit ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        timed_out(top, timeout)
    end
  end

  defp walk({:application, name}, deadline, limit) do
    case top_supervisor(name) do
      pid when is_pid(pid) -> walk(pid, deadline, limit)
      _ -> :not_running
    end
  end

  defp walk(name, deadline, limit) when is_atom(name) do
    case Process.whereis(name) do
      pid when is_pid(pid) -> walk(pid, deadline, limit)
      _ -> :not_running
    end
  end

  defp walk(pid, deadline, limit) when is_pid(pid) do
    if node(pid) == node() and Process.alive?(pid),
      do: {:ok, below(entry(nil, pid, :supervisor, []), deadline, limit)},
      else: :not_running
  end

  # `:application.get_supervisor/1` came with OTP 26; before, one asked as the observer does.
  defp top_supervisor(name) do
    if function_exported?(:application, :get_supervisor, 1) do
      with {:ok, pid} <- apply(:application, :get_supervisor, [name]), do: pid
    else
      with master when is_pid(master) <- :application_controller.get_master(name),
           {pid, _module} <- :application_master.get_child(master),
           do: pid
    end
  end

  defp entry(id, pid, type, modules) do
    status = if is_pid(pid), do: :running, else: status(pid)

    %{
      id: id,
      pid: if(is_pid(pid), do: pid),
      type: type,
      modules: if(is_list(modules), do: modules, else: []),
      status: status,
      children: [],
      left_out: 0
    }
  end

  defp status(:restarting), do: :restarting
  defp status(_undefined), do: :ignored

  defp below(%{pid: pid, type: :supervisor} = entry, deadline, limit) when is_pid(pid) do
    if supervisor?(pid) do
      case children(pid, min(limit, deadline - now())) do
        {:ok, all} ->
          {shown, more} = all |> Enum.reverse() |> Enum.split(@children_max)

          own =
            for {id, child, type, modules} <- shown,
                do: below(entry(id, child, type, modules), deadline, limit)

          %{entry | children: own, left_out: length(more)}

        :busy ->
          %{entry | status: :busy}
      end
    else
      entry
    end
  end

  defp below(entry, _deadline, _limit), do: entry

  defp children(_pid, timeout) when timeout <= 0, do: :busy

  defp children(pid, timeout) do
    # What `Supervisor.which_children/1` asks, with an end to the waiting.
    case GenServer.call(pid, :which_children, timeout) do
      all when is_list(all) -> {:ok, all}
      _ -> :busy
    end
  catch
    :exit, _ -> :busy
  end

  # All supervisors set it, those of Elixir too; a worker that is declared as one would not understand the question.
  defp supervisor?(pid) do
    case node(pid) == node() && Process.info(pid, :dictionary) do
      {:dictionary, dictionary} ->
        match?({_, {:supervisor, _, _}}, List.keyfind(dictionary, :"$initial_call", 0))

      _ ->
        false
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp not_running(top),
    do:
      Fault.not_found(
        :supervisor,
        show(top),
        "start the application, or give a supervisor that runs on this node"
      )

  defp timed_out(top, timeout) do
    {:error,
     %ElixirScope.Error{
       reason: :timeout,
       message: "what runs below #{Fault.show(show(top))} was not read within #{timeout} ms",
       hint: "raise `timeout:`"
     }}
  end

  defp show({:application, name}), do: name
  defp show(top), do: top
end

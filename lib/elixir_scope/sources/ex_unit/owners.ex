defmodule ElixirScope.Sources.ExUnit.Owners do
  @moduledoc false
  # Numbers for tests, what the formatter learns of them, and the search for relatives: of each process that reports and is
  # no test's own, who started it. Short-lived ones may be gone before they are asked; then the windows of the tests
  # count.

  use GenServer

  alias ElixirScope.{Capture, Core, Error}
  alias ElixirScope.Sources.ExUnit.Spawns

  @table __MODULE__
  @pause_ms 2
  @busy_tries 200

  def start(root, modules) do
    case GenServer.start(__MODULE__, {root, modules}, name: __MODULE__) do
      {:error, {:already_started, _}} ->
        {:error,
         %Error{
           reason: :busy,
           message: "tests are being attributed already",
           hint: "end it with ElixirScope.Sources.ExUnit.detach()"
         }}

      other ->
        other
    end
  end

  @doc "Looks for relatives once more. Nothing when nobody is there."
  def look, do: safely(fn -> GenServer.call(__MODULE__, :look, 30_000) end)

  @doc "What was learned of tests, and the keys of the numbers; the end of it."
  def stop do
    tests = for {{:test, key}, facts} <- rows(), into: %{}, do: {key, facts}
    keys = for {{:owner, key}, number} <- rows(), into: %{}, do: {number, key}
    needs = for {{:need, from, to, kind}} <- rows(), do: {from, to, kind}
    safely(fn -> GenServer.stop(__MODULE__) end)
    {tests, keys, needs}
  end

  defp rows do
    :ets.tab2list(@table)
  rescue
    ArgumentError -> []
  end

  @doc "The number of a test, or of a module's `setup_all`."
  @spec number({module(), atom()}) :: pos_integer()
  def number(key) do
    case :ets.lookup(@table, {:owner, key}) do
      [{_, number}] ->
        number

      [] ->
        number = :ets.update_counter(@table, :last, 1, {:last, 0})
        if :ets.insert_new(@table, {{:owner, key}, number}), do: number, else: number(key)
    end
  end

  @doc "Follows what the calling process starts, as far as that can be."
  def follow do
    case :ets.lookup(@table, :spawns) do
      [{_, how}] -> Spawns.follow(how)
      [] -> :ok
    end
  end

  @doc "Code that traces processes itself was compiled: from here on nobody of ours does, unless that is apart."
  def stand_aside do
    safely(fn ->
      with [{_, {:tracer, _}}] <- :ets.lookup(@table, :spawns), do: :ets.insert(@table, {:spawns, nil})
    end)
  end

  @doc "What is known of a test; of a repeated run, the later."
  def learn(key, facts), do: safely(fn -> :ets.insert(@table, {{:test, key}, facts}) end)

  @doc "A module that is compiled needs another, as `:compile` or `:export`."
  def need(from, to, kind), do: safely(fn -> :ets.insert(@table, {{:need, from, to, kind}}) end)

  @doc "The directory that files are relative to."
  def root do
    case :ets.lookup(@table, :root) do
      [{_, root}] -> root
      [] -> nil
    end
  end

  defp safely(fun) do
    fun.()
  rescue
    ArgumentError -> :ok
  catch
    :exit, _ -> :ok
  end

  # State: how processes are followed, and `{child, parent}` of those that were started.

  @impl true
  def init({root, modules}) do
    :ets.new(@table, [:named_table, :public, write_concurrency: true, read_concurrency: true])
    how = Spawns.new(modules)
    :ets.insert(@table, [{:root, root}, {:spawns, how}])
    _ = Capture.ignore(self())
    {:ok, {how, []}, @pause_ms}
  end

  @impl true
  def handle_info({:trace, parent, :spawn, child, _mfa}, {how, spawns}),
    do: {:noreply, {how, [{child, parent} | spawns]}, @pause_ms}

  def handle_info(:timeout, state) do
    relate(Core.Work.unknown())
    {:noreply, state, @pause_ms}
  end

  def handle_info(_other, state), do: {:noreply, state, @pause_ms}

  @impl true
  def handle_call(:look, _from, {how, spawns}) do
    relate(Core.Work.unknown())
    Spawns.delivered(how)
    for {child, parent} <- told_by_now(spawns), do: told(child, [parent], @busy_tries)
    {:reply, :ok, {how, []}, @pause_ms}
  end

  defp told_by_now(spawns) do
    receive do
      {:trace, parent, :spawn, child, _mfa} -> told_by_now([{child, parent} | spawns])
      {:trace, _, _, _, _} -> told_by_now(spawns)
      {:trace, _, _, _} -> told_by_now(spawns)
    after
      0 -> spawns
    end
  end

  @impl true
  def terminate(_reason, {how, _spawns}) do
    Spawns.stop(how)
    Capture.unignore(self())
  end

  defp relate(pids) when is_list(pids) do
    for pid <- pids, parents = parents(pid), parents != [], do: told(pid, parents, @busy_tries)
    :ok
  end

  defp relate(_none), do: :ok

  # Whom it works for comes before who started it: a task of a shared supervisor is its caller's.
  defp parents(pid) do
    case Process.info(pid, :dictionary) do
      {:dictionary, dictionary} ->
        callers = Keyword.get(dictionary, :"$callers", [])
        ancestors = Keyword.get(dictionary, :"$ancestors", [])
        Enum.filter(pids(callers) ++ pids(ancestors) ++ parent(pid), &(node(&1) == node()))

      nil ->
        []
    end
  end

  defp pids(list) when is_list(list), do: Enum.filter(list, &is_pid/1)
  defp pids(_other), do: []

  # From OTP 25 on.
  defp parent(pid) do
    case :erlang.process_info(pid, :parent) do
      {:parent, parent} when is_pid(parent) -> [parent]
      _ -> []
    end
  rescue
    ArgumentError -> []
  end

  defp told(pid, parents, tries) do
    if Core.Work.relate(pid, parents) == :busy and tries > 0 do
      receive do
      after
        1 -> told(pid, parents, tries - 1)
      end
    end
  end
end

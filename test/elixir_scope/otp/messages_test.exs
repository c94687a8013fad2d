defmodule ElixirScope.OTP.MessagesTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Graph, MessageFlow, MessageSend, Processes, ProcessFacts}

  @source """
  defmodule M.Server do
    use GenServer
    @tick 50
    @tag :attribute

    def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
    def add(server, a, b), do: GenServer.call(server, {:add, a, b})
    def flush, do: GenServer.cast(__MODULE__, :flush)
    def tagged, do: __MODULE__ |> GenServer.call({@tag, 1})
    def lost, do: GenServer.call(__MODULE__, :nobody_takes_this)
    def wrapped(server), do: request(server, {:wrapped, 1})
    defp request(server, message), do: GenServer.call(server, message, 1_000)

    @impl true
    def init(_) do
      Process.flag(:trap_exit, true)
      Process.send_after(self(), :tick, @tick)
      :timer.send_interval(1_000, :interval)
      {:ok, %{}, {:continue, :load}}
    end

    @impl true
    def handle_continue(:load, state), do: {:noreply, state}
    def handle_continue(:never, state), do: {:noreply, state}

    @impl true
    def handle_call({:add, a, b}, _from, state) when is_integer(a) and a > b, do: {:reply, a, state}
    def handle_call({:add, _, b}, _from, state), do: {:reply, b, state, 5_000}
    def handle_call({@tag, n}, _from, state), do: {:reply, n, state, :hibernate}
    def handle_call({:wrapped, _}, from, state) do
      GenServer.reply(from, :ok)
      {:noreply, state}
    end

    @impl true
    def handle_cast(what, state) when what in [:flush, :drop] do
      ref = Process.monitor(state.pid)
      {:noreply, Map.put(state, :ref, ref)}
    end

    @impl true
    def handle_info(:tick, state), do: {:noreply, state}
    def handle_info(:interval, state), do: {:noreply, state}
    def handle_info(:timeout, state), do: {:noreply, state}
    def handle_info({:DOWN, _, :process, _, _}, state), do: {:noreply, state}
    def handle_info({:unused, _}, state), do: {:noreply, state}
    def handle_info({:far, %M.Job{}}, state), do: {:noreply, state}
    def handle_info(_other, state), do: {:noreply, state}
  end

  defmodule M.Job do
    defstruct [:id]
  end

  defmodule M.Client do
    alias M.Server, as: S
    import Kernel, except: [send: 2]

    def cast_by_alias, do: GenServer.cast(S, :drop)
    def started do
      {:ok, pid} = S.start_link([])
      GenServer.call(pid, {:add, 1, 2})
    end

    def by_shape(pid), do: Kernel.send(pid, {:far, %M.Job{id: 1}})
    def into_nothing(pid), do: Kernel.send(pid, {:nobody, 1})
    def outside, do: GenServer.call(Some.Library, :x)
    def unregistered, do: GenServer.call(:no_such_name, :x)
  end

  defmodule M.Forward do
    use GenServer
    def init(x), do: {:ok, x}
    def handle_info({:unused, _} = message, state) do
      send(M.Server, message)
      {:noreply, state}
    end
    def handle_info({:far, _} = message, pid) do
      send(pid, message)
      {:noreply, pid}
    end

    # Runs in whoever calls it: the answer goes there.
    def ask(pid), do: send(pid, {:ask, self()})
  end

  defmodule M.Test do
    use ExUnit.Case

    test "sends from the body of a module" do
      GenServer.call(M.Server, {:attribute, 2})
      assert_receive {:asserted, n} when n > 1
    end

    def told(pid), do: send(pid, {:asserted, 2})
  end

  defmodule M.Waits do
    def run do
      parent = self()
      spawn(fn -> send(parent, {:done, self()}) end)

      receive do
        {:done, _pid} -> :ok
        other -> other
      after
        100 -> :late
      end
    end
  end
  """

  setup_all do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-messages-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    File.mkdir_p!(dir)
    File.write!(Path.join(dir, "m.ex"), @source)
    on_exit(fn -> File.rm_rf!(dir) end)
    {:ok, repository} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, dir)
    {:ok, messages} = Processes.messages(repository)
    %{repository: repository, messages: messages}
  end

  defp sends(messages, function), do: Enum.filter(messages.sends, &match?({_, ^function, _}, &1.function))
  defp only(messages, function), do: hd(sends(messages, function))
  defp edges(%MessageSend{handled_by: handled}), do: Enum.map(handled, &{&1.message, &1.certainty})

  test "the server is found by module, name, alias, start and client function", %{messages: messages} do
    # A guard may refuse the first clause; the second takes the rest.
    assert %{resolution: :client_function, servers: [M.Server]} = add = only(messages, :add)
    assert [{_, :possible}, {"{:add, _, _}", :possible}] = edges(add)
    assert %{resolution: :module, kind: :cast} = flush = only(messages, :flush)
    assert edges(flush) == [{":flush | :drop", :certain}]

    assert [{"{:unused, _}", :certain}] =
             edges(hd(Enum.filter(messages.sends, &(&1.function == {M.Forward, :handle_info, 2}))))

    assert [%{message: "{:attribute, 2}", servers: [M.Server]}] =
             Enum.filter(messages.sends, &(&1.function == nil))

    assert [{"{:asserted, _}", :possible}] = edges(only(messages, :told))
    assert %{message: "{:ask, pid()}"} = only(messages, :ask)
    assert edges(only(messages, :tagged)) == [{"{:attribute, _}", :certain}]
    assert %{resolution: :module} = only(messages, :cast_by_alias)
    assert %{resolution: :started} = started = only(messages, :started)
    assert length(edges(started)) == 2
  end

  test "what nobody takes, and what nobody sends, is told", %{messages: messages} do
    assert %{unhandled: true, servers: [M.Server], handled_by: []} = only(messages, :lost)
    assert for(send <- messages.sends, send.unhandled, do: send.function) == [{M.Server, :lost, 0}]

    unsent =
      for one <- messages.receives,
          one.ast_node_id in messages.unsent,
          do: {elem(one.function, 0), one.message}

    assert Enum.sort(unsent) == [{M.Forward, "{:unused, _}"}, {M.Server, ":never"}]
  end

  test "unresolved servers have a reason", %{messages: messages} do
    assert %{resolution: :message, unresolved: :dynamic_target} = far = only(messages, :by_shape)
    assert {"{:far, %M.Job{}}", :possible} in edges(far)
    assert %{resolution: nil, unresolved: :dynamic_target, handled_by: []} = only(messages, :into_nothing)
    assert only(messages, :outside).unresolved == :external_module
    assert only(messages, :unregistered).unresolved == :unknown_name
    assert Enum.find(messages.sends, &(&1.by == "GenServer.reply")).unresolved == :caller
  end

  test "messages to oneself: timers, continue, time-outs, monitors", %{messages: messages} do
    by = fn by -> Enum.find(messages.sends, &(&1.by == by)) end
    assert edges(by.("Process.send_after")) == [{":tick", :certain}]
    assert edges(by.(":timer.send_interval")) == [{":interval", :certain}]
    assert edges(by.("continue")) == [{":load", :certain}]
    assert %{by_runtime: true} = by.("timeout")
    assert edges(by.("timeout")) == [{":timeout", :certain}]
    assert [{"{:DOWN, _, :process, _, _}", :certain}] = edges(by.("Process.monitor"))
    assert edges(by.("Process.flag")) == [{"_", :certain}]
  end

  test "a function that sends what it is given sends for its callers", %{messages: messages} do
    assert %{message: "{:wrapped, 1}", through: through} = wrapped = only(messages, :wrapped)
    assert through =~ "M.Server.request/2"
    assert edges(wrapped) == [{"{:wrapped, _}", :certain}]
  end

  test "receive takes messages", %{messages: messages} do
    assert %{handled_by: [%{message: "{:done, _}", function: {M.Waits, :run, 0}}]} =
             Enum.find(messages.sends, &(&1.function == {M.Waits, :run, 0}))
  end

  test "fields of functions and modules, facts, and the graph", %{repository: repository} do
    {:ok, function} = ASTRepository.get_function(repository, {M.Server, :flush, 0})
    assert [%MessageSend{message: ":flush"}] = function.message_sends
    {:ok, function} = ASTRepository.get_function(repository, {M.Server, :handle_cast, 2})
    assert [%{senders: senders, guarded: false}] = function.message_receives
    assert Enum.map(senders, & &1.function) == [{M.Server, :flush, 0}, {M.Client, :cast_by_alias, 0}]

    {:ok, module} = ASTRepository.get_module(repository, M.Client)
    assert Enum.all?(module.message_flows, &match?(%MessageFlow{from: {M.Client, _, _}}, &1))
    assert [%{to: {M.Server, :handle_cast, 2}} | _] = module.message_flows

    assert {:ok, %ProcessFacts{} = facts} = Processes.facts(repository, M.Server)
    assert facts.behaviours == [:genserver]
    assert {facts.traps_exits, facts.monitors, facts.registered_names} == {true, true, [M.Server]}
    assert [%{timeout_ms: 5_000}] = facts.timeouts
    assert [%{line: _}] = facts.hibernates

    assert Enum.map(facts.handles.call, & &1.message) == [
             "{:add, number(), _}",
             "{:add, _, _}",
             "{:attribute, _}",
             "{:wrapped, _}"
           ]

    assert {:handle_info, 2, 7} in Enum.map(facts.callbacks, &{&1.name, &1.arity, &1.clauses})
    clients = facts.clients |> Enum.map(&elem(&1.function, 1)) |> Enum.uniq()
    assert Enum.sort(clients) == [:add, :flush, :lost, :request, :tagged, :wrapped]

    {:ok, graph} = Processes.message_graph(repository)
    assert [_ | _] = Graph.successors(graph, "M.Client.cast_by_alias/0")
    assert graph.meta.unhandled == 1
    assert Graph.to_mermaid(graph) =~ "handle_cast" or Graph.to_mermaid(graph) =~ "flush"
  end

  test "every node that is named can be looked up", %{repository: repository, messages: messages} do
    ids = Enum.map(messages.sends ++ messages.receives, & &1.ast_node_id)
    assert ids != []
    for id <- ids, do: assert({:ok, _} = ASTRepository.get_ast_node(repository, id))
  end
end

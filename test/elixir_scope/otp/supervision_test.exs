defmodule ElixirScope.OTP.SupervisionTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Processes, SupervisionTree}
  alias ElixirScope.OTP.Running
  alias ElixirScope.Test.Processes, as: Fixture

  @forms """
  defmodule Forms.Application do
    use Application

    @fixed [Forms.Plain, {Forms.Named, name: Forms.First}]

    @impl true
    def start(_type, _args) do
      extra = if System.get_env("NO_SUCH_VARIABLE_FOR_FORMS"), do: [{Forms.Named, name: Forms.Extra}], else: []
      children = @fixed ++ lists() ++ extra ++ Forms.Elsewhere.children(:far)

      children =
        if System.get_env("PATH") do
          children ++ [Supervisor.child_spec({Agent, fn -> 0 end}, id: :counter, restart: :transient)]
        else
          children
        end

      opts = [strategy: :rest_for_one, max_restarts: 7, max_seconds: 9, name: Forms.Top]

      case Supervisor.start_link(children, opts) do
        {:ok, _pid} = ok -> ok
        other -> other
      end
    end

    defp lists do
      mapped = Enum.map([:a, :b], &Supervisor.child_spec({Forms.Named, name: &1}, id: {:named, &1}))
      looped = for n <- 1..2, do: %{id: {:loop, n}, start: {Agent, :start_link, [fn -> n end]}}
      maybe = [nil, {Forms.Transient, []}, false && Forms.Plain]

      [{Registry, keys: :unique, name: Forms.Registry} | mapped] ++
        looped ++
        Enum.filter(maybe, & &1) ++
        [
          {DynamicSupervisor, name: Forms.Dynamic, strategy: :one_for_one},
          {Task.Supervisor, name: Forms.Tasks},
          {PartitionSupervisor, child_spec: Forms.Plain, name: Forms.Partitions, partitions: 2},
          Forms.Nested,
          {Forms.Erlang, []},
          {Forms.Wrapped, :arg},
          {Forms.Overridden, []},
          {Forms.Ignored, []},
          %{id: Forms.Inline, type: :supervisor, start: {Supervisor, :start_link, [[{Forms.Named, name: Forms.InInline}], [strategy: :one_for_all]]}}
        ]
    end
  end

  defmodule Forms.Elsewhere do
    def children(id), do: [%{id: id, start: {Forms.Named, :start_link, [[name: Forms.Far]]}, shutdown: :brutal_kill, restart: :temporary}]
  end

  defmodule Forms.Plain do
    use GenServer
    def start_link(arg), do: GenServer.start_link(__MODULE__, arg)
    @impl true
    def init(arg), do: {:ok, arg}
  end

  defmodule Forms.Named do
    use GenServer
    def start_link(opts), do: GenServer.start_link(__MODULE__, opts, Keyword.take(opts, [:name]))
    @impl true
    def init(arg), do: {:ok, arg}
  end

  defmodule Forms.Transient do
    use GenServer, restart: :transient, shutdown: 1_000, id: :renamed
    def start_link(arg), do: GenServer.start_link(__MODULE__, arg, name: __MODULE__)
    @impl true
    def init(arg), do: {:ok, arg}
  end

  defmodule Forms.Ignored do
    use GenServer
    def start_link(arg), do: GenServer.start_link(__MODULE__, arg)
    @impl true
    def init(_arg), do: :ignore
  end

  defmodule Forms.Overridden do
    use Agent
    def start_link(_), do: Agent.start_link(fn -> %{} end, name: __MODULE__)
    def child_spec(arg), do: %{super(arg) | id: :overridden}
  end

  defmodule Forms.Wrapped do
    def child_spec(arg) do
      %{id: __MODULE__, type: :supervisor, start: {__MODULE__, :start, [arg]}}
    end

    def start(arg) do
      with {:ok, pid} <- Supervisor.start_link([{Forms.Named, name: Forms.InWrapped}], strategy: :one_for_one) do
        _ = arg
        {:ok, pid}
      end
    end
  end

  defmodule Forms.Nested do
    use Supervisor
    def start_link(arg), do: Supervisor.start_link(__MODULE__, arg, name: __MODULE__)

    @impl true
    def init(_arg) do
      children = [{Forms.Named, name: Forms.Deep}, {Forms.Inner, :x}]
      Supervisor.init(children, strategy: :one_for_all, max_restarts: 1)
    end
  end

  defmodule Forms.Inner do
    use DynamicSupervisor
    def start_link(arg), do: DynamicSupervisor.start_link(__MODULE__, arg, name: __MODULE__)
    @impl true
    def init(_arg), do: DynamicSupervisor.init(strategy: :one_for_one, max_restarts: 11)
    def add(name), do: DynamicSupervisor.start_child(__MODULE__, {Forms.Named, name: name})
  end

  defmodule Forms.Erlang do
    @behaviour :supervisor
    def child_spec(arg), do: {__MODULE__, {__MODULE__, :start_link, [arg]}, :permanent, :infinity, :supervisor, [__MODULE__]}
    def start_link(arg), do: :supervisor.start_link({:local, __MODULE__}, __MODULE__, arg)

    @impl true
    def init(_arg) do
      spec = {:old, {Forms.Named, :start_link, [[name: Forms.Old]]}, :transient, 50, :worker, [Forms.Named]}
      {:ok, {{:one_for_all, 2, 3}, [spec]}}
    end
  end
  """

  test "every form of child specification gives the tree that runs" do
    project = Fixture.start!(:forms_app, Forms.Application, @forms)
    {:ok, tree} = Processes.supervision_tree(project.repository, running: true)
    assert [%{name: :forms_app, status: :running, root: root}] = tree.applications

    assert {root.strategy, root.max_restarts, root.max_seconds, root.name} == {:rest_for_one, 7, 9, Forms.Top}
    assert Fixture.compare(root, :forms_app) >= 25

    by_name = Map.new(SupervisionTree.nodes(root), &{&1.name, &1})
    assert by_name[Forms.Deep].status == :running
    assert %{strategy: :one_for_all, max_restarts: 1, max_seconds: 5} = by_name[Forms.Nested]
    assert %{strategy: :one_for_all, max_restarts: 2, max_seconds: 3} = by_name[Forms.Erlang]
    assert by_name[Forms.Inner].max_restarts == 11
    assert by_name[Forms.Extra].presence == :conditional
    assert by_name[Forms.Extra].status == :absent

    counter = Enum.find(root.children, &(&1.id == :counter))
    assert {counter.presence, counter.restart, counter.kind} == {:conditional, :transient, :agent}

    assert Enum.find(root.children, &(&1.module == Forms.Ignored)).status == :ignored

    assert [] ==
             for(node <- SupervisionTree.nodes(root), node.unexpected != [], do: {node.id, node.unexpected})
  end

  test "what was started on request is found by its module, what is not in the source is told" do
    project = Fixture.start!(:forms_two, Forms.Application, @forms)
    {:ok, _} = apply(Forms.Inner, :add, [:on_request_one])
    {:ok, _} = DynamicSupervisor.start_child(Forms.Dynamic, {Agent, fn -> 1 end})

    {:ok, stranger} =
      Supervisor.start_child(Forms.Top, %{id: :stranger, start: {Agent, :start_link, [fn -> 1 end]}})

    {:ok, %{applications: [%{root: root}]}} = Processes.supervision_tree(project.repository, running: true)
    by_name = Map.new(SupervisionTree.nodes(root), &{&1.name, &1})
    assert [%{presence: :on_request, module: Forms.Named, pids: [_]}] = by_name[Forms.Inner].children
    assert [%{modules: [Agent]}] = by_name[Forms.Dynamic].unexpected
    assert [%{id: :stranger, pid: ^stranger, type: :worker}] = root.unexpected

    :ok = Supervisor.terminate_child(Forms.Top, Forms.Nested)
    :ok = Supervisor.delete_child(Forms.Top, Forms.Nested)
    {:ok, %{applications: [%{root: root}]}} = Processes.supervision_tree(project.repository, running: true)
    assert Enum.find(root.children, &(&1.id == Forms.Nested)).status == :absent
  end

  defmodule Slow do
    use Supervisor
    def start_link(arg), do: Supervisor.start_link(__MODULE__, arg, name: __MODULE__)
    @impl true
    def init(_), do: Supervisor.init([Agent.child_spec(fn -> 0 end)], strategy: :one_for_one)
  end

  defmodule NoSupervisor do
    use GenServer
    @impl true
    def init(arg), do: {:ok, arg}
  end

  test "a busy supervisor is not waited for, and a worker is not asked" do
    {:ok, top} = Supervisor.start_link([Slow], strategy: :one_for_one)
    :sys.suspend(Slow)
    {us, {:ok, running}} = :timer.tc(fn -> Running.read(top, supervisor_timeout: 100) end)
    assert us < 1_000_000
    assert [%{id: Slow, status: :busy, children: []}] = running.children
    :sys.resume(Slow)
    assert {:ok, %{children: [%{status: :running, children: [%{modules: [Agent]}]}]}} = Running.read(top)

    liar = %{id: :liar, type: :supervisor, start: {GenServer, :start_link, [NoSupervisor, 1]}}
    {:ok, pid} = Supervisor.start_child(top, liar)
    assert {:ok, %{children: children}} = Running.read(top)
    assert %{pid: ^pid, children: [], status: :running} = Enum.find(children, &(&1.id == :liar))
    assert Process.alive?(pid)

    assert {:error, %{reason: :not_found}} = Running.read(:nobody_here)
    assert {:error, %{reason: :not_found}} = Running.read({:application, :no_such_application})
    refute_received _
  end

  test "options are checked" do
    {:ok, repository} = ASTRepository.new()
    assert {:ok, %SupervisionTree{applications: []}} = Processes.supervision_tree(repository)
    assert {:error, %{reason: :unknown}} = Processes.supervision_tree(repository, runing: true)
    assert {:error, %{reason: :invalid_argument}} = Processes.supervision_tree(repository, timeout: 0)
    assert {:error, %{reason: :not_found}} = Processes.supervision_tree(:nobody)
    assert {:error, %{reason: :not_found}} = Processes.facts(repository, Enum)
  end
end

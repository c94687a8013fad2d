defmodule ElixirScope.Test.Processes do
  @moduledoc "Small applications for tests: imported, compiled into this VM, and started under a supervisor of their own."

  import ExUnit.Assertions

  alias ElixirScope.ASTRepository

  defstruct [:repository, :dir, :name, :modules]

  @doc "Writes, imports, compiles and starts an application; it ends with the test."
  def start!(name, module, text, args \\ []) do
    project = import!(name, module, text)
    compiled = Code.compile_string(text, "lib/all.ex")
    modules = for {module, _} <- compiled, do: module

    spec = [
      vsn: ~c"1",
      modules: modules,
      registered: [],
      applications: [:kernel, :stdlib, :elixir],
      mod: {module, args}
    ]

    :ok = :application.load({:application, name, spec})
    :ok = Application.start(name)

    ExUnit.Callbacks.on_exit(fn ->
      ExUnit.CaptureLog.capture_log(fn -> Application.stop(name) end)
      Application.unload(name)
      for module <- modules, do: purge(module)
    end)

    %{project | modules: modules}
  end

  defp purge(module) do
    :code.purge(module)
    :code.delete(module)
  end

  @doc "Writes and imports an application."
  def import!(name, module, text) do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-#{name}-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(dir) end)
    File.mkdir_p!(Path.join(dir, "lib"))

    File.write!(Path.join(dir, "mix.exs"), """
    defmodule #{Macro.camelize(to_string(name))}.MixProject do
      use Mix.Project
      def project, do: [app: #{inspect(name)}, version: "0.1.0"]
      def application, do: [mod: {#{inspect(module)}, []}]
    end
    """)

    File.write!(Path.join(dir, "lib/all.ex"), text)
    {:ok, repository} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, dir)
    %__MODULE__{repository: repository, dir: dir, name: name}
  end

  @doc """
  Compares a tree of the source with what supervisors themselves say: ids, types, modules, restart and shutdown of every child, in
  their order. Gives the number of children that were compared.
  """
  def compare(root, application) do
    {:ok, running} = ElixirScope.OTP.Running.read({:application, application})
    children(root, running)
  end

  # What they start is not in anybody's source.
  @closed [:registry, :task_supervisor, :dynamic_supervisor]

  defp children(%{kind: kind}, _running) when kind in @closed, do: 0

  defp children(%{kind: :partition_supervisor} = static, running) do
    assert [%{presence: :on_request, module: module}] = static.children
    assert Enum.all?(running.children, &(&1.modules == [module]))
    1
  end

  defp children(static, running) do
    expected = Enum.reject(static.children, &(&1.presence == :conditional and &1.status == :absent))
    assert Enum.map(expected, &{&1.id, &1.type}) == Enum.map(running.children, &{&1.id, &1.type})

    for {one, other} <- Enum.zip(expected, running.children) do
      assert {one.id, one.basis} == {one.id, :written}
      specified(one, running.pid)
      if other.pid, do: assert(one.pids == [other.pid]), else: assert(one.status == :ignored)
      assert one.start |> elem(0) |> List.wrap() == other.modules or other.modules == [one.module]
      if other.type == :supervisor, do: 1 + children(one, other), else: 1
    end
    |> Enum.sum()
  end

  # The specification as the running supervisor keeps it.
  defp specified(node, supervisor) do
    {:ok, spec} = :supervisor.get_childspec(supervisor, node.id)
    {module, function, args} = spec.start
    assert {node.restart, node.shutdown, node.type} == {spec.restart, spec.shutdown, spec.type}
    assert node.start == {module, function, length(args)}
  end
end

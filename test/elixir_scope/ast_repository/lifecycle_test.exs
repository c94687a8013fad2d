defmodule ElixirScope.ASTRepository.LifecycleTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ModuleData, Repository}
  alias ElixirScope.Error

  defp has?(repo, name), do: match?({:ok, _}, ASTRepository.get_module(repo, name))

  test "a handle, a pid and a name are the same repository" do
    name = :"#{__MODULE__}.named"
    {:ok, pid} = ASTRepository.start_link(name: name, max_modules: 7)
    :ok = ASTRepository.store_module(name, %ModuleData{module_name: A})
    assert has?(pid, A)
    global = {:global, {__MODULE__, make_ref()}}
    {:ok, other} = ASTRepository.start_link(name: global)
    refute has?(global, A)
    :ok = ASTRepository.store_module(other, %ModuleData{module_name: B})
    assert has?(global, B) and not has?(name, B)
    assert {:ok, %{max_modules: 7}} = Repository.fetch(name, :configuration)
    assert :ok = ASTRepository.stop(name)
    assert :ok = ASTRepository.stop(other)
  end

  test "after stop every handle gives an error" do
    {:ok, repo} = ASTRepository.new()
    :ok = ASTRepository.store_module(repo, %ModuleData{module_name: A})
    assert :ok = ASTRepository.stop(repo)
    assert {:error, %Error{reason: :not_found, message: message}} = ASTRepository.get_module(repo, A)
    assert message =~ "stopped"
    assert {:error, %Error{}} = ASTRepository.store_module(repo, %ModuleData{module_name: A})
    assert :ok = ASTRepository.stop(repo)

    {:ok, pid} = ASTRepository.start_link()
    assert :ok = ASTRepository.stop(pid)
    assert {:error, %Error{reason: :not_found}} = ASTRepository.get_statistics(pid)
    assert {:error, %Error{}} = ASTRepository.stop(pid)
  end

  test "another process is not stopped" do
    pid = spawn_link(fn -> Process.sleep(:infinity) end)
    assert {:error, %Error{reason: :not_found}} = ASTRepository.stop(pid)
    assert Process.alive?(pid)
  end

  test "under a supervisor, a killed repository is followed by an empty one of its name" do
    name = :"#{__MODULE__}.supervised"
    start_supervised!({ASTRepository, name: name})
    :ok = ASTRepository.store_module(name, %ModuleData{module_name: A})
    old = Process.whereis(name)
    monitor = Process.monitor(old)
    Process.exit(old, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^old, :killed}

    await(fn ->
      Process.whereis(name) not in [nil, old] and match?({:ok, _}, ASTRepository.get_statistics(name))
    end)

    refute has?(name, A)
    await(fn -> match?({:error, _}, ASTRepository.get_statistics(old)) end)
  end

  test "repositories side by side share nothing" do
    repos = for _ <- 1..8, do: repository()

    repos
    |> Enum.with_index()
    |> Enum.map(fn {repo, n} ->
      Task.async(fn ->
        for m <- 1..50 do
          :ok =
            ASTRepository.store_module(repo, %ModuleData{module_name: :"side#{m}", ast: cart(), patterns: [n]})

          :ok = ASTRepository.store_correlation(repo, m, "node#{n}")
        end
      end)
    end)
    |> Task.await_many(60_000)

    for {repo, n} <- Enum.with_index(repos) do
      node = "node#{n}"
      assert {:ok, %{module_count: 50, correlation_count: 50}} = ASTRepository.get_statistics(repo)

      for m <- 1..50,
          do:
            assert(
              {:ok, %{patterns: [^n]}} = ASTRepository.get_module(repo, :"side#{m}", fields: [:patterns])
            )

      for m <- 1..50, do: assert({:ok, ^node} = ASTRepository.get_ast_node_by_correlation(repo, m))
    end
  end

  test "readers see whole versions while writers replace them" do
    repo = repository()

    versions =
      for n <- 1..2, do: parse("defmodule Whole do\n  def f#{n}, do: #{n}\n  def g#{n}, do: #{n}\nend")

    write = fn n ->
      ASTRepository.store_module(repo, %ModuleData{
        module_name: Whole,
        ast: Enum.at(versions, n - 1),
        patterns: [n]
      })
    end

    :ok = write.(1)
    writer = Task.async(fn -> for i <- 1..400, do: :ok = write.(rem(i, 2) + 1) end)

    readers =
      for _ <- 1..3 do
        Task.async(fn ->
          for _ <- 1..200 do
            {:ok, %{patterns: [n], exports: exports, ast: ast}} = ASTRepository.get_module(repo, Whole)
            assert exports == ["f#{n}": 0, "g#{n}": 0]
            assert ast == Enum.at(versions, n - 1)
          end
        end)
      end

    Task.await_many([writer | readers], 60_000)
  end

  test "shows itself briefly" do
    {:ok, repo} = ASTRepository.new(repository_id: "mine")
    assert inspect(repo) == "#ElixirScope.ASTRepository.Repository<mine>"
  end

  defp await(fun, left \\ 200) do
    cond do
      fun.() -> :ok
      left == 0 -> flunk("it did not come to pass")
      true -> Process.sleep(10) && await(fun, left - 1)
    end
  end
end

defmodule ElixirScope.ASTRepository.StacktraceTest do
  @moduledoc "Stacktraces of code that was compiled from the very text that the repository has read."
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.RuntimeCorrelator

  # Marks say which line fails, and what is on it.
  @source """
  defmodule Stacks.Deep do
    def run(:badmatch), do: one(:badmatch) + 1
    def run(what), do: wrap(fn -> one(what) + 1 end)

    def wrap(fun) do
      value = fun.()
      value + 1
    end

    defp one(what) do
      x = two(what)
      x * 2
    end

    defp two(:badmatch) do
      {:ok, x} = Process.get(:nothing_at_all)
      x
    end

    defp two(:raise), do: raise(ArgumentError, "no")

    defp two(:comprehension) do
      list = for x <- [1, 2], do: three(x)
      length(list)
    end

    defp two(:clause), do: 1 + four(:other)
    defp two(:exit), do: exit(:gone)
    defp two(:throw), do: throw(:ball)

    defp three(1), do: 1

    defp three(2) do
      :erlang.binary_to_integer("two")
    end

    defp four(:this), do: 1

    defmacro later(x), do: quote(do: unquote(x) + 1)
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-stacks-#{System.pid()}")
    File.mkdir_p!(Path.join(dir, "lib"))
    path = Path.join(dir, "lib/deep.ex")
    File.write!(path, @source)
    on_exit(fn -> File.rm_rf!(dir) end)
    Code.compile_file(path)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)
    %{repository: repository, dir: dir, path: path}
  end

  defp fail(what) do
    Stacks.Deep.run(what)
    flunk("it did not fail")
  catch
    kind, reason -> {kind, reason, __STACKTRACE__}
  end

  for what <- [:badmatch, :raise, :comprehension, :clause, :exit, :throw] do
    test "every frame of ours has the line and the function that it says (#{what})", %{repository: repository} do
      {_kind, reason, stack} = fail(unquote(what))
      {:ok, frames} = RuntimeCorrelator.correlate_stacktrace(repository, stack)
      assert length(frames) == length(stack)
      {own, others} = Enum.split_with(frames, &(&1.module == Stacks.Deep))
      assert length(own) >= 3
      assert Enum.all?(others, &(&1.ast_node_id == nil and &1.confidence == 0.0))

      for frame <- own do
        assert frame.confidence == 0.95, inspect(frame)
        assert {:ok, place} = ASTRepository.get_node_location(repository, frame.ast_node_id)
        assert place.line == frame.line, inspect({frame, place})
        {_, name, arity} = written(frame)
        assert String.starts_with?(frame.ast_node_id, "Stacks.Deep.#{name}/#{arity}#"), inspect(frame)
      end

      assert {:ok, %{ast_node_id: first, frames: ^frames}} =
               RuntimeCorrelator.correlate_exception(repository, reason, stack)

      assert first == hd(own).ast_node_id

      # An event that brings its stacktrace leads to the same place.
      assert {:ok, %{ast_node_id: ^first, strategy: :line_based, confidence: 0.95}} =
               RuntimeCorrelator.resolve(repository, %{stacktrace: stack})
    end
  end

  defp written(%{function: name, arity: arity}) do
    case Regex.run(~r/\A-(\w+)\/(\d+)-/, Atom.to_string(name)) do
      [_, name, arity] -> {nil, name, arity}
      nil -> {nil, name, arity}
    end
  end

  test "code that was changed since is told by its function, and less sure", %{
    repository: repository,
    dir: dir,
    path: path
  } do
    {_, _, stack} = fail(:badmatch)
    {:ok, changed} = ASTRepository.new()

    File.write!(
      path,
      String.replace(
        @source,
        "defmodule Stacks.Deep do\n",
        "defmodule Stacks.Deep do\n" <> String.duplicate("\n  @x 1\n", 9)
      )
    )

    {:ok, _} = ASTRepository.import_project(changed, dir)
    File.write!(path, @source)

    {:ok, frames} = RuntimeCorrelator.correlate_stacktrace(changed, stack)
    own = for %{module: Stacks.Deep} = frame <- frames, do: frame
    assert Enum.map(own, & &1.ast_node_id) |> Enum.take(2) == ["Stacks.Deep.two/1", "Stacks.Deep.one/1"]
    assert Enum.all?(own, &(&1.confidence == 0.6))
    {:ok, before} = RuntimeCorrelator.correlate_stacktrace(repository, stack)
    assert hd(before).confidence == 0.95
  end

  test "what is no stacktrace is said to be none", %{repository: repository} do
    assert {:error, %{reason: :invalid_argument}} = RuntimeCorrelator.correlate_stacktrace(repository, :none)
    assert {:ok, []} = RuntimeCorrelator.correlate_stacktrace(repository, [:strange, {1, 2}])

    assert {:error, %{reason: :not_found}} =
             RuntimeCorrelator.correlate_exception(repository, :x, [{:lists, :map, 2, []}])
  end
end

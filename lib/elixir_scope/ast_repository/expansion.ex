defmodule ElixirScope.ASTRepository.Expansion do
  @moduledoc false
  # Brings what the compiler made of a project to its sources: the calls after macro expansion, the compiler's notes, and the
  # exports of modules outside that the sources import.

  alias ElixirScope.Core.Graph
  alias ElixirScope.Static.Compiled

  @doc """
  Reads the compiled modules of the project at `root`, each in a task of its own, and gives how many there were, and the modules
  whose source has changed since.

  `compiled` is `:auto` (they are looked for), `false`, or a list of ebin directories.
  """
  @spec run(reference(), Path.t(), :auto | false | [Path.t()], keyword()) ::
          {:ok, %{compiled: non_neg_integer(), stale: [module()]}} | {:error, ElixirScope.Error.t()}
  def run(ref, root, compiled, opts) do
    beams = beams(compiled, root, opts[:exclude])

    modules =
      beams
      |> Task.async_stream(&Compiled.read(&1, root, opts[:exclude]),
        max_concurrency: opts[:max_concurrency],
        ordered: false,
        timeout: :infinity
      )
      |> Enum.flat_map(fn
        {:ok, {:ok, module}} -> [module]
        # A module that cannot be read is known by its source alone.
        {:ok, _} -> []
      end)

    with {:ok, count} <- Graph.put_compiled(ref, root, modules),
         {:ok, stale} <- Graph.stale_modules(ref),
         {:ok, _} <- exports(ref, beams) do
      {:ok, %{compiled: count, stale: stale}}
    end
  end

  defp beams(false, _root, _exclude), do: []
  defp beams(:auto, root, exclude), do: Compiled.find(root, exclude)
  defp beams(ebins, _root, _exclude), do: Compiled.beams(Enum.map(ebins, &Path.expand/1))

  # Dependencies are compiled beside the project.
  defp exports(ref, beams) do
    ebins =
      beams
      |> Enum.map(&(&1.path |> Path.dirname() |> Path.join("../../*/ebin")))
      |> Enum.uniq()
      |> Enum.flat_map(&Path.wildcard(Path.expand(&1)))
      |> Enum.uniq()

    with {:ok, wanted} <- Graph.wanted_exports(ref) do
      found = for module <- wanted, {:ok, names} <- [Compiled.exports(module, ebins)], do: {module, names}
      Graph.put_exports(ref, found)
    end
  end
end

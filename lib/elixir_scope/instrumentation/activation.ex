defmodule ElixirScope.Instrumentation.Activation do
  @moduledoc false
  # The instrumented copies that `Build` keeps become the code that runs.

  alias ElixirScope.Instrumentation.{Loader, Result}

  @doc "Puts `target` in front of the code path and loads every module of the build from it."
  def run(build, target) do
    Code.prepend_path(target)
    build.modules |> Enum.map(&{&1.module, load(&1)}) |> Result.new()
  end

  @doc """
  Takes `target` off the code path. Needed while the compiler runs: it must not find an old copy of what it is
  about to compile.
  """
  def suspend(target), do: Code.delete_path(target)

  # Loading everything, and not only changing the path, because Mix puts the ordinary ebin in front again.
  defp load(%{module: module, build: build, file: file, original: original}) do
    if Loader.loaded_build(module) == build do
      {:ok, :unchanged}
    else
      with {:ok, binary} <- File.read(file),
           do: Loader.load_instrumented(module, binary, to_charlist(original))
    end
  end
end

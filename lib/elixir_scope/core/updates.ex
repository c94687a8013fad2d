defmodule ElixirScope.Core.Updates do
  @moduledoc false
  # Changes of a live native store, one function a NIF, with results as `ElixirScope.Core` gives them.

  alias ElixirScope.{Core, Native}

  @doc "The directories that were imported."
  def roots(ref), do: Core.call(fn -> Native.repository_roots(ref) end)

  @doc "The version that is read now."
  def version(ref), do: Core.call(fn -> Native.repository_version(ref) end)

  @doc "`{:ok, {root, path}}` of a stored file, by its absolute path."
  def file_place(ref, path), do: Core.call(fn -> Native.repository_file_place(ref, path) end)

  @doc "How many derived facts of files were computed in this VM so far."
  def computed, do: Core.call(fn -> Native.source_computed() end)

  @doc """
  All operations or none: `{:ok, {version, changes}}`. An error that one operation is to blame for has its position in
  `details.index`. `as_of` is a version that was read, or `nil`.

      {:file, root, unit, lines}    {:remove_file, path}
      {:module, name, mode, expected, ast, fields}    {:delete_module, name}
      {:function, key, mode, expected, ast, fields}    {:delete_function, key}
      {:correlation, id, node}    {:insight, node, fields}
  """
  def apply(ref, operations, as_of \\ nil) do
    case Core.call(fn -> Native.repository_apply(ref, operations, as_of) end) do
      {:rejected, index, error} ->
        with {:error, error} <- Core.wrap(error),
             do: {:error, %{error | details: Map.put(error.details, :index, index)}}

      other ->
        other
    end
  end
end

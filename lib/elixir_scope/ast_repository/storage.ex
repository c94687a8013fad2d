defmodule ElixirScope.ASTRepository.Storage do
  @moduledoc false
  # Snapshots, which share records in memory, and files, which last. The native store makes and checks the bytes;
  # a file is written beside its place and moved there, so that a crash leaves the old one whole.

  alias ElixirScope.ASTRepository.{Config, Fault, Handle, Lifecycle, Snapshot}
  alias ElixirScope.Core
  alias ElixirScope.Error

  def create_snapshot(repository) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, {ref, version}} <- Core.Repository.snapshot(handle.ref) do
      {:ok,
       %Snapshot{
         ref: ref,
         repository_id: handle.repository_id,
         version: version,
         taken_at: DateTime.utc_now()
       }}
    end
  end

  def restore_snapshot(repository, {:ok, snapshot}), do: restore_snapshot(repository, snapshot)

  def restore_snapshot(repository, %Snapshot{ref: snapshot}) do
    with {:ok, ref} <- Handle.ref(repository), do: Core.Repository.restore(ref, snapshot)
  end

  def restore_snapshot(repository, other) do
    with {:ok, _ref} <- Handle.ref(repository),
         do: Fault.invalid(:snapshot, other, "give what create_snapshot/1 gave")
  end

  def save(repository, path) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, path} <- path(path),
         {:ok, bytes} <- Core.Repository.dump(ref),
         :ok <- write(path, bytes) do
      :ok
    end
  end

  def load(path, opts) do
    with {:ok, path} <- path(path),
         {:ok, config} <- Config.new(opts),
         {:ok, bytes} <- read(path),
         {:ok, {id, ref}} <- Core.Repository.load(bytes, Lifecycle.limits(config)) do
      {:ok, Lifecycle.adopt(id, ref, config)}
    else
      {:error, %Error{reason: :corrupt} = error} ->
        {:error, %{error | details: Map.put(error.details, :path, path)}}

      error ->
        error
    end
  end

  defp write(path, bytes) do
    beside = "#{path}.#{System.unique_integer([:positive])}.tmp"

    with :ok <- File.mkdir_p(Path.dirname(path)),
         :ok <- File.write(beside, bytes, [:raw]),
         :ok <- File.rename(beside, path) do
      :ok
    else
      {:error, posix} ->
        File.rm(beside)
        file_error("written", path, posix)
    end
  end

  defp read(path) do
    with {:error, posix} <- File.read(path), do: file_error("read", path, posix)
  end

  defp path(path) when is_binary(path) and path != "" and byte_size(path) <= 4_096 do
    if String.valid?(path) and not String.contains?(path, <<0>>), do: {:ok, path}, else: bad_path(path)
  end

  defp path(other), do: bad_path(other)

  defp bad_path(path), do: Fault.invalid(:path, path, "give the path of a file, as text")

  defp file_error(verb, path, posix) do
    {:error,
     %Error{
       reason: :file,
       message: "#{path} cannot be #{verb}: #{:file.format_error(posix)}",
       hint: "check the path and its permissions",
       details: %{path: path, posix: posix}
     }}
  end
end

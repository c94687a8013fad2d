defmodule ElixirScope.ASTRepository.IncrementalUpdater.Consistency do
  @moduledoc false
  # Whether what is stored fits itself and the disk, and how to make it fit again.

  alias ElixirScope.ASTRepository.Import
  alias ElixirScope.Core

  @doc "`:ok`, or everything that does not fit."
  def check(repository) do
    with {:ok, facts} <- Core.Repository.health(repository.ref),
         {:ok, files} <- files(repository.ref) do
      case store(facts) ++ Enum.flat_map(files, &file(repository.ref, &1)) do
        [] -> :ok
        inconsistencies -> {:error, inconsistencies}
      end
    end
  end

  @doc "Updates that take out the stored files which are no longer there."
  def gone(ref) do
    case files(ref) do
      {:ok, files} ->
        for {root, file} <- files,
            path = Path.join(root, file),
            not File.exists?(path),
            do: {:file_removed, path}

      {:error, _stopped} ->
        []
    end
  end

  @doc "Imports every project again: what is unchanged is skipped. Gives the results."
  def resync(repository) do
    case Core.Updates.roots(repository.ref) do
      {:ok, roots} ->
        for root <- roots, {:ok, result} <- [Import.import_project(repository, root, [])], do: result

      {:error, _stopped} ->
        []
    end
  end

  defp files(ref) do
    with {:ok, roots} <- Core.Updates.roots(ref) do
      {:ok,
       for(root <- roots, {:ok, files} <- [Core.Repository.files(ref, root)], file <- files, do: {root, file})}
    end
  end

  defp store(facts) do
    broken =
      for id <- facts.broken_records,
          do: inconsistency(:broken_record, id, "its own id does not lead back to this module")

    directions =
      if facts.correlations_agree,
        do: [],
        else: [inconsistency(:correlations, "correlations", "the two directions of the index disagree")]

    dangling =
      if facts.dangling_nodes > 0 and facts.module_count > 0 do
        message = "#{facts.dangling_nodes} of #{facts.correlated_nodes} correlated nodes are not stored"
        [inconsistency(:dangling_correlations, "correlations", message)]
      else
        []
      end

    broken ++ directions ++ dangling
  end

  defp file(ref, {root, file}) do
    path = Path.join(root, file)

    with {:ok, text} <- File.read(path),
         {:ok, true} <- Core.Repository.unchanged?(ref, root, file, text) do
      []
    else
      {:ok, false} ->
        [inconsistency(:stale_file, path, "the text on the disk is another than the one stored")]

      {:error, :enoent} ->
        [inconsistency(:missing_file, path, "it is stored, and not on the disk")]

      {:error, reason} ->
        [inconsistency(:unreadable_file, path, "it cannot be read: #{inspect(reason)}")]
    end
  end

  defp inconsistency(kind, subject, message), do: %{kind: kind, subject: subject, message: message}
end

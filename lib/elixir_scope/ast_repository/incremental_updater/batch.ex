defmodule ElixirScope.ASTRepository.IncrementalUpdater.Batch do
  @moduledoc false
  # Updates checked, prepared side by side, and applied as one. Runs in a process of its own; the store is changed by
  # a single call at the end, so whatever goes wrong before has changed nothing.

  alias ElixirScope.ASTRepository.{BatchResult, Fault, Handle}
  alias ElixirScope.ASTRepository.IncrementalUpdater.Operation
  alias ElixirScope.{Core, Error}

  # Another writer was faster: read again.
  @attempts_max 10

  @doc """
  Applies all updates or none. `as_of: version` makes it a conflict when anything they name changed after it.
  """
  @spec run(reference(), [tuple()], keyword()) :: {:ok, BatchResult.t()} | {:error, Error.t()}
  def run(ref, updates, opts \\ []) do
    started = now_us()

    with :ok <- check(updates),
         :ok <- apart(updates),
         {:ok, result} <- attempt(ref, updates, opts[:as_of], 1) do
      {:ok, %{result | duration_us: now_us() - started}}
    end
  end

  @doc "As `run/3`, of whatever a caller calls a repository and a list."
  @spec bulk(term(), term()) :: {:ok, BatchResult.t()} | {:error, Error.t()}
  def bulk(repository, updates) do
    with {:ok, ref} <- Handle.ref(repository) do
      if is_list(updates) and not List.improper?(updates),
        do: run(ref, updates),
        else: Fault.invalid(:updates, updates, "give a list of updates")
    end
  end

  @doc "Applies updates that were queued one by one: what cannot be applied is left out and reported."
  @spec run_each(reference(), [tuple()]) :: {:ok, BatchResult.t()} | {:error, Error.t()}
  def run_each(ref, updates), do: run_each(ref, updates, [], now_us())

  defp run_each(ref, updates, rejected, started) do
    case run(ref, updates) do
      {:ok, result} ->
        {:ok, %{result | rejected: Enum.reverse(rejected), duration_us: now_us() - started}}

      {:error, %Error{details: %{errors: [_ | _] = errors}}} ->
        bad = Map.new(errors)
        indexed = Enum.with_index(updates)
        good = for {update, at} <- indexed, not is_map_key(bad, at), do: update
        more = for {update, at} <- indexed, is_map_key(bad, at), do: {update, bad[at]}
        run_each(ref, good, Enum.reverse(more) ++ rejected, started)

      error ->
        error
    end
  end

  defp check(updates) do
    case for(
           {update, at} <- Enum.with_index(updates),
           {:error, error} <- [Operation.check(update)],
           do: {at, error}
         ) do
      [] -> :ok
      errors -> rejected(updates, errors)
    end
  end

  # Two updates of one thing: in which order they were meant, nobody knows.
  defp apart(updates) do
    again =
      updates
      |> Enum.with_index()
      |> Enum.group_by(fn {update, _at} -> Operation.target(update) end, &elem(&1, 1))
      |> Enum.flat_map(fn {target, [_first | more]} ->
        for at <- more, do: {at, conflict("another update of the batch is of #{inspect(target)} too")}
      end)

    if again == [], do: :ok, else: rejected(updates, Enum.sort_by(again, &elem(&1, 0)))
  end

  defp attempt(ref, updates, as_of, attempt) do
    with {:ok, version} <- Core.Updates.version(ref),
         {:ok, prepared} <- prepare(ref, updates) do
      operations =
        for {{:ok, operations, _told}, at} <- prepared, operation <- operations, do: {operation, at}

      case Core.Updates.apply(ref, Enum.map(operations, &elem(&1, 0)), as_of) do
        {:ok, {applied, files}} ->
          {:ok, result(prepared, version, applied, files)}

        {:error, %Error{reason: :conflict}} when is_nil(as_of) and attempt < @attempts_max ->
          attempt(ref, updates, as_of, attempt + 1)

        {:error, %Error{details: %{index: index}} = error} ->
          {_operation, at} = Enum.at(operations, index)
          rejected(updates, [{at, explain(error, Enum.at(updates, at))}])

        error ->
          error
      end
    end
  end

  defp prepare(ref, updates) do
    prepared =
      updates
      |> Task.async_stream(&Operation.prepare(ref, &1), ordered: true, timeout: :infinity)
      |> Enum.with_index(fn {:ok, prepared}, at -> {prepared, at} end)

    case for({{:error, error}, at} <- prepared, do: {at, error}) do
      [] -> {:ok, prepared}
      errors -> rejected(updates, errors)
    end
  end

  defp result(prepared, version, applied, files) do
    told = for {{:ok, _operations, told}, _at} <- prepared, do: told
    # After the store has changed: a switch cannot fail, and is no part of a version.
    for %{switch: switches} <- told, {literals, on} <- switches, do: Core.Capture.switch(literals, on)
    files = Enum.reject(files, &(&1.kind == :unchanged))
    all = fn key -> Enum.flat_map(told, &Map.get(&1, key, [])) end

    %BatchResult{
      version: applied,
      previous_version: version,
      applied: length(told),
      unchanged: length(prepared) - length(told),
      files: files,
      modules: Enum.flat_map(files, & &1.modules) ++ all.(:modules),
      functions: Enum.flat_map(files, & &1.functions) ++ all.(:functions),
      correlations: all.(:correlations),
      nodes: Enum.uniq(all.(:nodes))
    }
  end

  defp explain(%Error{reason: :not_found} = error, {:function_removed, {module, name, arity}}) do
    %{
      error
      | message: "nothing is stored of #{inspect(module)}.#{name}/#{arity}",
        hint: "what its source defines is removed there"
    }
  end

  defp explain(error, _update), do: error

  # The first error is the batch's; all of them are in the details.
  defp rejected(updates, [{at, first} | _] = errors) do
    message =
      case length(updates) do
        1 -> first.message
        count -> "update #{at + 1} of #{count}: #{first.message}"
      end

    {:error, %{first | message: message, details: Map.merge(first.details, %{index: at, errors: errors})}}
  end

  defp conflict(message) do
    %Error{reason: :conflict, message: message, hint: "give one update for each thing, or two batches"}
  end

  defp now_us, do: System.monotonic_time(:microsecond)
end

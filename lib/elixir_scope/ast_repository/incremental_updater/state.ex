defmodule ElixirScope.ASTRepository.IncrementalUpdater.State do
  @moduledoc false
  # What an updater knows, without the process around it.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.ASTRepository.IncrementalUpdater.Queue

  defstruct [
    :repository,
    :options,
    :queue,
    # What is being applied: `%{monitor:, job:, from:}`.
    :running,
    :timer,
    :watcher,
    # Requests that wait for the updates queued before them, oldest first.
    requests: [],
    # Files may be gone without anybody having said so: look before the next batch ends.
    sweep: false,
    # Updates from a feed had no room: everything has to be read again.
    resync: false,
    checkpoints: [],
    subscribers: %{},
    statistics: %{
      batches: 0,
      applied: 0,
      unchanged: 0,
      rejected: 0,
      failed_batches: 0,
      refused: 0,
      rollbacks: 0,
      resyncs: 0,
      notified: 0,
      missed: 0
    },
    # Microseconds of the last batches, newest first.
    durations: []
  ]

  @defaults [
    name: nil,
    max_queue: 10_000,
    max_batch: 500,
    batch_ms: 10,
    max_checkpoints: 16,
    max_mailbox: 1_000,
    compiler: true,
    watch: [],
    watch_backend: :auto
  ]

  @durations_max 256

  def new(repository, options) do
    %__MODULE__{repository: repository, options: options, queue: Queue.new(options.max_queue)}
  end

  @doc "The options of `start_link/2`, checked, as a map."
  def options(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(not Keyword.has_key?(@defaults, &1))) ->
        Fault.unknown(:option, unknown, Keyword.keys(@defaults))

      true ->
        check(@defaults |> Keyword.merge(opts) |> Map.new())
    end
  end

  @counts [max_queue: 1, max_batch: 1, batch_ms: 0, max_checkpoints: 1, max_mailbox: 1]

  defp check(options) do
    wrong =
      Enum.find(@counts, fn {name, least} -> not (is_integer(options[name]) and options[name] >= least) end)

    cond do
      wrong != nil ->
        {name, least} = wrong
        Fault.invalid(name, options[name], "give an integer from #{least} on")

      not is_boolean(options.compiler) ->
        Fault.invalid(:compiler, options.compiler, "give true or false")

      not (is_list(options.watch) and Enum.all?(options.watch, &is_binary/1)) ->
        Fault.invalid(:watch, options.watch, "give a list of directories")

      options.watch_backend not in [:auto, :poll] ->
        Fault.unknown(:watch_backend, options.watch_backend, [:auto, :poll])

      true ->
        {:ok, options}
    end
  end

  # Checkpoints: newest first, the oldest goes when there are too many.

  def put_checkpoint(state, name, snapshot) do
    kept = Enum.reject(state.checkpoints, fn {other, _} -> other == name end)
    %{state | checkpoints: Enum.take([{name, snapshot} | kept], state.options.max_checkpoints)}
  end

  def checkpoint(state, name) do
    case List.keyfind(state.checkpoints, name, 0) do
      {_name, snapshot} ->
        {:ok, snapshot}

      nil ->
        Fault.not_found(
          :checkpoint,
          name,
          "there are #{inspect(Enum.map(state.checkpoints, &elem(&1, 0)), limit: 10)}; the oldest go first"
        )
    end
  end

  # Statistics

  def count(state, name, by \\ 1),
    do: %{state | statistics: Map.update!(state.statistics, name, &(&1 + by))}

  def took(state, us), do: %{state | durations: Enum.take([us | state.durations], @durations_max)}

  def statistics(state) do
    sorted = Enum.sort(state.durations)

    Map.merge(state.statistics, %{
      queued: Queue.size(state.queue),
      coalesced: state.queue.coalesced,
      running: state.running != nil,
      checkpoints: length(state.checkpoints),
      subscribers: map_size(state.subscribers),
      batch_us_p50: percentile(sorted, 0.5),
      batch_us_p95: percentile(sorted, 0.95)
    })
  end

  defp percentile([], _share), do: nil

  # Nearest rank.
  defp percentile(sorted, share), do: Enum.at(sorted, max(ceil(share * length(sorted)) - 1, 0))
end

defmodule ElixirScope.ASTRepository.IncrementalUpdater do
  @moduledoc """
  Keeps a repository up to date while the system runs: updates are queued, put together, checked, applied as one, and
  told to whoever asked.

      {:ok, updater} = IncrementalUpdater.start_link(repository)
      :ok = IncrementalUpdater.subscribe(updater)
      :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/cart.ex"})
      receive do
        {IncrementalUpdater, ^updater, {:updated, %BatchResult{modules: [{Cart, :modified}]}}} -> :ok
      end

  ## Updates

    * `{:module_changed, name, module_data}` - what differs from the stored `ModuleData` is stored; a new module is added
    * `{:function_added, key, function_data}` - a function that is not there yet
    * `{:function_modified, key, function_data}` - what differs from the stored or computed `FunctionData`
    * `{:function_removed, key}` - forgets what was stored of a function
    * `{:correlation_updated, correlation_id, runtime_data}` - a map: `:ast_node_id` is where the id leads from now on,
      the other keys are fields of `ElixirScope.ASTRepository.RuntimeInsights`, stored for the node it leads to
    * `{:instrumentation_changed, ast_node_id, instrumentation_point}` - switches the node's points (the one of
      `:point_id`, or all) on or off by `:enabled`
    * `{:file_changed, path}`, `{:file_changed, path, text}`, `{:file_removed, path}` - as
      `ElixirScope.ASTRepository.update_file/3` and `remove_file/2`
    * `{:file_synced, path}` - whichever of the two the disk says when it is applied

  ## Where updates come from

  Callers; the Elixir compiler, whenever it compiles a module in this VM with `ElixirScope.CompileTracer` (`recompile`
  in `iex -S mix`), unless `compiler: false`; and the directories of `watch: [path]`.

  The compiler's feed takes files of imported projects of which a module was compiled. Deleted files are looked for
  after each such compilation; a compilation that compiled nothing is noticed when the `:elixir_scope` Mix compiler
  runs in it.

  ## Watching directories

  `watch: [path]` follows the source files of directories that are imported: written, moved, removed, in directories
  that come later too; `deps`, `_build` and the like are left out. The operating system's events are used; where they
  cannot be, since its limits are reached or the file system sends none (`watch_backend: :poll`), the files are read
  and compared every two seconds, and `statistics/1` says why under `:watch`. A path is taken in when it was quiet for
  50 ms, at the latest after 500 ms. Where more happens than can be kept, everything is looked at again.

  ## Queue

  Bounded (`max_queue:`, 10_000): an update too many is refused with `:queue_full`, which is the sign to slow down. An
  update of something that waits already takes its place (coalescing). What is queued waits `batch_ms:` (10) for more
  and is applied `max_batch:` (500) at a time; updates that cannot be applied are left out, and told.

  A batch of `process_batch_updates/3` is applied whole or not at all, after what was queued before it.

  ## Versions and conflicts

  A query, like every call, reads one version of the repository from its beginning to its end; an update makes the next
  version beside it and puts it in its place at once. So an update never waits for a query, and a query never sees half
  of one. What remains are conflicts of writers, and they are errors (`:conflict`), not surprises:

    * two updates of the same thing in one batch
    * with `as_of: version`: something that the batch names changed after this version, which the caller had read
    * adding what is there already

  Writers of one record that do not say `as_of:` are put one after the other: what differs is computed again when
  somebody else was faster.

  ## Checkpoints

  `checkpoint/2` keeps the content of a moment under a name, at most `max_checkpoints:` (16), the oldest go first;
  `rollback/2` brings it back. Records are shared, so a checkpoint costs the changes since, and a copy of the
  correlations.

  ## Messages to subscribers

  `{ElixirScope.ASTRepository.IncrementalUpdater, updater, event}`, where `event` is

    * `{:updated, %ElixirScope.ASTRepository.BatchResult{}}` - what changed, and what was rejected
    * `{:rolled_back, %{checkpoint: name, version: version}}`
    * `{:resynced, %{imports: [%ElixirScope.ASTRepository.ImportResult{}]}}` - a feed had more than the queue holds, and
      the projects were imported again
    * `{:missed, count}` - events that were left out since the last message, because more than `max_mailbox:` (1_000)
      messages waited. Nobody waits for a subscriber; one that dies is forgotten.

  ## Cost

  The budget: an edited file of 660 lines is read, parsed, encoded and visible, with what is joined across files, within
  10 ms in a project of 1,000 modules; an edit of comments or layout computes nothing of the code again. Parsing is most
  of it. Putting the file in its place costs in proportion to the file, not to the project. `bench/update.exs` shows
  every step.

  ## Errors

  `:queue_full`, `:conflict`, `:not_found`, `:invalid_argument`, `:unknown`, `:parse_error`, `:file`,
  `:limit_exceeded`, `:timeout`. Of a batch, `details.errors` is `[{index, error}]`, and `details.index` the first.
  """

  use GenServer

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{BatchResult, Fault, Handle, Storage}

  alias ElixirScope.ASTRepository.IncrementalUpdater.{Batch, Consistency, Operation}
  alias ElixirScope.ASTRepository.IncrementalUpdater.{Queue, State, Subscribers, Watcher}

  alias ElixirScope.{CompileListeners, Error}

  @type function_key :: ASTRepository.FunctionData.key()

  @type update_operation ::
          {:module_changed, module(), ASTRepository.ModuleData.t()}
          | {:function_added, function_key(), ASTRepository.FunctionData.t()}
          | {:function_modified, function_key(), ASTRepository.FunctionData.t()}
          | {:function_removed, function_key()}
          | {:correlation_updated, ASTRepository.correlation_id(), map()}
          | {:instrumentation_changed, ASTRepository.ast_node_id(), ASTRepository.InstrumentationPoint.t()}
          | {:file_changed, Path.t()}
          | {:file_changed, Path.t(), binary()}
          | {:file_removed, Path.t()}
          | {:file_synced, Path.t()}

  @typedoc "What does not fit: `kind` says how, `subject` what, `message` explains it."
  @type inconsistency :: %{kind: atom(), subject: String.t(), message: String.t()}

  @doc """
  Starts an updater of a repository (a handle, pid or name).

  Options: `name:`, `max_queue:`, `max_batch:`, `batch_ms:`, `max_checkpoints:`, `max_mailbox:`, `compiler:`, `watch:`
  (see above), and `watch_backend: :poll` for file systems that send no events.
  """
  @spec start_link(ASTRepository.repository(), keyword()) :: GenServer.on_start() | {:error, Error.t()}
  def start_link(repository, opts \\ []) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, options} <- State.options(opts) do
      GenServer.start_link(
        __MODULE__,
        {handle, options},
        if(options.name, do: [name: options.name], else: [])
      )
    end
  end

  @doc "For a supervisor: `{IncrementalUpdater, repository: MyApp.Repository, watch: [\"lib\"]}`."
  @spec child_spec(keyword()) :: Supervisor.child_spec()
  def child_spec(opts) do
    {repository, opts} = Keyword.pop(opts, :repository)
    %{id: opts[:name] || __MODULE__, start: {__MODULE__, :start_link, [repository, opts]}}
  end

  @doc "Queues an update. Errors: `:queue_full`, and what is wrong with the update itself."
  @spec queue_update(GenServer.server(), update_operation()) :: :ok | {:error, Error.t()}
  def queue_update(updater, operation) do
    with :ok <- Operation.check(operation), do: call(updater, {:queue, operation})
  end

  @doc """
  Applies all updates or none, after what was queued before.

  Options: `as_of: version` (see above), `checkpoint: name` to make a checkpoint first, `timeout: ms` (60_000).
  """
  @spec process_batch_updates(GenServer.server(), [update_operation()], keyword()) ::
          {:ok, BatchResult.t()} | {:error, Error.t()}
  def process_batch_updates(updater, operations, opts \\ [])

  def process_batch_updates(updater, operations, opts) when is_list(operations) and is_list(opts) do
    cond do
      List.improper?(operations) ->
        Fault.invalid(:updates, operations, "give a list of updates")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in [:as_of, :checkpoint, :timeout])) ->
        Fault.unknown(:option, unknown, [:as_of, :checkpoint, :timeout])

      not (is_nil(opts[:as_of]) or (is_integer(opts[:as_of]) and opts[:as_of] >= 0)) ->
        Fault.invalid(:as_of, opts[:as_of], "give a version of the repository")

      true ->
        request(updater, {:batch, operations, opts}, opts[:timeout] || 60_000)
    end
  end

  def process_batch_updates(_updater, other, _opts),
    do: Fault.invalid(:updates, other, "give a list of updates")

  @doc "Waits until everything that was queued before is applied."
  @spec flush(GenServer.server(), timeout()) :: :ok | {:error, Error.t()}
  def flush(updater, timeout \\ 60_000), do: request(updater, :flush, timeout)

  @doc """
  Checks that the repository fits itself and its files: ids that lead back, correlations in both directions, correlated
  nodes that exist, stored files whose text is what is on the disk.
  """
  @spec validate_update_consistency(GenServer.server()) ::
          :ok | {:error, [inconsistency()]} | {:error, Error.t()}
  def validate_update_consistency(updater) do
    with {:ok, repository} <- call(updater, :repository), do: Consistency.check(repository)
  end

  @doc "The version that is read now: for `as_of:`."
  @spec version(GenServer.server()) :: {:ok, pos_integer()} | {:error, Error.t()}
  def version(updater) do
    with {:ok, repository} <- call(updater, :repository), do: ElixirScope.Core.Updates.version(repository.ref)
  end

  @doc "Keeps the content of this moment under a name; an older one of that name is replaced."
  @spec checkpoint(GenServer.server(), term()) :: :ok | {:error, Error.t()}
  def checkpoint(updater, name), do: request(updater, {:checkpoint, name}, 60_000)

  @doc """
  Brings back the content of a checkpoint: source, stored fields, insights and correlations, at once. Later changes are
  gone, also those that did not come through this updater. Errors: `:not_found`.
  """
  @spec rollback(GenServer.server(), term()) :: :ok | {:error, Error.t()}
  def rollback(updater, name), do: request(updater, {:rollback, name}, 60_000)

  @doc "The names of the checkpoints, newest first."
  @spec checkpoints(GenServer.server()) :: {:ok, [term()]} | {:error, Error.t()}
  def checkpoints(updater), do: call(updater, :checkpoints)

  @doc "Sends the messages described above to a process, until it ends or `unsubscribe/2`."
  @spec subscribe(GenServer.server(), pid()) :: :ok | {:error, Error.t()}
  def subscribe(updater, pid \\ self()) when is_pid(pid), do: call(updater, {:subscribe, pid})

  @spec unsubscribe(GenServer.server(), pid()) :: :ok | {:error, Error.t()}
  def unsubscribe(updater, pid \\ self()) when is_pid(pid), do: call(updater, {:unsubscribe, pid})

  @doc """
  Counts since the start: `:batches`, `:failed_batches`, `:applied`, `:unchanged`, `:rejected`, `:refused` (queue full),
  `:coalesced`, `:rollbacks`, `:resyncs`, `:notified`, `:missed`; now: `:queued`, `:running`, `:checkpoints`,
  `:subscribers`, `:watch` (`%{backend:, directories:, note:}`); and of the last 256 batches `:batch_us_p50`, `:batch_us_p95`.
  """
  @spec statistics(GenServer.server()) :: {:ok, map()} | {:error, Error.t()}
  def statistics(updater), do: call(updater, :statistics)

  defp request(updater, what, timeout), do: call(updater, {:request, what}, timeout)

  defp call(updater, message, timeout \\ 5_000) do
    GenServer.call(updater, message, timeout)
  catch
    :exit, {:timeout, _} ->
      {:error,
       %Error{
         reason: :timeout,
         message: "the updater did not answer within #{timeout} ms",
         hint: "it may still apply what was asked for: statistics/1 and the repository's version tell"
       }}

    :exit, _ ->
      Fault.not_found(:updater, updater, "start one with start_link/2")
  end

  # The process

  @impl true
  def init({repository, options}) do
    if options.compiler, do: CompileListeners.listen()
    state = State.new(repository, options)

    case options.watch do
      [] -> {:ok, state}
      paths -> watch(state, paths)
    end
  end

  defp watch(state, paths) do
    case Watcher.start_link(self(), paths, state.options.watch_backend) do
      {:ok, watcher} -> {:ok, %{state | watcher: watcher}}
      {:error, reason} -> {:stop, reason}
    end
  end

  @impl true
  def handle_call({:queue, operation}, _from, state) do
    case Queue.add(state.queue, operation) do
      {:ok, queue} ->
        {:reply, :ok, schedule(%{state | queue: queue})}

      :full ->
        {:reply, queue_full(state.options.max_queue), State.count(state, :refused)}
    end
  end

  def handle_call({:request, what}, from, state),
    do: {:noreply, advance(%{state | requests: state.requests ++ [{state.queue.next, what, from}]})}

  def handle_call(:repository, _from, state), do: {:reply, {:ok, state.repository}, state}

  def handle_call(:checkpoints, _from, state),
    do: {:reply, {:ok, Enum.map(state.checkpoints, &elem(&1, 0))}, state}

  def handle_call(:statistics, _from, state) do
    watch = if state.watcher, do: Watcher.status(state.watcher)
    {:reply, {:ok, state |> State.statistics() |> Map.put(:watch, watch)}, state}
  end

  def handle_call({:subscribe, pid}, _from, state), do: {:reply, :ok, Subscribers.add(state, pid)}
  def handle_call({:unsubscribe, pid}, _from, state), do: {:reply, :ok, Subscribers.remove(state, pid)}

  @impl true
  def handle_info(:run, state), do: {:noreply, advance(%{state | timer: nil})}

  def handle_info({CompileListeners, {:compiled, path}}, state),
    do: {:noreply, state |> feed([path]) |> Map.put(:sweep, true) |> schedule()}

  def handle_info({CompileListeners, :finished}, state),
    do: {:noreply, schedule(%{state | sweep: true})}

  def handle_info({:watched, paths}, state), do: {:noreply, state |> feed(paths) |> schedule()}
  def handle_info(:watch_removed, state), do: {:noreply, schedule(%{state | sweep: true})}
  def handle_info(:watch_overflow, state), do: {:noreply, schedule(%{state | resync: true})}

  def handle_info({:DOWN, monitor, :process, _pid, reason}, %{running: %{monitor: monitor}} = state),
    do: {:noreply, state |> finished(reason) |> advance()}

  def handle_info({:DOWN, _monitor, :process, pid, _reason}, state),
    do: {:noreply, Subscribers.remove(state, pid)}

  def handle_info(_other, state), do: {:noreply, state}

  # Feeds

  # Only what belongs to an imported project; that there is no room is not the feed's to hear.
  defp feed(state, paths) do
    roots =
      case ElixirScope.Core.Updates.roots(state.repository.ref) do
        {:ok, roots} -> roots
        {:error, _stopped} -> []
      end

    for(path <- paths, Enum.any?(roots, &String.starts_with?(path, &1 <> "/")), do: {:file_synced, path})
    |> Enum.reduce(state, fn operation, state ->
      case Queue.add(state.queue, operation) do
        {:ok, queue} -> %{state | queue: queue}
        :full -> %{state | resync: true}
      end
    end)
  end

  # Jobs

  defp schedule(%{timer: nil, running: nil} = state),
    do: %{state | timer: Process.send_after(self(), :run, state.options.batch_ms)}

  defp schedule(state), do: state

  # Starts what is next: updates that the oldest request waits for, then the request, then other updates.
  defp advance(%{running: running} = state) when running != nil, do: state

  defp advance(%{requests: [{upto, what, from} | rest]} = state) do
    case Queue.take(state.queue, state.options.max_batch, upto) do
      {[], _queue} when state.sweep or state.resync -> start_updates(state, [])
      {[], _queue} -> serve(%{state | requests: rest}, what, from)
      {updates, queue} -> start_updates(%{state | queue: queue}, updates)
    end
  end

  defp advance(%{timer: nil} = state) do
    case Queue.take(state.queue, state.options.max_batch, :all) do
      {[], _queue} when not (state.sweep or state.resync) -> state
      {updates, queue} -> start_updates(%{state | queue: queue}, updates)
    end
  end

  defp advance(state), do: state

  defp start_updates(%{resync: true} = state, updates) do
    repository = state.repository

    run(%{state | resync: false, sweep: false}, {:resync, updates}, nil, fn ->
      Consistency.resync(repository)
    end)
  end

  defp start_updates(state, updates) do
    %{repository: %{ref: ref}, sweep: sweep} = state

    run(%{state | sweep: false}, {:updates, updates}, nil, fn ->
      gone = if sweep, do: Consistency.gone(ref), else: []
      known = MapSet.new(updates, &Operation.target/1)
      Batch.run_each(ref, updates ++ Enum.reject(gone, &(Operation.target(&1) in known)))
    end)
  end

  defp serve(state, :flush, from) do
    GenServer.reply(from, :ok)
    advance(state)
  end

  defp serve(state, {:checkpoint, name}, from) do
    {reply, state} = make_checkpoint(state, name)
    GenServer.reply(from, reply)
    advance(state)
  end

  defp serve(state, {:rollback, name}, from) do
    with {:ok, snapshot} <- State.checkpoint(state, name),
         :ok <- Storage.restore_snapshot(state.repository, snapshot),
         {:ok, version} <- ElixirScope.Core.Updates.version(state.repository.ref) do
      GenServer.reply(from, :ok)

      state
      |> State.count(:rollbacks)
      |> Subscribers.notify({:rolled_back, %{checkpoint: name, version: version}})
      |> advance()
    else
      error ->
        GenServer.reply(from, error)
        advance(state)
    end
  end

  defp serve(state, {:batch, updates, opts}, from) do
    ref = state.repository.ref

    case checkpoint_first(state, Keyword.fetch(opts, :checkpoint)) do
      {:ok, state} ->
        run(state, {:batch, opts[:checkpoint]}, from, fn ->
          Batch.run(ref, updates, Keyword.take(opts, [:as_of]))
        end)

      {error, state} ->
        GenServer.reply(from, error)
        advance(state)
    end
  end

  defp checkpoint_first(state, {:ok, name}), do: make_checkpoint(state, name)
  defp checkpoint_first(state, :error), do: {:ok, state}

  defp make_checkpoint(state, name) do
    case Storage.create_snapshot(state.repository) do
      {:ok, snapshot} -> {:ok, State.put_checkpoint(state, name, snapshot)}
      error -> {error, state}
    end
  end

  # In a process of its own: parsing takes milliseconds, and callers wait for the queue only.
  defp run(state, job, from, fun) do
    {_pid, monitor} = spawn_monitor(fn -> exit({:done, fun.()}) end)
    if state.timer, do: Process.cancel_timer(state.timer)
    %{state | timer: nil, running: %{monitor: monitor, job: job, from: from}}
  end

  defp finished(%{running: %{job: job, from: from}} = state, reason) do
    state = %{state | running: nil}

    case {job, reason} do
      {{:resync, _updates}, {:done, imports}} ->
        state |> State.count(:resyncs) |> Subscribers.notify({:resynced, %{imports: imports}})

      {{:batch, checkpoint}, {:done, {:ok, %BatchResult{} = result}}} ->
        result = %{result | checkpoint: checkpoint}
        GenServer.reply(from, {:ok, result})
        applied(state, result)

      {{:updates, _updates}, {:done, {:ok, %BatchResult{} = result}}} ->
        applied(state, result)

      {_job, {:done, error}} ->
        failed(state, job, from, error)

      {_job, crash} ->
        message = "applying a batch failed: #{Fault.show(crash)}"
        failed(state, job, from, {:error, %Error{reason: :failed, message: message, hint: nil}})
    end
  end

  defp applied(state, result) do
    state =
      state
      |> State.count(:batches)
      |> State.count(:applied, result.applied)
      |> State.count(:unchanged, result.unchanged)
      |> State.count(:rejected, length(result.rejected))
      |> State.took(result.duration_us)

    if result.applied > 0 or result.rejected != [],
      do: Subscribers.notify(state, {:updated, result}),
      else: state
  end

  defp failed(state, job, from, {:error, error} = reply) do
    if from, do: GenServer.reply(from, reply)
    state = State.count(state, :failed_batches)

    case job do
      {:updates, [_ | _] = updates} ->
        rejected = Enum.map(updates, &{&1, error})

        state
        |> State.count(:rejected, length(updates))
        |> Subscribers.notify({:updated, %BatchResult{rejected: rejected}})

      _ ->
        state
    end
  end

  defp queue_full(max) do
    {:error,
     %Error{
       reason: :queue_full,
       message: "#{max} updates wait already",
       hint: "wait until some are applied (flush/2), or raise max_queue:",
       details: %{max_queue: max}
     }}
  end
end

defmodule ElixirScope.ASTRepository.TemporalBridge.Causes do
  @moduledoc """
  Time: what led to what, how a process stood at a moment, and stepping through what was recorded.

  Everything is worked out from the event log of a repository, over a bounded piece of it around the question
  (`:window`, events; 40,000 when nothing else is said, 1,000,000 at most). What it does not hold cannot be known: answers say so
  (`:complete`, `:missing`).

  Every question takes `:timeout`, milliseconds (5,000): then it is `{:error, %ElixirScope.Error{reason: :timeout}}`. It
  ends with the process that asks, and holds at most 256 MiB of events (`:limit_exceeded`).

  A message edge is `:exact` only where nothing else can have been the case. For messages that are not calls this
  takes the VM's own tracing of sends and arrivals (`ElixirScope.trace/2`): probes alone do not see what other code sends.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{CausalRelationship, Fault, Handle, MessageEdge, ProcessState}
  alias ElixirScope.ASTRepository.{RuntimeEvent, TimeCursor}
  alias ElixirScope.ASTRepository.TemporalBridge.{Answer, States}
  alias ElixirScope.Core.Temporal
  alias ElixirScope.Error

  @timeout_ms 5_000
  @events_max 1_000_000
  @walk [depth: 12, limit: 200, window: 40_000, timeout: @timeout_ms]
  @between [from: 0, to: 0xFFFF_FFFF_FFFF_FFFF, limit: 20_000, pid: nil, timeout: @timeout_ms]
  @at [window: 40_000, timeout: @timeout_ms]

  @typedoc "An event, or its id."
  @type event :: RuntimeEvent.t() | TimeCursor.t() | non_neg_integer()

  @typedoc """
    * `:edges` - nearest first
    * `:complete` - whether there is no more; `:reached` - else what ended it: `:depth`, `:limit`, `:timeout`
    * `:gaps` - records were dropped, so links may be missing; `:sampled` - gates held calls back, so some may be missing in between
    * `:window` - `{first_ns, last_ns, events}` that the answer is worked out from
  """
  @type answer :: %{
          edges: [CausalRelationship.t()],
          complete: boolean(),
          reached: atom(),
          gaps: boolean(),
          sampled: boolean(),
          window: {non_neg_integer(), non_neg_integer(), non_neg_integer()}
        }

  @doc """
  What led to an event, backwards: calls, messages, spawns, exits.

  Options: `:depth` (#{@walk[:depth]}), `:limit` (#{@walk[:limit]} edges), `:window` (events), `:timeout`. A walk that the time ends
  gives what it has found, with `reached: :timeout`.
  Errors: `:not_found` when the log does not hold the event any more, `:timeout`, `:limit_exceeded`, `:invalid_argument`.
  """
  @spec causes(ASTRepository.repository(), event(), keyword()) :: {:ok, answer()} | {:error, Error.t()}
  def causes(repository, event, opts \\ []), do: walk(repository, event, true, opts)

  @doc "What came of an event, forwards. Options and errors as of `causes/3`."
  @spec effects(ASTRepository.repository(), event(), keyword()) :: {:ok, answer()} | {:error, Error.t()}
  def effects(repository, event, opts \\ []), do: walk(repository, event, false, opts)

  @doc "Both: `%{causes: answer, effects: answer}`."
  @spec causality(ASTRepository.repository(), event(), keyword()) :: {:ok, map()} | {:error, Error.t()}
  def causality(repository, event, opts \\ []) do
    with {:ok, causes} <- causes(repository, event, opts),
         {:ok, effects} <- effects(repository, event, opts),
         do: {:ok, %{causes: causes, effects: effects}}
  end

  defp walk(repository, event, back?, opts) do
    with {:ok, opts} <- options(opts, @walk),
         {:ok, id} <- id(event),
         {:ok, ref} <- Handle.ref(repository),
         {near, far} = {div(opts[:window], 4), opts[:window]},
         {before, later} = if(back?, do: {far, near}, else: {near, far}),
         bounds = {opts[:depth], opts[:limit], before, later},
         {:ok, found} <- Temporal.walk(ref, id, back?, bounds, opts[:timeout]) do
      {:ok, Answer.walk(found, back?)}
    end
  end

  @doc """
  The messages between two times, the oldest first. Options: `:from`, `:to` (nanoseconds since 1970), `:pid` (its own
  events only), `:limit` (#{@between[:limit]} events of the log), `:timeout`.
  """
  @spec message_edges(ASTRepository.repository(), keyword()) :: {:ok, [MessageEdge.t()]} | {:error, Error.t()}
  def message_edges(repository, opts \\ []) do
    with {:ok, found} <- relations(repository, opts), do: {:ok, Answer.messages(found)}
  end

  @doc "What joined activations and processes between two times: everything but plain calls. Options as of `message_edges/2`."
  @spec causal_relationships(ASTRepository.repository(), keyword()) ::
          {:ok, [CausalRelationship.t()]} | {:error, Error.t()}
  def causal_relationships(repository, opts \\ []) do
    with {:ok, found} <- relations(repository, opts), do: {:ok, Answer.edges(found)}
  end

  defp relations(repository, opts) do
    with {:ok, opts} <- options(opts, @between),
         {:ok, ref} <- Handle.ref(repository),
         do: Temporal.relations(ref, opts[:pid], opts[:from], opts[:to], opts[:limit], opts[:timeout])
  end

  @doc """
  How a process stood at a time (nanoseconds since 1970), or right after an event. Options: `:window`, events of the process that
  are looked at; `:timeout`.
  """
  @spec state_at(ASTRepository.repository(), pid(), event() | {:time, non_neg_integer()}, keyword()) ::
          {:ok, ProcessState.t()} | {:error, Error.t()}
  def state_at(repository, pid, moment, opts \\ [])

  def state_at(repository, pid, moment, opts) when is_pid(pid) and node(pid) == node() do
    with {:ok, opts} <- options(opts, @at),
         {:ok, at_ns, id} <- moment(moment),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Temporal.state(ref, pid, at_ns, id, opts[:window], opts[:timeout]) do
      {:ok, States.of(found, pid)}
    end
  end

  def state_at(_repository, pid, _moment, _opts), do: Fault.invalid(:process, pid, "give a pid of this node")

  @doc """
  The next event: `direction` is `:forward` or `:back`, `how` is `:into` (the next one), `:over` (the next that is not deeper:
  from a call to its end) or `:out` (the end of what is around it; back: its beginning). Gives a cursor at that event, `nil` where the
  log ends. Options: `:scope` (`:process`, or `:global`: the next event of any process), `:window`, `:timeout`.
  """
  @spec step(ASTRepository.repository(), event(), {:forward | :back, :into | :over | :out}, keyword()) ::
          {:ok, TimeCursor.t() | nil} | {:error, Error.t()}
  def step(repository, event, {direction, how}, opts \\ []) when direction in [:forward, :back] do
    scope = with %TimeCursor{scope: scope} <- event, do: scope, else: (_ -> :process)

    with {:ok, opts} <- options(opts, [scope: scope] ++ @at),
         {:ok, id} <- id(event),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <-
           Temporal.step(
             ref,
             id,
             direction == :forward,
             how,
             opts[:scope] == :global,
             opts[:window],
             opts[:timeout]
           ) do
      {:ok, found && %TimeCursor{event: Answer.event(found), scope: opts[:scope]}}
    end
  end

  defp moment({:time, at_ns}) when is_integer(at_ns) and at_ns >= 0, do: {:ok, at_ns, nil}
  defp moment(event), do: with({:ok, id} <- id(event), do: {:ok, 0, id})

  defp id(id) when is_integer(id) and id >= 0, do: {:ok, id}
  defp id(%RuntimeEvent{event_id: id}) when is_integer(id), do: {:ok, id}
  defp id(%TimeCursor{event: event}), do: id(event)
  defp id(other), do: Fault.invalid(:event, other, "give an event of the log, or its id")

  defp options(opts, defaults) do
    cond do
      not Keyword.keyword?(opts) -> Fault.invalid(:options, opts, "give a keyword list")
      bad = Enum.find(Keyword.keys(opts), &(not Keyword.has_key?(defaults, &1))) -> unknown(bad, defaults)
      bad = Enum.find(opts, &bad?/1) -> bad(bad)
      true -> {:ok, Keyword.merge(defaults, opts)}
    end
  end

  defp bad({:pid, pid}), do: Fault.invalid(:pid, pid, "give a pid of this node")
  defp bad({:scope, scope}), do: Fault.invalid(:scope, scope, "give :process or :global")

  defp bad({name, value}) when name in [:window, :limit],
    do: Fault.invalid(name, value, "give a number from 0 to #{@events_max}")

  defp bad({name, value}), do: Fault.invalid(name, value, "give a number, 0 or more")

  defp unknown(name, defaults), do: Fault.unknown(:option, name, Keyword.keys(defaults))

  defp bad?({:pid, pid}), do: not (is_nil(pid) or (is_pid(pid) and node(pid) == node()))
  defp bad?({:scope, scope}), do: scope not in [:process, :global]

  defp bad?({name, count}) when name in [:window, :limit],
    do: not (is_integer(count) and count in 0..@events_max)

  defp bad?({_, number}), do: not (is_integer(number) and number in 0..0xFFFF_FFFF_FFFF_FFFF)
end

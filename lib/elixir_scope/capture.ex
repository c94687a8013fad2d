defmodule ElixirScope.Capture do
  @moduledoc """
  What the running system reports: on and off, who gets it, and what became of it.

  There is one capture in a VM. Probes of instrumented code write into rings; a collector brings what they wrote to
  every subscribed repository, within a few milliseconds. `flush/1` waits for that.

      {:ok, repository} = ElixirScope.ASTRepository.new()
      :ok = ElixirScope.Capture.subscribe(repository)
      :ok = ElixirScope.Capture.start()
      MyApp.work()
      :ok = ElixirScope.Capture.stop()
      :ok = ElixirScope.Capture.flush()

  What has begun while capture was on is recorded to its end, also after `stop/0`: switching never
  leaves half an activation behind. What could not be recorded is counted, by reason, in `stats/0`.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.{Core, Error}
  alias ElixirScope.Capture.{Collector, Gate, GateOptions, Gates}

  @typedoc "All points, those of a module, of a function, or single ones as they stand in the code."
  @type selection :: :all | module() | mfa() | pos_integer() | [pos_integer()]

  @flush_timeout_ms 5_000
  @slice_us 1_000

  @doc """
  Switches capture on, for the whole VM.

    * `:overflow` - what happens when a ring is full: `:drop` (the default) drops the newest record and counts it, `:wait` holds
      the process back until there is room, at most 10 seconds. The time it was held back does not count as its own.
    * `:max_events` - capture stops when so much was recorded: calls, and what is recorded within them. Ends of calls do not
      count; what has begun is recorded to its end
    * `:max_seconds` - capture stops after so long, a number
    * `:rate` - at most so much in any second, `:burst` of it at once (an eighth of the rate); the rest is refused and counted

    * `:sources` - other sources to attach, `[:logger, :crashes, :telemetry]`; see `ElixirScope.Sources`. They stay attached
      when capture stops, and tell nothing then

  Without limits it goes on until `stop/0`. Capture that is on already takes over the options: limits that are not given
  again are none. `limits/0` tells what became of them.
  """
  @spec start(keyword()) :: :ok | {:error, Error.t()}
  def start(opts \\ []) do
    {sources, opts} = if Keyword.keyword?(opts), do: Keyword.pop(opts, :sources, []), else: {[], opts}

    with {:ok, limits, rest} <- split_limits(opts),
         {:ok, overflow} <- overflow(rest),
         :ok <- if(sources == [], do: :ok, else: ElixirScope.Sources.attach(sources)),
         :ok <- Core.Gates.limit(limits) do
      ElixirScope.Capture.Redaction.classify_loaded()
      Collector.start(overflow)
    end
  end

  @limits [:max_events, :max_seconds, :rate, :burst]

  defp split_limits(opts) do
    if Keyword.keyword?(opts) do
      {limits, rest} = Keyword.split(opts, @limits)
      with {:ok, changes} <- GateOptions.whole(limits), do: {:ok, changes, rest}
    else
      {:ok, nil, opts}
    end
  end

  defp overflow([]), do: {:ok, :drop}
  defp overflow(overflow: overflow) when overflow in [:drop, :wait], do: {:ok, overflow}

  defp overflow(other) do
    invalid(
      "#{Fault.show(other)} are no options of capture",
      "give `overflow: :drop` or `overflow: :wait`, and limits: " <> Enum.map_join(@limits, ", ", &inspect/1)
    )
  end

  @doc """
  Limits capture as a whole, from now on: `:max_events`, `:max_seconds`, `:rate` and `:burst`, as for `start/1`; an empty
  list takes the limits away.
  """
  @spec limits(keyword()) :: :ok | {:error, Error.t()}
  def limits(opts) when is_list(opts) do
    with {:ok, changes} <- GateOptions.whole(opts), do: Core.Gates.limit(changes)
  end

  @doc "What limits capture as a whole, and what came of it; `nil` when nothing does."
  @spec limits() :: Gate.t() | nil | {:error, Error.t()}
  def limits do
    with %{} = map <- Core.Gates.limits(), do: Gate.new(map)
  end

  @doc "Switches capture off. Costs nothing from then on but one look of every probe that is still in the code."
  @spec stop() :: :ok | {:error, Error.t()}
  def stop, do: Collector.stop()

  @doc "Whether capture is on."
  @spec active?() :: boolean()
  def active?, do: Core.Capture.active?()

  @doc """
  From now on `repository` gets what is captured; what is running already does not concern it. Many may be subscribed, and
  again does nothing. Takes a `%Repository{}`, its pid, or a native handle.
  """
  @spec subscribe(term()) :: :ok | {:error, Error.t()}
  def subscribe(repository) do
    with {:ok, handle} <- handle(repository), do: Core.Capture.subscribe(handle)
  end

  @doc "No more for this repository. What it got, it keeps."
  @spec unsubscribe(term()) :: :ok | {:error, Error.t()}
  def unsubscribe(repository) do
    with {:ok, handle} <- handle(repository),
         {:ok, _was_subscribed} <- Core.Capture.unsubscribe(handle),
         do: :ok
  end

  @doc """
  Returns when everything recorded before the call can be asked for, or `{:error, %Error{reason: :timeout}}`.

  The caller does the work itself where the collector does not: this also works when capture is off.
  """
  @spec flush(timeout_ms :: non_neg_integer()) :: :ok | {:error, Error.t()}
  def flush(timeout_ms \\ @flush_timeout_ms)

  def flush(timeout_ms) when is_integer(timeout_ms) and timeout_ms >= 0 do
    deadline = :erlang.monotonic_time(:millisecond) + timeout_ms

    # The first round has to be one of ours: it finds processes that died just now, whose deaths are yet to be told. The second
    # has their last records.
    with :ok <- flush_until(Core.Capture.now(), deadline, :own),
         do: flush_until(Core.Capture.now(), deadline, :any)
  end

  def flush(other), do: invalid("#{Fault.show(other)} is no timeout", "give milliseconds, 0 or more")

  defp flush_until({:error, _} = error, _deadline, _whose), do: error

  defp flush_until(ticks, deadline, whose) do
    step = Core.Capture.ingest(@slice_us, true)

    cond do
      is_tuple(step) and elem(step, 0) == :error -> step
      (whose == :any or step == {:ok, false}) and Core.Capture.visible?(ticks) -> :ok
      :erlang.monotonic_time(:millisecond) > deadline -> timeout()
      true -> flush_again(step, ticks, deadline, whose)
    end
  end

  defp flush_again(:busy, ticks, deadline, whose) do
    receive do
    after
      1 -> flush_until(ticks, deadline, whose)
    end
  end

  defp flush_again({:ok, _more}, ticks, deadline, whose), do: flush_until(ticks, deadline, whose)

  @doc "Lets points report again. Gives how many there are. A name also covers what is registered later."
  @spec enable(selection()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def enable(selection), do: switch(selection, true)

  @doc "Keeps points from reporting: their probes cost a few nanoseconds. Gives how many there are."
  @spec disable(selection()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def disable(selection), do: switch(selection, false)

  defp switch(point, on) when is_integer(point) and point > 0, do: Core.Capture.switch([point], on)
  defp switch(selection, on), do: Core.Capture.switch(selection, on)

  @doc """
  Says what points let through, while everything runs: how much, how often, how long, how much of values.

  `selection` is `:all`, a module, `{module, function, arity}`, a pattern (`"MyApp.*"`), `{:app, app}`, `{repository, ast_node_id}`,
  a point or points as they stand in the code, or a list of these. Modules and functions that are instrumented later
  under the same name have the same gates.

    * `:sampling_rate` - the share that is recorded, `0.0` to `1.0`
    * `:rate` - at most so many in any second; `:burst` - of them at once, an eighth of the rate by default
    * `:hits` - so many more, exactly, then the points switch themselves off
    * `:for` - milliseconds, then the points switch themselves off
    * `:priority` - `:low`, `:medium` (default), `:high` or `:critical`: when a thread's ring is 4, 5 or 6 eighths full, what
      is low, medium or high stands back
    * `:enabled` - `false` counts and records nothing
    * `:capture_config` - how much of values: `mode:` (`:full`, `:truncated`, `:shape`, `:off`), `depth:`, `width:`, `bytes:`, `time_us:`
    * `:kinds` - for these kinds of points only: `:calls`, `:variables`, `:expressions`, `:branches`, `:sends`, `:receives`,
      `:exceptions`, `:custom`. Without it, limits hold for calls (and with them for all that belongs to a call), and
      `:capture_config` for everything that records values
    * `:per` - what shares a limit: `:function` (default), `:point` (default for points and nodes), or `:selection`

  What is not given stays as it was; `nil` takes a limit away. `hits:` and `for:` count from now on. Points without a gate
  pay nothing for there being gates. Gives `{:ok, how_many_points}`; 0 when nothing of that name is instrumented yet.

      {:ok, _} = ElixirScope.Capture.configure({MyApp.Cart, :add, 2}, sampling_rate: 0.1, rate: 500, for: 60_000)

  Errors: `:unknown` (an option or a word of it, with the nearest right one), `:invalid_argument`, `:not_found`,
  `:limit_exceeded` (too many gates: then nothing was changed; `per: :selection` needs one only).
  """
  @spec configure(term(), keyword()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def configure(selection, opts), do: Gates.configure(selection, opts)

  @doc "Takes gates away: these points record everything again. Gives `{:ok, points_that_had_one}`."
  @spec ungate(term()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def ungate(selection), do: Gates.ungate(selection)

  @doc "The gates of a selection, with settings and counts."
  @spec gates(term()) :: {:ok, [Gate.t()]} | {:error, Error.t()}
  def gates(selection \\ :all), do: Gates.list(selection)

  @doc "The process never records. There is room for a few only."
  @spec ignore(pid()) :: :ok | {:error, Error.t()}
  def ignore(pid), do: Core.Capture.ignore(pid)

  @doc "The process records again."
  @spec unignore(pid()) :: :ok | {:error, Error.t()}
  def unignore(pid), do: Core.Capture.unignore(pid)

  @doc """
  The accounts of this VM since it started.

    * `:offered` = `:stored` + `:in_flight` + the sum of `:dropped`, exactly and at any time
    * `:dropped` - by reason: `:ring_full`, `:unregistered` (instrumented code whose points nobody registered), `:no_ring` (too many threads)
    * `:began`, `:ended`, `:open` - activations; `:processes` - those that are followed
    * `:orphans` - ends of what is not open; `:lost` - activations whose end was dropped, or that there was no room to
      follow (`:untracked`); `:retired` - activations that the real stack no longer held
    * `:points`, `:builds`, `:rings`, `:clock`
  """
  @spec stats() :: map() | {:error, Error.t()}
  def stats, do: Core.Capture.accounts()

  defp handle(ref) when is_reference(ref), do: {:ok, ref}
  defp handle(repository), do: ElixirScope.ASTRepository.Handle.ref(repository)

  defp timeout do
    {:error,
     %Error{
       reason: :timeout,
       message: "not everything that was recorded could be read in time",
       hint: "give more time: ElixirScope.Capture.flush(60_000)"
     }}
  end

  defp invalid(message, hint), do: {:error, %Error{reason: :invalid_argument, message: message, hint: hint}}
end

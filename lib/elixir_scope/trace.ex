defmodule ElixirScope.Trace do
  @moduledoc """
  The VM's own tracing: calls of code without probes, messages, processes, scheduling, garbage collection.

  What is traced goes the way of everything that is recorded: into the rings, and to every repository that is
  subscribed. Traced functions have activations, statistics and edges as instrumented ones have, and share one stack
  with them.

      {:ok, trace} = ElixirScope.trace({String, :split, 2}, processes: pid, count: 100)
      ElixirScope.Trace.status(trace)
      #=> %{state: :on, taken: 12, refused: 0}
      ElixirScope.untrace(trace)

  **A trace always ends.** It ends when one of its limits is reached, when its owner dies, on `untrace/1`, when the
  application stops; nothing of it stays in the VM. Limits hold natively: what comes after the limit is not recorded, even
  before the trace is taken away. A count may be passed by as many events as there are threads.

  **Others are left alone.** From OTP 27 on each trace is a session of its own. Before, a process has one tracer and a function one
  pattern: what somebody else traces gives `{:error, %ElixirScope.Error{reason: :busy}}`, whose `details.tracer` says who,
  and nothing is taken over.

  ## Targets and options

  `start(targets, options)`: the targets are functions, or a keyword list of the options below.

    * `:functions` - `Module`, `{Module, :name}`, `{Module, :name, arity}`, `{Module, :name, condition}` or `{Module, :name, arity,
      condition}`, one or a list; private functions are meant too. Instrumented modules are left out (their probes
      report): `skipped` of the trace names them
    * `:processes` - pids, names, `:new` (those that begin from now on), `:existing`, or `:all`. Must be given
    * `:flags` - what of these processes: `:calls` (of `:functions`; the default where there are any), `:messages`, `:processes` (spawn,
      exit, link, register), `:scheduling`, `:garbage_collection`
    * `:returns` - trace returns and exceptions of calls too (`true`). A traced function that calls itself in tail position
      needs three words of stack for each call then, which the limits bound
    * `:return_to` - tell where it goes on after a traced function has ended, in code that is not traced, too: an event `:return_to`
      whose value is `{module, function, arity}` (`false`). A tail call goes on further up than where it was written
    * `:values` - what is recorded of values: of `:arguments`, `:results`, `:messages` (nothing by default)
    * `:capture_config` - how much of these values: `mode:` (`:full`, `:truncated`, `:shape`, `:off`), `depth:`, `width:`, `bytes:`,
      `time_us:`, as for `ElixirScope.Capture.configure/2`
    * `:measure` - `:count`, `:time`, `:memory` (from OTP 26 on): counted by the VM for each of `:functions`, without
      any event; see `measured/1`
    * `:inherit` - processes that a traced process spawns are traced as well (`false`)

  Limits, of which the first two always hold:

    * `:count` - events (10_000)
    * `:time_ms` - milliseconds (60_000)
    * `:rate` - `{events, ms}`: more events than that within a window end the trace
    * `:on_rate` - `:stop` (the default), or `:skip`: what is too much is refused until the window is over
    * `:owner` - the process with which it ends: the caller by default, or `:nobody`

  ## Conditions

  A condition over the arguments, with patterns and guards as in a function:

      import ElixirScope.Trace, only: [condition: 1]
      ElixirScope.trace({Map, :put, condition(fn _map, key, _ when key in [:a, :b] -> true end)}, processes: :all)

  `quote do: fn a, b when a > b -> true end` is the same. A function of one list that was made at a prompt, as `:dbg.fun2ms/1` takes it,
  and a match specification will do, too.
  """

  alias ElixirScope.Error
  alias ElixirScope.Trace.{Keeper, Plan}

  defstruct [:id, skipped: []]

  @type t :: %__MODULE__{id: pos_integer(), skipped: [module()]}
  @type status :: %{
          state: :on | :count | :rate | :time | :stopped | :owner_died | :application_stopped | :ended,
          taken: non_neg_integer(),
          refused: non_neg_integer()
        }

  @doc "Begins a trace; see the module's documentation."
  @spec start(term(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def start(targets, options \\ []) do
    with {:ok, plan} <- Plan.new(targets, options),
         {:ok, id} <- Keeper.open(plan),
         do: {:ok, %__MODULE__{id: id, skipped: plan.skipped}}
  end

  @doc "Ends a trace, or `:all`. One that is over already stays so."
  @spec stop(t() | :all) :: :ok | {:error, Error.t()}
  def stop(:all), do: Enum.each(Keeper.open_ids(), &Keeper.close/1)
  def stop(%__MODULE__{id: id}), do: Keeper.close(id)

  @doc "The traces that are on, oldest first."
  @spec list() :: [t()]
  def list, do: for(id <- Keeper.open_ids(), do: %__MODULE__{id: id})

  @doc """
  What became of a trace: whether it is on, or why it ended; how many events it let through and how many it refused. `nil` when
  it is long over.
  """
  @spec status(t()) :: status() | nil
  def status(%__MODULE__{id: id}), do: Keeper.look(id)

  @doc "Waits until a trace is over: `{:ok, status}`."
  @spec await(t(), timeout_ms :: non_neg_integer()) :: {:ok, status()} | {:error, Error.t()}
  def await(%__MODULE__{} = trace, timeout_ms \\ 5_000) do
    await_until(trace, System.monotonic_time(:millisecond) + timeout_ms)
  end

  defp await_until(trace, deadline) do
    cond do
      trace.id not in Keeper.open_ids() ->
        {:ok, status(trace)}

      System.monotonic_time(:millisecond) > deadline ->
        {:error,
         %Error{
           reason: :timeout,
           message: "the trace is still on",
           hint: "ElixirScope.untrace(trace) ends it"
         }}

      true ->
        Process.sleep(5)
        await_until(trace, deadline)
    end
  end

  @doc """
  What the VM has counted for the functions of a trace with `:measure`, by function, as `:erlang.trace_info/2` gives it:

    * `:count` - calls, by whatever process
    * `:time` - `[{pid, calls, seconds, microseconds}]`: time in the function itself
    * `:memory` - `[{pid, calls, words}]`: words allocated by the function itself
  """
  @spec measured(t()) :: {:ok, %{mfa() => map()}} | {:error, Error.t()}
  def measured(%__MODULE__{id: id}), do: Keeper.measured(id)

  @doc "Lets the VM count from zero again."
  @spec reset(t()) :: :ok | {:error, Error.t()}
  def reset(%__MODULE__{id: id}) do
    with {:ok, :ok} <- Keeper.reset(id), do: :ok
  end

  @doc """
  A condition over arguments: a function with patterns and guards, which is never called. `^variable` puts a value in.

      condition(fn %{id: ^id}, n when n > 3 -> true end)
  """
  defmacro condition(fun) do
    fun
    |> Macro.prewalk(fn
      {:^, _, [variable]} -> {:"$const", [], [{:unquote, [], [variable]}]}
      {:__aliases__, _, _} = module -> Macro.expand(module, __CALLER__)
      other -> other
    end)
    |> Macro.escape(unquote: true)
  end
end

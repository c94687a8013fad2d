defmodule ElixirScope.Observation do
  @moduledoc """
  One observed run: the source is read, modules are instrumented, a function runs while its calls are
  recorded, and what came of it is in a report. `mix elixir_scope.test`, `mix elixir_scope.run` and
  `ElixirScope.observe/2` are this.

      {:ok, observation} = ElixirScope.Observation.run(fn -> MyApp.Cart.total(cart) end, modules: "MyApp.*", source: ".")
      observation.outcome
      #=> {:ok, 42}
      observation.report.totals.events_stored
      #=> 1806

  A function that raises, throws or exits is observed like any other; `:outcome` says how it ended, and
  `value!/1` lets it happen again. Whatever happens, nothing stays switched on: not when the function fails,
  and not when the process that called is killed meanwhile.

  ## Options

    * `:modules` - what to observe, as `ElixirScope.instrument/2` takes it. By default the modules that are
      instrumented already
    * `:only` - observe only those of `:modules` that match this pattern or one of these
    * `:coverage` - mark branches too, for test coverage by node (false)
    * `:capture`, `:points`, `:plan` - what to record beyond calls, see `ElixirScope.Instrumentation.Plan`
    * limits on what is recorded, as `ElixirScope.Capture.configure/2` takes them: `:sampling_rate`, `:rate`, `:hits`, `:for`,
      `:priority`, `:capture_config`, ... They hold for this run; what they refused is counted in a note of the report
    * `:source` - a directory or a list of them, whose sources are read first (none by default)
    * `:repository` - a repository to record into; by default a new one, which the observation keeps
    * `:keep_instrumented` - leaves the modules instrumented that were instrumented for this run (false)
    * `:trace` - what the VM is to tell of the processes of the run (the caller, those of the observed modules' applications, and all
      that begin meanwhile): `:messages`, `:processes`, `:scheduling`, `:garbage_collection`, one or a list (nothing by
      default); see `ElixirScope.Trace`
    * `:overflow` - `:wait` (the default here: a process waits when its buffer is full, so nothing is lost)
      or `:drop`
    * `:flush_timeout` - milliseconds to wait for what was recorded to become visible (60_000)
    * `:progress` - `fn label, fun -> fun.() end`, called around what may take long

  ## Result

  `{:ok, %ElixirScope.Observation{}}`, or `{:error, error}` when the run could not begin; then the function was not called.

    * `:outcome` - `{:ok, value}` or `{:failed, kind, reason, stacktrace}` of the function
    * `:repository` - where everything is; ask it with `ElixirScope.ASTRepository.query/2`
    * `:report` - `ElixirScope.Report`, over the observed modules
    * `:modules` - observed modules, sorted
    * `:skipped` - `{module, error}` of modules that could not be instrumented
    * `:unplaced` - `{id, module, reason}` of points that came to nothing anywhere, as of `ElixirScope.Instrumentation.Result`
    * `:imports` - `ElixirScope.ASTRepository.ImportResult` of each source
    * `:flushed` - `:ok`, or why not everything may be visible yet
  """

  alias ElixirScope.{ASTRepository, Capture, Error, Report}
  alias ElixirScope.Capture.{GateOptions, Sampling}
  alias ElixirScope.Instrumentation.Selection
  alias ElixirScope.Observation.{Boundary, Guard, Totals}
  alias ElixirScope.Report.Collect
  alias ElixirScope.Trace.Around

  defstruct [
    :outcome,
    :repository,
    :report,
    modules: [],
    skipped: [],
    unplaced: [],
    imports: [],
    flushed: :ok
  ]

  @type outcome :: {:ok, term()} | {:failed, :error | :exit | :throw, term(), Exception.stacktrace()}
  @type t :: %__MODULE__{
          outcome: outcome(),
          repository: ASTRepository.repository(),
          report: Report.t(),
          modules: [module()],
          skipped: [{module(), Error.t()}],
          unplaced: [{term(), module(), term()}],
          imports: [ASTRepository.ImportResult.t()],
          flushed: :ok | {:error, Error.t()}
        }

  @flush_timeout_ms 60_000

  @doc "Runs `fun` under observation; see the module's documentation."
  @spec run((() -> term()), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def run(fun, opts \\ []) when is_function(fun, 0) and is_list(opts) do
    progress = Keyword.get(opts, :progress, fn _label, fun -> fun.() end)

    with :ok <- idle(),
         {:ok, repository} <- repository(opts),
         {:ok, imports} <- progress.("Reading source files", fn -> import_all(repository, opts) end),
         {:ok, instrumented} <- progress.("Instrumenting", fn -> instrument(opts) end) do
      observation = %__MODULE__{
        repository: repository,
        imports: imports,
        modules: Enum.sort(instrumented.modules ++ instrumented.unchanged),
        skipped: instrumented.skipped,
        # What one module lacks another may have.
        unplaced: Enum.reject(instrumented.unplaced, fn {id, _, _} -> is_map_key(instrumented.placed, id) end)
      }

      restore = if opts[:keep_instrumented], do: [], else: instrumented.modules
      others = ElixirScope.instrumented() -- observation.modules
      limited = if limits(opts) == [], do: [], else: observation.modules
      guard = Guard.start(fn -> switch_off(repository, restore, others, limited) end)

      try do
        # What was instrumented before and is not wanted now stays silent.
        Enum.each(others, &Capture.disable/1)
        observe(observation, fun, opts, progress)
      after
        Guard.finish(guard)
      end
    end
  end

  @doc "The value of the observed function; raises, throws or exits as it did."
  @spec value!(t()) :: term()
  def value!(%__MODULE__{outcome: {:ok, value}}), do: value
  def value!(%__MODULE__{outcome: {:failed, kind, reason, stack}}), do: :erlang.raise(kind, reason, stack)

  # There is one capture in a VM: two runs at a time would count each other's calls.
  defp idle do
    case Capture.stats() do
      {:error, _} = error ->
        error

      _ ->
        if Capture.active?(), do: {:error, busy()}, else: :ok
    end
  end

  defp busy do
    %Error{
      reason: :busy,
      message: "something is being observed already",
      hint: "wait for it to end, or end it with ElixirScope.Capture.stop()"
    }
  end

  defp repository(opts) do
    case opts[:repository] do
      nil -> ASTRepository.new()
      repository -> {:ok, repository}
    end
  end

  defp import_all(repository, opts) do
    opts
    |> Keyword.get(:source, [])
    |> List.wrap()
    |> Enum.reduce_while({:ok, []}, fn path, {:ok, imports} ->
      case ASTRepository.import_project(repository, path) do
        {:ok, result} -> {:cont, {:ok, imports ++ [result]}}
        error -> {:halt, error}
      end
    end)
  end

  ## Modules

  defp instrument(opts) do
    with {:ok, selection} <- selection(Keyword.get(opts, :modules), List.wrap(opts[:only])),
         do:
           ElixirScope.instrument(
             selection,
             Keyword.take(opts, [:coverage, :capture, :points, :plan]) ++ limits(opts)
           )
  end

  defp limits(opts), do: opts |> GateOptions.split() |> elem(0)

  defp selection(nil, only) do
    case ElixirScope.instrumented() do
      [] ->
        {:error,
         %Error{
           reason: :invalid_argument,
           message: "it is not said which modules to observe, and none is instrumented",
           hint: ~s(give modules: "MyApp.*"),
           details: %{}
         }}

      modules ->
        selection(modules, only)
    end
  end

  defp selection(modules, []), do: {:ok, modules}

  defp selection(modules, only) do
    with {:ok, parts} <- Selection.validate(modules), {:ok, only} <- Selection.validate(only) do
      case Selection.filter(Selection.resolve(parts), only, &Application.get_application/1) do
        [] ->
          {:error,
           %Error{
             reason: :not_found,
             message: "no module matches #{Enum.map_join(only, ", ", &pattern/1)}",
             hint: ~s(a pattern is "MyApp.Cart" or "MyApp.*"),
             details: %{}
           }}

        found ->
          {:ok, found}
      end
    end
  end

  defp pattern(pattern) when is_binary(pattern), do: pattern
  defp pattern(other), do: inspect(other)

  ## The run

  defp observe(%{repository: repository} = observation, fun, opts, progress) do
    with :ok <- Boundary.register(),
         :ok <- Capture.subscribe(repository),
         {:ok, without_node} <- Collect.events_without_node(repository),
         before = Capture.stats(),
         :ok <- Capture.start(overflow: Keyword.get(opts, :overflow, :wait)),
         {:ok, trace} <- Around.start(List.wrap(opts[:trace]), observation.modules) do
      {outcome, duration_us, own_events} = Boundary.run(fun)
      Around.stop(trace)
      Capture.stop()

      timeout = Keyword.get(opts, :flush_timeout, @flush_timeout_ms)
      flushed = progress.("Counting", fn -> Capture.flush(timeout) end)
      counted = Totals.between(before, Capture.stats(), own_events, without_node)
      report(%{observation | outcome: outcome, flushed: flushed}, counted, duration_us)
    end
  end

  # A module whose old code somebody still runs stays instrumented: its probes are off, and cost a few
  # nanoseconds.
  defp switch_off(repository, restore, others, limited) do
    Capture.stop()
    Capture.unsubscribe(repository)
    if limited != [], do: Capture.ungate(limited)
    Enum.each(others, &Capture.enable/1)
    if restore != [], do: ElixirScope.uninstrument(restore)
  end

  ## The report

  defp report(observation, counted, duration_us) do
    observed = MapSet.new(observation.modules)

    with {:ok, functions} <- Collect.functions(observation.repository, modules: observed),
         {:ok, totals} <- Totals.of(observation.repository, counted, duration_us) do
      report = %Report{
        totals: totals,
        functions: functions,
        dropped: counted.dropped,
        notes: notes(observation, counted)
      }

      {:ok, %{observation | report: report}}
    end
  end

  defp notes(observation, counted) do
    under_way =
      if counted.in_flight > 0,
        do: ["#{counted.in_flight} events of calls that go on after the run are not counted."],
        else: []

    flushed =
      with {:error, %Error{} = error} <- observation.flushed do
        ["Not everything that was recorded is counted: #{error.message}."]
      else
        _ -> []
      end

    files =
      for %{errors: errors} <- observation.imports, error <- errors do
        "#{error.file}:#{error.line || 1} was not read: #{error.reason}"
      end

    skipped = for {_module, error} <- observation.skipped, do: String.trim_trailing(error.message, ".") <> "."
    flushed ++ under_way ++ Sampling.notes() ++ unplaced(observation.unplaced) ++ files ++ skipped
  end

  defp unplaced(unplaced) do
    for {id, [{_, module, reason} | more]} <- Enum.group_by(unplaced, &elem(&1, 0)), id != :capture do
      others = if more == [], do: "", else: " and #{length(more)} more"
      label = if is_binary(id), do: id, else: inspect(id, limit: 5)
      "Nothing is recorded for the point #{label}: #{reason(reason)} in #{inspect(module)}#{others}."
    end
  end

  defp reason({:not_visible, name}), do: "#{name} is not visible there,"
  defp reason(reason), do: words(reason)

  defp words(reason), do: reason |> to_string() |> String.replace("_", " ")
end

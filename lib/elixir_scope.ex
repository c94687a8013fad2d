defmodule ElixirScope do
  @moduledoc """
  Source code and the running program in one repository.

  This is what people call at a prompt; each function says where the rest is.
  """

  alias ElixirScope.{Error, Observation, Report}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Report.Text
  alias ElixirScope.Capture.Limited
  alias ElixirScope.Instrumentation.{Loader, Result, Selection}

  @doc """
  Puts probes into loaded modules (or modules that would be loaded when called), while the system runs.

  No process is killed or stopped. What runs at that moment finishes in the old code; the next call of a function
  by its module name enters the new one. The files on disk stay as they are: `uninstrument/1` loads them again.

  ## Options

    * `:except` - modules to leave out, said in the same ways
    * `:coverage` - mark branches too, for test coverage by node; default `false`
    * `:probe` - the module to report to, default `ElixirScope.Probe`
    * `:capture` - what to record beyond calls, for all of these modules: `[:args, :result]`, `:all`, ...
    * `:points` - what to record where, and under which conditions; both in `ElixirScope.Instrumentation.Plan`
    * `:plan` - a plan that was made before
    * `:repository` - where `:points` with `node: ast_node_id` or `pattern: text` are looked up
    * limits, as `ElixirScope.Capture.configure/2` takes them: `:sampling_rate`, `:rate`, `:hits`, `:for`, `:priority`,
      `:capture_config`, ... They hold from the first call on. What has a limit of time or hits removes itself when it
      is over: the original code is loaded again

  Other options than last time make another version of the module, which takes the place of the one before.

  ## Result

  `{:ok, %ElixirScope.Instrumentation.Result{}}` when at least one module is instrumented now or was so already;
  modules that could not be are listed in `:skipped`, each with its error. `{:error, error}` when there is none:

    * `:not_found` - the selection means no module
    * `:no_debug_info`, `:no_object_code` - there is nothing to instrument from
    * `:not_instrumentable` - modules of this kind are left alone; `details.why` says which kind (`:sticky`,
      `:on_load`, `:nif`, ...)
    * `:old_code_in_use` - processes still run a version of the module from before its last change
    * `:invalid_argument`

  ## Example

      {:ok, result} = ElixirScope.instrument("MyApp.Cart.*")
      result.modules
      #=> [MyApp.Cart, MyApp.Cart.Line]

      {:ok, result} =
        ElixirScope.instrument(MyApp.Cart,
          capture: [:args, :result],
          points: [%{function: {:total, 2}, kinds: [:variables], when: quote(do: length(items) > 3), id: :big}]
        )

      result.placed[:big]
      #=> the points that came of it

      # A tenth of the calls, at most 1000 a second, for a minute
      {:ok, _} = ElixirScope.instrument("Shop.*", sampling_rate: 0.1, rate: 1000, for: 60_000)
  """
  @spec instrument(Selection.t(), keyword()) :: {:ok, Result.t()} | {:error, Error.t()}
  def instrument(selection, options \\ []), do: Limited.instrument(selection, options)

  @doc """
  Loads the original code of instrumented modules; without an argument, of all. Nothing of the probes remains.

  ## Example

      {:ok, _} = ElixirScope.uninstrument("MyApp.Cart.*")
  """
  @spec uninstrument(Selection.t() | :all) :: {:ok, Result.t()} | {:error, Error.t()}
  def uninstrument(selection \\ :all), do: Limited.uninstrument(selection)

  @doc "The loaded modules that have probes in them, sorted."
  @spec instrumented() :: [module()]
  def instrumented, do: Loader.instrumented()

  @doc """
  Runs `fun` under observation and gives what came of it: its outcome, a repository to ask, and a report.

  Options and result are those of `ElixirScope.Observation.run/2`; the usual ones are `:modules` (what to
  observe), `:source` (the directory whose sources are read) and `:repository` (one to record into).

  ## Example

      {:ok, observation} = ElixirScope.observe(fn -> MyApp.Cart.total(cart) end, modules: "MyApp.*", source: ".")
      ElixirScope.report(observation)
      ElixirScope.Observation.value!(observation)
      #=> 42

  When the block ends, nothing stays switched on, and the modules are as they were.
  """
  @spec observe((() -> term()), keyword()) :: {:ok, Observation.t()} | {:error, Error.t()}
  def observe(fun, options \\ []), do: Observation.run(fun, options)

  @doc """
  Traces what code without probes does: calls, messages, processes, scheduling, garbage collection. `ElixirScope.Trace` says
  what can be traced, and how it always ends.

  ## Example

      {:ok, trace} = ElixirScope.trace({String, :split, 2}, processes: :all, count: 100, time_ms: 5_000)
      ElixirScope.untrace(trace)
  """
  @spec trace(term(), keyword()) :: {:ok, ElixirScope.Trace.t()} | {:error, Error.t()}
  def trace(targets, limits \\ []), do: ElixirScope.Trace.start(targets, limits)

  @doc "Ends a trace, or `:all` of them."
  @spec untrace(ElixirScope.Trace.t() | :all) :: :ok | {:error, Error.t()}
  def untrace(trace), do: ElixirScope.Trace.stop(trace)

  @doc """
  Prints the report of an observation: what was hot, slow and failing, what is complex and never ran, and
  what was lost.

  Options are those of `ElixirScope.Report.Text`: `:limit` (rows of a table), `:width`, `:colors`.
  """
  @spec report(Observation.t() | Report.t(), keyword()) :: :ok
  def report(observation, options \\ [])
  def report(%Observation{report: report}, options), do: report(report, options)

  def report(%Report{} = report, options) do
    options = Keyword.put_new(options, :colors, IO.ANSI.enabled?())
    report |> Text.render(options) |> IO.write()
  end

  @doc """
  Prints what happened, in order, indented by who called whom: arguments, results, variables, messages, exceptions, and what was
  lost.

  The target and the options are those of `ElixirScope.ASTRepository.TemporalBridge.execution_timeline/3`: a pid, an activation's
  `correlation_id` or an event, `{module, name, arity}`, a module, the id of a node, `{from_ns, to_ns}`, or `:all`; `:limit`, `:types`,
  `:depth`, `:process`, ... Further options: `:width`, `:colors`.

  ## Example

      {:ok, observation} = ElixirScope.observe(fn -> MyApp.Cart.total(cart) end, modules: "MyApp.*", source: ".", capture: [:args, :result])
      ElixirScope.timeline(observation)
      ElixirScope.timeline(observation, {MyApp.Cart, :total, 1}, limit: 20)

  Errors: those of `execution_timeline/3`.
  """
  @spec timeline(Observation.t() | ElixirScope.ASTRepository.repository(), term(), keyword()) ::
          :ok | {:error, Error.t()}
  def timeline(repository, target \\ :all, options \\ [])

  def timeline(%Observation{repository: repository}, target, options),
    do: timeline(repository, target, options)

  def timeline(repository, target, options) do
    {shown, options} =
      if Keyword.keyword?(options), do: Keyword.split(options, [:width, :colors]), else: {[], options}

    with {:ok, timeline} <- TemporalBridge.execution_timeline(repository, target, options) do
      [colors: IO.ANSI.enabled?(), code: Report.Timeline.code_of(repository)]
      |> Keyword.merge(shown)
      |> then(&Report.Timeline.render(timeline, &1))
      |> IO.write()
    end
  end

  @doc """
  Writes what was recorded in the format of another tool: folded stacks, speedscope, Chrome and Perfetto, OTLP, a flame graph,
  CSV, Parquet.

  `ElixirScope.Export` has the formats, `ElixirScope.Export.run/4` the options and errors.

  ## Example

      {:ok, result} = ElixirScope.export(observation.repository, :svg, "flame.svg")
      result.about.complete
      #=> "yes"
  """
  @spec export(ElixirScope.ASTRepository.repository(), ElixirScope.Export.format(), Path.t(), keyword()) ::
          {:ok, ElixirScope.Export.Result.t()} | {:error, Error.t()}
  defdelegate export(repository, format, path, opts \\ []), to: ElixirScope.Export, as: :run
end

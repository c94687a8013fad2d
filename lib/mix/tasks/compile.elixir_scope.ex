defmodule Mix.Tasks.Compile.ElixirScope do
  use Mix.Task.Compiler

  @moduledoc """
  Makes a project observable: one line in `mix.exs`.

      def project do
        [
          compilers: [:elixir_scope | Mix.compilers()],
          ...
        ]
      end

  While Elixir compiles, a compiler tracer (`ElixirScope.CompileTracer`) notes calls and dependencies. Afterwards the
  compiled modules are instrumented into a directory of their own, `_build/ENV/lib/APP/instrumented`, which is put in
  front of the code path, and they are loaded. What is in `ebin` stays as the compiler wrote it.

  Only what changed is instrumented again; a second `mix compile` does nothing. `mix clean` removes everything.

  ## Options

  In `mix.exs`, under `elixir_scope: [...]`, or as `config :elixir_scope, instrument: [...]` (which wins):

    * `:enabled` - default `true`, except in the environment `:prod`, where it is `false`
    * `:modules` - modules and patterns (`"MyApp.*"`) to instrument; default all of the project's application
    * `:except` - modules and patterns to leave out
    * `:apps` - further applications, such as dependencies or siblings in an umbrella: `[:plug, :my_web]`
    * `:coverage` - mark the branches inside functions, for test coverage by node; default `true` in the environment
      `:test`, elsewhere `false`: a mark costs a few nanoseconds each time it is passed
    * `:probe` - the module that instrumented code calls; default `ElixirScope.Probe`
    * `:capture`, `:points` - what to record beyond calls: `capture: [:args, :result]`, see
      `ElixirScope.Instrumentation.Plan`

  A bare list means `:modules`, and `false` means `enabled: false`.

  ## Production and releases

  `MIX_ENV=prod` instruments nothing unless `enabled: true` is set, and `mix release` copies the ordinary `ebin` in any
  environment: a release never contains instrumented code. To observe a running release, call
  `ElixirScope.instrument/2` in it. That needs the debug information, which releases strip by default; keep it with
  `strip_beams: [keep: ["Dbgi"]]`.

  ## What is left alone

  Modules with `@on_load` or NIFs, protocols (Mix consolidates them later; their implementations are instrumented),
  modules without debug information, ElixirScope itself. `mix compile --verbose` lists them with reasons.
  """

  alias ElixirScope.{CompileListeners, CompileTracer}
  alias ElixirScope.Instrumentation.{Activation, Build, Facts}
  alias Mix.ElixirScope.Settings

  @recursive true
  @switches [force: :boolean, verbose: :boolean]

  @impl true
  def run(args) do
    {options, _, _} = OptionParser.parse(args, switches: @switches)
    settings = Settings.read()

    # Whatever is compiled now must not meet an instrumented copy of its last version.
    Activation.suspend(settings.target)

    cond do
      not settings.enabled ->
        {:noop, []}

      after_compilation?() ->
        finish({:noop, []}, settings, options)

      true ->
        trace(settings)
        Mix.Task.Compiler.after_compiler(:app, &finish(&1, settings, options))
        {:noop, []}
    end
  end

  @impl true
  def manifests, do: [Settings.read().manifest]

  @impl true
  def clean do
    settings = Settings.read()
    Activation.suspend(settings.target)
    Build.clean(settings.target, settings.manifest)
    Facts.clean(settings.facts)
  end

  # Listed behind the compilers instead of in front: then there is nothing to wait for, and nothing to trace.
  defp after_compilation? do
    compilers = compilers()
    index = &Enum.find_index(compilers, fn compiler -> compiler == &1 end)
    is_integer(index.(:app)) and is_integer(index.(:elixir_scope)) and index.(:elixir_scope) > index.(:app)
  end

  # Moved in Elixir 1.19, and the old name warns.
  defp compilers do
    {module, arguments} =
      if function_exported?(Mix.Task.Compiler, :compilers, 1),
        do: {Mix.Task.Compiler, [Mix.Project.config()]},
        else: {Mix.Tasks.Compile, []}

    apply(module, :compilers, arguments)
  end

  defp trace(settings) do
    restore = CompileTracer.install()

    Mix.Task.Compiler.after_compiler(:elixir, fn result ->
      restore.()
      Facts.save(CompileTracer.take(), settings.facts)
      result
    end)
  end

  defp finish({:error, diagnostics}, _settings, _options), do: {:error, diagnostics}

  defp finish({status, diagnostics}, settings, options) do
    build =
      Build.run(
        settings.ebins,
        settings.target,
        settings.manifest,
        [
          modules: settings.modules,
          except: settings.except,
          probe: settings.probe,
          coverage: settings.coverage,
          plan: settings.plan
        ] ++
          Keyword.take(options, [:force])
      )

    loaded = Activation.run(build, settings.target)
    # Also when nothing was compiled: a file that is gone leaves no other trace.
    CompileListeners.tell(:finished)
    tell(build, loaded, options)
    Facts.prune(settings.facts, settings.ebins)
    {if(build.changed != [] or build.removed != [], do: :ok, else: status), diagnostics}
  end

  defp tell(build, loaded, options) do
    case Enum.count(build.modules, &(&1.module in build.changed)) do
      0 -> :ok
      done -> Mix.shell().info("Instrumented #{done} of #{length(build.modules)} modules (ElixirScope)")
    end

    if options[:verbose] do
      for {module, error} <- build.skipped,
          do: Mix.shell().info("#{inspect(module)}: #{Exception.message(error)}")
    end

    for {_module, error} <- loaded.skipped, do: Mix.shell().error(Exception.message(error))
  end
end

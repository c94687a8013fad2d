defmodule Mix.ElixirScope do
  @moduledoc """
  What the Mix tasks of ElixirScope share: a project's instrumented modules, made and put to use.
  """

  alias ElixirScope.Instrumentation.{Activation, Build, Result}
  alias Mix.ElixirScope.Settings

  @doc """
  Instruments the compiled modules of the current project and loads them into this VM.

  For projects that do not have the `:elixir_scope` compiler, after `Mix.Task.run("compile")`; with it, everything is up
  to date already and this does nothing. The project's own ebin is not touched: the copies are in
  `_build/ENV/lib/APP/instrumented`.

  Options are those of the project key `elixir_scope: [...]` (see `Mix.Tasks.Compile.ElixirScope`), and win over it;
  `:enabled` is true unless given.

  Gives `{:ok, build, result}`: `build.modules` are the instrumented modules, `build.skipped` those left alone, with
  the reason; `result` says what was loaded now, and which modules the VM could not replace.
  """
  @spec instrument(keyword()) :: {:ok, Build.t(), Result.t()} | :disabled
  def instrument(options \\ []) do
    settings = Settings.read(Keyword.merge([enabled: true], options))
    if settings.enabled, do: make(settings, []), else: :disabled
  end

  @doc false
  def make(settings, options) do
    build =
      Build.run(
        settings.ebins,
        settings.target,
        settings.manifest,
        [modules: settings.modules, except: settings.except, probe: settings.probe] ++ options
      )

    {:ok, build, Activation.run(build, settings.target)}
  end
end

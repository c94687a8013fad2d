defmodule Mix.ElixirScope.Session do
  @moduledoc false
  # What `mix elixir_scope.test` and `mix elixir_scope.run` share: their own options, and the way from a
  # compiled project to a printed report.

  alias ElixirScope.Observation
  alias Mix.ElixirScope.{Console, Project, Recording, Settings}

  @options [
             json: :string,
             limit: :count,
             only_modules: :strings,
             vm_trace: :strings,
             save: :string,
             no_save: :flag,
             help: :flag
           ] ++ Recording.options()

  @doc "The options of both tasks."
  def options, do: @options

  @doc """
  Runs `fun` under observation, prints the report, saves. Fails as `fun` failed.

  `finish` gets the observation before it is saved, and the path it is saved at (`nil` with `--no-save`).
  """
  def observe(name, opts, fun, finish \\ fn _observation, _path -> :ok end) do
    ready()
    settings = Settings.read()

    options = [
      source: Project.root(),
      modules: modules(name),
      only: Keyword.get(opts, :only_modules, []),
      coverage: settings.coverage,
      plan: Recording.plan(settings.plan, opts),
      trace: traces(Keyword.get(opts, :vm_trace, [])),
      # The VM ends with the task, and processes of the application still run this code.
      keep_instrumented: true,
      progress: &Console.progress/2
    ]

    observation = Console.ok!(Observation.run(fun, options ++ Recording.limits(opts)))

    Console.report(observation.report, Keyword.take(opts, [:limit]))
    path = opts[:save] || Project.saved(name)
    finish.(observation, if(opts[:no_save], do: nil, else: path))
    Console.save(observation.repository, observation.report, path, opts)
    Console.json(observation.report, opts[:json])
    Observation.value!(observation)
  end

  @traces ~w(messages processes scheduling garbage_collection)

  defp traces(given) do
    for one <- given, name <- String.split(one, ",", trim: true) do
      if name in @traces,
        do: String.to_existing_atom(name),
        else: Mix.raise("--vm-trace #{name} is unknown: it is one of #{Enum.join(@traces, ", ")}")
    end
  end

  # In an umbrella, Mix takes what an application does not depend on off the code path while it runs that
  # application's tests: load all of ours before.
  defp ready do
    case Application.ensure_all_started(:elixir_scope) do
      {:ok, _} -> :ok
      {:error, {app, reason}} -> Mix.raise("#{app} does not start: #{Application.format_error(reason)}")
    end

    {:ok, modules} = :application.get_key(:elixir_scope, :modules)
    Enum.each(modules, &Code.ensure_loaded/1)
  end

  @doc "The modules to observe; raises when there is none."
  def modules(name) do
    case Project.modules(ElixirScope.instrumented()) do
      [] ->
        Mix.raise("mix elixir_scope.#{name} found no compiled module of this project; does mix compile work?")

      modules ->
        modules
    end
  end
end

defmodule Mix.ElixirScope.Settings do
  @moduledoc false
  # What the project wants instrumented, read from two places and checked once.
  #
  #   * the project key `elixir_scope: [...]` in mix.exs
  #   * `config :elixir_scope, instrument: [...]`, whose keys win

  alias ElixirScope.Instrumentation.{Facts, Plan, Selection}
  alias ElixirScope.Suggest

  defstruct [:enabled, :modules, :except, :ebins, :target, :manifest, :facts, :probe, :coverage, :plan]

  @keys [:enabled, :modules, :except, :apps, :probe, :coverage, :capture, :points, :plan]

  @doc "The settings of the current project. `overrides` win over what it says."
  def read(overrides \\ []) do
    config = Mix.Project.config()
    options = config |> Keyword.get(:elixir_scope, []) |> options("elixir_scope: in mix.exs")

    options =
      options
      |> Keyword.merge(
        options(Application.get_env(:elixir_scope, :instrument, []), "config :elixir_scope, instrument:")
      )
      |> Keyword.merge(overrides)

    home = home(config)

    %__MODULE__{
      enabled: Keyword.get(options, :enabled, Mix.env() != :prod),
      modules: selection(options[:modules], :modules),
      except: selection(options[:except], :except),
      ebins: for(app <- apps(options[:apps], config), do: {app, ebin(app, config)}),
      target: Path.join(home, "instrumented"),
      manifest: Path.join(manifest_path(config, home), "compile.elixir_scope"),
      facts: Facts.directory(home),
      probe: Keyword.get(options, :probe, ElixirScope.Probe),
      coverage: Keyword.get(options, :coverage, Mix.env() == :test),
      plan: plan(options)
    }
  end

  defp plan(options) do
    case Plan.new(options) do
      {:ok, plan} -> plan
      {:error, error} -> Mix.raise("elixir_scope: " <> Exception.message(error))
    end
  end

  defp options(false, _where), do: [enabled: false]
  defp options(true, _where), do: [enabled: true]

  defp options(options, where) do
    if Keyword.keyword?(options) do
      for {key, _} <- options, key not in @keys, do: unknown(key, where)
      options
    else
      # a bare list of modules and patterns
      [modules: options]
    end
  end

  defp unknown(key, where) do
    hint =
      case Suggest.nearest(key, @keys) do
        nil -> ""
        nearest -> ", did you mean #{inspect(nearest)}?"
      end

    Mix.raise(
      "unknown option #{inspect(key)} of #{where}#{hint} Options: #{Enum.map_join(@keys, ", ", &inspect/1)}"
    )
  end

  defp selection(nil, _key), do: nil

  defp selection(selection, key) do
    case Selection.validate(selection) do
      {:ok, parts} -> parts
      {:error, error} -> Mix.raise("elixir_scope: #{key}: " <> Exception.message(error))
    end
  end

  # An umbrella has no application of its own: all of its applications are meant.
  defp apps(nil, config) do
    case Mix.Project.apps_paths(config) do
      nil -> List.wrap(config[:app])
      children -> children |> Map.keys() |> Enum.sort()
    end
  end

  defp apps(apps, config), do: Enum.uniq(apps(nil, config) ++ List.wrap(apps))

  defp ebin(app, config) do
    if app == config[:app] do
      Mix.Project.compile_path(config)
    else
      built = Path.join([Mix.Project.build_path(config), "lib", "#{app}", "ebin"])

      cond do
        File.dir?(built) -> built
        dir = lib_dir(app) -> Path.join(dir, "ebin")
        true -> built
      end
    end
  end

  defp lib_dir(app) do
    case :code.lib_dir(app) do
      {:error, :bad_name} -> nil
      dir -> to_string(dir)
    end
  end

  defp home(config) do
    if Mix.Project.umbrella?(config),
      do: Path.join(Mix.Project.build_path(config), "elixir_scope_umbrella"),
      else: Mix.Project.app_path(config)
  end

  defp manifest_path(config, home) do
    if Mix.Project.umbrella?(config), do: home, else: Mix.Project.manifest_path(config)
  end
end

defmodule Mix.ElixirScope.Project do
  @moduledoc false
  # What the tasks must know of the project they run in: its modules, its root, where its repositories are
  # saved.

  alias ElixirScope.Observation.Totals

  @extension ".scope"

  @doc """
  The modules to observe: those of the compiled project, of all its applications in an umbrella.

  Where the `:elixir_scope` compiler was at work it knows which modules are wanted (`instrumented`), of the application and
  beyond; the modules of other applications are all taken.
  """
  @spec modules([module()]) :: [module()]
  def modules(instrumented) do
    by_compiler = MapSet.new(instrumented)

    of_project =
      Enum.flat_map(ebins(), fn ebin ->
        modules = modules_in(ebin)
        chosen = Enum.filter(modules, &(&1 in by_compiler))
        if chosen == [], do: modules, else: chosen
      end)

    Enum.uniq(of_project ++ instrumented)
  end

  # The project has just been compiled: these are names of its own modules.
  defp modules_in(ebin) do
    for path <- ebin |> Path.join("*.beam") |> Path.wildcard(),
        do: path |> Path.basename(".beam") |> String.to_atom()
  end

  defp ebins do
    case Mix.Project.apps_paths() do
      nil -> [Mix.Project.compile_path()]
      apps -> for {app, _path} <- apps, do: Path.join([Mix.Project.build_path(), "lib", "#{app}", "ebin"])
    end
  end

  @doc """
  Loads the code of the project, where it is compiled, and calls none of it: recorded values then have its atoms, and its structs
  show themselves as they do.
  """
  @spec load_names() :: :ok
  def load_names do
    if Mix.Project.get() do
      Enum.each(ebins(), &Code.prepend_path/1)
      [] |> modules() |> Enum.each(&Code.ensure_loaded/1)
    end

    :ok
  end

  @doc "The directory of the project, whose sources are read."
  @spec root() :: Path.t()
  def root, do: File.cwd!()

  @doc "Where a task keeps its repository: `_build/test/elixir_scope/test.scope`."
  @spec saved(String.t()) :: Path.t()
  def saved(name), do: Path.join([Mix.Project.build_path(), "elixir_scope", name <> @extension])

  @doc "The repository saved last, of any Mix environment of this project."
  @spec newest_saved() :: Path.t() | nil
  def newest_saved do
    for(
      build <- builds(),
      path <- Path.wildcard(Path.join([build, "elixir_scope", "*" <> @extension])),
      do: path
    )
    |> Enum.max_by(&modified/1, fn -> nil end)
  end

  @doc "The saved repository to ask: the one that was given, or the newest."
  @spec repository(Path.t() | nil) :: Path.t()
  def repository(nil) do
    (Mix.Project.get() && newest_saved()) ||
      Mix.raise("""
      no repository is saved here yet. First observe something:

          mix elixir_scope.test

      or give a saved one with --repository FILE
      """)
  end

  def repository(path) do
    if File.regular?(path), do: path, else: Mix.raise("there is no file #{path}")
  end

  # `_build/dev` has its sisters beside it; a build path that was given has strangers.
  defp builds do
    own = Mix.Project.build_path()

    if System.get_env("MIX_BUILD_PATH") in [nil, ""] and Mix.Project.config()[:build_per_environment],
      do: own |> Path.dirname() |> Path.join("*") |> Path.wildcard(),
      else: [own]
  end

  # A file's time has seconds only, and two tasks may save within one.
  defp modified(path) do
    case File.stat(path, time: :posix) do
      {:ok, %{mtime: mtime}} -> {mtime, Totals.kept_at_us(path), path}
      {:error, _} -> {0, 0, path}
    end
  end

  @doc "Raises, with what to do, unless a Mix project is there."
  @spec required!(String.t()) :: :ok
  def required!(task) do
    if Mix.Project.get(),
      do: :ok,
      else: Mix.raise("mix #{task} needs a project: run it in a directory with a mix.exs file")
  end
end

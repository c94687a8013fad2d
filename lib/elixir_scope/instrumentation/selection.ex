defmodule ElixirScope.Instrumentation.Selection do
  @moduledoc """
  How people say which modules they mean.

    * a module: `MyApp.Cart`
    * a pattern: `"MyApp.*"` (a star stands for any text, dots included; a trailing `.*` also means the module
      before it, so `"MyApp.*"` has `MyApp` in it)
    * an application: `{:app, :my_app}`
    * a list of these
  """

  @type t :: module() | String.t() | {:app, atom()} | [t()]

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Error

  @doc "Checks a selection, and flattens it to a list of simple ones."
  @spec validate(term()) :: {:ok, [module() | String.t() | {:app, atom()}]} | {:error, Error.t()}
  def validate(selection) do
    case flatten(selection, []) do
      {:ok, parts} -> {:ok, Enum.reverse(parts)}
      {:bad, what} -> {:error, invalid(what)}
    end
  end

  defp flatten([], acc), do: {:ok, acc}

  defp flatten([head | tail], acc) when is_list(tail) do
    with {:ok, acc} <- flatten(head, acc), do: flatten(tail, acc)
  end

  defp flatten({:app, app}, acc) when is_atom(app), do: {:ok, [{:app, app} | acc]}

  defp flatten(module, acc) when is_atom(module) and module not in [nil, true, false],
    do: {:ok, [module | acc]}

  defp flatten(pattern, acc) when is_binary(pattern) do
    if String.valid?(pattern), do: {:ok, [pattern | acc]}, else: {:bad, pattern}
  end

  defp flatten(other, _acc), do: {:bad, other}

  defp invalid(what) do
    %Error{
      reason: :invalid_argument,
      message: "#{Fault.show(what)} names no modules",
      hint: "Give a module, a pattern such as \"MyApp.*\", {:app, :my_app}, or a list of these."
    }
  end

  @doc "Those of `modules` that a validated selection means. `app_of` gives a module's application."
  @spec filter([module()], [module() | String.t() | {:app, atom()}], (module() -> atom() | nil)) :: [module()]
  def filter(modules, parts, app_of) do
    names = for module <- parts, is_atom(module), into: MapSet.new(), do: module
    patterns = for pattern <- parts, is_binary(pattern), do: compile(pattern)
    apps = for {:app, app} <- parts, do: app

    Enum.filter(modules, fn module ->
      MapSet.member?(names, module) or matches_any?(module, patterns) or
        (apps != [] and app_of.(module) in apps)
    end)
  end

  defp matches_any?(_module, []), do: false

  defp matches_any?(module, patterns) do
    name = inspect(module)
    Enum.any?(patterns, &Regex.match?(&1, name))
  end

  defp compile(pattern) do
    {stem, tail} =
      if String.ends_with?(pattern, ".*"),
        do: {String.replace_suffix(pattern, ".*", ""), "(\\..*)?"},
        else: {pattern, ""}

    Regex.compile!("\\A" <> (stem |> Regex.escape() |> String.replace("\\*", ".*")) <> tail <> "\\z", "s")
  end

  @doc "All modules that this VM knows: loaded ones, and those of its applications."
  @spec known_modules() :: [module()]
  def known_modules do
    loaded = for {module, _} <- :code.all_loaded(), do: module
    of_apps = for {app, _, _} <- Application.loaded_applications(), m <- app_modules(app), do: m
    Enum.uniq(loaded ++ of_apps)
  end

  defp app_modules(app) do
    case :application.get_key(app, :modules) do
      {:ok, modules} -> modules
      :undefined -> []
    end
  end

  @doc "What a validated selection means in this VM, sorted. Modules that are named explicitly are in it, known or not."
  @spec resolve([module() | String.t() | {:app, atom()}]) :: [module()]
  def resolve(parts) do
    {names, others} = Enum.split_with(parts, &is_atom/1)
    apps = for {:app, app} <- others, do: app
    _ = for app <- apps, do: Application.load(app)

    found =
      if Enum.any?(others, &is_binary/1),
        do: filter(known_modules(), Enum.filter(others, &is_binary/1), fn _ -> nil end),
        else: []

    (names ++ found ++ Enum.flat_map(apps, &app_modules/1)) |> Enum.uniq() |> Enum.sort()
  end
end

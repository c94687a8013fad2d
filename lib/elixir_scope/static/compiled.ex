defmodule ElixirScope.Static.Compiled do
  @moduledoc false
  # The compiled modules of a project: where they are, and what they say of themselves. A beam's debug information holds the
  # definitions after macro expansion; the facts beside it are what the compiler noted.

  alias ElixirScope.Core.Graph
  alias ElixirScope.Instrumentation.Facts

  @typedoc "A compiled module of a project, not read yet."
  @type beam :: %{path: Path.t(), facts: Path.t()}

  @doc """
  The compiled modules of the project at `root`: those of the environment in which something was compiled last.

  An application is the project's when its modules were compiled from sources under `root`, dependencies not counted.
  """
  @spec find(Path.t(), [String.t()]) :: [beam()]
  def find(root, exclude) do
    root
    |> Path.join("_build/*/lib/*/ebin")
    |> Path.wildcard()
    |> Enum.group_by(&environment/1)
    |> Enum.map(fn {_environment, ebins} -> own(ebins, root, exclude) end)
    |> Enum.max_by(&newest/1, fn -> [] end)
    |> beams()
  end

  @doc "The compiled modules of some ebin directories."
  @spec beams([Path.t()]) :: [beam()]
  def beams(ebins) do
    for ebin <- ebins, path <- modules(ebin) do
      %{path: path, facts: Facts.directory(Path.dirname(ebin))}
    end
  end

  defp environment(ebin), do: ebin |> Path.split() |> Enum.at(-4)

  defp modules(ebin), do: ebin |> Path.join("*.beam") |> Path.wildcard() |> Enum.sort()

  # The first few tell whose they are: an application is compiled from one directory.
  defp own(ebins, root, exclude) do
    Enum.filter(ebins, fn ebin ->
      ebin |> modules() |> Enum.take(3) |> Enum.any?(&(source(&1, root, exclude) != nil))
    end)
  end

  defp newest(ebins) do
    ebins |> Enum.flat_map(&modules/1) |> Enum.map(&mtime/1) |> Enum.max(fn -> 0 end)
  end

  defp mtime(path) do
    case File.stat(path, time: :posix) do
      {:ok, %{mtime: mtime}} -> mtime
      {:error, _} -> 0
    end
  end

  defp source(path, root, exclude) do
    case :beam_lib.chunks(String.to_charlist(path), [:compile_info]) do
      {:ok, {_module, compile_info: info}} -> relative(info[:source], root, exclude)
      _ -> nil
    end
  end

  # The path relative to the root; `nil` for what is not the project's.
  defp relative(nil, _root, _exclude), do: nil

  defp relative(source, root, exclude) do
    source = to_string(source)
    path = Path.relative_to(source, root)
    within? = Path.type(path) == :relative and not Enum.any?(Path.split(path), &(&1 in exclude))
    if within?, do: path
  end

  @doc """
  Reads one compiled module. `:none` when it is not from a source of the project or carries no debug information.
  """
  @spec read(beam(), Path.t(), [String.t()]) :: {:ok, reference()} | :none | {:error, ElixirScope.Error.t()}
  def read(%{path: path, facts: facts}, root, exclude) do
    with {:ok, binary} <- File.read(path),
         {:ok, {module, [{_, chunk}]}} <- :beam_lib.chunks(binary, [~c"Dbgi"]),
         {:debug_info_v1, :elixir_erl, {:elixir_v1, map, _specs}} <- decode(chunk),
         file when is_binary(file) <- relative(map.file, root, exclude) do
      known = %{noted: noted(module, facts), around: Facts.around(map.file, facts)}
      Graph.compiled(map.definitions, told(module, map, file, path, Path.join(root, file), known))
    else
      {:error, %ElixirScope.Error{}} = error -> error
      _ -> :none
    end
  end

  # Encrypted or damaged debug information is none.
  defp decode(chunk) do
    :erlang.binary_to_term(chunk)
  rescue
    ArgumentError -> :unreadable
  end

  defp noted(module, facts) do
    case Facts.read(module, facts) do
      {:ok, facts} -> facts
      {:error, _} -> nil
    end
  end

  defp told(module, map, file, beam, source, %{noted: facts, around: around}) do
    attributes = map.attributes

    %{
      module: module,
      file: file,
      stale: stale?(facts, beam, source),
      protocol: Keyword.has_key?(attributes, :__protocol__),
      implements: implements(attributes[:__impl__]),
      behaviours: for({:behaviour, value} <- attributes, one <- List.wrap(value), is_atom(one), do: one),
      noted: noted_calls(facts),
      dependencies: facts && facts.dependencies,
      around: around
    }
  end

  defp implements(nil), do: nil

  defp implements(value) do
    options = List.flatten(List.wrap(value))
    if Keyword.keyword?(options), do: {options[:protocol], options[:for]}
  end

  # What the compiler called by itself: macros, and what the body of the module called.
  defp noted_calls(nil), do: []

  defp noted_calls(facts) do
    for %{kind: kind, target: target} = call <- facts.calls,
        macro? <- [kind in [:remote_macro, :imported_macro, :local_macro]],
        macro? or is_nil(call.caller),
        elem(target, 0) != Kernel do
      {call.caller, call.line, call.column || 0, target, macro?}
    end
  end

  # The source is not what was compiled any more: by its digest where the compiler noted one, else by date.
  defp stale?(facts, beam, source) do
    case facts && Map.get(facts, :digest) do
      digest when is_binary(digest) -> digest != Facts.digest(source)
      _ -> mtime(source) > mtime(beam)
    end
  end

  @doc "Names that a compiled module exports, macros by their own names; `:error` when it is not found."
  @spec exports(module(), [Path.t()]) :: {:ok, [{atom(), arity()}]} | :error
  def exports(module, ebins) do
    paths = [:code.which(module) | Enum.map(ebins, &String.to_charlist(Path.join(&1, "#{module}.beam")))]

    Enum.find_value(paths, :error, fn
      path when is_list(path) and path != [] ->
        case :beam_lib.chunks(path, [:exports]) do
          {:ok, {_, exports: names}} -> {:ok, Enum.map(names, &export/1)}
          _ -> nil
        end

      _ ->
        nil
    end)
  end

  defp export({name, arity}) do
    case Atom.to_string(name) do
      "MACRO-" <> text -> {String.to_atom(text), arity - 1}
      _ -> {name, arity}
    end
  end
end

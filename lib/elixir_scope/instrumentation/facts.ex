defmodule ElixirScope.Instrumentation.Facts do
  @moduledoc """
  What the compiler knew about a module: its calls, resolved, and what it depends on.

  Saved by the `:elixir_scope` Mix compiler, one file a module, beside the build of the application.

      {:ok, facts} = Facts.fetch(MyApp.Cart)
      facts.calls
      #=> [%{kind: :remote_function, target: {Enum, :sum, 1}, line: 12, column: 10, caller: {:total, 1}}, ...]
      facts.dependencies
      #=> [{Ecto.Schema, :compile}, {MyApp.Line, :export}, {Enum, :runtime}]
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Error

  @directory "elixir_scope_facts"

  defstruct [:module, :file, :digest, calls: [], dependencies: []]

  @typedoc """
  A resolved call. `kind` is `:remote_function`, `:remote_macro`, `:imported_function`, `:imported_macro`,
  `:local_function` or `:local_macro`; `caller` is `nil` in the body of the module; `column` is `nil` where the
  compiler has none, as in generated code.
  """
  @type call :: %{
          kind: atom(),
          target: mfa(),
          line: non_neg_integer(),
          column: pos_integer() | nil,
          caller: {atom(), arity()} | nil
        }

  @typedoc """
  As `mix xref` has it: `:compile` (recompiled when the other changes), `:export` (when its struct or public functions
  change), `:runtime`. The strongest one counts.
  """
  @type dependency :: {module(), :compile | :export | :runtime}

  @typedoc """
    `digest` is that of the source's text as it was compiled, or `nil` when it could not be read.
  """
  @type t :: %__MODULE__{
          module: module(),
          file: Path.t(),
          digest: binary() | nil,
          calls: [call()],
          dependencies: [dependency()]
        }

  @calls [:remote_function, :remote_macro, :imported_function, :imported_macro, :local_function, :local_macro]

  @doc "The facts of a module, from the build of its application."
  @spec fetch(module()) :: {:ok, t()} | {:error, Error.t()}
  def fetch(module) when is_atom(module) do
    with app when not is_nil(app) <- Application.get_application(module),
         dir when is_list(dir) <- :code.lib_dir(app) do
      read(module, Path.join(dir, @directory))
    else
      _ -> {:error, unknown(module)}
    end
  end

  def fetch(other) do
    {:error, %Error{reason: :invalid_argument, message: "#{Fault.show(other)} is no module"}}
  end

  @doc "The facts of a module, from a directory."
  @spec read(module(), Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def read(module, dir) do
    case File.read(path(dir, module)) do
      {:ok, content} -> {:ok, :erlang.binary_to_term(content)}
      {:error, _} -> {:error, unknown(module)}
    end
  end

  @doc "The modules that have facts in a directory, sorted."
  @spec modules(Path.t()) :: [module()]
  def modules(dir) do
    dir |> Path.join("*.facts") |> Path.wildcard() |> Enum.map(&module/1) |> Enum.sort()
  end

  defp module(path), do: path |> Path.basename(".facts") |> String.to_atom()

  defp unknown(module) do
    %Error{
      reason: :not_found,
      message: "the compiler left no facts about #{inspect(module)}",
      hint: "They are noted while a project with compilers: [:elixir_scope | Mix.compilers()] is compiled.",
      details: %{module: module}
    }
  end

  @doc "Orders a compiler tracer's notes by module: one `t:t/0` each."
  @spec from_notes([tuple()]) :: [t()]
  def from_notes(notes) do
    notes
    |> Enum.reject(&(elem(&1, 0) == nil))
    |> Enum.group_by(&elem(&1, 0))
    |> Enum.sort()
    |> Enum.map(fn {module, notes} -> from_notes(module, notes) end)
  end

  defp from_notes(module, notes) do
    calls =
      for {_, kind, target, line, column, caller, _} <- notes, kind in @calls do
        %{kind: kind, target: target, line: line, column: column, caller: caller}
      end

    file = notes |> hd() |> elem(6)

    %__MODULE__{
      module: module,
      file: file,
      digest: digest(file),
      calls: calls |> Enum.uniq() |> Enum.sort_by(&{&1.line, &1.column || 0, &1.kind, &1.target}),
      dependencies: dependencies(module, notes)
    }
  end

  @strength %{compile: 2, export: 1, runtime: 0}

  defp dependencies(module, notes) do
    for note <- notes, {other, kind} <- dependency(note), other != module, reduce: %{} do
      strongest -> Map.update(strongest, other, kind, &stronger(&1, kind))
    end
    |> Enum.sort()
  end

  defp stronger(a, b), do: if(@strength[a] >= @strength[b], do: a, else: b)

  defp dependency({_, kind, {other, _, _}, _, _, _, _}) when kind in [:remote_macro, :imported_macro],
    do: [{other, :compile}]

  defp dependency({_, kind, {other, _, _}, _, _, caller, _})
       when kind in [:remote_function, :imported_function],
       do: [{other, at(caller)}]

  defp dependency({_, kind, other, _, _, _, _}) when kind in [:struct_expansion, :import, :require],
    do: [{other, :export}]

  defp dependency({_, :require_macro, other, _, _, _, _}), do: [{other, :compile}]

  defp dependency({_, :alias_reference, other, _, _, caller, _}), do: [{other, at(caller)}]
  defp dependency(_), do: []

  # The body of a module runs while it is compiled.
  defp at(nil), do: :compile
  defp at(_function), do: :runtime

  @doc "The digest of a source file's text, or `nil`."
  @spec digest(Path.t()) :: binary() | nil
  def digest(file) do
    case File.read(file) do
      {:ok, text} -> :erlang.md5(text)
      {:error, _} -> nil
    end
  end

  @doc "Saves the facts of the modules that were just compiled; those of others stay."
  @spec save([tuple()], Path.t()) :: :ok
  def save([], _dir), do: :ok

  def save(notes, dir) do
    File.mkdir_p!(dir)

    for facts <- from_notes(notes) do
      File.write!(path(dir, facts.module), :erlang.term_to_binary(facts, compressed: 1))
    end

    for {file, notes} <- Enum.group_by(notes, &elem(&1, 6)), do: save_around(dir, file, notes)
    :ok
  end

  # What a file needs around its modules: the protocol and the target of a `defimpl`, a `use` at the top.
  defp save_around(dir, file, notes) do
    path = around_path(dir, file)

    case dependencies(nil, for({nil, _, _, _, _, _, _} = note <- notes, do: note)) do
      [] -> File.rm(path)
      found -> File.write!(path, :erlang.term_to_binary({file, found}, compressed: 1))
    end
  end

  @doc "What a source file depends on around its modules."
  @spec around(Path.t(), Path.t()) :: [dependency()]
  def around(file, dir) do
    case File.read(around_path(dir, file)) do
      {:ok, content} -> content |> :erlang.binary_to_term() |> elem(1)
      {:error, _} -> []
    end
  end

  defp around_path(dir, file) do
    Path.join(dir, (file |> :erlang.md5() |> Base.encode16(case: :lower)) <> ".around")
  end

  @doc "Removes the facts of modules that are in none of `ebins` any more."
  @spec prune(Path.t(), [{atom(), Path.t()}]) :: :ok
  def prune(dir, ebins) do
    for module <- modules(dir),
        not Enum.any?(ebins, fn {_, ebin} -> File.exists?(Path.join(ebin, "#{module}.beam")) end),
        do: File.rm(path(dir, module))

    for path <- dir |> Path.join("*.around") |> Path.wildcard(),
        {file, _} = path |> File.read!() |> :erlang.binary_to_term(),
        not File.exists?(file),
        do: File.rm(path)

    :ok
  end

  @doc "Removes all."
  def clean(dir) do
    File.rm_rf!(dir)
    :ok
  end

  @doc "Where the facts of an application are, given the directory of its build."
  def directory(app_path), do: Path.join(app_path, @directory)

  defp path(dir, module), do: Path.join(dir, "#{module}.facts")
end

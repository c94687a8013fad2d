defmodule ElixirScope.Test.Tidy do
  @moduledoc """
  The rules of dependency, as functions over a tree: a map from relative path to content.

  Each rule gives `[{path, what}]`, empty when it holds. The test runs every rule over this project, and over a tree
  with one seeded breach, because a rule that cannot fail keeps nothing.
  """

  @lines_max 600

  # May name the NIF module, and nobody else.
  @nif_callers ~r{^lib/elixir_scope/(native|core|probe)\.ex$|^lib/elixir_scope/core/}

  # Rust: what is known from source alone, and what is known from running. Store and query stand above both.
  @rust_static ~r{^native/scope_core/src/(ast|source|metrics|declare|semantics)/}
  @rust_runtime ~r{^native/scope_core/src/(capture|ingest)/}

  # Elixir: the same two, and the data structs.
  @static ~r{^lib/elixir_scope/(ast|static|source)/(?!transformer)}
  @runtime ~r{^lib/elixir_scope/capture/|^lib/elixir_scope/(capture|probe)\.ex$}
  # A struct in here is data, whatever its name.
  @data ~r{^lib/elixir_scope/ast_repository/}

  @processes ~w(GenServer Task Agent Supervisor DynamicSupervisor Process Registry Mix)

  def rules do
    [
      core_knows_no_beam: &core_knows_no_beam/1,
      nif_crate_depends_on_core_only: &nif_crate_depends_on_core_only/1,
      one_module_of_nif_stubs: &one_module_of_nif_stubs/1,
      only_core_and_probe_call_native: &only_core_and_probe_call_native/1,
      static_and_data_are_pure: &static_and_data_are_pure/1,
      static_and_runtime_are_apart: &static_and_runtime_are_apart/1,
      mix_stays_in_tasks: &mix_stays_in_tasks/1,
      files_are_small: &files_are_small/1,
      no_machine_paths: &no_machine_paths/1
    ]
  end

  @doc "The files of the project at `root` that people write, with their contents."
  def read(root) do
    patterns = [
      "{lib,mix,test,bench}/**/*.{ex,exs}",
      "native/*/{Cargo.toml,build.rs}",
      "native/*/{src,tests,benches}/**/*.rs",
      "{bin,.ci}/**/*",
      "examples/*/{lib,test,config,bench}/**/*",
      "examples/*/mix.exs",
      "*.{md,exs,toml}"
    ]

    for pattern <- patterns,
        path <- Path.wildcard(Path.join(root, pattern), match_dot: true),
        File.regular?(path),
        into: %{},
        do: {Path.relative_to(path, root), File.read!(path)}
  end

  def core_knows_no_beam(tree) do
    for {"native/scope_core/" <> _ = path, text} <- tree,
        text =~ ~r/\b(rustler|scope_nif|erl_nif|enif_\w+)\b/ do
      {path, "scope_core knows neither the NIF crate nor the BEAM"}
    end
    |> Enum.reject(fn {path, _} -> comment_only?(tree[path], ~r/\b(rustler|scope_nif|erl_nif|enif_\w+)\b/) end)
  end

  def nif_crate_depends_on_core_only(tree) do
    for {"native/" <> _ = path, text} <- tree,
        Path.basename(path) == "Cargo.toml",
        crate = path |> Path.dirname() |> Path.basename(),
        [_, local] <- Regex.scan(~r/^(scope_\w+)\s*(?:=|\.)/m, text),
        {crate, local} != {"scope_nif", "scope_core"} and crate in ["scope_nif", "scope_core"] do
      {path, "#{crate} depends on #{local}"}
    end
  end

  def one_module_of_nif_stubs(tree) do
    for {"lib/" <> _ = path, text} <- tree,
        path != "lib/elixir_scope/native.ex",
        text =~ ~r/\bload_nif\(|\bnif_error\(/ do
      {path, "NIF stubs belong into ElixirScope.Native"}
    end ++
      for {"lib/elixir_scope/native.ex" = path, text} <- tree,
          name <- references(text),
          String.starts_with?(name, "ElixirScope.") and name != "ElixirScope.Native" do
        {path, "ElixirScope.Native holds stubs and nothing else; it names #{name}"}
      end
  end

  def only_core_and_probe_call_native(tree) do
    # Loading is not calling: whoever loads instrumented code makes sure that the stubs are there first.
    named = fn text ->
      text |> String.replace("Code.ensure_loaded(ElixirScope.Native)", "") |> references()
    end

    for {"lib/" <> _ = path, text} <- tree,
        not (path =~ @nif_callers),
        "ElixirScope.Native" in named.(text) do
      {path, "only ElixirScope.Core and ElixirScope.Probe call ElixirScope.Native"}
    end
  end

  def static_and_data_are_pure(tree) do
    for {path, text} <- tree,
        path =~ @static or (path =~ @data and text =~ ~r/^\s*defstruct\b/m),
        name <- references(text),
        hd(String.split(name, ".")) in @processes or name == "ElixirScope.Native" do
      {path, "static analysis and data structs know no process, NIF or Mix; this one names #{name}"}
    end
  end

  def static_and_runtime_are_apart(tree) do
    rust =
      for {path, text} <- tree,
          {own, other} <- [
            {@rust_static, ~r/\bcrate::\{?(capture|ingest)\b/},
            {@rust_runtime, ~r/\bcrate::\{?(ast|source|metrics)\b/}
          ],
          path =~ own,
          text =~ other do
        {path, "static and runtime concerns do not import each other (#{inspect(other.source)})"}
      end

    elixir =
      for {path, text} <- tree,
          {own, other} <- [
            {@static, ~r/^ElixirScope\.(Capture|Probe)\b/},
            {@runtime, ~r/^ElixirScope\.(AST|Static|Source)\b/}
          ],
          path =~ own,
          name <- references(text),
          name =~ other do
        {path, "static and runtime concerns do not import each other; this one names #{name}"}
      end

    rust ++ elixir
  end

  # A release has no Mix: what the running system needs must not name it.
  def mix_stays_in_tasks(tree) do
    for {"lib/elixir_scope" <> _ = path, text} <- tree,
        name <- references(text),
        name == "Mix" or String.starts_with?(name, "Mix.") do
      {path, "what knows Mix lives in lib/mix; this file names #{name}"}
    end
  end

  def files_are_small(tree) do
    for {path, text} <- tree,
        Path.extname(path) in ~w(.ex .exs .rs),
        lines = text |> String.split("\n") |> length(),
        lines > @lines_max do
      {path, "#{lines} lines; at most #{@lines_max}"}
    end
  end

  # Written with classes so that this file does not find itself.
  def no_machine_paths(tree) do
    for {path, text} <- tree,
        [found] <- Regex.scan(~r{(?<![\w$\}"'.*)-])/(?:[w]ork|[r]oot|[h]ome|[U]sers)/[\w.]+}, text) do
      {path, "names a path of one machine: #{found}"}
    end
  end

  ## Reading Elixir

  @doc "Full names of the modules that a source names, aliases resolved. `[]` for what does not parse."
  def references(text) do
    case Code.string_to_quoted(text) do
      {:ok, quoted} ->
        aliases = aliases(quoted)
        {_, names} = Macro.prewalk(quoted, [], &collect(&1, &2, aliases))
        Enum.uniq(names)

      {:error, _} ->
        []
    end
  end

  defp collect({:__aliases__, _, [first | rest]} = node, names, aliases) when is_atom(first) do
    full = Map.get(aliases, first, [first]) ++ rest

    if Enum.all?(full, &is_atom/1),
      do: {node, [Enum.join(full, ".") | names]},
      else: {node, names}
  end

  defp collect(node, names, _aliases), do: {node, names}

  defp aliases(quoted) do
    {_, found} =
      Macro.prewalk(quoted, %{}, fn
        {:alias, _, [{{:., _, [{:__aliases__, _, base}, :{}]}, _, group}]} = node, found ->
          names = for {:__aliases__, _, parts} <- group, into: %{}, do: {List.last(parts), base ++ parts}
          {node, Map.merge(found, names)}

        {:alias, _, [{:__aliases__, _, parts}, [as: {:__aliases__, _, [as]}]]} = node, found ->
          {node, Map.put(found, as, parts)}

        {:alias, _, [{:__aliases__, _, parts} | _]} = node, found ->
          {node, Map.put(found, List.last(parts), parts)}

        node, found ->
          {node, found}
      end)

    found
  end

  # Rust comments may explain what the code must not use.
  defp comment_only?(text, pattern) do
    text
    |> String.split("\n")
    |> Enum.reject(&(String.trim_leading(&1) |> String.starts_with?(["//", "#"])))
    |> Enum.all?(&(not (&1 =~ pattern)))
  end
end

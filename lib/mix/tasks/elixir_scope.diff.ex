defmodule Mix.Tasks.ElixirScope.Diff do
  @shortdoc "What changed since a revision, function by function"

  @moduledoc """
  What changed between a git revision and the working tree, function by function. Nothing is compiled, run or written.

      mix elixir_scope.diff [REV] [options]

      mix elixir_scope.diff
      mix elixir_scope.diff main
      mix elixir_scope.diff v1.2.0 --json -

  REV is a commit, a branch or a tag; `HEAD` by default. Files below the current directory are compared, also those that
  git does not know yet.

  A function that was renamed, or got another arity, is one line, not two. The change type of a module is

    * `structural` - what it is: its name, kind, type, behaviours, `use`s or struct; or it came or went
    * `major` - what others meet: a public function came, went, or got another name, arity or visibility; imports or
      requires; or more than a quarter of the nodes is gone
    * `minor` - bodies, private functions, docs, attributes, aliases

  The last lines say what became of the ids of nodes: how many are what they were, how many nodes go by another id (old
  ids lead to it), and how many are gone.

  ## Options

    * `--json FILE` - writes the answer as JSON (`-` for standard output): `revision`, `files`, each with `file`,
      `old_file`, `ids` and `modules`, these with the fields of `ElixirScope.ASTRepository.ModuleDiff`
  """

  use Mix.Task

  alias ElixirScope.ASTRepository.{DifferentialUpdater, Parser}
  alias ElixirScope.Report.{JSON, Output, Table}
  alias Mix.ElixirScope.{Console, Git, Options}

  @name "elixir_scope.diff"
  @options [json: :string, help: :flag]

  @impl true
  def run(args) do
    {opts, revisions} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      length(revisions) > 1 -> Mix.raise("mix #{@name} takes one revision, not #{length(revisions)}")
      true -> diff(List.first(revisions) || "HEAD", opts)
    end
  end

  defp diff(rev, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    commit = Git.revision!(rev)

    {files, errors} =
      Console.progress("Comparing with #{rev}", fn ->
        rev |> Git.changes!() |> Enum.map(&file(&1, rev)) |> Enum.split_with(&match?(%{modules: _}, &1))
      end)

    if opts[:json] != "-", do: show(files, rev, commit)
    for %{error: error} <- errors, do: Mix.shell().error("#{error.message} (left out)")
    if opts[:json], do: json(files, errors, commit, opts[:json])
  end

  # One file

  defp file(%{old: old, new: new}, rev) do
    with {:ok, before} <- Parser.parse_string(if(old, do: Git.text!(rev, old), else: ""), file: old || new),
         {:ok, now} <- Parser.parse_string(if(new, do: File.read!(new), else: ""), file: new || old),
         {:ok, modules} <- DifferentialUpdater.diff_all(before, now),
         {:ok, ids} <- DifferentialUpdater.survival(before, now) do
      %{file: new, old_file: old, modules: Enum.reject(modules, &(&1.status == :unchanged)), ids: ids}
    else
      {:error, error} -> %{file: new || old, error: error}
    end
  end

  # Text

  defp show([], rev, commit), do: Mix.shell().info("No Elixir file differs from #{rev} (#{commit})")

  defp show(files, rev, commit) do
    Mix.shell().info("\nSince #{rev} (#{commit})\n")

    for %{modules: [_ | _]} = file <- files do
      Mix.shell().info(title(file))
      for module <- file.modules, do: show_module(module)
    end

    rest = for %{modules: []} = file <- files, do: title(file)
    if rest != [], do: Mix.shell().info("No module differs in #{Enum.join(rest, ", ")}\n")
    show_ids(files)
  end

  defp title(%{file: nil, old_file: old}), do: "#{old} (removed)"
  defp title(%{file: new, old_file: nil}), do: "#{new} (new)"
  defp title(%{file: file, old_file: file}), do: file
  defp title(%{file: new, old_file: old}), do: "#{old} -> #{new}"

  defp show_module(module) do
    Mix.shell().info("  #{name(module)}  #{status(module)}")
    rows = Enum.map(module.function_changes, &row/1) ++ Enum.map(module.metadata_changes, &metadata_row/1)

    columns = [
      {"change", :left},
      {"what", :left, flex: true},
      {"line", :right},
      {"differs in", :left, flex: 2}
    ]

    if rows != [], do: Mix.shell().info(Table.render(columns, rows, width: Console.width(), indent: 4))
    Mix.shell().info("")
  end

  defp name(%{status: :renamed} = module),
    do: "#{text(module.old_module_name)} -> #{text(module.module_name)}"

  defp name(module), do: text(module.module_name)

  defp status(%{status: status}) when status in [:added, :removed], do: to_string(status)

  defp status(module),
    do: "#{module.change_type |> to_string() |> String.trim_trailing("_changes")} change"

  defp row(change) do
    [
      to_string(change.change),
      functions(change),
      to_string(change.line),
      Enum.map_join(change.aspects, ", ", &to_string/1)
    ]
  end

  defp functions(%{change: :renamed, old: old, new: new}) do
    from = if elem(old, 0) == elem(new, 0), do: function(old), else: "#{text(elem(old, 0))}.#{function(old)}"
    "#{from} -> #{function(new)}"
  end

  defp functions(%{new: nil, old: old}), do: function(old)
  defp functions(%{new: new}), do: function(new)

  defp function({_module, name, arity}), do: "#{name}/#{arity}"

  defp metadata_row(change),
    do: ["changed", to_string(change.field), "", "#{short(change.old)} -> #{short(change.new)}"]

  defp short([]), do: "nothing"
  defp short(list) when is_list(list), do: Enum.map_join(list, ", ", &short/1)
  defp short(text) when is_binary(text), do: text |> String.split("\n", parts: 2) |> hd()
  defp short(other), do: inspect(other)

  defp text(name) when is_binary(name), do: name
  defp text(name), do: inspect(name)

  defp show_ids(files) do
    sum = fn key -> files |> Enum.map(& &1.ids[key]) |> Enum.sum() end
    share = fn key -> "#{sum.(key)} (#{Float.round(100 * sum.(key) / max(sum.(:all), 1), 1)} %)" end

    Mix.shell().info(
      "Of #{sum.(:all)} ids in #{length(files)} files, #{share.(:unchanged)} are what they were, " <>
        "#{share.(:forwarded)} lead to another id, #{share.(:gone)} are gone."
    )
  end

  # JSON

  defp json(files, errors, commit, path) do
    document =
      JSON.ordered(
        revision: commit,
        files:
          for(
            file <- files,
            do:
              JSON.ordered(
                file: file.file,
                old_file: file.old_file,
                ids: file.ids,
                modules: Enum.map(file.modules, &plain(Map.delete(Map.from_struct(&1), :correlation_impacts)))
              )
          ),
        errors: for(%{file: file, error: error} <- errors, do: %{file: file, message: error.message})
      )

    text = document |> JSON.encode(pretty: true) |> Console.ok!()

    case Output.write(path, text <> "\n") do
      :ok -> if path != "-", do: Mix.shell().info("JSON written to #{path}")
      error -> Console.ok!(error)
    end
  end

  # Names as people write them; `{name, arity}` as `name/arity`.
  defp plain(%{} = map), do: Map.new(map, fn {key, value} -> {key, plain(value)} end)
  defp plain(list) when is_list(list), do: Enum.map(list, &plain/1)
  defp plain({module, name, arity}) when is_integer(arity), do: "#{text(module)}.#{name}/#{arity}"
  defp plain({name, arity}) when is_integer(arity), do: "#{name}/#{arity}"
  defp plain({old, new}), do: [plain(old), plain(new)]

  defp plain(atom) when is_atom(atom) and atom not in [nil, true, false],
    do: atom |> inspect() |> String.trim_leading(":")

  defp plain(other), do: other
end

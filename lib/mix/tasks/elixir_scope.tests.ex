defmodule Mix.Tasks.ElixirScope.Tests do
  @shortdoc "The tests that a change concerns"

  @moduledoc """
  The tests that a change can make fail, with the reason for each. Run `mix elixir_scope.test` once before: it records which
  test reaches what.

      mix elixir_scope.tests                   # what changed since the tests were observed
      mix elixir_scope.tests --since main      # ... and since a revision
      mix elixir_scope.tests --diff            # as --since HEAD: what is not committed
      mix elixir_scope.tests lib/shop/cart.ex  # as if everything in these files had changed
      mix elixir_scope.tests --since main --run

  Nothing is compiled or run without `--run`. A test is chosen rather once too often: see `ElixirScope.TestSelection` for
  the rules, and for what cannot be seen. What was changed since the tests were observed always counts, because what a
  test reaches is only known as of then.

  ## Options

    * `--since REV` - a commit, a branch or a tag
    * `--diff` - what differs from the last commit
    * `--run` - runs the chosen tests with `mix test`, in the test environment, with its exit status
    * `--narrow` - leaves out tests that are chosen only because they share a process with chosen ones
    * `--repo FILE` - the saved repository; `_build/test/elixir_scope/test.scope` by default
    * `--json FILE` - writes the answer as JSON (`-` for standard output): `tests` (`module`, `name`, `file`, `line`,
      `reasons`), `files`, `everything`, `changed`, `total`
  """

  use Mix.Task

  alias ElixirScope.Report.{JSON, Output, Table}
  alias ElixirScope.TestSelection
  alias ElixirScope.TestSelection.Record
  alias Mix.ElixirScope.{Console, Environment, Git, Options, Project}

  @name "elixir_scope.tests"
  @options [
    since: :string,
    diff: :flag,
    run: :flag,
    narrow: :flag,
    repo: :string,
    json: :string,
    help: :flag
  ]
  # What `--since` looks at; everything else counts from when the tests were observed.
  @patterns ["*.ex", "*.exs", "mix.lock", "*.eex", "*.heex", "*.leex", "*.erl", "*.hrl"]
  @reasons_shown 2

  @impl true
  def run(args) do
    {opts, files} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      opts[:run] -> in_test_environment(args, opts, files)
      true -> opts |> select(files) |> show(opts)
    end
  end

  defp in_test_environment(args, opts, files) do
    Project.required!(@name)

    case Environment.ensure_test(@name, args) do
      :ok -> opts |> select(files) |> show(opts) |> run_chosen()
      {:done, 0} -> :ok
      {:done, status} -> exit({:shutdown, status})
    end
  end

  ## Choosing

  defp select(opts, files) do
    Project.required!(@name)
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    record = Console.ok!(Record.kept(opts[:repo] || saved()))
    rev = opts[:since] || if(opts[:diff], do: "HEAD")
    root = Project.root()

    changes =
      if files != [] and rev == nil,
        do: [],
        else: recorded_changes(record, root) ++ if(rev, do: revision_changes(rev), else: [])

    TestSelection.select(record, changes,
      narrow: opts[:narrow],
      whole: Enum.map(files, &Path.relative_to(Path.expand(&1), root))
    )
  end

  # Of the test environment, whichever this one is.
  defp saved do
    own = Project.saved("test")
    other = own |> Path.split() |> Enum.map_join("/", &if(&1 == "#{Mix.env()}", do: "test", else: &1))
    Enum.find([own, other], &File.exists?(&1 <> ".tests")) || own
  end

  defp recorded_changes(record, root) do
    now = Record.paths(root)

    for path <- Enum.uniq(now ++ Map.keys(record.files)),
        text = if(path in now, do: File.read!(Path.join(root, path))),
        changed?(record.files[path], text),
        do: %{path: path, old: Record.text(record, path), new: text}
  end

  defp changed?({hash, _}, text) when is_binary(text), do: Record.hash(text) != hash
  defp changed?(nil, nil), do: false
  defp changed?(_one, _other), do: true

  defp revision_changes(rev) do
    Git.revision!(rev)

    for %{old: old, new: new} <- Git.changes!(rev, @patterns), path <- Enum.uniq([old, new]), path do
      %{
        path: path,
        old: if(path == old, do: Git.text!(rev, old)),
        new: if(path == new and File.regular?(new), do: File.read!(new))
      }
    end
  end

  ## Showing

  defp show(selection, opts) do
    if opts[:json] != "-", do: text(selection)
    if opts[:json], do: json(selection, opts[:json])
    selection
  end

  defp text(%{tests: [], files: []} = selection) do
    if selection.changed == [],
      do: Mix.shell().info("Nothing changed that a test could tell"),
      else: Mix.shell().info("No test reaches what changed: #{Enum.join(selection.changed, ", ")}")
  end

  defp text(selection) do
    for why <- selection.everything, do: Mix.shell().info("All tests: #{why}")
    rows = for test <- selection.tests, do: [test.name, place(test), reasons(test.reasons)]
    rows = rows ++ for(path <- selection.files, do: ["(all)", path, "new file"])
    columns = [{"test", :left, flex: 2}, {"where", :left, cut: :start}, {"why", :left, flex: 2}]
    Mix.shell().info(["\n", Table.render(columns, rows, width: Console.width())])
    known = "#{length(selection.tests)} of #{selection.total} tests"

    Mix.shell().info(
      known <> if(selection.files == [], do: "", else: ", and those of #{length(selection.files)} new files")
    )
  end

  defp place(%{file: file, line: nil}), do: to_string(file)
  defp place(%{file: file, line: line}), do: "#{file}:#{line}"

  defp reasons(reasons) do
    {first, rest} = Enum.split(reasons, @reasons_shown)
    more = if rest == [], do: "", else: ", and #{length(rest)} more"
    Enum.map_join(first, ", ", &reason/1) <> more
  end

  defp reason({:reaches, function}), do: "reaches #{function}"
  defp reason({:reaches_module, module}), do: "reaches #{module}"
  defp reason({:depends_on, module}), do: "depends on #{module}"
  defp reason({:doctests, module}), do: "doctests of #{module}"
  defp reason({:file_changed, _path}), do: "it changed"
  defp reason({:shares_process, nil}), do: "shares a process with chosen tests"
  defp reason({:shares_process, function}), do: "shares a process that runs #{function}"
  defp reason({:everything, why}), do: why
  defp reason(:failed), do: "it failed when it was observed"

  defp json(selection, path) do
    tests =
      for test <- selection.tests do
        JSON.ordered(
          module: test.module,
          name: test.name,
          file: test.file,
          line: test.line,
          reasons: Enum.map(test.reasons, &reason/1)
        )
      end

    document =
      JSON.ordered(
        tests: tests,
        files: selection.files,
        everything: selection.everything,
        changed: selection.changed,
        total: selection.total
      )

    text = document |> JSON.encode(pretty: true) |> Console.ok!()
    Console.ok!(Output.write(path, text <> "\n"))
    if path != "-", do: Mix.shell().info("JSON written to #{path}")
  end

  ## Running

  defp run_chosen(%{tests: [], files: []}), do: :ok
  defp run_chosen(%{everything: [_ | _]}), do: Mix.Task.run("test", [])

  defp run_chosen(selection) do
    places = Enum.uniq(for(test <- selection.tests, File.regular?(test.file), do: {test.file, test.line}))
    Mix.Task.run("test", arguments(places, selection.files))
  end

  # Older versions of ExUnit take one place only: there, what stands at these lines of any of these files is run, and new files
  # make it all of the files.
  defp arguments(places, files) do
    paths = Enum.uniq(Enum.map(places, &elem(&1, 0)) ++ files)

    cond do
      function_exported?(ExUnit.Filters, :parse_paths, 1) ->
        Enum.map(places, fn {file, line} -> if line, do: "#{file}:#{line}", else: file end) ++ files

      files == [] and Enum.all?(places, &elem(&1, 1)) ->
        lines = places |> Enum.map(&elem(&1, 1)) |> Enum.uniq()
        paths ++ Enum.flat_map(lines, &["--only", "line:#{&1}"])

      true ->
        paths
    end
  end
end

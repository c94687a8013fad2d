defmodule Mix.Tasks.ElixirScope.Import do
  @shortdoc "Reads the source of a project into a repository"

  @moduledoc """
  Reads the source of a project into a repository, and shows what is complex. Nothing is compiled or run.

      mix elixir_scope.import [PATH] [options]

      mix elixir_scope.import
      mix elixir_scope.import ../other_project --save other.scope

  PATH is a Mix project, an umbrella, any directory with Elixir files, or one file; the current directory by
  default. Dependencies and build directories are left out. A file that does not parse is named, with its
  line, and the rest is read.

  ## Options

    * `--json FILE` - writes the result as JSON (`-` for standard output); `mix help elixir_scope` describes
      the schema
    * `--limit N` - rows of the table (10)
    * `--save FILE` - where the repository is saved, `_build/dev/elixir_scope/import.scope` by default
    * `--no-save` - saves nothing

  Ask questions with `mix elixir_scope.query`.
  """

  use Mix.Task

  alias ElixirScope.{ASTRepository, Report}
  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report.Collect
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.import"
  @options [json: :string, limit: :count, save: :string, no_save: :flag, help: :flag]

  @impl true
  def run(args) do
    {opts, paths} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      length(paths) > 1 -> Mix.raise("mix #{@name} takes one path, not #{length(paths)}")
      true -> import_source(List.first(paths) || ".", opts)
    end
  end

  defp import_source(path, opts) do
    # Mix loads the code of this task; the application behind it starts here.
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    repository = Console.ok!(ASTRepository.new())

    {result, report} =
      Console.progress("Reading source files", fn ->
        result = Console.ok!(ASTRepository.import_project(repository, Path.expand(path)))
        {result, report(repository, result)}
      end)

    if opts[:json] != "-", do: Console.report(report, [observed: false] ++ Keyword.take(opts, [:limit]))
    save(repository, report, opts)
    Console.json(report, opts[:json])
    if result.files == 0, do: Mix.raise("#{path} holds no Elixir file (.ex or .exs)")
  end

  defp report(repository, result) do
    %Report{
      totals: Console.ok!(Totals.of_source(repository, result.duration_us)),
      functions: Console.ok!(Collect.functions(repository)),
      notes: for(error <- result.errors, do: "#{error.file}:#{error.line || 1} was not read: #{error.reason}")
    }
  end

  defp save(repository, report, opts) do
    path = opts[:save] || (Mix.Project.get() && Project.saved("import"))

    cond do
      path -> Console.save(repository, report, path, opts)
      opts[:no_save] || opts[:json] == "-" -> :ok
      true -> Mix.shell().info("Not saved: give --save FILE where there is no mix.exs")
    end
  end
end

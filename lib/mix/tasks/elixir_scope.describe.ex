defmodule Mix.Tasks.ElixirScope.Describe do
  @shortdoc "Says what a module is"

  @moduledoc """
  Says what a module is: its type and role, what it implements and exports, the concept it defines with fields and
  relations, the patterns it follows, the rules it states, and what it depends on. Each with its line, and judgements with how
  sure they are (0.00 to 1.00) and why.

      mix elixir_scope.describe MODULE [options]

      mix elixir_scope.describe MyApp.Cart
      mix elixir_scope.describe MyApp.Cart --json -
      mix elixir_scope.describe Ecto.Changeset --path deps/ecto

  The source of the project is read anew; nothing is compiled or run.

  ## Options

    * `--path PATH` - the project, directory or file to read, the current directory by default
    * `--repository FILE` - a saved repository to ask, instead
    * `--json FILE` - writes the description as JSON (`-` for standard output): `{"schema": "elixir_scope.module",
      "version": 1, "module": ..., "meaning": {...}, "metadata": {...}}`, with the fields of
      `ElixirScope.ASTRepository.ModuleMeaning` and `ElixirScope.ASTRepository.ModuleMetadata`
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{MetadataExtractor, Query, SemanticAnalyzer}
  alias ElixirScope.Report.{Description, Output}
  alias ElixirScope.Suggest
  alias Mix.ElixirScope.{Console, Options}

  @name "elixir_scope.describe"
  @options [path: :string, repository: :string, json: :string, help: :flag]

  @impl true
  def run(args) do
    {opts, names} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      length(names) != 1 -> Mix.raise("mix #{@name} takes one module; see mix help #{@name}")
      true -> describe(hd(names), opts)
    end
  end

  defp describe(name, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    repository = repository(opts)
    module = module(repository, name)
    metadata = Console.ok!(MetadataExtractor.extract(repository, module))
    meaning = Console.ok!(SemanticAnalyzer.analyze(repository, module))

    if opts[:json] != "-" do
      text = Description.render(metadata, meaning, width: Console.width(), colors: IO.ANSI.enabled?())
      Mix.shell().info(String.trim_trailing(text))
    end

    if opts[:json] do
      text = metadata |> Description.encode(meaning) |> Console.ok!()
      Console.ok!(Output.write(opts[:json], text))
      if opts[:json] != "-", do: Mix.shell().info("JSON written to #{Path.relative_to_cwd(opts[:json])}")
    end
  end

  defp repository(opts) do
    case opts[:repository] do
      nil ->
        repository = Console.ok!(ASTRepository.new())
        path = Path.expand(opts[:path] || ".")

        result =
          Console.progress("Reading source files", fn -> ASTRepository.import_project(repository, path) end)

        Console.ok!(result)
        repository

      path ->
        if not File.regular?(path), do: Mix.raise("there is no file #{path}")
        Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
    end
  end

  # The name is looked for among those that are there: no atom is made of an argument.
  defp module(repository, name) do
    query = Query.new() |> Query.select([:module_name]) |> Query.from(:modules)
    %{rows: rows} = Console.ok!(ASTRepository.query(repository, query))
    names = for row <- rows, into: %{}, do: {inspect(row.module_name), row.module_name}

    case names do
      %{^name => module} ->
        module

      _ ->
        near = Suggest.nearest(name, Map.keys(names))
        Mix.raise("no module #{name} in what was read" <> if(near, do: ", did you mean #{near}?", else: ""))
    end
  end
end

defmodule Mix.Tasks.ElixirScope.Export do
  @shortdoc "Writes what was recorded for other tools"

  @moduledoc """
  Writes what a saved repository recorded in the format of another tool.

      mix elixir_scope.export --format FORMAT [options] FILE

      mix elixir_scope.export --format svg flame.svg
      mix elixir_scope.export --format speedscope --only-modules "Shop.Cart" cart.speedscope.json
      mix elixir_scope.export --format statistics_parquet statistics.parquet

  A repository is saved by `mix elixir_scope.test` and `mix elixir_scope.run`.

  ## Formats

    * `folded` - a line for each stack, for `flamegraph.pl` and inferno
    * `speedscope` - for <https://www.speedscope.app>
    * `chrome` (or `perfetto`) - for <https://ui.perfetto.dev> and `chrome://tracing`
    * `otlp` - spans, for an OpenTelemetry collector
    * `svg` (or `flamegraph`) - a flame graph in one file
    * `events_csv`, `events_parquet` (or `csv`, `parquet`) - the events of the log
    * `statistics_csv`, `statistics_parquet` - calls and times of every function

  ## Options

    * `--format FORMAT` - what to write
    * `--repository FILE` - the saved repository, instead of the one saved last
    * `--only-modules MODULE` - only this module; may be repeated
    * `--title TEXT` - a name for what was recorded
    * `--processes N` - how many processes get a profile of their own in a speedscope file (200)
    * `--timeout SECONDS` - how long it may take (300)

  The file is there when it is whole, or not at all. It says of itself whether events were lost.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.export"
  @options [
    format: :string,
    repository: :string,
    only_modules: :strings,
    title: :string,
    processes: :count,
    timeout: :count,
    help: :flag
  ]

  @impl true
  def run(args) do
    {opts, files} = Options.parse(args, @options, @name)

    case {opts[:help], files} do
      {true, _} -> Console.help(@name)
      {nil, [file]} -> export(file, opts)
      {nil, _} -> Mix.raise("mix #{@name} takes the name of one file; see mix help #{@name}")
    end
  end

  defp export(file, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    format = format(opts[:format])
    path = Project.repository(opts[:repository])
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)

    result =
      Console.progress("Writing #{file}", fn ->
        repository |> ElixirScope.export(format, file, options(opts)) |> Console.ok!()
      end)

    Mix.shell().info("""
    #{result.format} written to #{Path.relative_to_cwd(file)}: #{result.bytes} bytes, of #{result.events} events.
    Complete: #{result.about.complete}. Sampling: #{result.about.sampling}.\
    """)
  end

  defp format(nil),
    do: Mix.raise("give --format, one of #{Enum.join(ElixirScope.Export.formats(), ", ")}")

  # A word that is no atom yet is no format; the library says which there are.
  defp format(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> text
  end

  defp options(opts) do
    Enum.flat_map(opts, fn
      {:only_modules, names} -> [modules: Enum.map(names, &module/1)]
      {:timeout, seconds} -> [timeout: seconds * 1_000]
      {name, value} when name in [:title, :processes] -> [{name, value}]
      _ -> []
    end)
  end

  # Loading the repository has made the names of what it holds.
  defp module(":" <> erlang), do: existing(erlang)
  defp module(name), do: existing("Elixir." <> name)

  defp existing(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> Mix.raise("the repository knows no module #{text}")
  end
end

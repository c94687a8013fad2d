defmodule Mix.Tasks.ElixirScope.Timeline do
  @shortdoc "Shows what happened, in order, and who called whom"

  @moduledoc """
  Shows what happened in an observed run, in order, indented by who called whom, with the arguments, results, variables, messages and
  exceptions that were recorded.

      mix elixir_scope.timeline [TARGET] [options]

      mix elixir_scope.run --capture args,result,variables -e "Shop.demo()"
      mix elixir_scope.timeline
      mix elixir_scope.timeline "Shop.Cart.total/1" --limit 40
      mix elixir_scope.timeline "#PID<0.210.0>" --types call,exception
      mix elixir_scope.timeline 7318349394477057 --json

  The target is one of

    * a function, `Shop.Cart.total/1`; a module, `Shop.Cart`; the id of a clause or another node: its newest activations, each with
      what happened in it
    * a process as timelines name it, `#PID<0.210.0>` or `0.210.0`
    * the number of an activation: its `correlation_id`
    * none: the newest of everything

  A repository is saved by `mix elixir_scope.test` and `mix elixir_scope.run`. What they record besides calls is said by
  their `--capture`.

  ## Options

    * `--limit N` - entries (500)
    * `--oldest` - from the beginning, instead of the newest
    * `--from TIME`, `--to TIME` - an ISO 8601 time with its zone (`2026-11-28T12:00:00.5Z`), or nanoseconds since 1970
    * `--types LIST` - of these types only: `call,binding,exception,message_sent`, ...
    * `--process PROCESS` - of this process only
    * `--correlation ID` - events that were stored with this correlation id
    * `--depth N` - the outermost N levels
    * `--width N` - columns, those of the terminal by default
    * `--json` - as JSON, on standard output; `ElixirScope.Report.Timeline.Document` describes it
    * `--repository FILE` - the saved repository, instead of the one saved last

  Times are from the first line on. `→` is a result, `✗` an error, `⇢` an end by a tail call and `↳` what it went on as. What
  was lost, cut or not recorded is said.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{RuntimeEvent, TemporalBridge}
  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report.Timeline
  alias ElixirScope.Suggest
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.timeline"
  @options [
    repository: :string,
    limit: :count,
    oldest: :flag,
    from: :string,
    to: :string,
    types: :strings,
    process: :string,
    correlation: :string,
    depth: :count,
    width: :count,
    json: :flag,
    help: :flag
  ]

  @impl true
  def run(args) do
    {opts, texts} = Options.parse(args, @options, @name)

    cond do
      opts[:help] -> Console.help(@name)
      length(texts) > 1 -> Mix.raise("mix #{@name} takes one target: put it in quotes")
      texts != [] and opts[:correlation] != nil -> Mix.raise("mix #{@name} takes a target or --correlation")
      true -> show(List.first(texts), opts)
    end
  end

  defp show(text, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    options = options(opts)
    path = Project.repository(opts[:repository])
    Project.load_names()
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
    target = if opts[:correlation], do: {:correlation, opts[:correlation]}, else: target(text, repository)
    timeline = repository |> TemporalBridge.execution_timeline(target, options) |> Console.ok!()
    # What the run that was saved has lost is known beside it.
    {:ok, totals} = Totals.kept(path, repository)
    timeline = %{timeline | gaps: %{timeline.gaps | dropped: totals.events_dropped}}

    if opts[:json] do
      timeline |> Timeline.Document.encode() |> Console.ok!() |> IO.puts()
    else
      text =
        Timeline.render(timeline,
          width: opts[:width] || Console.width(),
          colors: IO.ANSI.enabled?(),
          code: Timeline.code_of(repository)
        )

      Mix.shell().info(String.trim_trailing(text))
    end
  end

  defp options(opts) do
    [
      limit: opts[:limit],
      newest_first: if(opts[:oldest], do: false),
      from: time(opts[:from], "--from"),
      to: time(opts[:to], "--to"),
      types: types(opts[:types]),
      process: process(opts[:process]),
      depth: opts[:depth] && opts[:depth] - 1
    ]
    |> Enum.reject(fn {_, value} -> value == nil end)
  end

  defp types(nil), do: nil

  defp types(texts) do
    known = Map.new(RuntimeEvent.types(), &{Atom.to_string(&1), &1})

    for text <- texts, name <- String.split(text, ",", trim: true), name = String.trim(name) do
      known[name] ||
        Mix.raise("--types #{name} is unknown; #{Suggest.hint(name, Enum.sort(Map.keys(known)))}")
    end
  end

  defp time(nil, _switch), do: nil

  defp time(text, switch) do
    with {:iso, {:error, _}} <- {:iso, DateTime.from_iso8601(text)},
         {ns, ""} <- Integer.parse(text) do
      ns
    else
      {:iso, {:ok, time, _offset}} ->
        DateTime.to_unix(time, :nanosecond)

      _ ->
        Mix.raise(
          "#{switch} takes a time with its zone, 2026-11-28T12:00:00Z, or nanoseconds since 1970, not #{text}"
        )
    end
  end

  defp process(nil), do: nil

  defp process(text) do
    case Regex.run(~r/^(?:#PID)?<?(\d+\.\d+\.\d+)>?$/, text) do
      [_, numbers] -> "#PID<#{numbers}>"
      nil -> Mix.raise("--process takes a process as timelines name it, #PID<0.210.0>, not #{text}")
    end
  end

  ## The target

  defp target(nil, _repository), do: :all

  defp target(text, repository) do
    cond do
      text =~ ~r/^\d+$/ -> String.to_integer(text)
      text =~ ~r/^(#PID)?<?\d+\.\d+\.\d+>?$/ -> process(text)
      ASTRepository.ast_node_exists?(repository, text) -> text
      function = function(text) -> function
      true -> Mix.raise("the repository knows no #{text}" <> near(text, repository))
    end
  end

  # What ran without its source. Loading the repository has made the names of what it holds.
  defp function(text) do
    with [_, module, name, arity] <- Regex.run(~r/^(.+)\.([^.\/]+)\/(\d+)$/, text) do
      module =
        if String.starts_with?(module, ":"), do: String.trim_leading(module, ":"), else: "Elixir." <> module

      {String.to_existing_atom(module), String.to_existing_atom(name), String.to_integer(arity)}
    end
  rescue
    ArgumentError -> nil
  end

  defp near(text, repository) do
    {:ok, %{rows: rows}} =
      ASTRepository.query(
        repository,
        ASTRepository.Query.new()
        |> ASTRepository.Query.from(:functions)
        |> ASTRepository.Query.select([:ast_node_id])
      )

    case Suggest.nearest(text, Enum.map(rows, & &1.ast_node_id)) do
      nil -> ""
      nearest -> ", did you mean #{nearest}?"
    end
  end
end

defmodule Mix.Tasks.ElixirScope.Insights do
  @shortdoc "What a module or function was seen doing"

  @moduledoc """
  What was learnt of a module or function by observing it.

      mix elixir_scope.insights MODULE [options]
      mix elixir_scope.insights "MODULE.function/arity" [options]

      mix elixir_scope.insights Shop.Cart
      mix elixir_scope.insights "Shop.Cart.total/1" --json

  Hotspots, cold code, calls over time, processes at once, errors and how far they spread, messages, started processes, memory and
  garbage collection, changes of state, coverage by node. What is not known is listed with what to switch on.

  A repository is saved by `mix elixir_scope.test` and `mix elixir_scope.run`.

  ## Options

    * `--repository FILE` - the saved repository, instead of the one saved last
    * `--json` - as JSON, on standard output
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.SemanticEnricher
  alias ElixirScope.Report.{Answer, JSON}
  alias ElixirScope.Report.Timeline.Words
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.insights"
  @options [repository: :string, json: :flag, help: :flag]

  @impl true
  def run(args) do
    {opts, texts} = Options.parse(args, @options, @name)

    case {opts[:help], texts} do
      {true, _} -> Console.help(@name)
      {nil, [text]} -> show(text, opts)
      {nil, _} -> Mix.raise("mix #{@name} takes a module or function; see mix help #{@name}")
    end
  end

  defp show(text, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    path = Project.repository(opts[:repository])
    Project.load_names()
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)

    case repository |> SemanticEnricher.insights(target(text)) |> Console.ok!() do
      nil ->
        Mix.raise(
          "#{text} never ran while it was observed; run it with mix elixir_scope.run or mix elixir_scope.test"
        )

      insights ->
        if opts[:json],
          do: insights |> with_variables(&document/1) |> json(),
          else: print(text, with_variables(insights, &told/1))
    end
  end

  # Values may be any terms: they are told as text.
  defp with_variables(%{variable_lifecycles: [_ | _] = lives} = insights, tell),
    do: %{
      insights
      | variable_lifecycles: for(%{count: count} = life when count > 0 <- lives, do: tell.(life))
    }

  defp with_variables(insights, _tell), do: insights

  defp told(life) do
    values = life |> values() |> Enum.map_join(", ", &Words.value(&1, 30))
    more = if life.truncated or not life.complete, do: "..., ", else: ""

    "#{life.name} in #{key(life.function)}, line #{life.line || "?"}, bound #{life.count} times: #{more}#{values}"
  end

  defp document(life) do
    %{
      variable_id: life.variable_id,
      name: life.name,
      version: life.version,
      function: key(life.function),
      line: life.line,
      count: life.count,
      complete: life.complete and not life.truncated,
      values: life |> values() |> Enum.map(&Words.whole/1)
    }
  end

  defp values(life), do: for(%{value: {:ok, value}} <- life.values, do: value)

  defp target(text) do
    case Regex.run(~r/^(.+)\.([^.\/]+)\/(\d+)$/, text) do
      [_, module, name, arity] -> {module(module), existing(name), String.to_integer(arity)}
      nil -> module(text)
    end
  end

  defp module(":" <> name), do: existing(name)
  defp module(name), do: existing("Elixir." <> name)

  # Loading the repository has made the names of what it holds.
  defp existing(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> Mix.raise("the repository knows no #{text}")
  end

  defp json(insights) do
    pairs = for {name, value} <- fields(insights), do: {name, plain(value)}
    {:ok, text} = JSON.encode(JSON.ordered(pairs), pretty: true)
    IO.puts(text)
  end

  defp fields(struct), do: struct |> Map.from_struct() |> Enum.sort()

  defp plain(%DateTime{} = time), do: DateTime.to_iso8601(time)

  defp plain(%{__struct__: _} = struct),
    do: JSON.ordered(for {name, value} <- fields(struct), do: {name, plain(value)})

  defp plain(map) when is_map(map),
    do: JSON.ordered(for {key, value} <- Enum.sort(map), do: {key(key), plain(value)})

  defp plain(list) when is_list(list), do: Enum.map(list, &plain/1)
  defp plain({module, name, arity}) when is_atom(module) and is_integer(arity), do: key({module, name, arity})
  defp plain({from, to}), do: [plain(from), plain(to)]
  defp plain(other), do: Answer.plain(other)

  defp key({module, name, arity}), do: "#{inspect(module)}.#{name}/#{arity}"
  defp key(text) when is_binary(text), do: text
  defp key(other), do: to_string(other)

  defp print(text, insights) do
    known =
      for {name, value} <- fields(insights), name != :unknown, value not in [nil, [], %{}], do: {name, value}

    unknown = insights.unknown || %{}

    Mix.shell().info([
      "#{text}\n",
      for({name, value} <- known, do: ["\n#{title(name)}\n", lines(value)]),
      if(unknown == %{},
        do: [],
        else: ["\nNot known\n", for({name, why} <- unknown, do: "  #{title(name)}: #{why}\n")]
      )
    ])
  end

  defp title(name), do: name |> to_string() |> String.replace("_", " ") |> String.capitalize()

  defp lines(list) when is_list(list), do: Enum.map(list, &["  ", line(&1), "\n"])
  defp lines(%{__struct__: _} = one), do: ["  ", line(one), "\n"]

  defp lines(map) when is_map(map),
    do: for({key, value} <- Enum.sort(map), do: "  #{key(key)}: #{line(value)}\n")

  defp lines(other), do: ["  ", line(other), "\n"]

  defp line(%DateTime{} = time), do: DateTime.to_iso8601(time)

  defp line(%{__struct__: _} = struct) do
    Enum.map_join(for({name, value} <- fields(struct), value != nil, do: {name, value}), ", ", fn {name,
                                                                                                   value} ->
      "#{name} #{line(value)}"
    end)
  end

  defp line({module, name, arity}) when is_atom(module) and is_integer(arity), do: key({module, name, arity})
  defp line({from, to}), do: "#{line(from)} to #{line(to)}"
  defp line(float) when is_float(float), do: :erlang.float_to_binary(float, decimals: 3)
  defp line(list) when is_list(list), do: Enum.map_join(list, " ", &line/1)

  defp line(map) when is_map(map),
    do: Enum.map_join(map, ", ", fn {key, value} -> "#{key(key)} #{line(value)}" end)

  # A process without a function of its own.
  defp line(nil), do: "?"
  defp line(other), do: to_string(other)
end

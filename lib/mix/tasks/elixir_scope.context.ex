defmodule Mix.Tasks.ElixirScope.Context do
  @shortdoc "Gathers what belongs to a function, an error, a test or a question"

  @moduledoc """
  Gathers, from the repository that was saved last, what belongs to a symptom or a place: the code, who calls it and what it calls, what it was
  given and returned, how often, how slow, how it failed, what changed, findings, tests; ranked, redacted, and within a budget.

      mix elixir_scope.context TARGET [options]

      mix elixir_scope.context Shop.Cart.add/3
      mix elixir_scope.context lib/shop/cart.ex:12 --tokens 2000
      mix elixir_scope.context "why are prices of bulk orders wrong?"
      mix test 2>&1 | mix elixir_scope.context -

  TARGET is a function (`Shop.Cart.add/3`, or `Shop.Cart.add` for any arity), a module, the id of a node, a place (`lib/shop/cart.ex:12`, in a
  test the block around it), an error, stacktrace or failed test as it is printed, the number of an activation (the `correlation_id` of an event), or a
  question in words, which are looked for in names and documentation. `-` reads it from standard input.

  A repository is saved by `mix elixir_scope.test`, `mix elixir_scope.run` and `mix elixir_scope.import`.

  ## Options

    * `--tokens N` - the budget, 4000 by default, counted as a token for each 3.5 bytes; it holds
    * `--events N` - recorded calls of each of the first twelve functions, 3 by default
    * `--items N` - functions at most, 40 by default
    * `--repository FILE` - the saved repository to ask, instead of the one saved last
    * `--json FILE` - writes the context as JSON (`-` for standard output): `{"schema": "elixir_scope.context", "version": 1, "target": {...},
      "loss": {...}, "sampling": {...}, "items": [...], "also": [...], "further": n}`, with the fields of
      `ElixirScope.ASTRepository.HybridContext.Item`; the budget is then that of the JSON

  `ElixirScope.ASTRepository.HybridContext` says how functions are ranked.
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.HybridContext
  alias ElixirScope.Report.Output
  alias Mix.ElixirScope.{Console, Options, Project}

  @name "elixir_scope.context"
  @options [
    tokens: :count,
    events: :count,
    items: :count,
    repository: :string,
    json: :string,
    help: :flag
  ]

  @impl true
  def run(args) do
    # Standard input has a name that looks like a switch.
    {args, input?} =
      if "-" in args and not json_to_output?(args), do: {args -- ["-"], true}, else: {args, false}

    {opts, targets} = Options.parse(args, @options, @name)

    cond do
      opts[:help] ->
        Console.help(@name)

      input? and targets == [] ->
        show(input(), opts)

      input? or length(targets) != 1 ->
        Mix.raise("mix #{@name} takes one target: put it in quotes; see mix help #{@name}")

      true ->
        show(hd(targets), opts)
    end
  end

  defp json_to_output?(args) do
    args |> Enum.chunk_every(2, 1, :discard) |> Enum.any?(&(&1 == ["--json", "-"])) and
      Enum.count(args, &(&1 == "-")) == 1
  end

  defp input do
    case IO.read(:stdio, :eof) do
      text when is_binary(text) and text != "" -> text
      _ -> Mix.raise("there is nothing on standard input")
    end
  end

  defp show(target, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    path = Project.repository(opts[:repository])
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
    request = [target: target] ++ Keyword.take(opts, [:tokens, :events, :items])

    if opts[:json] != "-" do
      context = Console.ok!(ASTRepository.build_hybrid_context(repository, request))
      Mix.shell().info(context |> to_string() |> String.trim_trailing())
    end

    if opts[:json] do
      context = Console.ok!(ASTRepository.build_hybrid_context(repository, [format: :json] ++ request))
      text = Console.ok!(HybridContext.to_json(context))
      Console.ok!(Output.write(opts[:json], text <> "\n"))
      if opts[:json] != "-", do: Mix.shell().info("JSON written to #{Path.relative_to_cwd(opts[:json])}")
    end
  end
end

defmodule Mix.Tasks.ElixirScope.Explain do
  @shortdoc "Tells how a question to a saved repository is answered"

  @moduledoc """
  Tells how a question to the repository that was saved last is answered: which tables are read, by which index, what is expected
  of each step, and, with `--analyze`, what came and how long it took.

      mix elixir_scope.explain QUERY [--analyze] [options]

      mix elixir_scope.explain "from(:functions) |> where(module_name == Shop.Cart) |> order_by(:calls, :desc)"
      mix elixir_scope.explain --analyze "select function, count(*) from events where event_type = 'call' group by 1"

  The question is a pipeline or SQL, as `mix elixir_scope.query` takes it. Steps are shown from the last to the first; what is
  indented feeds what stands above it.

  ## Options

    * `--analyze` - runs it, and shows rows and times
    * `--repository FILE` - the saved repository to ask, instead of the one saved last
    * `--json FILE` - writes the steps as JSON (`-` for standard output): `{"steps": [...], "analyzed": true, "rows": 3,
      "scanned": 60, "peak_bytes": 4096, "duration_us": 120}`
  """

  use Mix.Task

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Query.Text
  alias ElixirScope.Report.JSON
  alias Mix.ElixirScope.{Console, Options, Project}
  alias Mix.Tasks.ElixirScope.Query

  @name "elixir_scope.explain"
  @options [repository: :string, analyze: :flag, json: :string, help: :flag]

  @impl true
  def run(args) do
    case Options.parse(args, @options, @name) do
      {[help: true], _} -> Console.help(@name)
      {opts, [text]} -> explain(text, opts)
      {_opts, []} -> Mix.raise("mix #{@name} needs a question; see mix help #{@name}")
      {_opts, _more} -> Mix.raise("mix #{@name} takes one question: put it in quotes")
    end
  end

  defp explain(text, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    path = Project.repository(opts[:repository])
    repository = Console.progress("Loading #{path}", fn -> path |> ASTRepository.load() |> Console.ok!() end)
    question = if Query.sql?(text), do: text, else: text |> Text.parse() |> Console.ok!()
    plan = repository |> ASTRepository.explain(question, analyze: opts[:analyze] == true) |> Console.ok!()

    case opts[:json] do
      nil -> Mix.shell().info(to_string(plan))
      file -> json(plan, file)
    end
  end

  defp json(plan, file) do
    document = %{
      steps: plan.steps,
      analyzed: plan.analyzed?,
      rows: plan.rows,
      scanned: plan.scanned,
      peak_bytes: plan.peak_bytes,
      duration_us: plan.duration_us
    }

    text = document |> JSON.encode() |> Console.ok!()
    if file == "-", do: IO.puts(text), else: File.write!(file, text <> "\n")
  end
end

defmodule Mix.Tasks.ElixirScope.Test do
  @shortdoc "Runs the tests of a project under observation"

  @moduledoc """
  Runs the tests of a project under observation, and shows what ran, how long, with which errors, and what
  is complex and never ran.

      mix elixir_scope.test [options] [arguments of mix test]

  The suite runs as `mix test` runs it, in the test environment, with the same exit status. Files, line
  numbers and options of `mix test` may follow in any order; only `--cover` cannot, because it replaces the
  code that is observed.

      mix elixir_scope.test
      mix elixir_scope.test test/cart_test.exs:12 --seed 0
      mix elixir_scope.test --only-modules "MyApp.Cart.*" --json report.json

  It needs no change to the project. With the `:elixir_scope` compiler in `mix.exs`, modules are
  instrumented while they are compiled; without it, before the tests begin. In an umbrella it is run at the
  root, over all applications.

  Without `MIX_ENV=test` the task starts itself again in the test environment. A line in `mix.exs` spares
  that moment (Elixir 1.15 and later):

      def cli, do: [preferred_envs: ["elixir_scope.test": :test]]

  ## Options

    * `--json FILE` - writes the report as JSON; `mix help elixir_scope` describes the schema
    * `--limit N` - rows of each table (10)
    * `--only-modules PATTERN` - observes only these modules, `MyApp.Cart` or `MyApp.*`; may be repeated
    * `--capture KINDS` - what to record besides calls: `args`, `result`, `variables`, `parameters`, `expressions`, `branches`,
      `messages`, `exceptions` or `all`, with commas between. `mix elixir_scope.timeline` shows it
    * `--points POINT` - what to record at one place; may be repeated, or a file with one on each line:
      `"Shop.Cart.total/1 variables when length(items) > 3"`, `"Shop.Cart:17 expressions"`. `mix elixir_scope.points` shows where
      that is, and what it costs
    * `--sampling-rate SHARE` - records this share of the calls, from 0.0 to 1.0
    * `--rate N` - records at most N calls of a function in any second; `--hits N` - no more than N, exactly;
      `--record-for SECONDS` - for so long from the start
    * `--priority P` - `low`, `medium`, `high` or `critical`: what stands back first when much happens at once
    * `--values MODE` - `full`, `truncated`, `shape` (sizes and names only) or `off`
    * `--vm-trace WHAT` - records what the VM tells of the application's processes too: `messages`, `processes`, `scheduling`,
      `garbage_collection`; may be repeated, or a list with commas
    * `--save FILE` - where the repository is saved, `_build/test/elixir_scope/test.scope` by default
    * `--no-save` - saves nothing
    * `--` - everything that follows goes to `mix test`

  ## What the tables say

  **Hot** functions took most time of their own, without what they called. **Slow** ones have single calls
  that take long (95 of 100 calls are shorter than `p95`). **Failing** calls ended in an exception, throw or
  exit, caught or not, or with their process. **Complex and never run**: nothing in the suite called them.

  Events are counted exactly: `offered = stored + dropped`. When some were dropped the report says so.

  Ask further questions with `mix elixir_scope.query`. Which tests reach a function is in its `test_cases`; which tests
  a change concerns, `mix elixir_scope.tests` says.
  """

  use Mix.Task

  alias ElixirScope.Sources.ExUnit, as: Sources
  alias ElixirScope.TestSelection.Record
  alias Mix.ElixirScope.{Console, Environment, Options, Project, Session}

  @name "elixir_scope.test"

  @impl true
  def run(args) do
    {ours, theirs} = Options.split(args, Session.options())

    cond do
      ours[:help] -> Console.help(@name)
      "--cover" in theirs -> refuse_cover()
      true -> in_test_environment(args, ours, theirs)
    end
  end

  defp in_test_environment(args, ours, theirs) do
    Project.required!(@name)

    case Environment.ensure_test(@name, args) do
      :ok -> test(ours, theirs)
      {:done, 0} -> :ok
      {:done, status} -> exit({:shutdown, status})
    end
  end

  defp test(ours, theirs) do
    # Test helpers are compiled with the project, and use ExUnit.
    Application.ensure_loaded(:ex_unit)
    Mix.Task.run("loadpaths", theirs)
    # As `mix test` compiles: there, warnings of the project are no errors.
    if "--no-compile" not in theirs, do: Mix.Task.run("compile", theirs -- ["--warnings-as-errors"])
    Session.observe("test", ours, fn -> attributed(theirs) end, &record/2)
  end

  # While another task attributes tests in this VM, these are observed without.
  defp attributed(theirs) do
    with {:error, error} <- Sources.attach(modules: Session.modules("test")),
         do: Mix.shell().error("Which test reaches what is not recorded: #{error.message}")

    Mix.Task.run("test", theirs)
  end

  defp record(observation, path) do
    with {:ok, account} <- Sources.detach(),
         {:ok, record} <- Record.new(account, observation.repository, observation.modules, Project.root()),
         :ok <- Record.store(record, observation.repository),
         :ok <- if(path, do: Record.keep(record, path), else: :ok) do
      :ok
    else
      {:error, error} -> Mix.shell().error("Which test reaches what is not recorded: #{error.message}")
    end
  end

  defp refuse_cover do
    Mix.raise("--cover replaces the code that mix #{@name} observes: run mix test --cover by itself")
  end
end

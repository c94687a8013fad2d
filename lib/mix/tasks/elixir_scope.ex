defmodule Mix.Tasks.ElixirScope do
  @shortdoc "Lists the tasks of ElixirScope"

  @moduledoc """
  Lists the tasks of ElixirScope.

    * `mix elixir_scope.test` - runs the tests under observation
    * `mix elixir_scope.run` - runs code under observation
    * `mix elixir_scope.import` - reads source, runs nothing
    * `mix elixir_scope.query` - asks a saved repository, as a pipeline or in SQL
    * `mix elixir_scope.explain` - tells how a question is answered
    * `mix elixir_scope.timeline` - shows what happened, in order, and who called whom
    * `mix elixir_scope.points` - shows where code reports, what that costs, and how often it did
    * `mix elixir_scope.insights` - says what a module or function was seen doing
    * `mix elixir_scope.context` - gathers what belongs to a function, an error, a test or a question
    * `mix elixir_scope.search` - finds code by code
    * `mix elixir_scope.findings` - shows what in the source is worth a second look
    * `mix elixir_scope.describe` - says what a module is
    * `mix elixir_scope.graph` - shows who calls whom and who needs whom

  `mix help TASK` or `mix TASK --help` says more of each.

  ## JSON

  `test`, `run`, `import` and `query` take `--json FILE` and write one schema, version 1:

      {
        "schema": "elixir_scope.report",
        "version": 1,
        "totals": {"modules": 12, "functions": 84, "nodes": 3120, "points": 240,
                   "events_offered": 4012, "events_stored": 4012, "events_dropped": 0,
                   "events_correlated": 4012, "duration_ms": 812.4},
        "functions": [
          {"module": "Shop.Cart", "function": "total", "arity": 2,
           "ast_node_id": "Shop.Cart.total/2", "file": "lib/shop/cart.ex", "line": 12,
           "calls": 40, "errors": 0, "total_us": 311.5, "self_us": 120.25,
           "p50_us": 7.1, "p95_us": 11.5, "p99_us": 12.0,
           "cyclomatic_complexity": 3, "lines_of_code": 9,
           "test_coverage": 0.833, "crap": 3.042}
        ]
      }

  `functions` are those of the observed modules, of the whole source (import), or those that a query over
  functions found. Every key is always there; `ast_node_id`, `file`, `line`, the percentiles and the metrics
  may be `null`, not known or nothing ran. `events_offered = events_stored + events_dropped`.
  `ElixirScope.Report` describes each field.

  A query adds `answer`: `{"total": 3, "rows": [...]}`, the rows with the fields it selected.
  """

  use Mix.Task

  alias Mix.ElixirScope.Console

  @impl true
  def run(_args), do: Console.help("elixir_scope")
end

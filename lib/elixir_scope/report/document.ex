defmodule ElixirScope.Report.Document do
  @moduledoc """
  A report as a JSON document, for tools.

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

  Every key is always there, in this order. `ElixirScope.Report` says what each means. `ast_node_id`,
  `file`, `line`, `p50_us`, `p95_us`, `p99_us`, `cyclomatic_complexity`, `lines_of_code`, `test_coverage` and
  `crap` may be `null`: not known, or nothing ran. Functions are ordered by module, name and arity. A later version adds keys; it
  renames or removes none without a new `version`.
  """

  alias ElixirScope.{Error, Report}
  alias ElixirScope.Report.JSON

  @schema "elixir_scope.report"
  @version 1

  @doc "The name and version of the schema."
  @spec schema() :: {String.t(), pos_integer()}
  def schema, do: {@schema, @version}

  @doc """
  The document as text, ending in a newline.

  `answer: {total, rows}` adds the rows of a query, each a list of `{key, value}`; functions then stay in
  their order.
  """
  @spec encode(Report.t(), keyword()) :: {:ok, String.t()} | {:error, Error.t()}
  def encode(%Report{} = report, opts \\ []) do
    {functions, answer} =
      case opts[:answer] do
        nil ->
          {Enum.sort_by(report.functions, &{&1.module, &1.function, &1.arity}), []}

        {total, rows} ->
          {report.functions,
           [answer: [total: total, rows: Enum.map(rows, &JSON.ordered/1)] |> JSON.ordered()]}
      end

    document =
      JSON.ordered(
        [
          schema: @schema,
          version: @version,
          totals: pick(report.totals, Report.totals()),
          functions: Enum.map(functions, &pick(&1, Report.fields()))
        ] ++ answer
      )

    with {:ok, text} <- JSON.encode(document, pretty: true), do: {:ok, text <> "\n"}
  end

  # A missing key is a mistake of ours, and must not become a `null`.
  defp pick(map, keys), do: JSON.ordered(Enum.map(keys, &{&1, map |> Map.fetch!(&1) |> tidy()}))

  # Times have nanosecond resolution; digits after the third are noise of the division.
  defp tidy(float) when is_float(float), do: Float.round(float, 3)
  defp tidy(other), do: other

  @doc "Writes the document to `path` (`-` is standard output), whole or not at all; makes the directory."
  @spec write(Report.t(), Path.t(), keyword()) :: :ok | {:error, Error.t()}
  def write(%Report{} = report, path, opts \\ []) do
    with {:ok, text} <- encode(report, opts), do: ElixirScope.Report.Output.write(path, text)
  end
end

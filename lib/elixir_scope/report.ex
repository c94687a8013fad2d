defmodule ElixirScope.Report do
  @moduledoc """
  What an observed run amounts to: totals, and one row for every function.

  A report is plain data. `ElixirScope.Report.Text` makes tables of it, `ElixirScope.Report.Document` makes
  JSON.

  ## Totals

    * `:modules`, `:functions`, `:nodes` - what was read from source
    * `:points` - places in instrumented code that report, over all instrumented modules
    * `:events_offered` - events that instrumented code reported during the run (a call begins, ends or jumps
      into a tail call, a `try` begins, ends or catches, a process with open calls dies);
      `events_offered = events_stored + events_dropped`, exactly
    * `:events_stored`, `:events_dropped` - those recorded, and those lost
    * `:events_correlated` - stored events that lead to a function of the source
    * `:duration_ms` - wall time of the run

  ## Functions

  `:module`, `:function` (text, as Elixir writes them), `:arity`, `:ast_node_id`, `:file` (relative to the
  project), `:line`; `:calls` (activations), `:errors` (those that ended in an exception, a throw or an
  exit, or with their process), `:total_us` (inclusive; recursion counts once), `:self_us` (not in observed
  callees), `:p50_us`, `:p95_us`, `:p99_us` (inclusive, of one activation; `nil` when nothing ran),
  `:cyclomatic_complexity`, `:lines_of_code`, `:test_coverage` (0.0 to 1.0, of nodes) and `:crap` (risk of a change,
  from complexity and coverage; see `ElixirScope.ASTRepository.Coverage`), `nil` where nothing was observed.
  """

  @totals ~w(modules functions nodes points events_offered events_stored events_dropped events_correlated
             duration_ms)a
  @fields ~w(module function arity ast_node_id file line calls errors total_us self_us p50_us p95_us p99_us
             cyclomatic_complexity lines_of_code test_coverage crap)a

  defstruct totals: %{}, functions: [], dropped: %{}, notes: []

  @type row :: %{
          module: String.t(),
          function: String.t(),
          arity: arity(),
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          calls: non_neg_integer(),
          errors: non_neg_integer(),
          total_us: number(),
          self_us: number(),
          p50_us: number() | nil,
          p95_us: number() | nil,
          p99_us: number() | nil,
          cyclomatic_complexity: pos_integer() | nil,
          lines_of_code: non_neg_integer() | nil,
          test_coverage: float() | nil,
          crap: float() | nil
        }

  @typedoc """
  `:dropped` holds the lost events by reason, `:notes` what a reader must know (files that did not parse,
  modules that could not be instrumented), as sentences.
  """
  @type t :: %__MODULE__{
          totals: %{atom() => number()},
          functions: [row()],
          dropped: %{atom() => non_neg_integer()},
          notes: [String.t()]
        }

  @doc "The names of the totals, in the order of the schema."
  @spec totals() :: [atom()]
  def totals, do: @totals

  @doc "The names of a row's fields, in the order of the schema."
  @spec fields() :: [atom()]
  def fields, do: @fields

  @doc "A function as people write it, `Cart.total/2`."
  @spec name(row()) :: String.t()
  def name(row), do: "#{row.module}.#{row.function}/#{row.arity}"

  @doc "Where a function stands, `lib/cart.ex:12`, or `-`."
  @spec place(row()) :: String.t()
  def place(%{file: nil}), do: "-"
  def place(%{file: file, line: nil}), do: file
  def place(%{file: file, line: line}), do: "#{file}:#{line}"
end

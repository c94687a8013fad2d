defmodule ElixirScope.ASTRepository.QueryPlan do
  @moduledoc """
  How a question is answered: `ElixirScope.ASTRepository.explain/3`.

    * `:steps` - the last one first; each is fed by those that are one deeper and follow it:
      `%{depth:, name:, detail:, estimated_rows:, rows:, duration_ns:}`. `rows` and `duration_ns` are what came, when it was run
    * `:analyzed?` - whether it was run
    * `:rows`, `:scanned`, `:peak_bytes`, `:duration_us` - of the run

  `to_string/1` and `inspect/1` show it as a table.
  """

  defstruct steps: [], analyzed?: false, rows: nil, scanned: nil, peak_bytes: nil, duration_us: nil

  @type step :: %{
          depth: non_neg_integer(),
          name: String.t(),
          detail: String.t(),
          estimated_rows: non_neg_integer() | nil,
          rows: non_neg_integer() | nil,
          duration_ns: non_neg_integer() | nil
        }

  @type t :: %__MODULE__{
          steps: [step()],
          analyzed?: boolean(),
          rows: non_neg_integer() | nil,
          scanned: non_neg_integer() | nil,
          peak_bytes: non_neg_integer() | nil,
          duration_us: non_neg_integer() | nil
        }

  @doc "The plan as lines of a table."
  @spec render(t()) :: String.t()
  def render(%__MODULE__{} = plan) do
    header = ["step", "expected", "rows", "time", ""]

    rows =
      for step <- plan.steps do
        [
          String.duplicate("  ", step.depth) <> step.name,
          number(step.estimated_rows),
          number(step.rows),
          time(step.duration_ns),
          step.detail
        ]
      end

    widths =
      for column <- 0..3, do: [header | rows] |> Enum.map(&String.length(Enum.at(&1, column))) |> Enum.max()

    Enum.map_join([header | rows], "\n", fn [name, expected, rows, time, detail] ->
      [first, second, third, fourth] = widths

      String.trim_trailing(
        String.pad_trailing(name, first) <>
          "  " <>
          String.pad_leading(expected, second) <>
          "  " <>
          String.pad_leading(rows, third) <> "  " <> String.pad_leading(time, fourth) <> "  " <> detail
      )
    end)
  end

  defp number(nil), do: "-"

  defp number(n) do
    n
    |> Integer.to_string()
    |> String.reverse()
    |> String.replace(~r/(\d{3})(?=\d)/, "\\1,")
    |> String.reverse()
  end

  defp time(nil), do: "-"
  defp time(ns) when ns < 1_000_000, do: "#{Float.round(ns / 1_000, 1)} µs"
  defp time(ns), do: "#{Float.round(ns / 1_000_000, 1)} ms"

  defimpl String.Chars do
    def to_string(plan), do: ElixirScope.ASTRepository.QueryPlan.render(plan)
  end

  defimpl Inspect do
    def inspect(plan, _opts), do: "#ElixirScope.ASTRepository.QueryPlan<\n#{plan}\n>"
  end
end

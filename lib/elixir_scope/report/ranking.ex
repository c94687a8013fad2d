defmodule ElixirScope.Report.Ranking do
  @moduledoc """
  The most interesting functions of a report, by four questions. Ties are settled by name, so that the same
  run gives the same tables.
  """

  alias ElixirScope.Report

  # A function without a decision is hardly worth a test of its own.
  @complex_min 2
  # These run while the code that uses them is compiled, before anything is observed.
  @at_compile_time [:defmacro, :defmacrop, :defguard, :defguardp]

  @type question :: :hot | :slow | :failing | :risky | :never_ran

  @doc "The questions, in the order in which a report answers them."
  @spec questions() :: [question()]
  def questions, do: [:hot, :slow, :failing, :risky, :never_ran]

  @doc """
  The rows that answer a question, the most interesting first, and how many there are in all.

    * `:hot` - most self time
    * `:slow` - greatest 95th percentile of the inclusive time of one call
    * `:failing` - most calls that ended in an exception, throw or exit, or with their process
    * `:risky` - called, with branches that did not run: greatest risk of a change (CRAP)
    * `:never_ran` - no call, and a cyclomatic complexity of 2 or more, the most complex first
  """
  @spec top([Report.row()], question(), pos_integer()) :: {[Report.row()], non_neg_integer()}
  def top(rows, question, limit) do
    found = Enum.filter(rows, &answers?(&1, question))
    {found |> Enum.sort_by(&key(&1, question)) |> Enum.take(limit), length(found)}
  end

  defp answers?(row, :hot), do: row.self_us > 0
  defp answers?(row, :slow), do: row.calls > 0 and is_number(row.p95_us)
  defp answers?(row, :failing), do: row.errors > 0

  defp answers?(row, :risky), do: row.calls > 0 and is_number(row.test_coverage) and row.test_coverage < 1

  defp answers?(row, :never_ran) do
    row.calls == 0 and (row.cyclomatic_complexity || 0) >= @complex_min and
      Map.get(row, :kind) not in @at_compile_time
  end

  defp key(row, :hot), do: {-row.self_us, name(row)}
  defp key(row, :slow), do: {-row.p95_us, -row.total_us, name(row)}
  defp key(row, :failing), do: {-row.errors, -row.errors / max(row.calls, 1), name(row)}
  defp key(row, :risky), do: {-row.crap, row.test_coverage, name(row)}
  defp key(row, :never_ran), do: {-row.cyclomatic_complexity, -(row.lines_of_code || 0), name(row)}

  defp name(row), do: {row.module, row.function, row.arity}
end

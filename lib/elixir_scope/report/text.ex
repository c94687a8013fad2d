defmodule ElixirScope.Report.Text do
  @moduledoc """
  A report as text for a terminal: a heading, one table for each question, and what was lost.

  Options: `:limit` (rows of a table, 10), `:width` (columns of the terminal, 100), `:colors` (false),
  `:observed` (true; false leaves out what only a run can tell).
  """

  alias ElixirScope.Report
  alias ElixirScope.Report.{Numbers, Ranking, Table}

  @limit 10
  @width 100

  @doc "The text, ending in a newline."
  @spec render(Report.t(), keyword()) :: String.t()
  def render(%Report{} = report, opts \\ []) do
    opts = Keyword.merge([limit: @limit, width: @width, colors: false, observed: true], opts)
    sections = if opts[:observed], do: observed(report, opts), else: static(report, opts)

    (Enum.reject([heading(report, opts) | sections] ++ [notes(report, opts)], &is_nil/1) |> Enum.join("\n\n")) <>
      "\n"
  end

  defp heading(%{totals: totals}, opts) do
    source =
      "#{Numbers.of(totals.modules, "module")}, #{Numbers.of(totals.functions, "function")}, " <>
        Numbers.of(totals.nodes, "node")

    if opts[:observed] do
      bold("Observed", opts) <>
        " for #{Numbers.duration(totals.duration_ms * 1_000)}, with #{Numbers.of(totals.points, "point")} in " <>
        "running code. Source: #{source}"
    else
      bold("Imported", opts) <> " in #{Numbers.duration(totals.duration_ms * 1_000)}: #{source}"
    end
  end

  ## With a run

  defp observed(report, opts) do
    Enum.map(Ranking.questions(), &section(&1, report, opts)) ++ [losses(report, opts)]
  end

  defp section(question, report, opts) do
    {rows, found} = Ranking.top(report.functions, question, opts[:limit])
    whole = report.functions |> Enum.map(& &1.self_us) |> Enum.sum()

    case rows do
      [] ->
        bold(title(question), opts) <> ": " <> none(question, report)

      rows ->
        {columns, cells} = columns(question, whole)

        bold(title(question), opts) <>
          explained(question) <>
          more(length(rows), found) <>
          "\n" <> Table.render(columns, Enum.map(rows, cells), width: opts[:width], indent: 2)
    end
  end

  defp title(:hot), do: "Hot"
  defp title(:slow), do: "Slow"
  defp title(:failing), do: "Failing"
  defp title(:risky), do: "Ran in part"
  defp title(:never_ran), do: "Complex and never run"

  defp explained(:hot), do: ", by time spent in the function itself"
  defp explained(:slow), do: ", by the time that 95 % of its calls stay under"
  defp explained(:failing), do: ", by calls that ended in an exception, throw or exit, or with their process"
  defp explained(:risky), do: ", by the risk of changing them: complexity² · (1 − coverage)³ + complexity"
  defp explained(:never_ran), do: ", by cyclomatic complexity"

  defp more(shown, found) when shown < found, do: " (#{shown} of #{Numbers.count(found)})"
  defp more(_shown, _found), do: ""

  defp none(:hot, _report), do: "no observed function ran"
  defp none(:slow, _report), do: "no observed function ran"
  defp none(:failing, _report), do: "no call failed"

  defp none(:risky, %{functions: rows}) do
    if Enum.any?(rows, &is_number(&1.test_coverage)),
      do: "of every function that ran, everything ran",
      else: "not known, nothing that is instrumented has its source here"
  end

  defp none(:never_ran, %{functions: rows}) do
    if Enum.all?(rows, &(&1.calls == 0)),
      do: "no function makes a decision",
      else: "every function that makes a decision ran"
  end

  defp columns(:hot, whole) do
    {[function(), right("calls"), right("self"), right("share"), right("total"), right("p95"), place()],
     fn row ->
       [
         Report.name(row),
         Numbers.count(row.calls),
         Numbers.duration(row.self_us),
         Numbers.share(row.self_us, whole),
         Numbers.duration(row.total_us),
         Numbers.duration(row.p95_us),
         Report.place(row)
       ]
     end}
  end

  defp columns(:slow, _whole) do
    {[function(), right("calls"), right("p50"), right("p95"), right("p99"), right("total"), place()],
     fn row ->
       [
         Report.name(row),
         Numbers.count(row.calls),
         Numbers.duration(row.p50_us),
         Numbers.duration(row.p95_us),
         Numbers.duration(row.p99_us),
         Numbers.duration(row.total_us),
         Report.place(row)
       ]
     end}
  end

  defp columns(:failing, _whole) do
    {[function(), right("errors"), right("calls"), right("share"), place()],
     fn row ->
       [
         Report.name(row),
         Numbers.count(row.errors),
         Numbers.count(row.calls),
         Numbers.share(row.errors, row.calls),
         Report.place(row)
       ]
     end}
  end

  defp columns(:risky, _whole) do
    {[function(), right("coverage"), right("complexity"), right("risk"), right("calls"), place()],
     fn row ->
       [
         Report.name(row),
         Numbers.share(row.test_coverage, 1),
         Numbers.count(row.cyclomatic_complexity),
         Numbers.count(round(row.crap)),
         Numbers.count(row.calls),
         Report.place(row)
       ]
     end}
  end

  defp columns(:never_ran, _whole), do: complexity()

  defp complexity do
    {[function(), right("complexity"), right("lines"), place()],
     fn row ->
       [
         Report.name(row),
         Numbers.count(row.cyclomatic_complexity),
         Numbers.count(row.lines_of_code),
         Report.place(row)
       ]
     end}
  end

  # The end of a name says more than its beginning.
  defp function, do: {"function", :left, flex: true, min: 16, cut: :start}
  defp place, do: {"at", :left, flex: 2, min: 16, cut: :start}
  defp right(title), do: {title, :right}

  defp losses(%{totals: totals} = report, opts) do
    counted =
      bold("Events", opts) <>
        ": #{Numbers.count(totals.events_offered)} offered, #{Numbers.count(totals.events_stored)} stored, " <>
        "#{Numbers.count(totals.events_dropped)} dropped; " <>
        "#{Numbers.share(totals.events_correlated, totals.events_stored)} lead to a place in the source"

    if totals.events_dropped == 0 do
      counted
    else
      reasons = for {reason, lost} <- report.dropped, lost > 0, do: "#{Numbers.count(lost)} #{reason}"

      counted <>
        "\n" <>
        warning(
          "Calls and times above are lower bounds: events were lost (#{Enum.join(reasons, ", ")}).",
          opts
        )
    end
  end

  ## Without a run

  defp static(report, opts) do
    complex = report.functions |> Enum.map(&%{&1 | calls: 0}) |> Ranking.top(:never_ran, opts[:limit])

    case complex do
      {[], _} ->
        [bold("Complex", opts) <> ": no function makes a decision"]

      {rows, found} ->
        {columns, cells} = complexity()

        [
          bold("Complex", opts) <>
            ", by cyclomatic complexity" <>
            more(length(rows), found) <>
            "\n" <> Table.render(columns, Enum.map(rows, cells), width: opts[:width], indent: 2)
        ]
    end
  end

  ## Notes

  @notes_max 10

  defp notes(%{notes: []}, _opts), do: nil

  defp notes(%{notes: notes}, opts) do
    {shown, left} = Enum.split(notes, @notes_max)
    more = if left == [], do: [], else: ["and #{length(left)} more"]

    bold("To know", opts) <> "\n" <> Enum.map_join(shown ++ more, "\n", &("  " <> &1))
  end

  defp bold(text, opts), do: paint(text, IO.ANSI.bright(), opts)
  defp warning(text, opts), do: paint(text, IO.ANSI.yellow(), opts)
  defp paint(text, code, opts), do: if(opts[:colors], do: code <> text <> IO.ANSI.reset(), else: text)
end

defmodule ElixirScope.ReportTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report
  alias ElixirScope.Report.{Document, Ranking, Text, Width}
  alias ElixirScope.Test.PythonJSON

  @totals %{
    modules: 2,
    functions: 5,
    nodes: 1234,
    points: 17,
    events_offered: 1000,
    events_stored: 1000,
    events_dropped: 0,
    events_correlated: 1000,
    duration_ms: 1500.123456
  }

  defp row(function, fields) do
    Map.merge(
      %{
        module: "Shop.Cart",
        function: function,
        arity: 1,
        ast_node_id: "Shop.Cart.#{function}/1",
        file: "lib/shop/cart.ex",
        line: 7,
        calls: 0,
        errors: 0,
        total_us: 0,
        self_us: 0,
        p50_us: nil,
        p95_us: nil,
        p99_us: nil,
        cyclomatic_complexity: 1,
        test_coverage: nil,
        crap: nil,
        lines_of_code: 3
      },
      Map.new(fields)
    )
  end

  defp ran(calls, self, p95),
    do: [calls: calls, self_us: self, total_us: self, p50_us: p95, p95_us: p95, p99_us: p95]

  defp report(totals \\ %{}, rest \\ []) do
    struct!(
      %Report{
        totals: Map.merge(@totals, totals),
        functions: [
          row("busy", ran(900, 9000.0, 12.5)),
          row("slow", ran(2, 500.0, 250_000.0)),
          row("fails", ran(10, 500.0, 3.0) ++ [errors: 4, test_coverage: 0.5, crap: 9.0]),
          row("whole", ran(10, 0, 3.0) ++ [test_coverage: 1.0, crap: 20.0]),
          row("twisted", cyclomatic_complexity: 12, lines_of_code: 40),
          row("simple", [])
        ]
      },
      rest
    )
  end

  defp names({rows, _found}), do: Enum.map(rows, & &1.function)

  test "each question finds its functions, the most interesting first" do
    rows = report().functions
    assert rows |> Ranking.top(:hot, 10) |> names() == ["busy", "fails", "slow"]
    assert rows |> Ranking.top(:slow, 10) |> names() == ["slow", "busy", "fails", "whole"]
    assert rows |> Ranking.top(:risky, 10) |> names() == ["fails"]
    assert rows |> Ranking.top(:failing, 10) |> names() == ["fails"]
    assert rows |> Ranking.top(:never_ran, 10) |> names() == ["twisted"]
    assert {[%{function: "busy"}], 3} = Ranking.top(rows, :hot, 1)
  end

  test "the text answers the five questions within the width" do
    for width <- [80, 100, 200] do
      text = Text.render(report(), width: width)
      assert text =~ "Hot, by time spent in the function itself"
      assert text =~ ~r/Cart\.busy\/1 +900 +9\.00 ms +90 %/
      assert text =~ ~r/Cart\.slow\/1 +2 +250 ms/
      assert text =~ ~r/Cart\.fails\/1 +4 +10 +40 %/
      assert text =~ ~r/Cart\.fails\/1 +50 % +1 +9 +10/
      assert text =~ ~r/Cart\.twisted\/1 +12 +40/
      refute text =~ "Cart.simple/1"
      refute text =~ "\e["

      for line <- String.split(text, "\n"), line =~ ~r/^  /, do: assert(Width.of(line) <= width)
    end
  end

  test "losses are said, with their reasons, and nothing is rounded away" do
    text = Text.render(report())
    assert text =~ "1,000 offered, 1,000 stored, 0 dropped; 100 % lead to a place in the source"
    refute text =~ "lower bounds"

    lossy =
      report(%{events_stored: 990, events_dropped: 10, events_correlated: 989},
        dropped: %{ring_full: 10, no_ring: 0}
      )

    text = Text.render(lossy)
    assert text =~ "1,000 offered, 990 stored, 10 dropped; > 99 % lead"
    assert text =~ "lower bounds: events were lost (10 ring_full)"
  end

  test "an empty run says so instead of showing empty tables" do
    text = Text.render(%Report{totals: Map.new(@totals, fn {key, _} -> {key, 0} end)})
    assert text =~ "Hot: no observed function ran"
    assert text =~ "Failing: no call failed"
    refute text =~ "function  "
  end

  test "notes are shown, a handful of them" do
    text = Text.render(report(%{}, notes: Enum.map(1..15, &"note #{&1}.")))
    assert text =~ "note 10."
    refute text =~ "note 11."
    assert text =~ "and 5 more"
  end

  test "an import shows what is complex, and says nothing of a run" do
    text = Text.render(report(), observed: false)
    assert text =~ "Imported in 1.50 s: 2 modules, 5 functions, 1,234 nodes"
    assert text =~ "Cart.twisted/1"
    refute text =~ "Hot"
    refute text =~ "offered"
  end

  test "colours only when asked for" do
    assert Text.render(report(), colors: true) =~ "\e[1mHot\e[0m"
  end

  test "the document has exactly the keys of the schema" do
    assert {:ok, text} = Document.encode(report())

    if PythonJSON.available?() do
      document = PythonJSON.read(text)
      assert Map.keys(document) == ~w(functions schema totals version)
      assert {document["schema"], document["version"]} == Document.schema()

      assert document["totals"] |> Map.keys() |> Enum.sort() ==
               ~w(duration_ms events_correlated events_dropped events_offered events_stored functions modules nodes points)

      assert document["totals"]["duration_ms"] == 1500.123
      assert length(document["functions"]) == 6

      for function <- document["functions"] do
        assert function |> Map.keys() |> Enum.sort() ==
                 ~w(arity ast_node_id calls crap cyclomatic_complexity errors file function line lines_of_code module
                    p50_us p95_us p99_us self_us test_coverage total_us)
      end

      assert Enum.map(document["functions"], & &1["function"]) == ~w(busy fails simple slow twisted whole)
    end
  end

  test "a row without a field is a mistake, not a null" do
    broken = %{report() | functions: [Map.delete(row("x", []), :calls)]}
    assert_raise KeyError, fn -> Document.encode(broken) end
  end

  test "a document that cannot be written is an error that names the path" do
    assert {:error, %ElixirScope.Error{reason: :not_written, message: message}} =
             Document.write(report(), "/dev/null/nowhere/report.json")

    assert message =~ "/dev/null/nowhere/report.json"
  end
end

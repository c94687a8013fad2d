defmodule ElixirScope.Report.AnswerTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.{ComplexityMetrics, QueryResult}
  alias ElixirScope.Report.{Answer, JSON, Width}

  doctest Answer

  @result %QueryResult{
    rows: [
      %{
        :function_key => {Shop.Cart, :total, 2},
        :calls => 1234,
        "execution_statistics.p95_us" => 12.5,
        :file => "lib/cart.ex"
      },
      %{
        :function_key => {Shop.Cart, :"odd name", 0},
        :calls => 0,
        "execution_statistics.p95_us" => nil,
        :file => nil
      }
    ],
    count: 2,
    total: 7
  }

  test "rows line up, numbers to the right, nothing as a dash" do
    text = Answer.render(@result, [:function_key, :calls, "execution_statistics.p95_us", :file], width: 80)

    assert text == """
           function_key            calls  p95_us  file
           Shop.Cart.total/2        1234  12.500  lib/cart.ex
           Shop.Cart."odd name"/0      0       -  -
           (2 of 7 rows)
           """
  end

  test "losses are said" do
    lossy = %{@result | complete?: false, dropped: 3}
    assert Answer.render(lossy, [:calls], []) =~ "lower bounds: 3 events were lost"
  end

  test "no row is a sentence, not an empty table" do
    assert Answer.render(%QueryResult{}, [:calls], []) == "No row meets the conditions.\n"
  end

  test "every value of a row fits into a table, on one line, and into JSON" do
    for value <- [
          nil,
          true,
          :genserver,
          Enum,
          "text\nwith lines",
          <<0xFF>>,
          1.5,
          {Enum, :map, 2},
          {"lib/a.ex", 3, nil},
          {:init, 1},
          %ComplexityMetrics{cyclomatic_complexity: 3},
          %{{Enum, :map, 2} => 4, a: [1, {:b, self()}]},
          DateTime.utc_now(),
          [1 | 2],
          {:def, [line: 1], [{:f, [], nil}]},
          String.duplicate("日", 500)
        ] do
      assert {:ok, _} = value |> Answer.plain() |> JSON.encode()
      text = Answer.render(%QueryResult{rows: [%{x: value}], count: 1, total: 1}, [:x], width: 60)
      assert [_title, row, "(1 row)", ""] = String.split(text, "\n")
      assert Width.of(row) <= 60
    end

    assert Answer.plain(%ComplexityMetrics{cyclomatic_complexity: 3}) == %{cyclomatic_complexity: 3}
  end
end

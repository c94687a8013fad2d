defmodule ElixirScope.Report.JSONTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report.JSON
  alias ElixirScope.Test.PythonJSON

  doctest JSON

  @hard %{
    "empty" => [%{}, [], ""],
    "text" => "a\"b\\c\n\r\t\b\f\0\x7F/é日本🎉\u2028",
    "numbers" => [
      0,
      -1,
      123_456_789_012_345_678_901_234_567_890,
      0.1,
      -0.0,
      1.0e-10,
      1.7976931348623157e308,
      5.0e-324
    ],
    "constants" => [true, false, nil],
    "deep" => Enum.reduce(1..50, [], fn _, list -> [list] end)
  }

  test "an independent parser reads back what was written" do
    if PythonJSON.available?() do
      for opts <- [[], [pretty: true]] do
        assert {:ok, text} = JSON.encode(@hard, opts)
        assert PythonJSON.read(text) == @hard
      end
    else
      IO.puts("skipped: no python3 to check JSON with")
    end
  end

  test "keys keep the order that was asked for; those of a map are sorted" do
    assert JSON.encode(JSON.ordered(z: 1, a: 2)) == {:ok, ~s({"z":1,"a":2})}
    assert JSON.encode(%{z: 1, a: 2}) == {:ok, ~s({"a":2,"z":1})}
  end

  test "pretty: two levels of lines, one row a line" do
    {:ok, text} = JSON.encode(JSON.ordered(version: 1, rows: [%{a: 1, b: [1, 2]}, %{}]), pretty: true)

    assert text == """
           {
             "version": 1,
             "rows": [
               {"a":1,"b":[1,2]},
               {}
             ]
           }\
           """
  end

  for {what, term} <- [
        pid: quote(do: self()),
        tuple: quote(do: {1, 2}),
        struct: quote(do: %URI{}),
        bits: quote(do: <<1::3>>),
        latin1: quote(do: <<0xE9>>),
        improper: quote(do: [1 | 2]),
        key: quote(do: %{1 => 2}),
        nested: quote(do: %{a: [%{b: make_ref()}]}),
        deep: quote(do: Enum.reduce(1..100, [], fn _, list -> [list] end))
      ] do
    test "refuses #{what}" do
      assert {:error, %ElixirScope.Error{reason: :not_json, message: message}} = JSON.encode(unquote(term))
      assert message =~ "cannot be written as JSON"
    end
  end
end

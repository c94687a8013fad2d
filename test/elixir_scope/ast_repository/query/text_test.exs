defmodule ElixirScope.ASTRepository.Query.TextTest do
  use ExUnit.Case, async: true

  import ElixirScope.ASTRepository.Query

  alias ElixirScope.ASTRepository.Query
  alias ElixirScope.ASTRepository.Query.Text

  doctest Text

  defp parse!(text) do
    assert {:ok, query} = Text.parse(text)
    query
  end

  # What the text writes is what the same code builds.
  for text <- [
        "from(new(), :functions)",
        "new() |> from(:functions) |> where({:gt, :cyclomatic_complexity, 5}) |> order_by(:call_frequency, :desc) |> limit(10)",
        "new() |> select([:module_name, :complexity_metrics]) |> from(:modules) |> where({:gt, :complexity_metrics.cyclomatic_complexity, 10})",
        "new() |> from(:modules) |> where({:has_runtime_data, true}) |> join_runtime_data(:inner, {:correlation_exists}) |> order_by(:complexity_metrics.cognitive_complexity, :desc)",
        "new() |> from(:functions) |> where({:and, [{:eq, :visibility, :public}, {:not, {:in, :arity, [1, -2]}}]}) |> offset(3)",
        "new() |> from(:functions) |> where({:or, [{:like, :module_name, \"Shop.%\"}, {:lt, :error_rate, 0.5}]}) |> order_by(:line)",
        "new() |> from(:functions) |> where({:eq, :module_name, Enum}) |> where({:eq, :function_key, {Enum, :map, 2}})",
        "ElixirScope.ASTRepository.Query.limit(new(), 3)"
      ] do
    test "reads #{text}" do
      assert parse!(unquote(text)) == unquote(Code.string_to_quoted!(text))
    end
  end

  test "a pipeline may begin with from" do
    assert parse!("from(:modules) |> limit(1)") == new() |> from(:modules) |> limit(1)
  end

  test "conditions in operators and bare names" do
    for {text, condition} <- [
          {"calls > 10", {:gt, :calls, 10}},
          {"calls >= 1 and calls <= 2 and arity != 3",
           {:and, [{:gte, :calls, 1}, {:lte, :calls, 2}, {:ne, :arity, 3}]}},
          {"calls == 0 or not has_runtime_data",
           {:or, [{:eq, :calls, 0}, {:not, {:eq, :has_runtime_data, true}}]}},
          {"10 < calls", {:gt, :calls, 10}},
          {"execution_statistics.p95_us > 1.5", {:gt, [:execution_statistics, :p95_us], 1.5}},
          {"module_type == :genserver", {:eq, :module_type, :genserver}},
          {"arity not in [1, 2]", {:not, {:in, :arity, [1, 2]}}},
          {"(calls > 1 or errors > 1) and arity == 0",
           {:and, [{:or, [{:gt, :calls, 1}, {:gt, :errors, 1}]}, {:eq, :arity, 0}]}}
        ] do
      assert Text.condition(text) == {:ok, condition}
      assert parse!("from(:functions) |> where(#{text})").where == [condition]
    end
  end

  test "nothing is run, whatever the text" do
    directory = Path.join(System.tmp_dir!(), "elixir_scope-text-#{System.unique_integer([:positive])}")
    code = "File.mkdir(#{inspect(directory)})"

    for text <- [
          code,
          "from(#{code})",
          "from(:functions) |> limit(#{code})",
          "from(:functions) |> where({:gt, :calls, #{code}})",
          "from(:functions) |> where(calls > #{code})",
          "from(:functions) |> select([#{code}])",
          "from(:functions) |> #{code}",
          "from(:functions) |> File.mkdir()",
          "\"\#{#{code}}\"",
          "from(:\"\#{#{code}}\")",
          "(fn -> #{code} end).()",
          "import File; mkdir(#{inspect(directory)})",
          "from(:functions) |> where(quote do: #{code})",
          "from(:functions) |> order_by(~s(\#{#{code}}))",
          "Query.limit(#{code}, 1)"
        ] do
      assert {:error, %ElixirScope.Error{reason: :invalid_query, message: message}} = Text.parse(text)
      assert is_binary(message)
    end

    refute File.exists?(directory)
  end

  test "no atom is made" do
    # The VM's count of atoms would also see what other tests do.
    for n <- 1..50 do
      name = "zork#{n}_#{System.unique_integer([:positive])}"
      Text.parse("from(:#{name}) |> where(#{name} > 1) |> where({:#{name}, :a, 1}) |> #{name}(:b)")
      Text.parse("from(:functions) |> where(module_name == Zork.Z#{name}) |> order_by(a.#{name})")
      Text.parse("from(:functions) |> where({:gt, :\"#{name}\", [#{name}: 1]})")

      for made <- [name, "Z#{name}", "Elixir.Zork.Z#{name}"],
          do: assert_raise(ArgumentError, fn -> String.to_existing_atom(made) end)
    end
  end

  test "errors say what to do" do
    for {text, message, hint} <- [
          {"from(:functions) |> whree(calls > 1)", "a query has no whree", "did you mean \"where\"?"},
          {"from(:functions) |> where({:liek, :calls, 1})", "unknown operator :liek", "did you mean :like?"},
          {"from(:functions) |> limit()", "limit does not take these 0 arguments", "write limit(10)"},
          {"from(:functions) |> where(module_type == :genservr)", "nothing here is named :genservr",
           ":genserver?"},
          {"from(:functions) |> where(module_name == No.Such.Zork)", "no module No.Such.Zork", nil},
          {"from(:functions", "cannot be read", "mix help elixir_scope.query"},
          {"calls", "this is not a query", "from(:functions)"},
          {<<0xFF>>, "not UTF-8", "mix help"}
        ] do
      assert {:error, error} = Text.parse(text)
      assert error.message =~ message
      if hint, do: assert(error.hint =~ hint)
    end

    # what the names of sources and fields are is the query's to say
    {:ok, query} = Text.parse("from(:functionz)")

    assert {:error, %{message: "unknown source \"functionz\"", hint: "did you mean :functions?"}} =
             Query.validate(query)

    {:ok, query} = Text.parse("from(:functions) |> where(execution_statistics.p95_zork > 1)")
    assert {:error, %{message: "unknown field of execution statistics \"p95_zork\""}} = Query.validate(query)
    {:ok, query} = Text.parse("from(:functions) |> where(cyclomatic_complexty > 1)")
    assert {:error, %{hint: "did you mean :cyclomatic_complexity?"}} = Query.validate(query)
  end

  test "hostile depth and size are refused" do
    nested = String.duplicate("(", 5_000) <> "calls > 1" <> String.duplicate(")", 5_000)
    assert {result, _} = Text.condition(nested)
    assert result in [:ok, :error]

    for text <- [
          String.duplicate("not ", 3_000) <> "has_runtime_data",
          "from(:functions)" <> String.duplicate(" |> limit(1)", 1_000),
          "from(:functions) |> where({:eq, :calls, " <>
            String.duplicate("[", 2_000) <> String.duplicate("]", 2_000) <> "})",
          "from(:functions) |> where(a" <> String.duplicate(".a", 3_000) <> " > 1)",
          String.duplicate("a", 100_000)
        ] do
      assert {:error, %ElixirScope.Error{}} = Text.parse(text)
    end

    assert {:error, %ElixirScope.Error{}} = Text.parse(:not_text)
  end
end

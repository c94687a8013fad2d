defmodule ElixirScope.ASTRepository.Query.Text do
  @moduledoc """
  A query written as text, as `mix elixir_scope.query` takes it:

      from(:functions) |> where({:gt, :cyclomatic_complexity, 5}) |> order_by(:calls, :desc) |> limit(10)

  It is what `ElixirScope.ASTRepository.Query` takes, with two liberties: a pipeline may begin with
  `from/1`, and a condition may be written with operators and bare names:

      from(:functions) |> where(cyclomatic_complexity > 5 and execution_statistics.p95_us >= 1000)

  Operators are `==`, `!=`, `>`, `>=`, `<`, `<=`, `and`, `or`, `not`, `in` (a list) and `=~` (SQL's `LIKE`:
  `%` any run, `_` any one character).

  The text is read, never run: it is parsed as syntax, no atom is made of it, and only the builders of
  `ElixirScope.ASTRepository.Query` and literal values are understood.

      iex> {:ok, query} = ElixirScope.ASTRepository.Query.Text.parse("from(:functions) |> where(calls > 3) |> limit(2)")
      iex> {query.from, query.where, query.limit}
      {:functions, [{:gt, :calls, 3}], 2}
  """

  alias ElixirScope.ASTRepository.{Fault, Query}
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.{Error, Suggest}

  # Structs within rows, whose fields paths lead to.
  @nested for name <- [:ComplexityMetrics, :ExecutionStatistics, :PerformanceProfile, :RuntimeInsights],
              do: Module.concat(ElixirScope.ASTRepository, name)

  @bytes_max 16_384
  @depth_max 64
  @builders ~w(from select where group_by having distinct order_by limit offset join_runtime_data options new)

  # Values of rows that the native store names by text: their atoms exist once this module is loaded.
  @words ~w(plain genserver gen_statem gen_event supervisor application agent task protocol protocol_impl exception struct
            mix_task mix_project ex_unit_case plug ecto_schema phoenix_controller phoenix_live_view
            phoenix_channel phoenix_router public private def defp defmacro defmacrop defdelegate defguard
            defguardp callback dynamic module impl call call_expression variable atom integer float binary
            list tuple map other)a

  @aggregates ~w(count count_distinct sum avg min max median stddev)a

  @operators %{==: :eq, !=: :ne, >: :gt, >=: :gte, <: :lt, <=: :lte, in: :in, =~: :like}
  @tuple_operators ~w(eq ne gt gte lt lte in like has_runtime_data complexity_above execution_frequency_above and or not)a
  # The operator read from the other side: `5 < calls` is `calls > 5`.
  @turned %{eq: :eq, ne: :ne, gt: :lt, gte: :lte, lt: :gt, lte: :gte}

  @doc "The query that `text` writes, or an error that says where it is wrong."
  @spec parse(String.t()) :: {:ok, Query.t()} | {:error, Error.t()}
  def parse(text) do
    with {:ok, syntax} <- read(text), do: guarded(fn -> pipeline(syntax, 0) end)
  end

  @doc """
  The condition that `text` writes.

      iex> ElixirScope.ASTRepository.Query.Text.condition("calls == 0 and not (module_name =~ \\"Shop.%\\")")
      {:ok, {:and, [{:eq, :calls, 0}, {:not, {:like, :module_name, "Shop.%"}}]}}
  """
  @spec condition(String.t()) :: {:ok, Query.condition()} | {:error, Error.t()}
  def condition(text) do
    with {:ok, syntax} <- read(text), do: guarded(fn -> condition(syntax, 0) end)
  end

  ## Reading

  # Names that no atom exists for stay text: what they should have been is said by whoever knows the valid
  # names.
  defp read(text) when is_binary(text) and byte_size(text) <= @bytes_max do
    # The names of fields exist once the modules that define them are loaded, which happens at their first use.
    Enum.each(Schema.sources(), &Schema.fields/1)
    Enum.each(@nested, &Code.ensure_loaded/1)
    encoder = fn name, _where -> {:ok, known(name)} end

    with true <- String.valid?(text),
         {:ok, syntax} <- Code.string_to_quoted(text, static_atoms_encoder: encoder, emit_warnings: false) do
      {:ok, syntax}
    else
      false -> wrong("the query is not UTF-8 text")
      {:error, {location, message, token}} -> wrong("cannot be read#{at(location)}: #{words(message, token)}")
    end
  rescue
    # The tokenizer raises for a few malformed escapes.
    error in [ArgumentError, SyntaxError, TokenMissingError] ->
      wrong("cannot be read: " <> Exception.message(error))
  end

  defp read(text) when is_binary(text), do: wrong("the query is longer than #{@bytes_max} bytes")
  defp read(other), do: Fault.invalid(:query, other, "give the query as text")

  defp known(name) do
    String.to_existing_atom(name)
  rescue
    ArgumentError -> {:unknown, name}
  end

  defp at(location) do
    case location[:line] do
      nil -> ""
      1 -> " at column #{location[:column] || 1}"
      line -> " at line #{line}, column #{location[:column] || 1}"
    end
  end

  defp words({before, rest}, token), do: words(before <> rest, token)
  defp words("syntax error before: ", ""), do: "the text ends too early"
  defp words("syntax error before: ", token) when is_binary(token), do: "unexpected " <> token
  defp words(message, token) when is_binary(message) and is_binary(token), do: message <> token
  defp words(message, _token), do: Fault.show(message)

  defp guarded(fun) do
    {:ok, fun.()}
  catch
    {:wrong, error} -> error
  end

  ## Pipelines

  defp pipeline(_syntax, depth) when depth > @depth_max,
    do: refuse("the query has more than #{@depth_max} steps")

  defp pipeline({:|>, _, [left, {name, _, arguments}]}, depth) when is_list(arguments) do
    step(pipeline(left, depth + 1), name, arguments)
  end

  defp pipeline({:__block__, _, [inner]}, depth), do: pipeline(inner, depth + 1)

  defp pipeline({name, _, arguments}, depth) when is_list(arguments) do
    case {builder(name), arguments} do
      {"new", []} -> Query.new()
      {"from", [source]} -> Query.from(Query.new(), word(source))
      # the nested form: limit(from(new(), :functions), 5)
      {_, [query | rest]} -> step(pipeline(query, depth + 1), name, rest)
      {builder, []} -> refuse("#{builder}() stands alone", "begin with from(:functions)")
    end
  end

  defp pipeline(_other, _depth) do
    refuse("this is not a query", "write for example: from(:functions) |> where(calls > 10) |> limit(10)")
  end

  defp step(query, name, arguments) do
    case {builder(name), arguments} do
      {"from", [source]} ->
        Query.from(query, word(source))

      {"select", [fields]} when is_list(fields) ->
        Query.select(query, Enum.map(fields, &item/1))

      {"group_by", [fields]} when is_list(fields) ->
        Query.group_by(query, Enum.map(fields, &field/1))

      {"group_by", [field]} ->
        Query.group_by(query, [field(field)])

      {"having", [condition]} ->
        Query.add_having(query, condition(condition, 0))

      {"distinct", []} ->
        Query.distinct(query)

      {"options", [options]} when is_list(options) ->
        Query.options(query, value(options, 0))

      {"where", [condition]} ->
        Query.add_where(query, condition(condition, 0))

      {"order_by", [field]} ->
        Query.add_order_by(query, field(field), :asc)

      {"order_by", [field, direction]} ->
        Query.add_order_by(query, field(field), word(direction))

      {"limit", [count]} ->
        Query.limit(query, value(count, 0))

      {"offset", [count]} ->
        Query.offset(query, value(count, 0))

      {"join_runtime_data", [type, condition]} ->
        Query.join_runtime_data(query, word(type), word(condition))

      {builder, arguments} ->
        refuse("#{builder} does not take these #{length(arguments)} arguments", usage(builder))
    end
  end

  # `ElixirScope.ASTRepository.Query.limit(...)` and `Query.limit(...)` are what they are in code.
  defp builder({:., _, [{:__aliases__, _, parts}, name]}) when is_list(parts) do
    if List.last(parts) == :Query,
      do: builder(name),
      else: refuse("only the builders of a query are understood")
  end

  defp builder(name) do
    text = name_of(name)
    if text in @builders, do: text, else: unknown_builder(text)
  end

  defp unknown_builder(nil),
    do: refuse("only the builders of a query are understood", "these are " <> all_builders())

  defp unknown_builder(text) do
    refuse("a query has no #{text}", Suggest.hint(text, @builders))
  end

  defp all_builders, do: Enum.join(@builders, ", ")

  defp usage("where"), do: "write where(calls > 10) or where({:gt, :calls, 10})"
  defp usage("order_by"), do: "write order_by(:calls, :desc)"
  defp usage("select"), do: "write select([:function_key, :calls])"
  defp usage("join_runtime_data"), do: "write join_runtime_data(:inner, {:correlation_exists})"
  defp usage("new"), do: "new() begins a query"
  defp usage(builder), do: "write #{builder}(#{if builder == "from", do: ":functions", else: "10"})"

  ## Conditions

  defp condition(_syntax, depth) when depth > @depth_max,
    do: refuse("conditions are more than #{@depth_max} deep")

  defp condition({operator, _, [left, right]}, depth) when operator in [:and, :or, :&&, :||] do
    name = if operator in [:and, :&&], do: :and, else: :or
    {name, joined(name, condition(left, depth + 1)) ++ joined(name, condition(right, depth + 1))}
  end

  # Parentheses, and `not in`, leave a block of one expression.
  defp condition({:__block__, _, [inner]}, depth), do: condition(inner, depth + 1)

  defp condition({:not, _, [{:in, meta, [left, right]}]}, depth),
    do: {:not, condition({:in, meta, [left, right]}, depth + 1)}

  defp condition({operator, _, [inner]}, depth) when operator in [:not, :!],
    do: {:not, condition(inner, depth + 1)}

  defp condition({operator, _, [left, right]}, _depth) when is_map_key(@operators, operator) do
    name = @operators[operator]

    cond do
      field?(left) -> {name, field(left), value(right, 0)}
      field?(right) and is_map_key(@turned, name) -> {@turned[name], field(right), value(left, 0)}
      true -> refuse("a comparison needs a field", "write for example calls > 10")
    end
  end

  defp condition({:{}, _, [operator, field, value]}, _depth) when is_atom(operator) do
    {operator, operand(field), value(value, 0)}
  end

  defp condition({:{}, _, [operator, field, low, high]}, _depth) when is_atom(operator) do
    {operator, operand(field), value(low, 0), value(high, 0)}
  end

  defp condition({:{}, _, [{:unknown, name} | _]}, _depth), do: unknown_operator(name)

  defp condition({operator, conditions}, depth) when operator in [:and, :or] and is_list(conditions),
    do: {operator, Enum.map(conditions, &condition(&1, depth + 1))}

  defp condition({:not, inner}, depth), do: {:not, condition(inner, depth + 1)}
  defp condition({operator, value}, _depth) when is_atom(operator), do: {operator, value(value, 0)}
  defp condition({{:unknown, name}, _value}, _depth), do: unknown_operator(name)

  # `has_runtime_data` alone is a condition
  defp condition({name, _, context}, _depth) when is_atom(name) and is_atom(context), do: {:eq, name, true}
  defp condition({{:unknown, name}, _, context}, _depth) when is_atom(context), do: {:eq, name, true}

  defp condition(_other, _depth) do
    refuse("this is not a condition", "write for example where(calls > 10) or where({:gt, :calls, 10})")
  end

  defp unknown_operator(name), do: refuse("unknown operator :#{name}", Suggest.hint(name, @tuple_operators))

  defp joined(name, {name, conditions}), do: conditions
  defp joined(_name, condition), do: [condition]

  ## Fields

  # An item of `select`: a field, an aggregate, or either under a name.
  defp item({name, of}) when is_atom(name) and name not in @aggregates, do: {name, item(of)}
  defp item({{:unknown, name}, of}), do: refuse_name(name, of)
  defp item(other), do: operand(other)

  defp refuse_name(name, _of),
    do:
      refuse(
        "nothing here is named :#{name}",
        "names of figures are those of fields, or select has to be code"
      )

  defp operand({kind, field}) when kind in @aggregates, do: {kind, field(field)}
  defp operand({:{}, _, [:percentile, field, part]}), do: {:percentile, field(field), value(part, 0)}
  defp operand(other), do: field(other)

  defp field?({name, _, context}) when is_atom(context) and name != :__aliases__,
    do: is_atom(name) or match?({:unknown, _}, name)

  defp field?({{:., _, [left, _name]}, _, []}), do: field?(left) or is_atom(left)
  defp field?(atom), do: is_atom(atom) and atom not in [nil, true, false]

  defp field(atom) when is_atom(atom), do: atom
  defp field({:unknown, name}), do: name
  defp field(text) when is_binary(text), do: text
  defp field(list) when is_list(list), do: Enum.map(list, &value(&1, 0))

  defp field({{:., _, _}, _, []} = dotted) do
    case path(dotted, [], 0) do
      {:ok, names} ->
        if Enum.all?(names, &is_atom/1), do: names, else: Enum.map_join(names, ".", &to_string/1)

      :error ->
        refuse(
          "this is not a field",
          "a field is :calls; a field inside a field is :execution_statistics.p95_us"
        )
    end
  end

  defp field({name, _, context}) when is_atom(context), do: field(name)

  defp field(_other),
    do:
      refuse(
        "this is not a field",
        "a field is :calls; a field inside a field is :execution_statistics.p95_us"
      )

  defp path(_syntax, _names, depth) when depth > @depth_max, do: :error
  defp path({{:., _, [left, name]}, _, []}, names, depth), do: path(left, [plain(name) | names], depth + 1)
  defp path({name, _, context}, names, _depth) when is_atom(context), do: {:ok, [plain(name) | names]}
  defp path(atom, names, _depth) when is_atom(atom), do: {:ok, [atom | names]}
  defp path({:unknown, name}, names, _depth), do: {:ok, [name | names]}
  defp path(_other, _names, _depth), do: :error

  defp plain({:unknown, name}), do: name
  defp plain(name), do: name

  ## Values

  # One of a few names: whoever knows them says which are valid, also to a name that no atom exists for.
  defp word({:unknown, name}), do: name
  defp word({:{}, _, [item]}), do: {word(item)}
  defp word(other), do: value(other, 0)

  defp value(_syntax, depth) when depth > @depth_max, do: refuse("a value is more than #{@depth_max} deep")
  defp value(literal, _depth) when is_atom(literal) or is_number(literal) or is_binary(literal), do: literal
  defp value(list, depth) when is_list(list), do: Enum.map(list, &value(&1, depth + 1))
  defp value({:-, _, [number]}, _depth) when is_number(number), do: -number
  defp value({:+, _, [number]}, _depth) when is_number(number), do: number
  defp value({:{}, _, items}, depth), do: items |> Enum.map(&value(&1, depth + 1)) |> List.to_tuple()

  defp value({:__aliases__, _, parts}, _depth) do
    with true <- Enum.all?(parts, &is_atom/1),
         name = "Elixir." <> Enum.map_join(parts, ".", &Atom.to_string/1),
         atom when is_atom(atom) <- known(name) do
      atom
    else
      _ -> refuse("no module #{Enum.map_join(parts, ".", &show_part/1)} is known here")
    end
  end

  # What rows can hold is named by an atom that exists: in this module, or since the repository was loaded.
  defp value({:unknown, name}, _depth), do: refuse("nothing here is named :#{name}", near(name))
  defp value({left, right}, depth), do: {value(left, depth + 1), value(right, depth + 1)}

  defp value(_other, _depth) do
    refuse("only literal values are understood", "use atoms, numbers, text, lists and tuples of these")
  end

  defp near(name) do
    with word when not is_nil(word) <- Suggest.nearest(name, @words), do: "did you mean #{inspect(word)}?"
  end

  defp show_part({:unknown, name}), do: name
  defp show_part(part) when is_atom(part), do: Atom.to_string(part)
  defp show_part(_other), do: "?"

  defp name_of(name) when is_atom(name), do: Atom.to_string(name)
  defp name_of({:unknown, name}), do: name
  defp name_of(_other), do: nil

  ## Errors

  @spec refuse(String.t(), String.t() | nil) :: no_return()
  defp refuse(message, hint \\ nil), do: throw({:wrong, wrong(message, hint)})

  defp wrong(message, hint \\ "mix help elixir_scope.query shows how queries are written") do
    {:error, %Error{reason: :invalid_query, message: message, hint: hint, details: %{}}}
  end
end

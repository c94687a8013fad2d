defmodule ElixirScope.ASTRepository.Query.Plan do
  @moduledoc false
  # From a query to what the native engine runs: paths that exist, and the conditions as a flat program in
  # postfix order, so that nothing native recurses over what a caller built.

  alias ElixirScope.ASTRepository.{Fault, Query}
  alias ElixirScope.ASTRepository.Query.{Path, Schema}

  @comparisons ~w(eq ne gt gte lt lte)a
  @operators @comparisons ++
               ~w(in like has_runtime_data complexity_above execution_frequency_above and or not)a
  @joins ~w(correlation_exists has_runtime_data has_performance_data)a
  @conditions_max 10_000
  @depth_max 1_000
  @fields_max 256
  @rows_max 0xFFFF_FFFF

  @type t ::
          {atom(), [list()], [tuple() | :not], [{list(), :asc | :desc}], integer() | nil, non_neg_integer()}

  @doc "The plan: `{source, fields, program, order, limit, offset}`."
  @spec build(term()) :: {:ok, t()} | {:error, ElixirScope.Error.t()}
  def build(%Query{} = query) do
    # So that the names of all fields are atoms by now.
    Schema.load()

    with {:ok, source} <- source(query.from),
         {:ok, fields} <- select(source, query.select),
         {:ok, joins} <- joins(query.join),
         {:ok, program} <- program(source, query.where, joins),
         {:ok, order} <- order(source, query.order_by),
         {:ok, limit} <- count(:limit, query.limit),
         {:ok, offset} <- count(:offset, query.offset || 0),
         :ok <- nothing(:group_by, query.group_by),
         :ok <- nothing(:having, query.having) do
      {:ok, {source, fields, program, order, limit, offset}}
    end
  end

  def build({:error, %ElixirScope.Error{}} = error), do: error
  def build(other), do: Fault.invalid(:query, other, "build it from ElixirScope.ASTRepository.Query.new()")

  defp source(source) when source in [:modules, :functions, :ast_nodes], do: {:ok, source}

  defp source(nil),
    do: Fault.invalid(:source, nil, "add from(:modules), from(:functions) or from(:ast_nodes)")

  defp source(other), do: Fault.unknown(:source, other, Schema.sources())

  defp select(source, nil), do: {:ok, Enum.map(Schema.default_fields(source), &[&1])}

  defp select(source, fields) when is_list(fields) do
    with {:ok, fields} <- proper(:select, fields, @fields_max), do: each(fields, &field(source, &1))
  end

  defp select(_source, other), do: Fault.invalid(:select, other, "give a list of fields")

  defp field(source, field) do
    with {:ok, path} <- Path.parse(field),
         :ok <- Schema.check(source, path),
         do: {:ok, path}
  end

  # Conditions

  defp program(source, where, joins) do
    with {:ok, where} <- proper(:where, where, @conditions_max),
         {:ok, program, _left} <- all(source, joins ++ where, :and, @conditions_max, 0) do
      {:ok, program |> List.flatten()}
    end
  end

  # The program of a condition (nested lists, flattened at the end) and how many more conditions may follow.
  defp condition(_source, condition, left, depth) when left <= 0 or depth > @depth_max do
    Fault.invalid(
      :condition,
      condition,
      "a query has at most #{@conditions_max} conditions, #{@depth_max} deep"
    )
  end

  defp condition(source, {operator, field, value}, left, _depth) when operator in @comparisons do
    with {:ok, path} <- field(source, field), do: {:ok, {:compare, operator, path, value}, left - 1}
  end

  defp condition(source, {:in, field, values}, left, _depth) do
    with {:ok, path} <- field(source, field),
         {:ok, values} <- proper(:values, values, @conditions_max),
         do: {:ok, {:in, path, values}, left - 1}
  end

  defp condition(source, {:like, field, pattern}, left, _depth) do
    with {:ok, path} <- field(source, field) do
      if is_binary(pattern) and byte_size(pattern) <= 4_096,
        do: {:ok, {:like, path, pattern}, left - 1},
        else: Fault.invalid(:pattern, pattern, "give text with % for any run and _ for any one character")
    end
  end

  defp condition(_source, {:has_runtime_data, value}, left, _depth) do
    if is_boolean(value),
      do: {:ok, {:compare, :eq, [:has_runtime_data], value}, left - 1},
      else: Fault.invalid(:has_runtime_data, value, "give true or false")
  end

  defp condition(source, {:complexity_above, n}, left, _depth) do
    if is_number(n) do
      with {:ok, path} <- field(source, :cyclomatic_complexity),
           do: {:ok, {:compare, :gt, path, n}, left - 1}
    else
      Fault.invalid(:complexity_above, n, "give a number")
    end
  end

  defp condition(_source, {:execution_frequency_above, n}, left, _depth) do
    if is_number(n),
      do: {:ok, {:compare, :gt, [:calls], n}, left - 1},
      else: Fault.invalid(:execution_frequency_above, n, "give a number")
  end

  defp condition(source, {operator, conditions}, left, depth) when operator in [:and, :or] do
    with {:ok, conditions} <- proper(operator, conditions, @conditions_max),
         do: all(source, conditions, operator, left - 1, depth + 1)
  end

  defp condition(source, {:not, condition}, left, depth) do
    with {:ok, program, left} <- condition(source, condition, left - 1, depth + 1),
         do: {:ok, [program, :not], left}
  end

  defp condition(_source, condition, _left, _depth)
       when is_tuple(condition) and tuple_size(condition) in 1..4 and is_atom(elem(condition, 0)) do
    if elem(condition, 0) in @operators,
      do: Fault.invalid(:condition, condition, "the forms are listed in ElixirScope.ASTRepository.Query"),
      else: Fault.unknown(:operator, elem(condition, 0), @operators)
  end

  defp condition(_source, other, _left, _depth) do
    Fault.invalid(:condition, other, "a condition is a tuple, operator first: {:gt, :line, 10}")
  end

  defp all(source, conditions, operator, left, depth) do
    result =
      Enum.reduce_while(conditions, {[], left}, fn condition, {programs, left} ->
        case condition(source, condition, left, depth) do
          {:ok, program, left} -> {:cont, {[program | programs], left}}
          error -> {:halt, error}
        end
      end)

    case result do
      {:error, _} = error -> error
      {programs, left} -> {:ok, [Enum.reverse(programs), {operator, length(conditions)}], left}
    end
  end

  # Joins

  defp joins(joins) do
    with {:ok, joins} <- proper(:join, joins, @fields_max),
         {:ok, conditions} <- each(joins, &join/1),
         do: {:ok, List.flatten(conditions)}
  end

  defp join({type, condition}) when type in [:inner, :left] do
    case condition do
      {name} -> join_condition(type, name)
      name -> join_condition(type, name)
    end
  end

  defp join({type, _condition}), do: Fault.unknown(:join_type, type, [:inner, :left])

  defp join(other),
    do: Fault.invalid(:join, other, "use join_runtime_data(query, :inner, {:correlation_exists})")

  defp join_condition(type, name) when name in @joins do
    {:ok, if(type == :inner, do: [{:eq, name, true}], else: [])}
  end

  defp join_condition(_type, name), do: Fault.unknown(:join_condition, name, @joins)

  # The rest

  defp order(source, order) do
    with {:ok, order} <- proper(:order_by, order, @fields_max) do
      each(order, fn
        {field, direction} when direction in [:asc, :desc] ->
          with {:ok, path} <- field(source, field), do: {:ok, {path, direction}}

        {_field, direction} ->
          Fault.unknown(:direction, direction, [:asc, :desc])

        other ->
          Fault.invalid(:order_by, other, "give a field and :asc or :desc")
      end)
    end
  end

  defp count(_what, nil), do: {:ok, nil}
  defp count(_what, n) when is_integer(n) and n >= 0 and n <= @rows_max, do: {:ok, n}
  defp count(what, other), do: Fault.invalid(what, other, "give an integer from 0 to #{@rows_max}")

  defp nothing(_what, empty) when empty in [nil, []], do: :ok

  defp nothing(what, _value),
    do: Fault.not_implemented("#{what} in a query", "group the rows with Enum.group_by/2")

  defp each(list, fun) do
    list
    |> Enum.reduce_while([], fn item, done ->
      case fun.(item) do
        {:ok, value} -> {:cont, [value | done]}
        error -> {:halt, error}
      end
    end)
    |> case do
      {:error, _} = error -> error
      done -> {:ok, Enum.reverse(done)}
    end
  end

  defp proper(what, list, max) do
    if is_list(list) and proper?(list, max),
      do: {:ok, list},
      else: Fault.invalid(what, list, "give a list of at most #{max} items")
  end

  defp proper?([], _left), do: true
  defp proper?([_ | rest], left) when left > 0, do: proper?(rest, left - 1)
  defp proper?(_other, _left), do: false
end

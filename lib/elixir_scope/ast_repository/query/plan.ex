defmodule ElixirScope.ASTRepository.Query.Plan do
  @moduledoc false
  # From a query to what the native engine runs: fields that exist, conditions as flat programs.

  alias ElixirScope.ASTRepository.{Fault, Query}
  alias ElixirScope.ASTRepository.Query.{Condition, Operand, Schema}

  @joins ~w(correlation_exists has_runtime_data has_performance_data)a
  @options ~w(timeout max_bytes count)a
  @fields_max 256
  @rows_max 0xFFFF_FFFF
  # Counting what a limit cuts off means reading all of it.
  @uncounted ~w(events activations)a

  @type t :: %{question: tuple(), keys: [atom() | String.t()], options: map()}

  @doc "The question for the engine, the keys of its rows, and its bounds."
  @spec build(term()) :: {:ok, t()} | {:error, ElixirScope.Error.t()}
  def build(%Query{} = query) do
    # So that the names of all fields are atoms by now.
    Schema.load()

    with {:ok, source} <- source(query.from),
         {:ok, group} <- group(source, query.group_by),
         {:ok, items} <- select(source, query.select, group),
         given = for(item <- items, into: %{}, do: {item.key, item}),
         {:ok, joins} <- joins(query.join),
         {:ok, where} <- Condition.proper(:where, query.where, 10_000),
         {:ok, condition} <- Condition.all(source, joins ++ where),
         {:ok, having} <- having(source, query.having, given),
         {:ok, order} <- order(source, query.order_by, given),
         :ok <- fits(items, group, condition, having),
         {:ok, limit} <- count(:limit, query.limit),
         {:ok, offset} <- count(:offset, query.offset || 0),
         {:ok, options} <- options(query.options) do
      count? = Map.get(options, :count, source not in @uncounted)

      question =
        {source, Enum.map(items, &{&1.name, &1.ops}), condition, Enum.map(group, &Operand.text/1), having,
         order, limit, offset, query.distinct == true, count?}

      {:ok, %{question: question, keys: Enum.map(items, & &1.key), options: options}}
    end
  end

  def build({:error, %ElixirScope.Error{}} = error), do: error
  def build(other), do: Fault.invalid(:query, other, "build it from ElixirScope.ASTRepository.Query.new()")

  defp source(nil),
    do: Fault.invalid(:source, nil, "add from(:modules), from(:functions), from(:events), ...")

  defp source(source) do
    if is_atom(source) and source in Schema.sources(),
      do: {:ok, source},
      else: Fault.unknown(:source, source, Schema.sources())
  end

  defp group(_source, nil), do: {:ok, []}
  defp group(source, field) when is_atom(field) or is_binary(field), do: group(source, [field])

  defp group(source, fields) do
    with {:ok, fields} <- Condition.proper(:group_by, fields, @fields_max),
         do: each(fields, &Operand.field(source, &1))
  end

  defp select(source, nil, []), do: each(Schema.default_fields(source), &Operand.item(source, &1))
  # Groups show their keys, and how many rows they are.
  defp select(source, nil, group), do: each(group ++ [:count], &Operand.item(source, &1))

  defp select(source, fields, _group) when is_list(fields) do
    with {:ok, fields} <- Condition.proper(:select, fields, @fields_max),
         do: each(fields, &Operand.item(source, &1))
  end

  defp select(_source, other, _group), do: Fault.invalid(:select, other, "give a list of fields")

  # Aggregates look at groups, and a group has one value of its keys alone.
  defp fits(items, group, condition, having) do
    grouped? = group != [] or Enum.any?(items, & &1.aggregate?) or Enum.any?(having, &aggregate?/1)
    keys = Enum.map(group, &Operand.text/1)

    loose =
      Enum.find(items, fn item ->
        not item.aggregate? and not match?([{:column, _}], item.ops |> within(keys))
      end)

    cond do
      aggregate = Enum.find(condition, &aggregate?/1) ->
        Fault.invalid(
          :where,
          elem(aggregate, 1),
          "an aggregate looks at groups: it goes to select, having or order_by"
        )

      having != [] and not grouped? ->
        Fault.invalid(
          :having,
          :having,
          "there are no groups: add group_by, or put conditions on rows into where"
        )

      grouped? and loose != nil ->
        Fault.invalid(
          :select,
          loose.key,
          "it is not one value a group: put it into group_by, or into {:max, field}"
        )

      true ->
        :ok
    end
  end

  defp aggregate?(op), do: is_tuple(op) and elem(op, 0) == :aggregate

  defp within([{:column, name}], keys), do: if(name in keys, do: [{:column, name}], else: [])

  # Joins

  defp joins(joins) do
    with {:ok, joins} <- Condition.proper(:join, joins, @fields_max),
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

  defp having(_source, empty, _given) when empty in [nil, []], do: {:ok, []}
  defp having(source, conditions, given), do: Condition.all(source, conditions, given)

  defp order(source, order, given) do
    with {:ok, order} <- Condition.proper(:order_by, order, @fields_max) do
      each(order, fn
        {field, direction} when direction in [:asc, :desc] ->
          with {:ok, ops} <- Operand.ops(source, field, given), do: {:ok, {ops, direction}}

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

  @doc "The options of a question, looked at."
  @spec options(term()) :: {:ok, map()} | {:error, ElixirScope.Error.t()}
  def options(nil), do: {:ok, %{}}
  def options(options) when is_map(options), do: options |> Map.to_list() |> options()

  def options(options) do
    with {:ok, options} <- Condition.proper(:options, options, @fields_max),
         {:ok, options} <- each(options, &option/1),
         do: {:ok, Map.new(options)}
  end

  defp option({name, n} = option) when name in [:timeout, :max_bytes] and is_integer(n) and n > 0,
    do: {:ok, option}

  defp option({:count, yes} = option) when is_boolean(yes), do: {:ok, option}

  defp option({name, value}) when name in @options,
    do: Fault.invalid(name, value, "timeout is milliseconds, max_bytes bytes, count true or false")

  defp option({name, _value}), do: Fault.unknown(:option, name, @options)
  defp option(other), do: Fault.invalid(:option, other, "give name: value")

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
end

defmodule ElixirScope.ASTRepository.Query.Condition do
  @moduledoc false
  # Conditions as a flat program in postfix order, so that nothing native recurses over what a caller built. In the DSL a comparison
  # with nothing is false, not unknown: `:is_true` after it says so to an engine that knows SQL's third truth.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.ASTRepository.Query.Operand

  @comparisons ~w(eq ne gt gte lt lte)a
  @operators @comparisons ++
               ~w(in like between time_range matches has_runtime_data complexity_above execution_frequency_above and or not)a
  @conditions_max 10_000
  @depth_max 1_000
  @pattern_bytes_max 4_096

  @doc "The program that holds when all of `conditions` hold."
  @spec all(atom(), [term()], map()) :: {:ok, [term()]} | {:error, ElixirScope.Error.t()}
  def all(source, conditions, given \\ %{}) do
    with {:ok, conditions} <- proper(:where, conditions, @conditions_max),
         {:ok, program, _left} <- join({source, given}, conditions, :and, @conditions_max, 0) do
      {:ok, List.flatten(program)}
    end
  end

  # The program of a condition (nested lists, flattened at the end) and how many more conditions may follow.
  defp condition(_context, condition, left, depth) when left <= 0 or depth > @depth_max do
    Fault.invalid(
      :condition,
      condition,
      "a query has at most #{@conditions_max} conditions, #{@depth_max} deep"
    )
  end

  defp condition(context, {:ne, field, value}, left, depth) do
    with {:ok, program, left} <- condition(context, {:eq, field, value}, left, depth),
         do: {:ok, [program, :not], left}
  end

  defp condition(context, {:eq, field, nil}, left, _depth) do
    with {:ok, ops} <- operand(context, field), do: {:ok, [ops, :is_null], left - 1}
  end

  defp condition(context, {operator, field, value}, left, _depth) when operator in @comparisons do
    with {:ok, ops} <- operand(context, field),
         do: {:ok, [ops, {:literal, value}, {:compare, operator}, :is_true], left - 1}
  end

  defp condition(context, {:between, field, low, high}, left, depth) do
    condition(context, {:and, [{:gte, field, low}, {:lte, field, high}]}, left, depth)
  end

  defp condition({source, _given} = context, {:time_range, from, to}, left, depth) do
    field = %{events: :time_ns, activations: :started_ns}[source]

    with {:field, field} when field != nil <- {:field, field},
         {:ok, from} <- time(from),
         {:ok, to} <- time(to) do
      condition(context, {:between, field, from, to}, left, depth)
    else
      {:field, nil} -> Fault.invalid(:time_range, source, "events and activations have times")
      error -> error
    end
  end

  defp condition(context, {:in, field, values}, left, _depth) do
    with {:ok, ops} <- operand(context, field),
         {:ok, values} <- proper(:values, values, @conditions_max) do
      found = [ops, {:in, Enum.reject(values, &is_nil/1)}, :is_true]

      if Enum.any?(values, &is_nil/1),
        do: {:ok, [found, ops, :is_null, :or], left - 1},
        else: {:ok, found, left - 1}
    end
  end

  defp condition(context, {:like, field, pattern}, left, _depth) do
    with {:ok, ops} <- operand(context, field) do
      if is_binary(pattern) and byte_size(pattern) <= @pattern_bytes_max,
        do: {:ok, [ops, {:like, pattern}, :is_true], left - 1},
        else: Fault.invalid(:pattern, pattern, "give text with % for any run and _ for any one character")
    end
  end

  # What matches is looked up before (`ElixirScope.ASTRepository.Query.Matches`); here it is only said to be well formed.
  defp condition(_context, {:matches, pattern}, left, _depth) do
    if is_binary(pattern) or is_tuple(pattern),
      do: {:ok, [{:literal, true}], left - 1},
      else: Fault.invalid(:pattern, pattern, "give code, as \"Enum.map(_, f)\"")
  end

  defp condition(_context, {:has_runtime_data, value}, left, _depth) do
    if is_boolean(value),
      do: {:ok, [{:column, "has_runtime_data"}, {:literal, value}, {:compare, :eq}, :is_true], left - 1},
      else: Fault.invalid(:has_runtime_data, value, "give true or false")
  end

  defp condition(context, {:complexity_above, n}, left, depth) do
    if is_number(n),
      do: condition(context, {:gt, :cyclomatic_complexity, n}, left, depth),
      else: Fault.invalid(:complexity_above, n, "give a number")
  end

  defp condition(context, {:execution_frequency_above, n}, left, depth) do
    if is_number(n),
      do: condition(context, {:gt, :calls, n}, left, depth),
      else: Fault.invalid(:execution_frequency_above, n, "give a number")
  end

  defp condition(context, {operator, conditions}, left, depth) when operator in [:and, :or] do
    with {:ok, conditions} <- proper(operator, conditions, @conditions_max),
         do: join(context, conditions, operator, left - 1, depth + 1)
  end

  defp condition(context, {:not, condition}, left, depth) do
    with {:ok, program, left} <- condition(context, condition, left - 1, depth + 1),
         do: {:ok, [program, :not], left}
  end

  defp condition(_context, condition, _left, _depth)
       when is_tuple(condition) and tuple_size(condition) in 1..5 and is_atom(elem(condition, 0)) do
    if elem(condition, 0) in @operators,
      do: Fault.invalid(:condition, condition, "the forms are listed in ElixirScope.ASTRepository.Query"),
      else: Fault.unknown(:operator, elem(condition, 0), @operators)
  end

  defp condition(_context, other, _left, _depth) do
    Fault.invalid(:condition, other, "a condition is a tuple, operator first: {:gt, :line, 10}")
  end

  # One after the other, so that no more than two results wait at a time.
  defp join(context, conditions, operator, left, depth) do
    result =
      Enum.reduce_while(conditions, {[], left}, fn condition, {programs, left} ->
        case condition(context, condition, left, depth) do
          {:ok, program, left} -> {:cont, {[program | programs], left}}
          error -> {:halt, error}
        end
      end)

    case result do
      {:error, _} = error -> error
      {[], left} -> {:ok, [{:literal, operator == :and}], left}
      {programs, left} -> {:ok, chain(Enum.reverse(programs), operator), left}
    end
  end

  defp chain([first | rest], operator), do: [first | Enum.map(rest, &[&1, operator])]

  defp operand({source, given}, field), do: Operand.ops(source, field, given)

  defp time(ns) when is_integer(ns), do: {:ok, ns}
  defp time(%DateTime{} = time), do: {:ok, DateTime.to_unix(time, :nanosecond)}
  defp time(other), do: Fault.invalid(:time, other, "give a DateTime, or nanoseconds since 1970")

  @doc "A proper list of bounded length."
  @spec proper(atom(), term(), pos_integer()) :: {:ok, list()} | {:error, ElixirScope.Error.t()}
  def proper(what, list, max) do
    if is_list(list) and proper?(list, max),
      do: {:ok, list},
      else: Fault.invalid(what, list, "give a list of at most #{max} items")
  end

  defp proper?([], _left), do: true
  defp proper?([_ | rest], left) when left > 0, do: proper?(rest, left - 1)
  defp proper?(_other, _left), do: false
end

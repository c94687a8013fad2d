defmodule ElixirScope.ASTRepository.Schema do
  @moduledoc false
  # What may be stored. Says what is wrong before anything native sees it.

  alias ElixirScope.ASTRepository.{ExecutionStatistics, Fault, FunctionData, ModuleData, PerformanceProfile}
  alias ElixirScope.ASTRepository.RuntimeInsights
  alias ElixirScope.Error

  @runtime_fields ~w(execution_statistics call_frequency average_duration memory_usage error_rate performance_profile
                     calls_made called_by message_sends message_receives test_coverage last_executed
                     execution_history instrumentation_points)a

  @arity_max 255

  @spec module_name(term()) :: :ok | {:error, Error.t()}
  def module_name(name) when is_atom(name) and name not in [nil, true, false], do: :ok
  def module_name(other), do: Fault.invalid(:module_name, other, "give a module's name, an atom")

  @spec module_data(ModuleData.t()) :: :ok | {:error, Error.t()}
  def module_data(%ModuleData{} = data) do
    with :ok <- module_name(data.module_name) do
      text_or_nil(:source_file, data.source_file)
    end
  end

  @spec function_key(term()) :: :ok | {:error, Error.t()}
  def function_key({module, name, arity})
      when is_atom(module) and module not in [nil, true, false] and is_atom(name) and is_integer(arity) and
             arity in 0..@arity_max,
      do: :ok

  def function_key(other), do: Fault.invalid(:function_key, other, "give {module, name, arity}")

  @doc "The key of a function's data: its own, or made of name and arity. The two must agree."
  @spec function_data(FunctionData.t()) :: {:ok, FunctionData.key()} | {:error, Error.t()}
  def function_data(%FunctionData{function_key: key} = data) do
    parts = {data.module_name, data.function_name, data.arity}

    case {key, parts} do
      {nil, parts} -> with(:ok <- function_key(parts), do: {:ok, parts})
      {key, {nil, nil, nil}} -> with(:ok <- function_key(key), do: {:ok, key})
      {key, key} -> with(:ok <- function_key(key), do: {:ok, key})
      {key, _} -> Fault.invalid(:function_key, key, "it differs from module_name, function_name and arity")
    end
  end

  @doc "Runtime data of a function as fields: a map, a keyword list, or one of the structs that hold some."
  @spec runtime_data(term()) :: {:ok, keyword()} | {:error, Error.t()}
  def runtime_data(%ExecutionStatistics{} = statistics), do: {:ok, [execution_statistics: statistics]}
  def runtime_data(%PerformanceProfile{} = profile), do: {:ok, [performance_profile: profile]}

  def runtime_data(%FunctionData{} = data),
    do: {:ok, for(name <- @runtime_fields, value = Map.fetch!(data, name), do: {name, value})}

  def runtime_data(map) when is_map(map) and not is_struct(map), do: map |> Map.to_list() |> runtime_data()

  def runtime_data([_ | _] = list) do
    if Keyword.keyword?(list) do
      case Enum.find(list, fn {name, _value} -> name not in @runtime_fields end) do
        nil -> {:ok, list}
        {name, _value} -> Fault.unknown(:runtime_field, name, @runtime_fields)
      end
    else
      not_runtime_data(list)
    end
  end

  def runtime_data(other), do: not_runtime_data(other)

  defp not_runtime_data(other) do
    Fault.invalid(
      :runtime_data,
      other,
      "give a map or keyword list of runtime fields of FunctionData, or an ExecutionStatistics"
    )
  end

  @doc "Insights as fields: those of the struct, without what is `nil`."
  @spec insights(term()) :: {:ok, keyword()} | {:error, Error.t()}
  def insights(%RuntimeInsights{} = insights),
    do: {:ok, for({name, value} <- Map.from_struct(insights), value != nil, do: {name, value})}

  def insights(map) when is_map(map) and not is_struct(map) do
    valid = %RuntimeInsights{} |> Map.from_struct() |> Map.keys()

    case Enum.find(Map.keys(map), :"$none", &(&1 not in valid)) do
      :"$none" -> {:ok, Map.to_list(map)}
      name -> Fault.unknown(:insight, name, valid)
    end
  end

  def insights(other),
    do: Fault.invalid(:insights, other, "give an ElixirScope.ASTRepository.RuntimeInsights")

  @node_bytes_max 4_096

  @doc "An id of a node, as a caller may give it: any text."
  @spec node_id(term()) :: :ok | {:error, Error.t()}
  def node_id(id) when is_binary(id) and id != "" and byte_size(id) <= @node_bytes_max do
    if String.valid?(id), do: :ok, else: bad_node_id(id)
  end

  def node_id(other), do: bad_node_id(other)

  defp bad_node_id(id) do
    Fault.invalid(
      :ast_node_id,
      id,
      "give text such as \"MyApp.Cart.total/2\", at most #{@node_bytes_max} bytes"
    )
  end

  @doc "A correlation id, as a caller may bring it."
  @spec correlation_id(term()) :: :ok | {:error, Error.t()}
  def correlation_id(id) when is_binary(id) and id != "" and byte_size(id) <= @node_bytes_max, do: :ok
  def correlation_id(id) when is_atom(id) and id not in [nil, true, false], do: :ok

  def correlation_id(id)
      when is_integer(id) and id >= -0x8000_0000_0000_0000 and id <= 0x7FFF_FFFF_FFFF_FFFF,
      do: :ok

  def correlation_id(other) do
    Fault.invalid(
      :correlation_id,
      other,
      "give a binary of at most #{@node_bytes_max} bytes, an atom, or an integer of 64 bits"
    )
  end

  defp text_or_nil(_what, nil), do: :ok

  defp text_or_nil(what, text) when is_binary(text) and byte_size(text) <= @node_bytes_max do
    if String.valid?(text), do: :ok, else: Fault.invalid(what, text, "give text or nil")
  end

  defp text_or_nil(what, other), do: Fault.invalid(what, other, "give text or nil")
end

defmodule ElixirScope.ASTRepository.IncrementalUpdater.Operation do
  @moduledoc false
  # What an update means: which thing it is about, whether it makes sense, and what the native store has to do for it.

  alias ElixirScope.ASTRepository.{Fault, Files, FunctionData, InstrumentationPoint, ModuleData, Schema}
  alias ElixirScope.{Core, Error}

  # Decodes every node of a module: never needed to see what changed.
  @not_compared [:ast_node_mapping]

  @kinds ~w(module_changed function_added function_modified function_removed correlation_updated
            instrumentation_changed file_changed file_removed file_synced)a

  @doc "The thing an update is about. Two updates of one thing are in each other's way."
  def target({:module_changed, name, _}), do: {:module, name}
  def target({kind, key, _}) when kind in [:function_added, :function_modified], do: {:function, key}
  def target({:function_removed, key}), do: {:function, key}
  def target({:correlation_updated, id, _}), do: {:correlation, id}
  def target({:instrumentation_changed, node, _}), do: {:points, node}
  def target({kind, path}) when kind in [:file_changed, :file_removed, :file_synced], do: {:file, path}
  def target({:file_changed, path, _text}), do: {:file, path}

  @doc "One update instead of two of the same thing; `nil` when they undo each other."
  def merge({:function_added, _, _}, {:function_removed, _}), do: nil

  def merge({:function_added, key, _}, {kind, key, data}) when kind in [:function_added, :function_modified],
    do: {:function_added, key, data}

  def merge({:function_removed, key}, {kind, key, data}) when kind in [:function_added, :function_modified],
    do: {:function_modified, key, data}

  def merge({:correlation_updated, id, old}, {:correlation_updated, id, new}),
    do: {:correlation_updated, id, Map.merge(Map.new(old), Map.new(new))}

  def merge(_older, newer), do: newer

  @doc "Whether an update is one at all. What it names is looked at when it is applied."
  @spec check(term()) :: :ok | {:error, Error.t()}
  def check({:module_changed, name, %ModuleData{module_name: name} = data}), do: Schema.module_data(data)

  def check({:module_changed, name, %ModuleData{module_name: other}}),
    do: Fault.invalid(:module_name, other, "the update is of #{inspect(name)}")

  def check({:module_changed, _name, other}),
    do: Fault.invalid(:module_data, other, "give an ElixirScope.ASTRepository.ModuleData")

  def check({kind, key, %FunctionData{} = data}) when kind in [:function_added, :function_modified] do
    with :ok <- Schema.function_key(key),
         {:ok, own} <- Schema.function_data(%{data | function_key: data.function_key || key}) do
      if own == key, do: :ok, else: Fault.invalid(:function_key, own, "the update is of #{inspect(key)}")
    end
  end

  def check({kind, _key, other}) when kind in [:function_added, :function_modified],
    do: Fault.invalid(:function_data, other, "give an ElixirScope.ASTRepository.FunctionData")

  def check({:function_removed, key}), do: Schema.function_key(key)

  def check({:correlation_updated, id, data}) do
    with :ok <- Schema.correlation_id(id), {:ok, _node, _fields} <- runtime_data(data), do: :ok
  end

  def check({:instrumentation_changed, node, %InstrumentationPoint{enabled: on}}) when is_boolean(on),
    do: Schema.node_id(node)

  def check({:instrumentation_changed, _node, other}) do
    Fault.invalid(
      :instrumentation_point,
      other,
      "give an InstrumentationPoint with enabled: true or false; what else it has comes from the compiled code"
    )
  end

  def check({kind, path}) when kind in [:file_changed, :file_removed, :file_synced], do: path(path)

  def check({:file_changed, path, text}) do
    with :ok <- path(path) do
      if is_binary(text), do: :ok, else: Fault.invalid(:text, text, "give the source as text")
    end
  end

  def check(other) do
    if is_tuple(other) and tuple_size(other) > 0 and is_atom(elem(other, 0)) and elem(other, 0) not in @kinds,
      do: Fault.unknown(:update, elem(other, 0), @kinds),
      else: Fault.invalid(:update, other, "give one of the updates that IncrementalUpdater documents")
  end

  @doc """
  What the store has to do, read from it now: `{:ok, [operation], told}`, where `told` says what to tell of it, or
  `:unchanged`.
  """
  @spec prepare(reference(), tuple()) :: {:ok, [tuple()], map()} | :unchanged | {:error, Error.t()}
  def prepare(ref, {:module_changed, name, data}) do
    case Core.Repository.get_module(ref, name, names(ModuleData)) do
      {:ok, {version, fields}} ->
        case changes(struct(ModuleData, fields), data) do
          [] ->
            :unchanged

          changes ->
            ast = if Keyword.has_key?(changes, :ast), do: ast(data.ast)
            fields = Keyword.delete(changes, :ast)
            {:ok, [{:module, name, :patch, version, ast, fields}], %{modules: [{name, :modified}]}}
        end

      {:error, %Error{reason: :not_found, details: %{what: "module"}}} ->
        fields = stored(data, [:module_name, :ast])
        {:ok, [{:module, name, :replace, nil, ast(data.ast), fields}], %{modules: [{name, :added}]}}

      error ->
        error
    end
  end

  def prepare(ref, {:function_added, key, data}) do
    case Core.Repository.get_function(ref, key, [:function_key]) do
      {:error, %Error{reason: :not_found, details: %{what: "function"}}} ->
        fields = stored(data, [:module_name, :function_name, :arity, :function_key, :ast])
        operation = {:function, key, :replace, nil, ast(data.ast), fields}
        {:ok, [operation], %{functions: [{key, :added}]}}

      {:ok, _} ->
        conflict("function #{inspect(key)} is there already", "use {:function_modified, key, data}")

      error ->
        error
    end
  end

  def prepare(ref, {:function_modified, key, data}) do
    with {:ok, {version, fields}} <- Core.Repository.get_function(ref, key, names(FunctionData)) do
      data = %{data | function_key: key, module_name: elem(key, 0), function_name: elem(key, 1)}

      case changes(struct(FunctionData, fields), %{data | arity: elem(key, 2)}) do
        [] ->
          :unchanged

        changes ->
          ast = if Keyword.has_key?(changes, :ast), do: ast(data.ast)
          operation = {:function, key, :patch, version, ast, Keyword.delete(changes, :ast)}
          {:ok, [operation], %{functions: [{key, :modified}]}}
      end
    else
      error -> absent(error, :function, key)
    end
  end

  def prepare(_ref, {:function_removed, key}),
    do: {:ok, [{:delete_function, key}], %{functions: [{key, :removed}]}}

  def prepare(ref, {:correlation_updated, id, data}) do
    {:ok, node, fields} = runtime_data(data)

    case {node, Core.Repository.correlation(ref, id)} do
      {nil, {:ok, node}} -> correlation(id, node, fields, [])
      {nil, error} -> absent(error, :correlation, id)
      {node, {:ok, node}} -> correlation(id, node, fields, [])
      {node, _other} -> correlation(id, node, fields, [{:correlation, id, node}])
    end
  end

  def prepare(ref, {:instrumentation_changed, node, %{point_id: wanted, enabled: on}}) do
    with {:ok, points} <- Core.Repository.node_points(ref, node) do
      chosen = for point <- points, wanted in [nil, point.point_id], do: point

      cond do
        chosen == [] ->
          Fault.not_found(:instrumentation_point, wanted || node, "instrument its module first")

        Enum.all?(chosen, &(&1.enabled == on)) ->
          :unchanged

        true ->
          literals = Enum.map(chosen, &String.to_integer(&1.point_id))
          {:ok, [], %{nodes: [node], switch: [{literals, on}]}}
      end
    else
      error -> absent(error, :ast_node, node)
    end
  end

  def prepare(ref, {:file_removed, path}) do
    with {:ok, place} <- Files.place(ref, path, nil),
         {:ok, _stored} <- Core.Updates.file_place(ref, place.path) do
      {:ok, [{:remove_file, place.path}], %{}}
    else
      error -> absent(error, :file, path)
    end
  end

  def prepare(ref, {:file_changed, path}), do: prepare(ref, {:file_changed, path, nil})

  def prepare(ref, {:file_changed, path, text}) do
    with {:ok, place} <- Files.place(ref, path, nil),
         {:ok, {operation, _times}} <- Files.prepare(ref, place, text) do
      {:ok, [operation], %{}}
    else
      {:ok, :unchanged} -> :unchanged
      error -> error
    end
  end

  # Whatever is on the disk now: what feeds and watchers ask for, who are late by nature.
  def prepare(ref, {:file_synced, path}) do
    case prepare(ref, {:file_changed, path}) do
      {:error, %Error{reason: :file, details: %{posix: gone}}} when gone in [:enoent, :enotdir] ->
        with {:error, %Error{reason: :not_found}} <- prepare(ref, {:file_removed, path}), do: :unchanged

      other ->
        other
    end
  end

  defp correlation(_id, _node, [], []), do: :unchanged

  defp correlation(id, node, fields, operations) do
    insight = if fields == [], do: [], else: [{:insight, node, fields}]
    nodes = if fields == [], do: [], else: [node]
    {:ok, insight ++ operations, %{correlations: [id], nodes: nodes}}
  end

  # Where the id leads, and what was learnt there.
  defp runtime_data(data) when is_list(data) do
    if Keyword.keyword?(data), do: runtime_data(Map.new(data)), else: bad_runtime_data(data)
  end

  defp runtime_data(data) when is_map(data) do
    {node, data} = Map.pop(data, :ast_node_id)

    with :ok <- if(node, do: Schema.node_id(node), else: :ok),
         {:ok, fields} <- Schema.insights(data),
         do: {:ok, node, fields}
  end

  defp runtime_data(other), do: bad_runtime_data(other)

  defp bad_runtime_data(data) do
    Fault.invalid(
      :runtime_data,
      data,
      "give a map with :ast_node_id, fields of ElixirScope.ASTRepository.RuntimeInsights, or both"
    )
  end

  defp path(path) when is_binary(path) and path != "" and byte_size(path) <= 4_096, do: :ok
  defp path(other), do: Fault.invalid(:path, other, "give the path of a file, as text")

  defp changes(before, data) do
    for {name, value} <- Map.from_struct(data),
        value != nil,
        name not in @not_compared,
        Map.fetch!(before, name) !== value,
        do: {name, value}
  end

  defp stored(struct, without) do
    for {name, value} <- Map.from_struct(struct), value != nil, name not in without, do: {name, value}
  end

  defp names(struct), do: (struct |> struct() |> Map.from_struct() |> Map.keys()) -- @not_compared

  defp ast(nil), do: nil
  defp ast(quoted), do: {:ast, quoted}

  defp absent({:error, %Error{reason: :not_found, details: %{what: what}}}, kind, key)
       when what in ["node", "function", "correlation", "file"],
       do: Fault.not_found(kind, key, "store it first, or import its project")

  defp absent(error, _kind, _key), do: error

  defp conflict(message, hint) do
    {:error, %Error{reason: :conflict, message: message, hint: hint}}
  end
end

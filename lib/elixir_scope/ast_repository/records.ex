defmodule ElixirScope.ASTRepository.Records do
  @moduledoc false
  # Modules and functions: stored as they come, read with what is computed. What the caller may get wrong is
  # checked before anything is stored.

  alias ElixirScope.ASTRepository.{Fault, FunctionData, Handle, ModuleData, Observed, Schema}
  alias ElixirScope.Core

  # Not read unless asked for: every node of the module; every variable of the function with its values.
  @on_request [:ast_node_mapping, :variable_lifecycles]

  # Modules

  def store_module(repository, %ModuleData{} = data) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.module_data(data),
         {:ok, _version} <- put_module(ref, data, :replace, nil, fields(data, [:module_name, :ast])) do
      :ok
    end
  end

  # Quoted code is stored as the modules it defines.
  def store_module(repository, {name, meta, args} = quoted)
      when (is_atom(name) or is_tuple(name)) and is_list(meta) and is_list(args) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, _names} <- Core.Repository.put_quoted(ref, quoted, nil) do
      :ok
    end
  end

  def store_module(repository, other) do
    with {:ok, _ref} <- Handle.ref(repository) do
      Fault.invalid(
        :module_data,
        other,
        "give an ElixirScope.ASTRepository.ModuleData, or the quoted code of a defmodule"
      )
    end
  end

  def get_module(repository, name, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- module_name(name),
         {:ok, wanted} <- wanted(ModuleData, opts),
         {:ok, {_version, fields}} <- Core.Repository.get_module(ref, name, wanted) do
      {:ok, ModuleData |> struct(fields) |> Observed.of_module(wanted)}
    else
      error -> absent(error)
    end
  end

  def update_module(repository, name, fun) when is_function(fun, 1) do
    with {:ok, handle} <- Handle.repository(repository),
         :ok <- module_name(name) do
      deadline = now_ms() + handle.configuration.transaction_timeout_ms
      update_module(handle.ref, name, fun, deadline, 0)
    end
  end

  def update_module(repository, _name, other) do
    with {:ok, _ref} <- Handle.ref(repository),
         do:
           Fault.invalid(
             :update_fn,
             other,
             "give a function of one argument that returns the changed ModuleData"
           )
  end

  # Read, change, compare and swap; whoever was faster makes us read again.
  defp update_module(ref, name, fun, deadline, attempt) do
    with {:ok, {version, fields}} <- Core.Repository.get_module(ref, name, all(ModuleData)),
         before = struct(ModuleData, fields),
         {:ok, data} <- updated(fun.(before), name),
         :ok <- Schema.module_data(data),
         {:ok, _version} <- put_module(ref, data, :patch, version, changes(before, data)) do
      :ok
    else
      {:error, %{reason: :conflict}} = conflict ->
        if now_ms() < deadline do
          back_off(attempt)
          update_module(ref, name, fun, deadline, attempt + 1)
        else
          conflict
        end

      error ->
        explain(error, :module, name, "store it with store_module/2 or import its project")
    end
  end

  defp updated(%ModuleData{module_name: name} = data, name), do: {:ok, data}

  defp updated(%ModuleData{module_name: other}, name) do
    Fault.invalid(
      :module_name,
      other,
      "an update keeps the name (#{inspect(name)}); store the module under its new one"
    )
  end

  defp updated(other, _name),
    do: Fault.invalid(:module_data, other, "the function has to return a ModuleData")

  def delete_module(repository, name) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- module_name(name),
         :ok <- Core.Repository.delete_module(ref, name) do
      :ok
    else
      error -> explain(error, :module, name, nil)
    end
  end

  # Functions

  def store_function(repository, %FunctionData{} = data) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, key} <- Schema.function_data(data),
         fields = fields(data, [:module_name, :function_name, :arity, :function_key, :ast]),
         {:ok, _version} <- Core.Repository.put_function(ref, key, :replace, nil, ast(data.ast), fields) do
      :ok
    end
  end

  def store_function(repository, other) do
    with {:ok, _ref} <- Handle.ref(repository),
         do: Fault.invalid(:function_data, other, "give an ElixirScope.ASTRepository.FunctionData")
  end

  def get_function(repository, key, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.function_key(key),
         {:ok, wanted} <- wanted(FunctionData, opts),
         {:ok, {_version, fields}} <- Core.Repository.get_function(ref, key, wanted) do
      {:ok, FunctionData |> struct(fields) |> Observed.of_function(wanted, repository, key)}
    else
      error -> absent(error)
    end
  end

  def update_function_runtime_data(repository, key, data) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.function_key(key),
         {:ok, fields} <- Schema.runtime_data(data),
         {:ok, _version} <- Core.Repository.put_function(ref, key, :patch, nil, nil, fields) do
      :ok
    else
      error -> explain(error, :function, key, "store it with store_function/2 or import its project")
    end
  end

  # Shared

  defp put_module(ref, data, mode, expected, fields) do
    ast = if mode == :patch and not Keyword.has_key?(fields, :ast), do: nil, else: ast(data.ast)
    Core.Repository.put_module(ref, data.module_name, mode, expected, ast, Keyword.delete(fields, :ast))
  end

  # An AST may be any term, `nil` among them; a struct's `nil` means that there is none.
  defp ast(nil), do: nil
  defp ast(quoted), do: {:ast, quoted}

  defp fields(struct, without) do
    for {name, value} <- Map.from_struct(struct), value != nil, name not in without, do: {name, value}
  end

  defp changes(before, data) do
    for {name, value} <- Map.from_struct(data), Map.fetch!(before, name) !== value, do: {name, value}
  end

  defp wanted(struct, []), do: {:ok, all(struct)}

  defp wanted(struct, fields: fields) when is_list(fields) do
    valid = names(struct)

    cond do
      List.improper?(fields) ->
        Fault.invalid(:fields, fields, "give a list of fields")

      unknown = Enum.find(fields, :none, &(&1 not in valid)) |> found() ->
        Fault.unknown(:field, elem(unknown, 0), valid)

      true ->
        {:ok, fields}
    end
  end

  defp wanted(_struct, opts), do: Fault.invalid(:options, opts, "the only option is fields: [field, ...]")

  defp found(:none), do: nil
  defp found(unknown), do: {unknown}

  defp all(struct), do: names(struct) -- @on_request
  defp names(struct), do: struct |> struct() |> Map.from_struct() |> Map.keys()

  defp module_name(name), do: Schema.module_name(name)

  # The specification's word for a key that is simply not there. A repository that is not there is another matter.
  defp absent({:error, %{reason: :not_found, details: %{what: what}}}) when what in ["module", "function"],
    do: {:error, :not_found}

  defp absent(error), do: error

  defp explain({:error, %{reason: :not_found, details: %{what: "module"}}}, what, key, hint),
    do: Fault.not_found(what, key, hint)

  defp explain({:error, %{reason: :not_found, details: %{what: "function"}}}, what, key, hint),
    do: Fault.not_found(what, key, hint)

  defp explain(error, _what, _key, _hint), do: error

  defp now_ms, do: System.monotonic_time(:millisecond)

  # Many writers of one module: the longer it takes, the further they spread.
  defp back_off(attempt) when attempt < 3, do: :ok
  defp back_off(attempt), do: Process.sleep(:rand.uniform(min(attempt, 20)))
end

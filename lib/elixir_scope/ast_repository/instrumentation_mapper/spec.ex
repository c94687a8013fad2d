defmodule ElixirScope.ASTRepository.InstrumentationMapper.Spec do
  @moduledoc false
  # What people ask for, checked: whatever it is, it becomes a plain map or an error, and never raises.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Capture.GateOptions
  alias ElixirScope.Instrumentation.Selection

  @types [
    :function_entry,
    :function_exit,
    :variable_capture,
    :expression_trace,
    :branch,
    :message_send,
    :message_receive,
    :exception,
    :custom
  ]
  @own [:types, :conditions, :custom_logic, :tags, :description, :within]
  @targets [:module, :function, :node, :file, :pattern, :callbacks_of, :module_type]
  @places [:line, :column]
  @specs_max 10_000

  def types, do: @types
  def targets, do: @targets

  # `kinds:` and `per:` follow from the types here.
  defp limits, do: GateOptions.names() -- [:kinds, :per]

  @doc "`{:ok, [spec]}` of what a caller gave, with `:types` and `:gate` (the options of its gate) filled."
  def all(specs, defaults) do
    with {:ok, defaults} <- map(defaults, :defaults),
         {:ok, specs} <- list(specs) do
      each(specs, &one(&1, defaults))
    end
  end

  defp list(specs) when is_map(specs) and not is_struct(specs), do: {:ok, [specs]}

  defp list(specs) when is_list(specs) do
    cond do
      List.improper?(specs) -> not_specs(specs)
      specs != [] and Keyword.keyword?(specs) -> {:ok, [specs]}
      length(specs) > @specs_max -> Fault.invalid(:specs, length(specs), "give #{@specs_max} at most")
      true -> {:ok, specs}
    end
  end

  defp list(other), do: not_specs(other)

  defp not_specs(other),
    do: Fault.invalid(:specs, other, "give a list of maps, each with a target and types:")

  defp map(pairs, what) do
    cond do
      is_map(pairs) and not is_struct(pairs) -> {:ok, pairs}
      is_list(pairs) and Keyword.keyword?(pairs) -> {:ok, Map.new(pairs)}
      true -> Fault.invalid(what, pairs, "give a map with a target and types:")
    end
  end

  @doc false
  def each(items, fun) do
    items
    |> Enum.reduce_while({:ok, []}, fn item, {:ok, done} ->
      case fun.(item) do
        {:ok, one} -> {:cont, {:ok, [one | done]}}
        error -> {:halt, error}
      end
    end)
    |> case do
      {:ok, done} -> {:ok, Enum.reverse(done)}
      error -> error
    end
  end

  defp one(given, defaults) do
    with {:ok, given} <- map(given, :spec),
         spec = Map.merge(defaults, given),
         :ok <- known(spec),
         {:ok, types} <- types(spec),
         :ok <- custom(types, spec[:custom_logic]),
         {:ok, conditions} <- conditions(spec[:conditions]),
         {:ok, target} <- target(spec),
         {:ok, within} <- within(spec[:within]),
         :ok <- words(spec),
         gate = spec |> Map.take(limits()) |> Map.to_list(),
         {:ok, _} <- GateOptions.validate(gate, :point) do
      filled = %{types: types, conditions: conditions, target: target, within: within, gate: gate}
      {:ok, spec |> Map.merge(filled) |> Map.put(:given, given)}
    end
  end

  defp known(spec) do
    known = @own ++ @targets ++ @places ++ limits()

    case Enum.find(Map.keys(spec), &(&1 not in known)) do
      nil -> :ok
      key -> Fault.unknown(:key, key, known)
    end
  end

  defp types(spec) do
    default = if spec[:custom_logic] == nil, do: [:function_entry], else: [:custom]

    case Map.get(spec, :types, default) do
      [] ->
        Fault.invalid(:types, [], "give at least one of #{Enum.map_join(@types, ", ", &inspect/1)}")

      types when is_list(types) ->
        if List.improper?(types), do: no_types(types), else: each(Enum.uniq(types), &type/1)

      type when is_atom(type) and type != nil ->
        with {:ok, type} <- type(type), do: {:ok, [type]}

      other ->
        no_types(other)
    end
  end

  defp no_types(other), do: Fault.invalid(:types, other, "give a list of atoms")

  defp type(type) when type in @types, do: {:ok, type}

  defp type(text) when is_binary(text) do
    case Enum.find(@types, &(Atom.to_string(&1) == text)) do
      nil -> Fault.unknown(:type, text, @types)
      type -> {:ok, type}
    end
  end

  defp type(other), do: Fault.unknown(:type, other, @types)

  defp custom(types, code) do
    cond do
      :custom in types and code == nil ->
        Fault.invalid(:custom_logic, nil, "a spec of type :custom needs custom_logic: with quoted code")

      code != nil and :custom not in types ->
        Fault.invalid(:types, types, "a spec with custom_logic: has :custom among its types")

      true ->
        quoted(code, :custom_logic)
    end
  end

  defp conditions(nil), do: {:ok, []}

  defp conditions(conditions) when is_list(conditions) do
    if List.improper?(conditions),
      do: Fault.invalid(:conditions, conditions, "give a quoted guard, or a list of these"),
      else:
        each(conditions, fn condition -> with :ok <- quoted(condition, :conditions), do: {:ok, condition} end)
  end

  defp conditions(condition), do: with(:ok <- quoted(condition, :conditions), do: {:ok, [condition]})

  defp quoted(nil, _what), do: :ok

  defp quoted(code, what) do
    case Macro.validate(code) do
      :ok -> :ok
      {:error, part} -> Fault.invalid(what, part, "give quoted code, as quote/2 makes it")
    end
  end

  defp words(spec) do
    tags = Map.get(spec, :tags, [])
    description = Map.get(spec, :description, "")

    cond do
      not (is_list(tags) and not List.improper?(tags) and Enum.all?(tags, &text?/1)) ->
        Fault.invalid(:tags, tags, "give a list of texts")

      not text?(description) ->
        Fault.invalid(:description, description, "give a text")

      true ->
        :ok
    end
  end

  defp text?(text), do: is_binary(text) and String.valid?(text)

  # Targets

  defp target(spec) do
    case Enum.filter(@targets, &is_map_key(spec, &1)) do
      [:file] -> place(spec)
      [name] -> if Enum.any?(@places, &is_map_key(spec, &1)), do: stray(spec), else: named(name, spec[name])
      [] -> Fault.invalid(:target, spec, "give one of #{Enum.map_join(@targets, ", ", &inspect/1)}")
      several -> Fault.invalid(:target, several, "give one target in a spec")
    end
  end

  defp stray(spec), do: Fault.invalid(:target, spec, "line: and column: belong to file:")

  defp place(%{file: file} = spec) do
    line = Map.get(spec, :line)
    column = Map.get(spec, :column)

    cond do
      not text?(file) -> Fault.invalid(:file, file, "give a path as text")
      not (is_integer(line) and line > 0) -> Fault.invalid(:line, line, "give a line from 1 on with file:")
      column == nil or (is_integer(column) and column > 0) -> {:ok, {:place, file, line, column}}
      true -> Fault.invalid(:column, column, "give a column from 1 on")
    end
  end

  defp named(:module, text) when is_binary(text) do
    if String.contains?(text, "*"), do: selection(text), else: module(text)
  end

  defp named(:module, {:app, _} = app), do: selection(app)
  defp named(:module, module), do: module(module)

  defp named(:function, {module, name, arity}) when is_integer(arity) and arity in 0..255 do
    with {:ok, {:module, module}} <- module(module),
         {:ok, name} <- existing(name, :function),
         do: {:ok, {:function, {module, name, arity}}}
  end

  defp named(:function, other),
    do: Fault.invalid(:function, other, "give {module, name, arity}")

  defp named(:node, id) when is_binary(id) do
    if String.valid?(id), do: {:ok, {:node, id}}, else: Fault.invalid(:node, id, "give an ast_node_id")
  end

  defp named(:node, other), do: Fault.invalid(:node, other, "give an ast_node_id, a text")
  # What is a pattern says the search itself.
  defp named(:pattern, pattern), do: {:ok, {:pattern, pattern}}

  defp named(:callbacks_of, behaviour),
    do: with({:ok, {:module, module}} <- module(behaviour), do: {:ok, {:callbacks_of, module}})

  defp named(:module_type, type) do
    with {:ok, type} <- existing(type, :module_type), do: {:ok, {:module_type, type}}
  end

  defp selection(text) do
    with {:ok, parts} <- Selection.validate(text), do: {:ok, {:selection, parts}}
  end

  defp module(module) when is_atom(module) and module not in [nil, true, false], do: {:ok, {:module, module}}

  defp module(text) when is_binary(text) do
    with {:ok, name} <- existing(text |> dotted() |> cut(), :module), do: {:ok, {:module, name}}
  end

  defp module(other), do: Fault.invalid(:module, other, "give a module")

  defp dotted(":" <> erlang), do: erlang
  defp dotted("Elixir." <> _ = text), do: text
  defp dotted(text), do: "Elixir." <> text

  # No atom is longer, and no error shows more.
  defp cut(text), do: if(byte_size(text) > 1_020, do: binary_part(text, 0, 255), else: text)

  defp existing(atom, _what) when is_atom(atom) and atom not in [nil, true, false], do: {:ok, atom}

  defp existing(text, what) when is_binary(text) do
    {:ok, String.to_existing_atom(text)}
  rescue
    _ -> Fault.not_found(what, text, "no such name is known in this VM")
  end

  defp existing(other, what), do: Fault.invalid(what, other, "give an atom")

  # `within:` narrows: modules, said as anywhere, or functions.
  defp within(nil), do: {:ok, nil}
  defp within({_, _, _} = key), do: within([key])

  defp within(within) when is_list(within) do
    if List.improper?(within), do: no_within(within), else: each(within, &within_one/1)
  end

  defp within(other), do: within([other])

  defp within_one({_, _, _} = key), do: named(:function, key)

  defp within_one(other) do
    case Selection.validate(other) do
      {:ok, parts} -> {:ok, {:modules, parts}}
      {:error, _} -> no_within(other)
    end
  end

  defp no_within(other) do
    Fault.invalid(
      :within,
      other,
      "give modules, patterns such as \"MyApp.*\", {:app, app} or {module, name, arity}"
    )
  end
end

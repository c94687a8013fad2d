defmodule ElixirScope.ASTRepository.InstrumentationMapper.Targets do
  @moduledoc false
  # From what a spec means to `%{module:, target:, id:, location:}`, `target` being one of a plan; or why it means nothing.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Handle, Query, SemanticAnalyzer}
  alias ElixirScope.ASTRepository.InstrumentationMapper.Spec
  alias ElixirScope.{Error, Suggest}
  alias ElixirScope.Instrumentation.Selection

  @targets_max 65_536

  @doc "What the targets of many specs share: the repository's modules, read once."
  def base(repository) do
    query = Query.new() |> Query.select([:module_name, :module_type]) |> Query.from(:modules)

    with {:ok, _ref} <- Handle.ref(repository),
         {:ok, %{rows: rows}} <- ASTRepository.query(repository, query) do
      {:ok, %{repository: repository, modules: Map.new(rows, &{&1.module_name, &1.module_type})}}
    end
  end

  @doc "`{:ok, [target]}`, `{:unmatched, error}`, or `{:error, error}` for what could not even be asked."
  def of(spec, base) do
    case found(spec.target, base) do
      {:ok, all} ->
        narrowed(all, spec, base)

      {:error, :not_found} ->
        unmatched(:not_found, "nothing in the repository is meant", "import the project")

      {:error, %Error{reason: reason} = error} when reason in [:not_found, :ambiguous] ->
        {:unmatched, error}

      other ->
        other
    end
  end

  defp narrowed([], spec, _base), do: nothing(spec)

  defp narrowed(all, spec, _base) do
    kept = if spec.within, do: Enum.filter(all, &within?(&1, spec.within)), else: all

    cond do
      kept == [] ->
        unmatched(
          :not_within,
          "#{length(all)} place(s) are meant, none of them within #{Fault.show(spec[:within_given] || spec.within)}"
        )

      length(kept) > @targets_max ->
        {:error,
         %Error{
           reason: :limit_exceeded,
           message: "a spec means #{length(kept)} places; #{@targets_max} are possible",
           hint: "narrow it with within:"
         }}

      true ->
        {:ok, kept}
    end
  end

  defp within?(target, within) do
    Enum.any?(within, fn
      {:modules, parts} -> Selection.filter([target.module], parts, &app_of/1) != []
      {:function, {module, name, arity}} -> in_function?(target, module, name, arity)
    end)
  end

  defp in_function?(%{module: module, target: {:function, name, arity}}, module, name, arity), do: true

  defp in_function?(%{module: module, id: id}, module, name, arity),
    do: String.starts_with?(id || "", "#{inspect(module)}.#{name}/#{arity}#")

  defp in_function?(_target, _module, _name, _arity), do: false

  defp app_of(module), do: Application.get_application(module)

  defp nothing(%{target: {:pattern, pattern}}),
    do: unmatched(:nothing_there, "no code looks like #{Fault.show(pattern)}")

  defp nothing(%{target: {:callbacks_of, behaviour}}),
    do: unmatched(:nothing_there, "no module of the repository has callbacks of #{inspect(behaviour)}")

  defp nothing(%{target: target}), do: unmatched(:nothing_there, "nothing is meant by #{Fault.show(target)}")

  @doc false
  def unmatched(reason, message, hint \\ nil, details \\ %{}),
    do: {:unmatched, %Error{reason: reason, message: message, hint: hint, details: details}}

  # A module need not be in the repository to be instrumented; one that nobody knows is a typing error.
  defp found({:module, module}, base) do
    if known?(module, base),
      do: {:ok, [whole(module)]},
      else: unknown_module(module, base)
  end

  defp found({:selection, parts}, base) do
    resolved = Selection.resolve(parts)
    own = Selection.filter(Map.keys(base.modules), parts, &app_of/1)

    case Enum.uniq(resolved ++ own) do
      [] -> unmatched(:nothing_there, "no module is meant by #{Fault.show(parts)}")
      modules -> {:ok, modules |> Enum.sort() |> Enum.map(&whole/1)}
    end
  end

  defp found({:function, {module, name, arity}}, base) do
    if known?(module, base),
      do: {:ok, [function(module, name, arity)]},
      else: unknown_module(module, base)
  end

  defp found({:node, id}, base), do: of_ids(base, [id])

  # Where it is not said which of the nodes on a line, all of them are meant.
  defp found({:place, file, line, column}, base) do
    with {:ok, id} <-
           ASTRepository.correlate_event(base.repository, %{file: file, line: line, column: column}),
         {:ok, module} <- module_of(base, id) do
      id = if is_binary(id), do: id
      {:ok, [%{module: module, target: {:place, line, column}, id: id, location: {file, line, column}}]}
    end
  end

  defp found({:pattern, pattern}, base) do
    with {:ok, ids} <- ASTRepository.find_ast_nodes_by_pattern(base.repository, pattern),
         do: of_ids(base, ids)
  end

  defp found({:module_type, type}, base) do
    case for({module, ^type} <- base.modules, do: module) do
      [] ->
        known = base.modules |> Map.values() |> Enum.reject(&is_nil/1) |> Enum.uniq() |> Enum.sort()

        unmatched(
          :nothing_there,
          "no module of the repository is a #{inspect(type)}",
          Suggest.hint(type, known)
        )

      modules ->
        {:ok, modules |> Enum.sort() |> Enum.map(&whole/1)}
    end
  end

  defp found({:callbacks_of, behaviour}, base) do
    {:ok,
     for {module, _} <- Enum.sort(base.modules),
         {:ok, meaning} <- [SemanticAnalyzer.analyze(base.repository, module)],
         %{behaviour: ^behaviour} = callback <- meaning.callbacks do
       function(module, callback.name, callback.arity)
     end}
  end

  defp whole(module), do: %{module: module, target: :all, id: inspect(module), location: nil}

  defp function(module, name, arity) do
    %{
      module: module,
      target: {:function, name, arity},
      id: "#{inspect(module)}.#{name}/#{arity}",
      location: nil
    }
  end

  defp known?(module, base), do: is_map_key(base.modules, module) or in_vm?(module)

  # Loading is not needed to know that there is a file.
  defp in_vm?(module), do: :erlang.module_loaded(module) or :code.which(module) != :non_existing

  defp unknown_module(module, base) do
    nearest =
      Suggest.nearest(
        inspect(module),
        Enum.map(Map.keys(base.modules) ++ Selection.known_modules(), &inspect/1)
      )

    unmatched(
      :unknown_module,
      "there is no module #{inspect(module)}, in the repository or in this VM",
      if(nearest, do: "did you mean #{nearest}?", else: "import the project, or compile it"),
      %{nearest: nearest}
    )
  end

  defp of_ids(base, ids) do
    Spec.each(ids, fn id ->
      with {:ok, place} <- ASTRepository.get_node_location(base.repository, id),
           {:ok, module} <- module_of(base, id) do
        {:ok,
         %{
           module: module,
           target: target(place, module),
           id: id,
           location: {place.file, place.line, place.column}
         }}
      end
    end)
  end

  defp target(%{kind: :module}, _module), do: :all

  defp target(%{kind: :function, ast_node_id: id}, module) do
    rest = String.replace_prefix(id, inspect(module) <> ".", "")
    [arity | name] = rest |> String.split("/") |> Enum.reverse()
    name = name |> Enum.reverse() |> Enum.join("/")
    {:function, String.to_existing_atom(name), String.to_integer(arity)}
  end

  defp target(place, _module), do: {:place, place.line, place.column}

  # The module whose name the id begins with, the longest of those.
  defp module_of(base, id) do
    base.modules
    |> Map.keys()
    |> Enum.filter(&(id == inspect(&1) or String.starts_with?(id, inspect(&1) <> ".")))
    |> Enum.max_by(&byte_size(inspect(&1)), fn -> nil end)
    |> case do
      nil -> Fault.not_found(:ast_node, id, "import the project it comes from")
      module -> {:ok, module}
    end
  end

  @doc """
  Entries of the `points:` option of a plan, those with `node:` or `pattern:` resolved: `{:ok, points}`. Several nodes of a
  pattern are several points with one `:id`.
  """
  def of_points(points, _repository) when not is_list(points), do: {:ok, points}

  def of_points(points, repository) do
    with {:ok, base} <- base(repository) do
      resolved =
        Spec.each(points, fn
          [_ | _] = point ->
            if(Keyword.keyword?(point), do: point |> Map.new() |> of_any(base), else: {:ok, [point]})

          point ->
            of_any(point, base)
        end)

      with {:ok, points} <- resolved, do: {:ok, Enum.concat(points)}
    end
  end

  defp of_any(%{} = point, base) when is_map_key(point, :node) or is_map_key(point, :pattern),
    do: of_point(point, base)

  defp of_any(other, _base), do: {:ok, [other]}

  defp of_point(point, base) do
    {key, rest} = if is_map_key(point, :node), do: {:node, Map.delete(point, :node)}, else: {:pattern, point}
    spec = %{target: {key, Map.fetch!(point, key)}, within: nil}

    case of(spec, base) do
      {:ok, targets} -> {:ok, Enum.map(targets, &Map.merge(Map.drop(rest, [:node, :pattern]), plain(&1)))}
      {:unmatched, error} -> {:error, error}
      error -> error
    end
  end

  defp plain(%{module: module, target: :all}), do: %{module: module}

  defp plain(%{module: module, target: {:function, name, arity}}),
    do: %{module: module, function: {name, arity}}

  defp plain(%{module: module, target: {:place, line, column}}),
    do: %{module: module, line: line, column: column}
end

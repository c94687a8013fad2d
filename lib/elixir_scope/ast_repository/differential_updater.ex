defmodule ElixirScope.ASTRepository.DifferentialUpdater do
  @moduledoc ~S"""
  What changed between two versions of a module, and what became of its nodes.

  Trees are matched after Falleri et al., "Fine-grained and accurate source code differencing" (ASE 2014): modules and
  functions by name, then by likeness; identical subtrees by their hash; containers by what they share; and what is left
  among the children of what was matched. What cannot be told with good reason is gone: a wrong answer is worse than
  none.

      iex> old = quote do
      ...>   defmodule Cart do
      ...>     def total(items), do: Enum.reduce(items, 0, &(&1.price * &1.count + &2))
      ...>     defp unused(x), do: x
      ...>   end
      ...> end
      iex> new = quote do
      ...>   defmodule Cart do
      ...>     def sum(items), do: Enum.reduce(items, 0, &(&1.price * &1.count + &2))
      ...>     def empty?(items), do: items == []
      ...>   end
      ...> end
      iex> {:ok, diff} = ElixirScope.ASTRepository.DifferentialUpdater.diff(old, new)
      iex> {diff.change_type, diff.renamed_functions, diff.added_functions, diff.removed_functions}
      {:major_changes, [{{:total, 1}, {:sum, 1}}], [empty?: 1], [unused: 1]}
  """

  alias ElixirScope.ASTRepository.{Fault, ModuleData, ModuleDiff, Records}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @typedoc """
  A version of a module: a `ModuleData` with its `:ast`, quoted code, a parsed source
  (`ElixirScope.ASTRepository.Parser`), or `{repository, module}` for what a repository holds now.
  """
  @type version :: ModuleData.t() | Macro.t() | reference() | {term(), module()}

  @doc """
  What changed from one version of a module to the other, as a `ElixirScope.ASTRepository.ModuleDiff`; an error as a
  value. See `diff/2`, which gives the same as `{:ok, diff}`.
  """
  @spec calculate_module_diff(version(), version()) :: ModuleDiff.t() | {:error, Error.t()}
  def calculate_module_diff(old, new) do
    with {:ok, diff} <- diff(old, new), do: diff
  end

  @doc """
  What changed from one version of a module to the other. Code that defines several modules is compared by its first;
  `diff_all/2` gives them all.

  Errors: `:invalid_argument` for what is no version or defines no module, `:not_found` for what is not stored.
  """
  @spec diff(version(), version()) :: {:ok, ModuleDiff.t()} | {:error, Error.t()}
  def diff(old, new) do
    with {:ok, old} <- version(old),
         {:ok, new} <- version(new),
         {:ok, all} <- modules(old, new) do
      pick(all, old, new)
    end
  end

  @doc "What changed in every module of two versions of a file; those that went come last."
  @spec diff_all(version(), version()) :: {:ok, [ModuleDiff.t()]} | {:error, Error.t()}
  def diff_all(old, new) do
    with {:ok, old} <- version(old),
         {:ok, new} <- version(new),
         do: modules(old, new)
  end

  @doc """
  What became of nodes of the old version: `%{id => new_id}`, with `nil` for what is gone.

      iex> alias ElixirScope.ASTRepository.DifferentialUpdater
      iex> old = quote(do: (defmodule(A, do: def(f(x), do: load(x, [:all, :strict])))))
      iex> new = quote(do: (defmodule(A, do: def(g(x), do: load(x, [:all, :strict])))))
      iex> DifferentialUpdater.forward(old, new, ["A.f/1", "A.nope/0"])
      {:ok, %{"A.f/1" => "A.g/1", "A.nope/0" => nil}}
  """
  @spec forward(version(), version(), [String.t()] | nil) ::
          {:ok, %{optional(String.t()) => String.t() | nil}} | {:error, Error.t()}
  def forward(old, new, ids \\ nil) do
    with :ok <- ids(ids),
         {:ok, old} <- version(old),
         {:ok, new} <- version(new),
         {:ok, pairs} <- Core.Diff.forward(old.source, new.source, ids) do
      {:ok, Map.new(pairs)}
    end
  end

  @doc """
  What became of all ids of the old version, as counts: `:all`; `:unchanged`, the same id for the same node; `:forwarded`,
  the node has another id; `:gone`. Of the gone ones, `:reused`: the id names an equal node of the same definition now;
  and `:missed`: code of at least nine nodes that stands in the new version and came from nowhere else.
  """
  @spec survival(version(), version()) :: {:ok, %{atom() => non_neg_integer()}} | {:error, Error.t()}
  def survival(old, new) do
    with {:ok, old} <- version(old),
         {:ok, new} <- version(new),
         do: Core.Diff.survival(old.source, new.source)
  end

  defp ids(nil), do: :ok

  defp ids(ids) do
    if is_list(ids) and not List.improper?(ids) and Enum.all?(ids, &(is_binary(&1) and String.valid?(&1))),
      do: :ok,
      else: Fault.invalid(:ids, ids, "give a list of ids, as text")
  end

  # Versions: `%{source:, module:, data:}`

  defp version(%ModuleData{ast: nil} = data) do
    Fault.invalid(:module_data, data.module_name, "it has no :ast to compare")
  end

  defp version(%ModuleData{} = data) do
    with {:ok, source} <- Core.Source.build(file(data.source_file), nil, data.ast),
         do: {:ok, %{source: source, module: data.module_name, data: data}}
  end

  defp version(source) when is_reference(source), do: {:ok, %{source: source, module: nil, data: nil}}

  defp version({repository, module}) when is_atom(module) do
    case Records.get_module(repository, module,
           fields: [:module_name, :ast, :source_file, :correlation_metadata]
         ) do
      {:ok, data} ->
        version(data)

      {:error, :not_found} ->
        Fault.not_found(:module, module, "store it with store_module/2 or import its project")

      error ->
        error
    end
  end

  defp version({name, meta, args} = quoted)
       when (is_atom(name) or is_tuple(name)) and is_list(meta) and is_list(args) do
    with {:ok, source} <- Core.Source.build(nil, nil, quoted),
         do: {:ok, %{source: source, module: nil, data: nil}}
  end

  defp version(other) do
    Fault.invalid(
      :module,
      other,
      "give an ElixirScope.ASTRepository.ModuleData with its :ast, quoted code, or {repository, module}"
    )
  end

  defp file(file) when is_binary(file), do: file
  defp file(_), do: nil

  # Answers

  defp modules(old, new) do
    with {:ok, maps} <- Core.Diff.modules(old.source, new.source) do
      {:ok, Enum.map(maps, &finish(&1, old, new))}
    end
  end

  defp pick(all, old, new) do
    own = Enum.find(all, &(new.module != nil and &1.module_name == new.module and &1.status != :removed))
    own = own || Enum.find(all, &(old.module != nil and &1.old_module_name == old.module))

    case own || List.first(all) do
      nil -> Fault.invalid(:module, nil, "neither version defines a module")
      diff -> {:ok, %{diff | correlation_impacts: correlation_impacts(old, new)}}
    end
  end

  defp finish(map, old, new) do
    by_change = Enum.group_by(map.function_changes, & &1.change)
    functions = fn change, side -> for one <- Map.get(by_change, change, []), do: name_arity(one[side]) end

    struct(
      ModuleDiff,
      Map.merge(map, %{
        added_functions: functions.(:added, :new),
        removed_functions: functions.(:removed, :old),
        modified_functions: functions.(:modified, :new),
        renamed_functions: Enum.zip(functions.(:renamed, :old), functions.(:renamed, :new)),
        metadata_changes: Enum.map(map.metadata_changes, &statements(&1, old.source, new.source))
      })
    )
  end

  defp name_arity({_module, name, arity}), do: {name, arity}

  # Statements come as ids; what people read is their text.
  defp statements(%{field: field} = change, old, new)
       when field in [:uses, :struct, :requires, :imports, :aliases, :attributes],
       do: %{change | old: texts(old, change.old), new: texts(new, change.new)}

  defp statements(change, _old, _new), do: change

  defp texts(source, ids) do
    for id <- ids, {:ok, quoted} <- [Core.Source.quoted(source, id)], do: Macro.to_string(quoted)
  end

  # Correlations

  defp correlation_impacts(old, new) do
    before = correlations(old.data)
    now = correlations(new.data)
    nodes = before |> Map.values() |> Enum.uniq()
    forwards = forwards(old, new, nodes)

    {maintained, broken} =
      before
      |> Enum.sort()
      |> Enum.map(fn {id, node} ->
        %{correlation_id: id, old_ast_node_id: node, ast_node_id: forwards[node] || kept(now[id], node)}
      end)
      |> Enum.split_with(& &1.ast_node_id)

    %{
      broken_correlations: broken,
      new_correlations:
        for(
          {id, node} <- Enum.sort(now),
          not is_map_key(before, id),
          do: %{correlation_id: id, old_ast_node_id: nil, ast_node_id: node}
        ),
      maintained_correlations: maintained
    }
  end

  # A node that stands in neither code may be one of a caller's own naming: it is there while both say so.
  defp kept(node, node), do: node
  defp kept(_other, _node), do: nil

  defp forwards(old, new, nodes) do
    case Core.Diff.forward(old.source, new.source, Enum.filter(nodes, &String.valid?/1)) do
      {:ok, pairs} -> Map.new(pairs)
      {:error, _} -> %{}
    end
  end

  defp correlations(%ModuleData{correlation_metadata: %{} = metadata}),
    do: for({id, node} <- metadata, is_binary(node), into: %{}, do: {id, node})

  defp correlations(_), do: %{}
end

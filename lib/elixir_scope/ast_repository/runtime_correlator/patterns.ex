defmodule ElixirScope.ASTRepository.RuntimeCorrelator.Patterns do
  @moduledoc false
  # Events that have a name or a message and no place: the calls and clauses of the source that fit are candidates, the most
  # particular first. One candidate is nearly certain; several share what is certain.

  alias ElixirScope.ASTRepository.CallSites

  @literal_name 0.95
  @open_name 0.6
  @one_clause 0.9
  @guarded 0.7
  @catch_all 0.4
  # How much a candidate may be behind the first and still be one.
  @near 0

  @type candidate :: %{ast_node_id: String.t(), confidence: float()}

  @doc "Candidates for a telemetry event of this name; `module` keeps to one module, where it is known."
  @spec telemetry(term(), [atom()], module() | nil) :: [candidate()]
  def telemetry(repository, name, module \\ nil) do
    sites = CallSites.telemetry(repository)

    case within(Map.get(sites, name, []), module) do
      [] ->
        open =
          for {pattern, found} <- sites, :_ in pattern, fits_name?(pattern, name), site <- found, do: site

        open |> within(module) |> share(fn _ -> @open_name end)

      exact ->
        share(exact, fn _ -> @literal_name end)
    end
  end

  defp fits_name?(pattern, name) when length(pattern) == length(name),
    do: Enum.zip(pattern, name) |> Enum.all?(fn {one, other} -> one == :_ or one == other end)

  defp fits_name?(_pattern, _name), do: false

  defp within(sites, nil), do: sites

  defp within(sites, module) do
    text = inspect(module) <> "."
    Enum.filter(sites, &String.starts_with?(&1.ast_node_id, text))
  end

  defp share(sites, confidence) do
    sites = Enum.uniq_by(sites, & &1.ast_node_id)
    count = length(sites)
    for site <- sites, do: %{ast_node_id: site.ast_node_id, confidence: confidence.(site) / count}
  end

  @doc """
  Candidates for a message: clauses of callbacks and `receive`s that take it. `kind` is `:call`, `:cast`, `:info` or `nil`, `module`
  the module of the process, or `nil`.

  In one module the first clause that fits takes the message, unless a guard refuses it: so of each module one or a few are
  candidates.
  """
  @spec message(term(), term(), atom() | nil, module() | nil) :: [candidate()]
  def message(repository, message, kind, module) do
    fitting =
      for {of, pattern, clause} <- CallSites.receives(repository),
          kind == nil or of == kind or (kind == :info and clause.in_receive),
          module == nil or module_of(clause) == module,
          {:ok, weight} <- [fit(message, pattern)],
          do: {weight, clause}

    fitting
    |> Enum.group_by(fn {_, clause} ->
      {module_of(clause), clause.in_receive && clause.function, clause.kind}
    end)
    |> Enum.flat_map(fn {_, clauses} -> first_taker(clauses) end)
    |> rank()
  end

  defp module_of(%{function: {module, _, _}}), do: module
  defp module_of(_clause), do: nil

  # Up to and with the first clause that surely takes it.
  defp first_taker(clauses) do
    {refusing, rest} =
      clauses
      |> Enum.sort_by(fn {_, one} -> {one.line, one.column} end)
      |> Enum.split_while(fn {_, one} -> one.guarded end)

    refusing ++ Enum.take(rest, 1)
  end

  defp rank([]), do: []

  defp rank(fitting) do
    best = fitting |> Enum.map(&elem(&1, 0)) |> Enum.max()
    {near, far} = Enum.split_with(fitting, fn {weight, _} -> weight >= best - @near end)
    sure = for {_, clause} <- near, do: {clause, base(clause)}
    count = length(sure)

    chosen = for {clause, base} <- sure, do: %{ast_node_id: clause.ast_node_id, confidence: base / count}
    others = for {_, clause} <- far, do: %{ast_node_id: clause.ast_node_id, confidence: 0.1 / length(far)}
    Enum.sort_by(chosen, &(-&1.confidence)) ++ others
  end

  defp base(%{catch_all: true}), do: @catch_all
  defp base(%{guarded: true}), do: @guarded
  defp base(_clause), do: @one_clause

  ## Whether a term has the shape of a pattern, and how much of it the pattern says

  defp fit(_term, {:_, _, context}) when is_atom(context), do: {:ok, 0}
  defp fit(_term, {name, _, context}) when is_atom(name) and is_atom(context), do: {:ok, 0}

  defp fit(term, {:{}, _, elements}) when is_list(elements),
    do:
      if(is_tuple(term) and tuple_size(term) == length(elements),
        do: all(Tuple.to_list(term), elements, 2),
        else: :no
      )

  defp fit(term, {left, right}),
    do:
      if(is_tuple(term) and tuple_size(term) == 2, do: all(Tuple.to_list(term), [left, right], 2), else: :no)

  defp fit(term, {:%{}, _, pairs}) when is_map(term) and is_list(pairs) do
    Enum.reduce_while(pairs, {:ok, 1}, fn {key, pattern}, {:ok, weight} ->
      with {:ok, value} <- Map.fetch(term, key), {:ok, more} <- fit(value, pattern) do
        {:cont, {:ok, weight + 1 + more}}
      else
        _ -> {:halt, :no}
      end
    end)
  end

  defp fit(%name{} = term, {:%, _, [{:__aliases__, _, parts}, fields]}) do
    if Enum.all?(parts, &is_atom/1) and Module.concat(parts) == name do
      with {:ok, weight} <- fit(Map.from_struct(term), fields), do: {:ok, weight + 2}
    else
      :no
    end
  end

  defp fit(%_{} = term, {:%, _, [_open, fields]}), do: fit(Map.from_struct(term), fields)

  defp fit(term, [{:|, _, [head, tail]}]),
    do: if(match?([_ | _], term), do: all([hd(term), tl(term)], [head, tail], 1), else: :no)

  defp fit(term, list) when is_list(list),
    do: if(is_list(term) and length_is(term, length(list)), do: all(term, list, 1), else: :no)

  defp fit(term, {:<>, _, [prefix, _rest]}) when is_binary(prefix),
    do: if(is_binary(term) and String.starts_with?(term, prefix), do: {:ok, 3}, else: :no)

  defp fit(term, {:__aliases__, _, parts}),
    do: if(Enum.all?(parts, &is_atom/1) and term == Module.concat(parts), do: {:ok, 3}, else: :no)

  defp fit(term, {type, _, []}) when is_atom(type), do: if(type?(term, type), do: {:ok, 1}, else: :no)

  defp fit(term, {:=, _, [left, right]}),
    do: with({:ok, one} <- fit(term, left), {:ok, other} <- fit(term, right), do: {:ok, one + other})

  defp fit(_term, {form, _, _}) when form in [:%{}, :%, :{}], do: :no
  defp fit(_term, {_call, _, arguments}) when is_list(arguments), do: {:ok, 0}
  defp fit(term, literal), do: if(term === literal, do: {:ok, 3}, else: :no)

  defp all(terms, patterns, weight) do
    Enum.zip(terms, patterns)
    |> Enum.reduce_while({:ok, weight}, fn {term, pattern}, {:ok, weight} ->
      case fit(term, pattern) do
        {:ok, more} -> {:cont, {:ok, weight + more}}
        :no -> {:halt, :no}
      end
    end)
  end

  defp length_is([], 0), do: true
  defp length_is([_ | rest], count) when count > 0, do: length_is(rest, count - 1)
  defp length_is(_other, _count), do: false

  defp type?(term, type) when type in [:number], do: is_number(term)
  defp type?(term, :integer), do: is_integer(term)
  defp type?(term, :float), do: is_float(term)
  defp type?(term, :atom), do: is_atom(term)
  defp type?(term, :boolean), do: is_boolean(term)
  defp type?(term, type) when type in [:binary, :bitstring, :string], do: is_bitstring(term)
  defp type?(term, :list), do: is_list(term)
  defp type?(term, :tuple), do: is_tuple(term)
  defp type?(term, type) when type in [:map, :struct], do: is_map(term)
  defp type?(term, :pid), do: is_pid(term)
  defp type?(term, :reference), do: is_reference(term)
  defp type?(term, type) when type in [:function, :fun], do: is_function(term)
  defp type?(_term, _type), do: true
end

defmodule ElixirScope.ASTRepository.Query.Matches do
  @moduledoc false
  # `{:matches, pattern}`: found by the search engine first, then a condition like any other.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Query}

  @depth_max 64
  @rows_max 10_000

  @doc "The query with what its patterns match in their place."
  @spec resolve(term(), term()) :: {:ok, term()} | {:error, ElixirScope.Error.t()}
  def resolve(_repository, %Query{where: where} = query) when not is_list(where), do: {:ok, query}

  def resolve(repository, %Query{} = query) do
    if matches?(query.where, 0) do
      {:ok, %{query | where: Enum.map(query.where, &put(repository, query.from, &1, 0))}}
    else
      {:ok, query}
    end
  catch
    {:unresolved, error} -> error
  end

  def resolve(_repository, other), do: {:ok, other}

  defp matches?(_conditions, depth) when depth > @depth_max, do: false
  defp matches?([condition | rest], depth), do: matches?(condition, depth + 1) or matches?(rest, depth)
  defp matches?({:matches, _pattern}, _depth), do: true
  defp matches?({operator, inner}, depth) when operator in [:and, :or, :not], do: matches?(inner, depth + 1)
  defp matches?(_other, _depth), do: false

  defp put(_repository, _source, condition, depth) when depth > @depth_max, do: condition

  defp put(repository, source, {operator, list}, depth) when operator in [:and, :or] and is_list(list),
    do: {operator, Enum.map(list, &put(repository, source, &1, depth + 1))}

  defp put(repository, source, {:not, inner}, depth), do: {:not, put(repository, source, inner, depth + 1)}

  defp put(repository, source, {:matches, pattern}, _depth) do
    with {:ok, field} <- field(source),
         {:ok, ids} <- ASTRepository.find_ast_nodes_by_pattern(repository, pattern),
         {:ok, values} <- bounded(field, ids) do
      {:in, field, values}
    else
      error -> throw({:unresolved, error})
    end
  end

  defp put(_repository, _source, condition, _depth), do: condition

  defp field(source) when source in [:functions, :clauses, :activations, :events], do: {:ok, :function}
  defp field(:modules), do: {:ok, :module_name}
  defp field(:ast_nodes), do: {:ok, :ast_node_id}

  defp field(source),
    do: Fault.invalid(:matches, source, "functions, clauses, modules and ast_nodes hold code")

  defp bounded(field, ids) do
    values = ids |> Enum.map(&value(field, &1)) |> Enum.uniq()

    if length(values) <= @rows_max,
      do: {:ok, values},
      else:
        Fault.invalid(
          :matches,
          length(values),
          "the pattern matches more than #{@rows_max} places: narrow it"
        )
  end

  defp value(:ast_node_id, id), do: id
  defp value(:function, id), do: id |> String.split("#") |> hd()
  # `Shop.Cart.add/3`: the module is what stands before the function's name.
  defp value(:module_name, id), do: id |> String.split("#") |> hd() |> String.replace(~r/\.[^.]*\/\d+$/, "")
end

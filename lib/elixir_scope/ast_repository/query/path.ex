defmodule ElixirScope.ASTRepository.Query.Path do
  @moduledoc false
  # One notation for a field inside a field. `:a.b` is a call to Elixir, so it is rewritten while it is still syntax;
  # `[:a, :b]` and `"a.b"` are read when the query is planned.

  alias ElixirScope.ASTRepository.Fault

  @comparisons ~w(eq ne gt gte lt lte in like)a
  @segments_max 8
  @text_bytes_max 512

  @doc "Rewrites the paths of a condition's syntax."
  @spec in_condition(Macro.t()) :: Macro.t()
  def in_condition({:{}, meta, [operator, field, value]}) when operator in @comparisons,
    do: {:{}, meta, [operator, in_field(field), value]}

  def in_condition({operator, list}) when operator in [:and, :or] and is_list(list),
    do: {operator, Enum.map(list, &in_condition/1)}

  def in_condition({:not, condition}), do: {:not, in_condition(condition)}
  def in_condition(other), do: other

  @doc "Rewrites `:a.b` to `[:a, :b]`; leaves any other syntax alone."
  @spec in_field(Macro.t()) :: Macro.t()
  def in_field(syntax) do
    case dotted(syntax, []) do
      {:ok, path} -> path
      :error -> syntax
    end
  end

  defp dotted({{:., _, [left, name]}, _, []}, rest) when is_atom(name), do: dotted(left, [name | rest])
  defp dotted(atom, [_ | _] = rest) when is_atom(atom), do: {:ok, [atom | rest]}
  defp dotted(_other, _rest), do: :error

  @doc "A field of a query as a list of names: atoms, or the text of what is no known atom."
  @spec parse(term()) :: {:ok, [atom() | String.t(), ...]} | {:error, ElixirScope.Error.t()}
  def parse(field) when is_atom(field) and field not in [nil, true, false], do: {:ok, [field]}

  def parse([_ | _] = path) do
    if proper_atoms?(path, @segments_max), do: {:ok, path}, else: invalid(path)
  end

  def parse(text) when is_binary(text) and text != "" and byte_size(text) <= @text_bytes_max do
    {:ok, text |> String.split(".") |> Enum.map(&name/1)}
  end

  def parse(other), do: invalid(other)

  # Only names that exist can be fields: no atom is made from a query's text. What stays text is refused by the schema.
  defp name(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> text
  end

  @doc "A path as the key of a row: the field itself, or the path as text."
  @spec key([atom()]) :: atom() | String.t()
  def key([field]), do: field
  def key(path), do: Enum.map_join(path, ".", &to_string/1)

  defp proper_atoms?([], _left), do: true
  defp proper_atoms?([atom | rest], left) when is_atom(atom) and left > 0, do: proper_atoms?(rest, left - 1)
  defp proper_atoms?(_other, _left), do: false

  defp invalid(field) do
    Fault.invalid(
      :field,
      field,
      "a field is an atom; a path is [:a, :b], \"a.b\" or, in where and order_by, :a.b"
    )
  end
end

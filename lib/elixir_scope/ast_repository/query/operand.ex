defmodule ElixirScope.ASTRepository.Query.Operand do
  @moduledoc false
  # What a row shows, and what conditions and orders look at: fields, aggregates, and the names given to these.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.ASTRepository.Query.{Path, Schema}

  @of_field ~w(count count_distinct sum avg min max median stddev)a
  @hint "an aggregate is :count, {:sum, field}, {:avg, field}, {:min, field}, {:max, field}, {:median, field}, " <>
          "{:stddev, field}, {:count_distinct, field} or {:percentile, field, 0.95}"

  @type t :: %{name: String.t(), key: atom() | String.t(), ops: [term()], aggregate?: boolean()}

  @doc "An item of `select`: what it is called, its key in a row, and how it is computed."
  @spec item(atom(), term()) :: {:ok, t()} | {:error, ElixirScope.Error.t()}
  def item(source, item) do
    cond do
      aggregate?(item) ->
        with {:ok, ops} <- aggregate(source, item) do
          key = key(item)
          {:ok, %{name: to_string(key), key: key, ops: ops, aggregate?: true}}
        end

      match?({name, _} when is_atom(name) and name not in [nil, true, false], item) ->
        {name, of} = item
        named(source, name, of)

      true ->
        with {:ok, path} <- field(source, item) do
          key = Path.key(path)
          {:ok, %{name: to_string(key), key: key, ops: [column(path)], aggregate?: false}}
        end
    end
  end

  defp named(source, name, of) do
    if is_tuple(of) and not aggregate?(of),
      do: Fault.invalid(:select, {name, of}, @hint),
      else: with({:ok, item} <- item(source, of), do: {:ok, %{item | name: to_string(name), key: name}})
  end

  @doc "What a condition or an order looks at. `given` are the items of `select`, by the names they were given."
  @spec ops(atom(), term(), %{term() => t()}) :: {:ok, [term()]} | {:error, ElixirScope.Error.t()}
  def ops(source, operand, given) do
    case given do
      %{^operand => item} ->
        {:ok, item.ops}

      _ ->
        if aggregate?(operand),
          do: aggregate(source, operand),
          else: with({:ok, path} <- field(source, operand), do: {:ok, [column(path)]})
    end
  end

  @doc "A field that exists, as a path."
  @spec field(atom(), term()) :: {:ok, [atom()]} | {:error, ElixirScope.Error.t()}
  def field(source, field) do
    with {:ok, path} <- Path.parse(field),
         :ok <- Schema.check(source, path),
         do: {:ok, path}
  end

  def text(path), do: Enum.map_join(path, ".", &to_string/1)

  defp column(path), do: {:column, text(path)}

  defp aggregate?(:count), do: true
  defp aggregate?({kind, _field}) when kind in @of_field, do: true
  defp aggregate?({:percentile, _field, _part}), do: true
  defp aggregate?(_other), do: false

  defp aggregate(_source, :count), do: {:ok, [{:aggregate, :count, nil, nil, false}]}

  defp aggregate(source, {:percentile, field, part}) when is_number(part) and part >= 0 and part <= 1,
    do: of(source, field, :percentile, part * 1.0, false)

  defp aggregate(_source, {:percentile, _field, part}),
    do: Fault.invalid(:percentile, part, "give a number from 0 to 1: {:percentile, :p95_us, 0.95}")

  defp aggregate(source, {:median, field}), do: of(source, field, :percentile, 0.5, false)
  defp aggregate(source, {:count_distinct, field}), do: of(source, field, :count, nil, true)
  defp aggregate(source, {kind, field}), do: of(source, field, kind, nil, false)

  defp of(source, field, kind, part, distinct?) do
    case field(source, field) do
      {:ok, path} -> {:ok, [{:aggregate, kind, part, text(path), distinct?}]}
      {:error, error} -> {:error, %{error | hint: error.hint || @hint}}
    end
  end

  defp key(:count), do: :count
  defp key({:percentile, field, part}), do: "percentile(#{shown(field)}, #{part})"
  defp key({kind, field}), do: "#{kind}(#{shown(field)})"

  defp shown(field) do
    case Path.parse(field) do
      {:ok, path} -> text(path)
      _ -> Fault.show(field)
    end
  end
end

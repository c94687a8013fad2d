defmodule ElixirScope.Test.Versions do
  @moduledoc """
  The compiler's own versions of variables, against ours.

  A compiled module keeps its expanded definitions (the `Dbgi` chunk), in which every variable has a `version:` in its metadata. When
  the source was parsed with columns, a place names a variable exactly: two places have one version there if and only if they have one
  binding here.
  """

  alias ElixirScope.Core.Flow

  @type place :: {line :: pos_integer(), column :: pos_integer(), name :: atom()}

  @doc "`[{definition, clause_line, [{place, versions}]}]` of a compiled module, and the file that it names. Macros' variables are left out."
  def compiled(binary) do
    case :beam_lib.chunks(binary, [:debug_info]) do
      {:ok, {module, [debug_info: {:debug_info_v1, _, {:elixir_v1, map, _}}]}} ->
        clauses =
          for {{name, arity}, _kind, meta, clauses} <- map.definitions,
              own_file?(meta, map.file),
              {clause, args, guards, body} <- clauses do
            places = [args, guards, body] |> variables([]) |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))

            {{module, name, arity}, clause[:line],
             Enum.map(places, fn {place, all} -> {place, Enum.uniq(all)} end)}
          end

        {map.file, clauses}

      _ ->
        {nil, []}
    end
  end

  # What a macro of another file defined says so.
  defp own_file?(meta, file) do
    case meta[:location] || meta[:file] do
      {other, _line} -> String.ends_with?(file, other)
      _ -> true
    end
  end

  @doc "`%{place => binding}` of a parsed source; `nil` for what nothing binds."
  def found(source) do
    {:ok, regions} = Flow.occurrences(source)

    for {_kind, _line, places} <- regions, {line, column, name, binding, _role} <- places, into: %{} do
      {{line, column, name}, binding}
    end
  end

  @doc """
  Compares clauses of `compiled/1` with `found/1`:

    * `:missing` - the compiler has a variable where we have none
    * `:unbound` - where we know no binding
    * `:split` - one version there is several bindings here
    * `:merged` - several versions there are one binding here
  """
  def compare(clauses, found) do
    for {definition, line, places} <- clauses,
        reduce: %{places: 0, missing: [], unbound: [], split: [], merged: []} do
      result ->
        tag = &{definition, line, &1}
        known = for {place, versions} <- places, binding = found[place], do: {place, versions, binding}
        names = Enum.map(places, &elem(&1, 0))

        %{
          places: result.places + length(places),
          missing: for(place <- names, not is_map_key(found, place), do: tag.(place)) ++ result.missing,
          unbound: for(place <- names, match?(%{^place => nil}, found), do: tag.(place)) ++ result.unbound,
          split: uneven(known, &elem(&1, 1), &elem(&1, 2), tag) ++ result.split,
          merged: uneven(known, &elem(&1, 2), &elem(&1, 1), tag) ++ result.merged
        }
    end
  end

  defp uneven(known, group, value, tag) do
    for {_, all} <- Enum.group_by(known, group), all |> Enum.uniq_by(value) |> length() > 1, do: tag.(all)
  end

  # What `&1` stands for is a variable of this name, from Elixir 1.17 on with the place of the `&1`; newer compilers give
  # versions to `_` too, which binds nothing.
  defp variables({name, _meta, context}, found) when name in [:capture, :_] and is_atom(context), do: found

  # `{name, meta, context}` with a version and a column: the user wrote it. What macros bring has a context or no column.
  defp variables({name, meta, context}, found) when is_atom(name) and is_list(meta) and is_atom(context) do
    if meta[:version] && meta[:column] && context in [nil, Elixir],
      do: [{{meta[:line], meta[:column], name}, meta[:version]} | found],
      else: found
  end

  defp variables(tuple, found) when is_tuple(tuple), do: variables(Tuple.to_list(tuple), found)
  defp variables([head | tail], found), do: variables(tail, variables(head, found))
  defp variables(_other, found), do: found
end

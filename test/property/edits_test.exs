defmodule ElixirScope.Property.EditsTest do
  @moduledoc """
  Generated edits of this project's own modules, where what became of each node is known: every node carries a number in
  its metadata, which no id and no matching looks at. A pair is right when both ends have one number.
  """
  use ExUnit.Case, async: true

  # Thousands of edits: on a busy machine more than a minute.
  @moduletag timeout: 300_000

  alias ElixirScope.ASTRepository.DifferentialUpdater
  alias ElixirScope.Core.Source

  @root Path.expand("../..", __DIR__)
  @files "lib/elixir_scope/{ast_repository,report,static,instrumentation}/*.ex"
  @nodes 200..2_500
  @modules 30

  setup_all do
    sources =
      for path <- Path.wildcard(Path.join(@root, @files)),
          {:defmodule, _, _} = quoted <- [Code.string_to_quoted!(File.read!(path))],
          count(quoted) in @nodes,
          length(functions(quoted)) >= 3,
          do: number(quoted)

    # Always the same ones, from all over.
    %{sources: Enum.take_every(sources, max(div(length(sources), @modules), 1))}
  end

  # The least share of the nodes that are still there to be found, and of the pairs to be right.
  for {edit, found, right} <- [
        {:format, 1.0, 1.0},
        {:insert, 1.0, 1.0},
        {:delete, 1.0, 1.0},
        {:reorder, 1.0, 1.0},
        {:rename_function, 0.99, 1.0},
        {:rename_variable, 0.99, 0.999},
        {:wrap, 0.99, 0.999},
        {:insert_statement, 0.99, 0.999},
        {:change_literal, 0.99, 0.999}
      ] do
    test "#{edit}: at least #{found} found, #{right} of it right", %{sources: sources} do
      edit = unquote(edit)
      seed = :rand.seed_s(:exsss, {1, 2, 3})

      {sums, _} =
        Enum.map_reduce(sources, seed, fn old, seed ->
          {new, seed} = apply(__MODULE__, edit, [old, seed])
          {check(old, new), seed}
        end)

      total = fn key -> sums |> Enum.map(& &1[key]) |> Enum.sum() end
      assert total.(:kept) > 5_000
      found = total.(:found) / total.(:kept)
      right = total.(:right) / max(total.(:pairs), 1)
      if System.get_env("ELIXIR_SCOPE_FIGURES"), do: IO.puts("#{edit}: #{found} found, #{right} right")
      assert found >= unquote(found), "#{edit}: #{found} found"
      assert right >= unquote(right), "#{edit}: #{right} right"
    end
  end

  # Counts over numbered nodes of the old version.
  defp check(old, new) do
    {:ok, before} = Source.build("lib/a.ex", nil, old)
    {:ok, now} = Source.build("lib/a.ex", nil, new)
    {:ok, forwards} = DifferentialUpdater.forward(before, now)
    still = now |> numbers() |> Map.values() |> MapSet.new()
    of_new = numbers(now)

    for {id, number} <- numbers(before), reduce: %{kept: 0, found: 0, pairs: 0, right: 0} do
      sums ->
        kept = number in still
        partner = forwards[id]
        right = partner != nil and of_new[partner] == number

        %{
          kept: sums.kept + one(kept),
          found: sums.found + one(kept and right),
          pairs: sums.pairs + one(partner != nil),
          right: sums.right + one(right)
        }
    end
  end

  defp one(true), do: 1
  defp one(false), do: 0

  defp numbers(source) do
    {:ok, ids} = Source.ids(source)

    for id <- ids, {:ok, {_, meta, _}} <- [Source.quoted(source, id)], meta[:number], into: %{} do
      {id, meta[:number]}
    end
  end

  defp number(quoted) do
    {quoted, _} =
      Macro.prewalk(quoted, 0, fn
        {form, _meta, args}, n -> {{form, [number: n], args}, n + 1}
        other, n -> {other, n}
      end)

    quoted
  end

  defp count(quoted), do: quoted |> Macro.prewalk(0, &{&1, &2 + 1}) |> elem(1)

  # Edits

  # Other lines and columns: nothing else is there for a formatter to change in quoted code.
  def format(old, seed) do
    {Macro.prewalk(old, fn
       {form, meta, args} -> {form, meta ++ [line: :erlang.phash2(meta)], args}
       other -> other
     end), seed}
  end

  def insert(old, seed) do
    {n, seed} = pick(0..length(body(old)), seed)
    fresh = quote(do: def(inserted_here(left, right), do: Enum.zip(left, right) |> Map.new()))
    {put_body(old, List.insert_at(body(old), n, fresh)), seed}
  end

  def delete(old, seed) do
    {name, seed} = pick(functions(old), seed)
    {put_body(old, Enum.reject(body(old), &(key(&1) == name))), seed}
  end

  def reorder(old, seed) do
    {name, seed} = pick(functions(old), seed)
    {moved, rest} = Enum.split_with(body(old), &(key(&1) == name))
    {n, seed} = pick(0..length(rest), seed)
    {before, behind} = Enum.split(rest, n)
    {put_body(old, before ++ moved ++ behind), seed}
  end

  # The function and every local call of it, as an editor does it. Small ones are like too many others.
  def rename_function(old, seed) do
    large = for {name, _} = key <- functions(old), size(old, key) >= 15, do: name
    {name, seed} = pick(large, seed)

    new =
      Macro.prewalk(old, fn
        {^name, meta, args} when is_list(args) -> {:renamed_function, meta, args}
        other -> other
      end)

    {new, seed}
  end

  def rename_variable(old, seed) do
    {at, seed} = pick(definitions(old), seed)
    definition = Enum.at(body(old), at)

    variables =
      definition
      |> Macro.prewalk([], fn
        {name, _, context} = variable, names when is_atom(context) and name not in [:_, :__MODULE__] ->
          {variable, [name | names]}

        other, names ->
          {other, names}
      end)
      |> elem(1)

    if variables == [] do
      {old, seed}
    else
      {name, seed} = pick(Enum.uniq(variables), seed)

      new =
        Macro.prewalk(definition, fn
          {^name, meta, context} when is_atom(context) -> {:renamed_variable, meta, context}
          other -> other
        end)

      {put_body(old, List.replace_at(body(old), at, new)), seed}
    end
  end

  def wrap(old, seed) do
    change_definition(old, seed, fn {kind, meta, [head, [{:do, code} | rest]]} ->
      {kind, meta, [head, [{:do, {:if, [], [{:ready?, [], []}, [do: code]]}} | rest]]}
    end)
  end

  def insert_statement(old, seed) do
    change_definition(old, seed, fn {kind, meta, [head, [{:do, code} | rest]]} ->
      fresh = quote(do: Logger.debug("here"))

      block =
        case code do
          {:__block__, meta, statements} -> {:__block__, meta, [fresh | statements]}
          one -> {:__block__, [], [fresh, one]}
        end

      {kind, meta, [head, [{:do, block} | rest]]}
    end)
  end

  def change_literal(old, seed) do
    change_definition(old, seed, fn definition ->
      {new, _} =
        Macro.prewalk(definition, false, fn
          text, false when is_binary(text) -> {text <> "!", true}
          n, false when is_integer(n) -> {n + 1, true}
          other, done -> {other, done}
        end)

      new
    end)
  end

  defp change_definition(old, seed, fun) do
    {at, seed} = pick(definitions(old), seed)
    {put_body(old, List.update_at(body(old), at, fun)), seed}
  end

  # Modules

  defp body({:defmodule, _, [_, [do: {:__block__, _, statements}]]}), do: statements
  defp body({:defmodule, _, [_, [do: one]]}), do: [one]

  defp put_body({:defmodule, meta, [name, [do: {:__block__, block, _}]]}, statements),
    do: {:defmodule, meta, [name, [do: {:__block__, block, statements}]]}

  defp functions(quoted), do: quoted |> body() |> Enum.map(&key/1) |> Enum.reject(&is_nil/1) |> Enum.uniq()

  # Clauses with a body, by their place.
  defp definitions(quoted) do
    for {{kind, _, [_, [{:do, _} | _]]}, at} <- Enum.with_index(body(quoted)), kind in [:def, :defp], do: at
  end

  defp size(quoted, key),
    do: quoted |> body() |> Enum.filter(&(key(&1) == key)) |> Enum.map(&count/1) |> Enum.sum()

  defp key({kind, _, [{:when, _, [head | _]} | rest]}) when kind in [:def, :defp],
    do: key({kind, [], [head | rest]})

  defp key({kind, _, [{name, _, args} | _]}) when kind in [:def, :defp] and is_list(args),
    do: {name, length(args)}

  defp key({kind, _, [{name, _, nil} | _]}) when kind in [:def, :defp], do: {name, 0}
  defp key(_), do: nil

  defp pick(%Range{} = range, seed), do: pick(Enum.to_list(range), seed)

  defp pick(list, seed) do
    {n, seed} = :rand.uniform_s(length(list), seed)
    {Enum.at(list, n - 1), seed}
  end
end

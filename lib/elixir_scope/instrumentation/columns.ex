defmodule ElixirScope.Instrumentation.Columns do
  @moduledoc false
  # Columns for the abstract code of an Elixir module. Elixir's backend carries them from 1.19 on; before, it
  # drops them. There each line number is made to carry its column through the translation (the backend
  # copies line numbers and never looks into them), and is taken apart again afterwards.

  import Bitwise

  @bits 24
  @line_max (1 <<< @bits) - 1

  @doc "Does this Elixir's backend carry columns by itself?"
  def native?, do: :erl_anno.column(:elixir_erl.get_ann(line: 1, column: 2)) == 2

  @doc "The definitions of a module's debug information, with columns hidden in the lines of their bodies."
  def encode(%{definitions: definitions} = map) do
    definitions =
      for {tuple, kind, meta, clauses} <- definitions do
        {tuple, kind, meta, for({m, args, guards, body} <- clauses, do: {m, args, guards, walk(body)})}
      end

    %{map | definitions: definitions}
  end

  # Only nodes have metadata: 3-tuples with a list in the middle. Maps and other terms are literals.
  defp walk({name, meta, args}) when is_list(meta), do: {walk(name), position(meta), walk(args)}
  defp walk({left, right}), do: {walk(left), walk(right)}
  defp walk([head | tail]), do: [walk(head) | walk(tail)]
  defp walk(other), do: other

  defp position(meta) do
    with {:line, line} when is_integer(line) and line > 0 and line <= @line_max <-
           :lists.keyfind(:line, 1, meta),
         {:column, column} when is_integer(column) and column > 0 <-
           :lists.keyfind(:column, 1, meta) do
      :lists.keyreplace(:line, 1, meta, {:line, column <<< @bits ||| line})
    else
      _ -> meta
    end
  end

  @doc "The opposite: abstract forms whose locations are `{line, column}` where a column is known."
  def decode(forms), do: Enum.map(forms, &decode_form/1)

  defp decode_form({:function, _, _, _, _} = form), do: :erl_parse.map_anno(&location/1, form)
  defp decode_form(form), do: form

  defp location(anno) when is_integer(anno) and anno <= @line_max, do: anno

  defp location(anno) do
    case :erl_anno.location(anno) do
      coded when is_integer(coded) and coded > @line_max ->
        :erl_anno.set_location({coded &&& @line_max, coded >>> @bits}, anno)

      _ ->
        anno
    end
  end

  @doc "Line and column of every clause, by the name and arity of the compiled function."
  def positions(%{definitions: definitions}) do
    for {{name, arity}, kind, meta, clauses} <- definitions, into: %{} do
      {compiled_name(kind, name, arity), for({clause, _, _, _} <- clauses, do: clause(clause, meta))}
    end
  end

  defp compiled_name(kind, name, arity) when kind in [:defmacro, :defmacrop],
    do: {:"MACRO-#{name}", arity + 1}

  defp compiled_name(_, name, arity), do: {name, arity}

  defp clause(clause, definition) do
    {clause[:line] || definition[:line] || 0, clause[:column] || definition[:column]}
  end
end

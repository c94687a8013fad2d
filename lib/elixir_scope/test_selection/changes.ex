defmodule ElixirScope.TestSelection.Changes do
  @moduledoc false
  # What a change of a file means for what runs: which functions are others now, and whether something around them is.
  # Formatting, comments, docs and types mean nothing.

  alias ElixirScope.ASTRepository.{DifferentialUpdater, Parser}

  @definitions [:def, :defp, :defmacro, :defmacrop]
  # Attributes that nothing that runs depends on.
  @inert [:doc, :moduledoc, :typedoc, :spec, :type, :typep, :opaque, :impl]

  @type changed :: %{old: String.t() | nil, new: String.t() | nil, macro: boolean()}
  @type t :: %{
          modules: [String.t()],
          functions: [changed()],
          around: boolean(),
          docs: boolean(),
          came: [String.t()],
          went: [String.t()]
        }

  @doc """
  `{:ok, changes}` of a file with these texts, `nil` for one that is not there; `:unchanged`; or `{:error, _}` for a text
  that does not parse.

    * `:modules` - all modules of either version
    * `:functions` - what differs, by ids
    * `:around` - whether something outside of functions differs: attributes, `use`s, structs, whatever the bodies of modules do
    * `:docs` - whether docs differ
    * `:came`, `:went` - modules that are there on one side only
  """
  def of(old, new, path) do
    with {:ok, before} <- Code.string_to_quoted(old || "", emit_warnings: false),
         {:ok, now} <- Code.string_to_quoted(new || "", emit_warnings: false) do
      if bare(before) == bare(now), do: :unchanged, else: compare(old || "", new || "", before, now, path)
    else
      {:error, _} = error -> error
    end
  end

  defp compare(old, new, before, now, path) do
    with {:ok, before_source} <- Parser.parse_string(old, file: path),
         {:ok, now_source} <- Parser.parse_string(new, file: path),
         {:ok, diffs} <- DifferentialUpdater.diff_all(before_source, now_source) do
      functions = for diff <- diffs, change <- diff.function_changes, do: function(change, before, now)
      around = around(before) != around(now)
      docs = docs(before) != docs(now)

      {:ok,
       %{
         modules: names(diffs, [:module_name, :old_module_name]),
         functions: functions,
         # Something differs, and nothing says what: it is taken for everything.
         around: around or (functions == [] and silent?(before, now)),
         docs: docs,
         came: for(%{status: :added} = diff <- diffs, do: text(diff.module_name)),
         went:
           for(
             %{status: status} = diff <- diffs,
             status in [:removed, :renamed],
             do: text(diff.old_module_name)
           )
       }}
    end
  end

  defp silent?(before, now), do: without(before, @inert) != without(now, @inert)

  defp names(diffs, fields) do
    for diff <- diffs, field <- fields, name = Map.get(diff, field), uniq: true, do: text(name)
  end

  defp text(name) when is_binary(name), do: name
  defp text(name), do: inspect(name)

  defp function(change, before, now) do
    %{
      old: change.old_ast_node_id,
      new: change.ast_node_id,
      macro: macro?(change.old, before) or macro?(change.new, now)
    }
  end

  defp macro?(nil, _quoted), do: false

  defp macro?({_module, name, _arity}, quoted) do
    name = to_string(name)

    {_, found} =
      Macro.prewalk(quoted, false, fn
        {kind, _, [head | _]} = node, found when kind in [:defmacro, :defmacrop] ->
          {node, found or defined(head) == name}

        node, found ->
          {node, found}
      end)

    found
  end

  defp defined({:when, _, [head | _]}), do: defined(head)
  defp defined({name, _, _}) when is_atom(name), do: Atom.to_string(name)
  defp defined(_other), do: nil

  ## Code without what means nothing

  defp bare(quoted), do: Macro.prewalk(quoted, &plain/1)

  # With one definition or more beside it, an expression stands in a block: alone it means the same.
  defp plain({:__block__, _, [one]}), do: plain(one)
  defp plain({form, meta, args}) when is_list(meta), do: {form, [], args}
  defp plain(other), do: other

  # What is outside of functions: those that stand directly in the body of a module are left out.
  defp around(quoted), do: quoted |> without(@definitions ++ @inert) |> bare()

  defp without(quoted, names) do
    quoted
    |> Macro.prewalk(fn
      {:__block__, meta, items} when is_list(items) ->
        {:__block__, meta, Enum.reject(items, &named?(&1, names))}

      {:do, body} ->
        {:do, if(named?(body, names), do: {:__block__, [], []}, else: body)}

      other ->
        other
    end)
    |> bare()
  end

  defp named?({:@, _, [{name, _, [_ | _]}]}, names), do: name in names and name in @inert
  defp named?({name, _, [_ | _]}, names) when is_atom(name), do: name in names and name in @definitions
  defp named?(_other, _names), do: false

  defp docs(quoted) do
    {_, found} =
      Macro.prewalk(quoted, [], fn
        {:@, _, [{name, _, [_ | _] = value}]} = node, found when name in [:doc, :moduledoc] ->
          {node, [bare(value) | found]}

        node, found ->
          {node, found}
      end)

    found
  end
end

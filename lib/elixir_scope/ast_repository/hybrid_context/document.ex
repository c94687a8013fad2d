defmodule ElixirScope.ASTRepository.HybridContext.Document do
  @moduledoc false
  # A context as JSON, part by part, as `HybridContext.Markdown` is.

  alias ElixirScope.ASTRepository.HybridContext
  alias ElixirScope.ASTRepository.HybridContext.{Item, Markdown}
  alias ElixirScope.Report.{Answer, JSON}

  @schema "elixir_scope.context"
  @version 1

  # The `,"code":` around a part.
  @around 4

  def encode(%HybridContext{} = context) do
    JSON.encode(JSON.ordered(head(context) ++ [items: Enum.map(context.items, &item/1)] ++ also(context)))
  end

  @doc "What the head takes, with the brackets of the whole."
  def head_text(context), do: text(JSON.ordered(head(context) ++ [items: []] ++ also(%{context | also: []})))

  defp head(context) do
    [
      schema: @schema,
      version: @version,
      target: Answer.plain(context.target),
      loss: Answer.plain(context.loss),
      sampling: Answer.plain(context.sampling)
    ]
  end

  defp also(context),
    do: [also: Enum.map(context.also, & &1.ast_node_id), further: Markdown.left(context)]

  def also_text(also), do: text(Enum.map(also, & &1.ast_node_id))

  defp item(item) do
    parts = for part <- Markdown.parts(), value = value(item, part), value != nil, do: {part, value}
    JSON.ordered(title(item) ++ parts)
  end

  def title_text(item), do: [text(JSON.ordered(title(item))), ","]

  defp title(item) do
    [
      rank: item.rank,
      ast_node_id: item.ast_node_id,
      file: item.file,
      line: item.line,
      score: round_to(item.score),
      why: item.why
    ] ++ cut(item)
  end

  defp cut(%Item{code_cut: 0}), do: []
  defp cut(%Item{code_cut: n}), do: [code_cut: n]

  @doc "One part as it is in the document."
  def part_text(item, part) do
    case value(item, part) do
      nil -> []
      value -> [text(value), to_string(part), String.duplicate(",", @around)]
    end
  end

  defp value(item, :statistics) do
    with %{} = stats <- item.statistics do
      %{
        calls: stats.call_frequency,
        failed: (stats.errors || 0) + (stats.aborted || 0),
        p50_us: round_to(stats.p50_us),
        p95_us: round_to(stats.p95_us),
        self_us: round_to(stats.self_us),
        total_us: round_to(stats.total_us)
      }
    end
  end

  defp value(item, part) do
    case Map.fetch!(item, part) do
      [] -> nil
      value -> Answer.plain(value)
    end
  end

  defp round_to(float) when is_float(float), do: Float.round(float, 6)
  defp round_to(other), do: other

  defp text(value) do
    {:ok, text} = JSON.encode(value)
    text
  end
end

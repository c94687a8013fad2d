defmodule ElixirScope.ASTRepository.HybridContext.Build do
  @moduledoc false
  # From a request to a context: where to begin, what is near, and as much of it as there is room for.

  alias ElixirScope.ASTRepository.{ContextRequest, Fault, Handle, HybridContext}
  alias ElixirScope.ASTRepository.HybridContext.{Document, Evidence, Item, Markdown, Target}
  alias ElixirScope.{Capture, Core}

  # Of the whole budget: what one function may take, by its rank, so that one long function does not hide all others.
  @shares [0.25, 0.18, 0.14, 0.11, 0.1]
  @share 0.07
  # What is kept for the names of what did not get room.
  @also_share 0.08
  @also_max 40
  @title_tokens 24
  @code_lines_min 4
  # Bytes of the JSON document's end that depend on what is left out.
  @ending_bytes 32

  def build(repository, request) do
    started = System.monotonic_time(:microsecond)

    with {:ok, handle} <- Handle.repository(repository),
         {:ok, request} <- ContextRequest.new(request),
         {:ok, target, seeds} <- Target.resolve(handle, request),
         {:ok, found} <- Core.Repository.context(handle.ref, seeds, request.items),
         :ok <- something(found, target),
         {:ok, log} <- Core.Events.stats(handle.ref) do
      context = %HybridContext{
        request: request,
        target: target,
        seeds: found.seeds,
        found: found.found,
        as_of: %{version: found.version, events: found.events},
        unsettled: found.unsettled,
        loss: %{lost: found.lost, evicted: log.evicted, events: found.events},
        sampling: sampling()
      }

      context = fill(context, found.items, handle)
      {:ok, %{context | duration_us: System.monotonic_time(:microsecond) - started}}
    end
  end

  defp something(%{items: []}, target) do
    Fault.not_found(
      :context,
      target.text,
      "nothing of it names a function, a module, a test or words of the repository; import the project, or give a name"
    )
  end

  defp something(_found, _target), do: :ok

  # Gates are of this VM; a repository of another one has what its gates let through.
  defp sampling do
    case Capture.gates() do
      {:ok, gates} -> %{gates: length(gates), estimated: Enum.count(gates, & &1.estimated)}
      _ -> %{gates: 0, estimated: 0}
    end
  end

  ## Room

  defp fill(context, found, handle) do
    context = shorten(context)
    budget = context.request.tokens
    head = cost(head(context), budget)
    also = min(round(budget * @also_share), budget - head)
    room = budget - head - also
    top = found |> Enum.map(& &1.score) |> Enum.max(fn -> 1.0 end)

    {items, left} =
      found
      |> Enum.with_index(1)
      |> Enum.reduce_while({[], room}, fn {raw, rank}, {items, left} ->
        if left < @title_tokens do
          {:halt, {items, left}}
        else
          raw = Map.put(raw, :share, raw.score / max(top, 1.0e-12))

          case fit(raw, rank, context.request, left, handle) do
            nil -> {:halt, {items, left}}
            item -> {:cont, {[item | items], left - item.tokens}}
          end
        end
      end)

    context = %{context | items: Enum.reverse(items)}
    rest = Enum.drop(found, length(items))
    context = %{context | also: names(rest, context, left + also)}
    settle(context)
  end

  # A name may be longer than the whole budget.
  defp shorten(context) do
    most = div(context.request.tokens * 7, 8)

    if byte_size(context.target.text) > most,
      do: put_in(context.target.text, cut_bytes(context.target.text, most)),
      else: context
  end

  defp cut_bytes(text, bytes) do
    part = binary_part(text, 0, min(bytes, byte_size(text)))
    if String.valid?(part), do: part <> "…", else: cut_bytes(text, bytes - 1)
  end

  defp head(%{request: %{format: :json}} = context),
    do: [Document.head_text(context), String.duplicate(" ", @ending_bytes)]

  defp head(context), do: Markdown.head(context)

  defp cost(text, _budget), do: HybridContext.tokens(text)

  # The total is counted once more from what is rendered: a sum of rounded parts is never less, and should it be, what is least goes.
  defp settle(context) do
    tokens = HybridContext.tokens(rendered(context))

    cond do
      tokens <= context.request.tokens -> %{context | tokens: tokens}
      context.also != [] -> settle(%{context | also: Enum.drop(context.also, -1)})
      context.items != [] -> settle(%{context | items: Enum.drop(context.items, -1)})
      true -> %{context | tokens: tokens}
    end
  end

  defp rendered(%{request: %{format: :json}} = context) do
    case HybridContext.to_json(context) do
      {:ok, text} -> text
      _ -> ""
    end
  end

  defp rendered(context), do: Markdown.render(context)

  defp names(rest, context, room) do
    rest
    |> Enum.take(@also_max)
    |> Enum.map(&%{ast_node_id: &1.ast_node_id, score: &1.score})
    |> Enum.reduce_while([], fn one, kept ->
      more = [one | kept]
      text = also_text(Enum.reverse(more), context)
      if HybridContext.tokens(text) <= room, do: {:cont, more}, else: {:halt, kept}
    end)
    |> Enum.reverse()
  end

  defp also_text(also, %{request: %{format: :json}}), do: Document.also_text(also)
  defp also_text(also, context), do: Markdown.also(also, context.found)

  ## One function

  # Part by part, while there is room; code is cut to what there is.
  defp fit(raw, rank, request, left, handle) do
    whole = Evidence.item(raw, rank)
    bare = %Item{} |> struct(Map.take(whole, title_fields()))
    title = HybridContext.tokens(title(bare, request.format))

    if title > left do
      nil
    else
      share = Enum.at(@shares, rank - 1, @share)
      cap = min(left, max(round(request.tokens * share), title))
      add(Markdown.parts(), bare, title, cap, {raw, whole, request, handle})
    end
  end

  defp title_fields,
    do: [:rank, :ast_node_id, :function, :kind, :file, :line, :end_line, :score, :proximity, :seed, :why]

  defp add([], item, used, _cap, _from), do: %{item | tokens: used, left_out: Enum.reverse(item.left_out)}

  defp add([:code | parts], item, used, cap, {raw, _whole, request, handle} = from) do
    code = if request.code, do: Evidence.code(raw, handle)
    {item, used} = with_code(item, code, used, cap, request.format)
    add(parts, item, used, cap, from)
  end

  defp add([part | parts], item, used, cap, {raw, whole, request, handle} = from) do
    value = Evidence.part(part, raw, whole, request, handle, cap - used)
    {item, used} = with_part(item, part, value, used, cap, request.format)
    add(parts, item, used, cap, from)
  end

  defp with_code(item, nil, used, _cap, _format), do: {item, used}

  defp with_code(item, {text, of}, used, cap, format) do
    lines = String.split(text, "\n")
    # Facts about a function tell more than its last lines: code gets two thirds of the room.
    most = used + div((cap - used) * 2, 3)
    fits = fn count -> cost_of_code(item, lines, count, of, format) + used <= most end
    count = largest(0, length(lines), fits)

    if count >= min(@code_lines_min, length(lines)) and count > 0 do
      item = code_item(item, lines, count, of)
      {item, used + HybridContext.tokens(part(item, :code, format))}
    else
      {left_out(item, :code), used}
    end
  end

  defp code_item(item, lines, count, of),
    do: %{
      item
      | code: lines |> Enum.take(count) |> Enum.join("\n"),
        code_of: of,
        code_cut: length(lines) - count
    }

  defp cost_of_code(_item, _lines, 0, _of, _format), do: 0

  defp cost_of_code(item, lines, count, of, format),
    do: item |> code_item(lines, count, of) |> part(:code, format) |> HybridContext.tokens()

  # The largest number that fits, when less fits whenever more does.
  defp largest(low, high, fits) do
    cond do
      fits.(high) -> high
      high - low <= 1 -> low
      true -> between(low, high, fits)
    end
  end

  defp between(low, high, _fits) when high - low <= 1, do: low

  defp between(low, high, fits) do
    middle = div(low + high, 2)
    if fits.(middle), do: between(middle, high, fits), else: between(low, middle, fits)
  end

  defp with_part(item, _part, nil, used, _cap, _format), do: {item, used}
  defp with_part(item, _part, [], used, _cap, _format), do: {item, used}

  defp with_part(item, part, value, used, cap, format) do
    more = Map.put(item, part, value)
    cost = HybridContext.tokens(part(more, part, format))

    cond do
      used + cost <= cap -> {more, used + cost}
      is_list(value) and length(value) > 1 -> with_part(item, part, Enum.drop(value, -1), used, cap, format)
      true -> {left_out(item, part), used}
    end
  end

  defp left_out(item, part), do: %{item | left_out: [part | item.left_out]}

  defp title(item, :json), do: Document.title_text(item)
  defp title(item, :markdown), do: Markdown.title(item)
  defp part(item, part, :json), do: Document.part_text(item, part)
  defp part(item, part, :markdown), do: Markdown.part(item, part)
end

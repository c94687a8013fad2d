defmodule ElixirScope.ASTRepository.Search do
  @moduledoc false
  # Structural search: patterns in, ids or matches out.

  alias ElixirScope.ASTRepository.{Fault, Handle, Pattern, PatternMatch, PatternMatches}
  alias ElixirScope.Core

  @own [:limit, :offset, :timeout]
  @limit_default 1_000

  def ids(repository, pattern) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, pattern} <- Pattern.new(pattern) do
      Core.Search.ids(handle.ref, pattern.program, {nil, 0, handle.configuration.query_timeout_ms})
    end
  end

  def matches(repository, pattern, options) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, own, others} <- split(options),
         {:ok, pattern} <- Pattern.new(pattern, others),
         {:ok, wanted} <- wanted(own, handle.configuration.query_timeout_ms),
         {:ok, {found, more, files, candidates, duration_us}} <-
           Core.Search.matches(handle.ref, pattern.program, wanted) do
      names = List.to_tuple(pattern.captures)

      {:ok,
       %PatternMatches{
         matches: Enum.map(found, &match(&1, names)),
         count: length(found),
         more?: more,
         files: files,
         candidates: candidates,
         duration_us: duration_us
       }}
    end
  end

  defp split(options) do
    if is_list(options) and Keyword.keyword?(options) do
      {own, others} = Keyword.split(options, @own)

      case Enum.find(Keyword.keys(others), &(&1 not in Pattern.options())) do
        nil -> {:ok, own, others}
        name -> Fault.unknown(:option, name, @own ++ Pattern.options())
      end
    else
      Fault.invalid(:options, options, "give a keyword list")
    end
  end

  defp wanted(own, timeout) do
    limit = Keyword.get(own, :limit, @limit_default)
    offset = Keyword.get(own, :offset, 0)
    timeout = Keyword.get(own, :timeout, timeout)

    cond do
      not (limit == :infinity or count?(limit)) -> Fault.invalid(:limit, limit, "give a count, or :infinity")
      not count?(offset) -> Fault.invalid(:offset, offset, "give a count from 0 on")
      not count?(timeout) -> Fault.invalid(:timeout, timeout, "give milliseconds")
      true -> {:ok, {if(limit == :infinity, do: nil, else: limit), offset, timeout}}
    end
  end

  defp count?(n), do: is_integer(n) and n in 0..0xFFFFFFFF

  defp match({id, file, line, column, start, captures}, names) do
    # Captures that only the guard's patterns have are not told.
    captures =
      for {slot, captured} <- captures,
          slot <= tuple_size(names),
          into: %{},
          do: {elem(names, slot - 1), captured(captured)}

    %PatternMatch{ast_node_id: id, file: file, line: line, column: column, start: start, captures: captures}
  end

  defp captured({kind, id, code}) when kind in [:node, :key], do: %{id: id, code: code}
  defp captured({:run, items}), do: Enum.map(items, &captured/1)
  defp captured(:hole), do: nil
end

defmodule ElixirScope.Report.Timeline.Document do
  @moduledoc """
  An `ElixirScope.ASTRepository.ExecutionTimeline` as JSON.

      {"schema": "elixir_scope.timeline", "version": 1, "target": "Shop.Cart.total/1",
       "from_ns": 1764331508000000000, "to_ns": 1764331508000005000, "processes": ["#PID<0.123.0>"],
       "activations": 1, "truncated": false, "records_dropped": 0, "events_evicted": 0,
       "entries": [
         {"kind": "call", "type": "call", "at_ns": 1764331508000000000, "depth": 0, "parent": null, "jump": false,
          "process": "#PID<0.123.0>", "event_id": 7, "correlation_id": 42, "function": "Shop.Cart.total/1",
          "ast_node_id": "Shop.Cart.total/1#c41f2a", "file": "lib/shop/cart.ex", "line": 12, "column": 3,
          "arguments": ["[%{price: 3}]"], "result": "return", "result_value": "4", "duration_ns": 5000,
          "value": null, "variable": null, "version": null, "peer": null, "reason": null, "whole": true}]}

  Values are text, as Elixir writes them; `null` where none was recorded. `whole` says whether nothing in them was cut or withheld.
  """

  alias ElixirScope.ASTRepository.{ExecutionTimeline, RuntimeEvent}
  alias ElixirScope.Report.{Answer, JSON}
  alias ElixirScope.Report.Timeline.Words

  @doc "The JSON text."
  @spec encode(ExecutionTimeline.t()) :: {:ok, String.t()} | {:error, ElixirScope.Error.t()}
  def encode(%ExecutionTimeline{} = timeline) do
    JSON.encode(
      JSON.ordered(
        schema: "elixir_scope.timeline",
        version: 1,
        target: target(timeline.target),
        from_ns: timeline.from,
        to_ns: timeline.to,
        processes: timeline.processes,
        activations: timeline.activations,
        truncated: timeline.truncated,
        records_dropped: timeline.gaps.dropped,
        events_evicted: timeline.gaps.evicted,
        entries: Enum.map(timeline.entries, &entry/1)
      ),
      pretty: true
    )
  end

  defp target({:function, function}), do: Answer.plain(function)
  defp target({:node, id}), do: id
  defp target({:process, text}) when is_binary(text), do: text
  defp target(:all), do: "all"
  defp target({_, id}) when is_integer(id), do: Integer.to_string(id)
  defp target({:range, from, to}), do: "#{from}..#{to}"
  defp target({_, other}), do: inspect(other)

  defp entry(%{event: event} = entry) do
    JSON.ordered(
      kind: entry.kind,
      type: event.event_type,
      at_ns: event.timestamp,
      depth: entry.depth,
      parent: entry.parent,
      jump: entry.jump,
      process: entry.process,
      event_id: event.event_id,
      correlation_id: correlation(event.correlation_id),
      function: event.module && Answer.plain({event.module, event.function, event.arity}),
      ast_node_id: event.ast_node_id,
      file: event.file,
      line: event.line,
      column: event.column,
      arguments: arguments(event),
      result: event.result,
      result_value: value(event, :result_value),
      duration_ns: event.duration_ns,
      value: value(event, :value),
      variable: event.variable,
      version: event.metadata[:version],
      peer: (event.peer && inspect(event.peer)) || event.metadata[:peer],
      reason: event.metadata[:reason] && inspect(event.metadata[:reason]),
      whole: not RuntimeEvent.truncated?(event)
    )
  end

  defp correlation(0), do: nil
  defp correlation(id) when is_integer(id) or is_nil(id), do: id
  defp correlation(id) when is_binary(id), do: if(String.valid?(id), do: id, else: inspect(id))
  defp correlation(id), do: inspect(id)

  defp arguments(event) do
    case RuntimeEvent.recorded(event, :arguments) do
      {:ok, arguments} when is_list(arguments) -> Enum.map(arguments, &Words.whole/1)
      {:ok, %{kept: kept}} when is_list(kept) -> Enum.map(kept, &Words.whole/1) ++ ["..."]
      {:ok, other} -> [Words.whole(other)]
      :not_recorded -> nil
    end
  end

  defp value(event, field) do
    with {:ok, value} <- RuntimeEvent.recorded(event, field), do: Words.whole(value), else: (_ -> nil)
  end
end

defmodule ElixirScope.Sources.Events do
  @moduledoc false
  # Reads what other sources told back from a repository's event log, and finds the nodes.

  alias ElixirScope.ASTRepository.{Fault, Handle, RuntimeCorrelator}
  alias ElixirScope.Core
  alias ElixirScope.Sources.Crash
  alias ElixirScope.Value.Truncated

  @sources [:logger, :crash, :telemetry, :exception, :test, :caller]
  @limit 1_000
  @limit_max 1_000_000
  # Read at once, of which those of other sources fall away.
  @more 4

  def read(repository, opts) do
    with {:ok, opts} <- options(opts),
         {:ok, ref} <- Handle.ref(repository) do
      gather(ref, List.wrap(opts[:source]), opts[:limit], opts[:limit] * @more)
    end
  end

  defp gather(ref, sources, limit, ask) do
    with {:ok, notes} <- Core.Runtime.notes(ref, ask) do
      found = for note <- notes, event = event(note), event.source in sources, do: event

      if length(found) >= limit or length(notes) < ask,
        do: {:ok, Enum.take(found, -limit)},
        else: gather(ref, sources, limit, ask * @more)
    end
  end

  defp event(%{value: {:value, {source, %{} = place, data} = value}} = note) when source in @sources,
    do: event(note, source, place, Crash.of_value(value) || data)

  # What did not fit is told as far as it goes.
  defp event(%{value: {:value, %Truncated{kind: :tuple, kept: [source | rest]} = cut}} = note)
       when source in @sources do
    place = with [%{} = place | _] when not is_struct(place) <- rest, do: place, else: (_ -> %{})
    event(note, source, place, Crash.of_value(cut) || Enum.at(rest, 1, cut))
  end

  defp event(_note), do: nil

  defp event(note, source, place, data) do
    %{
      source: source,
      timestamp: note.at_ns,
      pid: note.pid,
      correlation_id: if(note.correlation_id != 0, do: note.correlation_id),
      event_id: note.event_id,
      place: Map.delete(place, :crash),
      data: data
    }
  end

  defp options(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in [:source, :limit])) ->
        Fault.unknown(:option, unknown, [:source, :limit])

      unknown = Enum.find(List.wrap(opts[:source]), &(&1 not in @sources)) ->
        Fault.unknown(:source, unknown, @sources)

      Keyword.get(opts, :limit, 1) not in 1..@limit_max ->
        Fault.invalid(:limit, opts[:limit], "give an integer from 1 to #{@limit_max}")

      true ->
        {:ok, Keyword.merge([source: @sources, limit: @limit], opts)}
    end
  end

  @doc false
  def locate(repository, %{source: :telemetry, data: %{event: [_ | _] = name}} = event) do
    around = activation(repository, event)

    case RuntimeCorrelator.resolve(repository, %{event_name: name}, strategy: :pattern_based) do
      {:ok, %{candidates: candidates}} -> within(candidates, around)
      {:ok, %{confidence: confidence} = found} when confidence >= 0.9 -> {:ok, found}
      {:ok, found} -> within([found], around)
      error -> with {:error, _} <- around, do: error
    end
  end

  def locate(repository, %{source: source, data: %{frames: [_ | _] = frames}} = event)
      when source in [:crash, :exception] do
    with {:error, _} <- RuntimeCorrelator.resolve(repository, %{stacktrace: frames}, strategy: :line_based),
         do: activation(repository, event)
  end

  def locate(repository, %{place: place} = event) do
    with {:error, _} <- RuntimeCorrelator.resolve(repository, %{place: place}, strategy: :line_based),
         do: activation(repository, event)
  end

  defp activation(repository, %{correlation_id: id}),
    do: RuntimeCorrelator.resolve(repository, %{correlation_id: id}, strategy: :correlation_id)

  # Of the calls that emit it, the one in the function that was running.
  defp within(candidates, {:ok, %{ast_node_id: clause}} = around) do
    function = clause |> String.split("#") |> hd()

    case Enum.filter(candidates, &String.starts_with?(&1.ast_node_id, function <> "#")) do
      [one] ->
        {:ok, %{ast_node_id: one.ast_node_id, strategy: :pattern_based, confidence: 0.95}}

      [] ->
        around

      [first | _] = several ->
        {:ok, Map.merge(first, %{strategy: :pattern_based, ambiguous: true, candidates: several})}
    end
  end

  defp within([first | _] = candidates, _unknown) do
    found = Map.put(Map.take(first, [:ast_node_id, :confidence]), :strategy, :pattern_based)

    {:ok,
     if(match?([_], candidates), do: found, else: Map.merge(found, %{ambiguous: true, candidates: candidates}))}
  end
end

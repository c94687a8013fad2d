defmodule ElixirScope.ASTRepository.TemporalBridge.Lifecycles do
  @moduledoc false
  # The variables of the source, joined with what was recorded of them. A binding is known by the node that binds it; where
  # the code was compiled without columns, by its line and name if nothing else there has them.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Handle, RuntimeEvent, Schema, ScopeAnalyzer, VariableLifecycle}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.ASTRepository.TemporalBridge.Heads

  @options [:name, :version, :values, :events, :from, :to]
  @values 100
  @values_max 10_000
  @events 10_000
  @events_max 100_000

  def build(repository, target, opts) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, opts} <- check(opts),
         {:ok, target} <- target(handle, target),
         {:ok, scopes} <- scopes(handle, target),
         {:ok, events, complete} <- events(handle, target, opts) do
      {:ok, handle |> join(scopes, events, target, complete, opts) |> Enum.filter(&wanted?(&1, target, opts))}
    end
  end

  defp check(opts) do
    with true <- Keyword.keyword?(opts) || Fault.invalid(:options, opts, "give a keyword list"),
         nil <- Enum.find(Keyword.keys(opts), &(&1 not in @options)),
         {:values, values} when is_integer(values) and values in 0..@values_max <-
           {:values, Keyword.get(opts, :values, @values)},
         {:events, events} when is_integer(events) and events in 1..@events_max//1 <-
           {:events, Keyword.get(opts, :events, @events)},
         {:name, name} when is_atom(name) <- {:name, opts[:name]},
         {:version, version} when version == nil or (is_integer(version) and version >= 0) <-
           {:version, opts[:version]} do
      {:ok, %{values: values, events: events, name: name, version: version, from: opts[:from], to: opts[:to]}}
    else
      {:error, _} = error -> error
      {:values, other} -> Fault.invalid(:values, other, "give how many, from 0 to #{@values_max}")
      {:events, other} -> Fault.invalid(:events, other, "give how many, from 1 to #{@events_max}")
      {:name, other} -> Fault.invalid(:name, other, "give the name of a variable, an atom")
      {:version, other} -> Fault.invalid(:version, other, "give a version, from 0")
      name -> Fault.unknown(:option, name, @options)
    end
  end

  ## What is asked for: `%{function: mfa | nil, id: the node whose scopes are looked at, read: whose events, only: ...}`

  defp target(_handle, {module, name, arity} = mfa)
       when is_atom(module) and is_atom(name) and arity in 0..255 do
    {:ok, %{function: mfa, id: "#{inspect(module)}.#{name}/#{arity}", read: mfa, only: nil}}
  end

  defp target(handle, %RuntimeEvent{correlation_id: id}) when is_integer(id), do: target(handle, id)

  defp target(handle, id) when is_integer(id) and id > 0 do
    case TemporalBridge.get_events_for_correlation(handle, id, types: [:call], limit: 1) do
      {:ok, [call | _]} ->
        mfa = {call.module, call.function, call.arity}
        node = call.ast_node_id || "#{inspect(call.module)}.#{call.function}/#{call.arity}"
        {:ok, %{function: mfa, id: node, read: {:activation, id}, only: nil}}

      {:ok, []} ->
        Fault.not_found(:activation, id, "the event log does not hold it, or does not hold it any more")

      error ->
        error
    end
  end

  defp target(handle, id) when is_binary(id) do
    with :ok <- Schema.node_id(id),
         {:ok, place} <- ASTRepository.get_node_location(handle, id) do
      case Regex.run(~r/^(.*#[0-9a-f]+)(:[0-9a-f]+\.\d+)?$/s, place.ast_node_id) do
        [clause, clause] -> {:ok, %{function: nil, id: clause, read: clause, only: nil}}
        [node, clause, _] -> {:ok, %{function: nil, id: clause, read: clause, only: node}}
        nil -> {:ok, %{function: nil, id: place.ast_node_id, read: place.ast_node_id, only: nil}}
      end
    end
  end

  defp target(_handle, other) do
    Fault.invalid(
      :target,
      other,
      "give {module, name, arity}, the id of a function, a clause or a node in it, a correlation_id, or an event"
    )
  end

  # What runs without its source being known has variables too.
  defp scopes(handle, target) do
    case ScopeAnalyzer.analyze(handle, target.id) do
      {:ok, scopes} -> {:ok, Enum.filter(scopes, &(&1.kind in [:function, :macro_function]))}
      {:error, %{reason: :not_found}} when target.function != nil -> {:ok, []}
      error -> error
    end
  end

  defp events(handle, target, opts) do
    wanted = [types: [:call, :binding], limit: opts.events + 1, newest_first: true]

    read =
      case target.read do
        {:activation, id} -> TemporalBridge.get_events_for_correlation(handle, id, wanted)
        node -> TemporalBridge.function_events(handle, node, {opts.from, opts.to}, wanted)
      end

    with {:ok, events} <- read do
      {events, more} = Enum.split(events, opts.events)
      {:ok, Enum.reverse(events), more == []}
    end
  end

  ## The join

  defp join(handle, scopes, events, target, complete, opts) do
    known = for scope <- scopes, variable <- scope.variables, do: variable
    index = index(known)

    {bound, _heads} =
      Enum.flat_map_reduce(events, %{}, fn
        %{event_type: :binding} = event, heads -> {[binding(event, index)], heads}
        %{event_type: :call} = event, heads -> arguments(handle, event, index, heads)
        _, heads -> {[], heads}
      end)

    by_key = bound |> without_doubles() |> Enum.group_by(& &1.key)
    function = target.function || function(events, target.id)

    of_source =
      for info <- known,
          do: lifecycle(info, function, Map.get(by_key, {:node, info.ast_node_id}, []), complete, opts)

    others = for {{:code, _} = key, values} <- Enum.sort(by_key), do: unknown(key, values, complete, opts)

    of_source ++ others
  end

  defp index(known) do
    nodes = Map.new(known, &{&1.ast_node_id, &1})
    places = Map.new(known, &{{&1.name, &1.line, &1.column}, &1})

    lines =
      known
      |> Enum.group_by(&{&1.name, &1.line})
      |> Enum.flat_map(fn
        {key, [one]} -> [{key, one}]
        _ -> []
      end)
      |> Map.new()

    %{nodes: nodes, places: places, lines: lines}
  end

  defp binding(event, index) do
    info =
      index.nodes[event.ast_node_id] ||
        (event.column == nil && index.lines[{event.variable, event.line}]) || nil

    key =
      if info,
        do: {:node, info.ast_node_id},
        else: {:code, {place(event), event.variable, event.metadata[:version], event.line, event.column}}

    %{
      key: key,
      version: event.metadata[:version],
      event: event,
      value: RuntimeEvent.recorded(event, :value),
      from: :binding
    }
  end

  defp place(event), do: {event.module, event.function, event.arity}

  # The parameters of an activation, off its arguments. Code that changed since has another head.
  defp arguments(handle, event, index, heads) do
    with {:ok, arguments} when is_list(arguments) <- RuntimeEvent.recorded(event, :arguments),
         nil <- event.metadata[:then],
         clause when is_binary(clause) <- event.ast_node_id do
      {head, heads} = head(handle, clause, heads)

      found =
        for {name, line, column, value} <- Heads.bind(head, arguments),
            %{kind: :parameter} = info <- [index.places[{name, line, column}]],
            do: %{
              key: {:node, info.ast_node_id},
              version: nil,
              event: event,
              value: {:ok, value},
              from: :argument
            }

      {found, heads}
    else
      _ -> {[], heads}
    end
  end

  defp head(handle, clause, heads) when not is_map_key(heads, clause) do
    head =
      case ASTRepository.get_ast_node(handle, clause) do
        {:ok, code} -> code
        _ -> nil
      end

    {head, Map.put(heads, clause, head)}
  end

  defp head(_handle, clause, heads), do: {heads[clause], heads}

  # Where a binding was recorded, the argument says the same again.
  defp without_doubles(bound) do
    told = for %{from: :binding} = one <- bound, into: MapSet.new(), do: {one.key, one.event.correlation_id}

    Enum.reject(
      bound,
      &(&1.from == :argument and MapSet.member?(told, {&1.key, &1.event.correlation_id}))
    )
  end

  defp function([event | _], _id), do: place(event)
  defp function([], id), do: id

  defp lifecycle(info, function, bound, complete, opts) do
    info
    |> Map.take([:name, :version, :line, :column, :kind, :scope, :value_from, :uses] ++ [:unused, :captured])
    |> Map.merge(%{
      variable_id: info.ast_node_id,
      function: mfa(function),
      clause: info.clause,
      rebinds: info.rebinds,
      shadows: info.shadows
    })
    |> then(&struct!(VariableLifecycle, &1))
    |> with_values(bound, complete, opts)
  end

  # Bound by code whose source is not known, or that a macro brought.
  defp unknown({:code, {{module, function, arity}, name, version, line, column}}, bound, complete, opts) do
    with_values(
      %VariableLifecycle{
        variable_id: "#{inspect(module)}.#{function}/#{arity}!#{name}@#{version}:#{line}:#{column}",
        name: name,
        function: {module, function, arity},
        line: line,
        column: column
      },
      bound,
      complete,
      opts
    )
  end

  # The function of a clause that nothing was recorded of.
  defp mfa({_, _, _} = mfa), do: mfa
  defp mfa(id), do: id |> String.replace(~r/#[0-9a-f]+$/, "") |> parsed()

  defp parsed(id) do
    with [_, module, name, arity] <- Regex.run(~r/^(.+)\.([^.]+|\.+)\/(\d+)$/s, id),
         {:ok, [module, name]} <- existing(["Elixir." <> module, name]) do
      {module, name, String.to_integer(arity)}
    else
      _ -> nil
    end
  end

  defp existing(names) do
    {:ok, Enum.map(names, &String.to_existing_atom/1)}
  rescue
    ArgumentError -> :error
  end

  defp with_values(lifecycle, bound, complete, opts) do
    count = length(bound)
    kept = Enum.take(bound, -opts.values)

    %{
      lifecycle
      | count: count,
        truncated: count > length(kept),
        complete: complete,
        compiled_versions:
          bound |> Enum.map(& &1.version) |> Enum.reject(&is_nil/1) |> Enum.uniq() |> Enum.sort(),
        first_bound: (count > 0 && hd(bound).event.timestamp) || nil,
        last_bound: (count > 0 && List.last(bound).event.timestamp) || nil,
        values: Enum.map(kept, &value/1)
    }
  end

  defp value(%{event: event} = bound) do
    %{
      value: bound.value,
      at: event.timestamp,
      pid: event.pid,
      process: (event.pid && inspect(event.pid)) || event.metadata[:process],
      correlation_id: if(event.correlation_id != 0, do: event.correlation_id),
      event_id: event.event_id,
      from: bound.from
    }
  end

  ## What is wanted

  defp wanted?(lifecycle, target, opts) do
    (opts.name == nil or lifecycle.name == opts.name) and
      (opts.version == nil or lifecycle.version == opts.version) and
      (target.only == nil or at?(lifecycle, target.only))
  end

  # Bound there, made of it, or used there.
  defp at?(lifecycle, node) do
    lifecycle.variable_id == node or lifecycle.value_from == node or
      Enum.any?(lifecycle.uses, &(&1.ast_node_id == node))
  end
end

defmodule ElixirScope.ASTRepository.HybridContext.Target do
  @moduledoc false
  # From a request to where the walk begins: seeds for `Core.Repository.context/3`, and what was understood, in words.

  alias ElixirScope.ASTRepository.{ContextRequest, Fault, Query, Questions, TemporalBridge}
  alias ElixirScope.ASTRepository.HybridContext.Symptom
  alias ElixirScope.ASTRepository.RuntimeCorrelator.Places
  alias ElixirScope.Core

  @arities 0..10
  @events_max 500
  # Failures of a kind that are looked for, and functions that are taken of them.
  @failures_max 200
  @failing_max 8

  @doc "`{:ok, %{kind:, text:}, seeds}`, or what is wrong with the name."
  def resolve(handle, %ContextRequest{} = request) do
    request
    |> starts()
    |> Enum.reduce_while({:ok, nil, []}, fn start, {:ok, told, seeds} ->
      case seeds(handle, start) do
        {:ok, kind, text, more} -> {:cont, {:ok, told || %{kind: kind, text: text}, seeds ++ more}}
        error -> {:halt, error}
      end
    end)
    |> case do
      {:ok, told, seeds} -> {:ok, told, Enum.flat_map(seeds, &known(handle.ref, &1))}
      error -> error
    end
  end

  defp starts(request) do
    place = if request.file, do: {request.file, request.line}
    error = if request.error != nil or request.stacktrace != nil, do: {request.error, request.stacktrace}

    for {kind, value} <- [
          error: error,
          trace: request.trace,
          test: request.test,
          place: place,
          function: request.function,
          node: request.node,
          module: request.module,
          target: request.target,
          question: request.question
        ],
        value != nil,
        do: {kind, value}
  end

  # Of several ways to say one thing the first that is known.
  defp known(ref, {{:first, ways}, weight}) do
    case Enum.find(ways, &known?(ref, &1)) do
      nil -> []
      way -> [{way, weight}]
    end
  end

  defp known(ref, {{:any_arity, name}, weight}) do
    ids = for arity <- @arities, id = "#{name}/#{arity}", known?(ref, {:node, id}), do: id
    for id <- ids, do: {{:node, id}, weight / length(ids)}
  end

  defp known(ref, {{:node, _} = way, weight}), do: if(known?(ref, way), do: [{way, weight}], else: [])
  defp known(_ref, seed), do: [seed]

  defp known?(ref, {:node, id}), do: match?({:ok, _}, Core.Repository.node_place(ref, id))

  defp known?(ref, {:lines, file, line}),
    do: match?({:ok, _}, Core.Repository.correlate_line(ref, file, line, nil))

  ## Each kind

  defp seeds(handle, {:target, text}), do: of_text(handle, String.trim(text))

  defp seeds(handle, {:function, {module, name, arity} = key}) do
    case Core.Repository.correlate_function(handle.ref, module, name, arity) do
      {:ok, id} -> {:ok, :function, id, [{{:function, key}, 1.0}]}
      _ -> unknown(handle, :function, text(key))
    end
  end

  defp seeds(handle, {:module, module}) do
    case Core.Repository.node_place(handle.ref, inspect(module)) do
      {:ok, _} -> {:ok, :module, inspect(module), [{{:module, module}, 1.0}]}
      _ -> unknown(handle, :module, inspect(module))
    end
  end

  defp seeds(handle, {:node, id}) do
    case Core.Repository.node_place(handle.ref, id) do
      {:ok, place} -> {:ok, kind(place), id, [{{:node, id}, 1.0}]}
      _ -> unknown(handle, :node, id)
    end
  end

  defp seeds(handle, {:place, {file, line}}) do
    case Core.Repository.correlate_line(handle.ref, file, line, nil) do
      {:ok, _node} -> {:ok, :place, "#{file}:#{line}", [{{:lines, file, line}, 1.0}]}
      _ -> unknown(handle, :file, file)
    end
  end

  defp seeds(handle, {:test, text}) when is_binary(text) do
    case Symptom.place(text) do
      {:ok, file, line} ->
        with {:ok, _, shown, seeds} <- seeds(handle, {:place, {file, line}}), do: {:ok, :test, shown, seeds}

      :error ->
        Fault.invalid(:test, text, ~s(give "test/cart_test.exs:12", or {module, name}))
    end
  end

  defp seeds(_handle, {:test, {module, name}}) do
    module = module |> to_string() |> String.replace_prefix("Elixir.", "")
    {:ok, :test, "#{name} (#{module})", [{{:test, module, to_string(name)}, 1.0}]}
  end

  defp seeds(handle, {:trace, id}) do
    opts = [limit: @events_max]

    with {:ok, timeline} <- TemporalBridge.execution_timeline(handle, id, opts),
         [_ | _] = seeds <- of_entries(timeline.entries) do
      {:ok, :trace, to_string(id), seeds}
    else
      _ -> of_stored(handle, id)
    end
  end

  defp seeds(_handle, {:question, text}), do: {:ok, :question, cut(text), [{{:words, text}, 1.0}]}

  defp seeds(handle, {:error, {error, stack}}) do
    text = error_text(error)
    trace = if is_binary(stack), do: stack, else: ""
    frames = if is_list(stack), do: of_frames(stack), else: []
    of_error(handle, text <> "\n" <> trace, frames, exception_names(error))
  end

  ## Text that says by itself what it is

  defp of_text(handle, text) do
    # What is longer is no name, and of an error its first lines tell.
    text = Symptom.bounded(text)

    cond do
      Symptom.error?(text) -> of_error(handle, text, [], [])
      match?({:ok, _, _}, Symptom.place(text)) -> of_place(handle, Symptom.place(text))
      text =~ ~r/\A\d+\z/ -> of_number(handle, text)
      text =~ ~r/\s/ -> seeds(handle, {:question, text})
      true -> of_name(handle, text)
    end
  end

  defp of_place(handle, {:ok, file, line}), do: seeds(handle, {:place, {file, line}})

  defp of_number(handle, text) do
    case Integer.parse(text) do
      {id, ""} when id < 0x8000_0000_0000_0000 -> seeds(handle, {:trace, id})
      _ -> seeds(handle, {:question, text})
    end
  end

  defp of_name(handle, text) do
    ids = [text | for(arity <- @arities, not (text =~ ~r/\/\d+\z/), do: "#{text}/#{arity}")]

    case for(id <- ids, {:ok, place} <- [Core.Repository.node_place(handle.ref, id)], do: {id, kind(place)}) do
      [] when text != "" ->
        # A word alone may be a question; what looks like a name is a wrong one.
        if text =~ ~r/[.\/#:]/ or text =~ ~r/\A[A-Z]/,
          do: unknown(handle, if(text =~ ~r/[a-z_?!]\/\d+\z/, do: :function, else: :name), text),
          else: seeds(handle, {:question, text})

      [{id, kind}] ->
        {:ok, kind, id, [{{:node, id}, 1.0}]}

      [{_, kind} | _] = all ->
        {:ok, kind, text, for({id, _} <- all, do: {{:node, id}, 1.0})}

      [] ->
        Fault.invalid(:target, text, "say where to begin")
    end
  end

  defp kind(%{kind: kind}) when kind in [:function, :module, :clause, :file], do: kind
  defp kind(_place), do: :node

  ## Errors

  defp of_error(handle, text, frames, exceptions) do
    text = Symptom.bounded(text)
    exceptions = Enum.uniq(exceptions ++ Symptom.exceptions(text))
    own = frames ++ Symptom.seeds(text)
    failing = of_failures(handle, exceptions)
    words = [{{:words, Symptom.message(text)}, 0.3}]
    {:ok, :error, cut(text), own ++ failing ++ words}
  end

  defp error_text(nil), do: ""
  defp error_text(text) when is_binary(text), do: text

  defp error_text(error) when is_exception(error) do
    "** (#{inspect(error.__struct__)}) #{message(error)}"
  end

  defp error_text(reason), do: Fault.show(reason)

  # The message is the exception's own code: what it raises is no matter of ours.
  defp message(error) do
    case Exception.message(error) do
      text when is_binary(text) -> if String.valid?(text), do: text, else: inspect(text)
      _ -> ""
    end
  rescue
    _ -> ""
  end

  defp exception_names(error) when is_exception(error), do: [inspect(error.__struct__)]
  defp exception_names(_error), do: []

  defp of_frames(stack) do
    for {{module, name, arity, file, line}, at} <-
          stack |> Places.frames() |> Enum.take(60) |> Enum.with_index() do
      {module, name, arity} = Places.written({module, name, arity})
      lines = if file && line && line > 0, do: [{:lines, file, line}], else: []
      {{:first, [{:node, text({module, name, arity})} | lines]}, :math.pow(0.8, at)}
    end
  end

  # Functions whose recorded failures had such a reason, the newest first.
  defp of_failures(_handle, []), do: []

  defp of_failures(handle, names) do
    filter = {nil, false, nil, nil, [:error], nil, nil, nil, nil, true}

    case Core.Events.read(handle.ref, filter, @failures_max) do
      {:ok, events} ->
        functions =
          for %{metadata: %{reason: reason}, module: module, function: name, arity: arity} <- events,
              inspect(reason) in names,
              uniq: true,
              do: {module, name, arity}

        for key <- Enum.take(functions, @failing_max), do: {{:function, key}, 0.4}

      _ ->
        []
    end
  end

  ## Traces

  # What failed weighs more, and what took its time.
  defp of_entries(entries) do
    calls = for %{kind: :call, event: %{module: module} = event} when module != nil <- entries, do: event
    longest = calls |> Enum.map(&(&1.duration_ns || 0)) |> Enum.max(fn -> 1 end) |> max(1)

    calls
    |> Enum.reduce(%{}, fn event, weights ->
      failed = if event.result in [:error, :aborted], do: 2.0, else: 0.0
      weight = 0.2 + failed + (event.duration_ns || 0) / longest
      Map.update(weights, {event.module, event.function, event.arity}, weight, &max(&1, weight))
    end)
    |> Enum.map(fn {key, weight} -> {{:function, key}, weight} end)
  end

  defp of_stored(handle, id) do
    case Core.Repository.correlation(handle.ref, id) do
      {:ok, node} ->
        {:ok, :trace, to_string(id), [{{:node, node}, 1.0}]}

      _ ->
        Fault.not_found(
          :trace,
          id,
          "it is the correlation_id of an event that the log still holds, or one that was stored"
        )
    end
  end

  ## Names that are not there

  defp unknown(handle, what, name) do
    Fault.unknown(what, name, names(handle, what))
  end

  defp names(handle, :file), do: column(handle, :modules, :file)
  defp names(handle, :module), do: column(handle, :modules, :ast_node_id)
  defp names(handle, :function), do: column(handle, :functions, :ast_node_id)
  defp names(handle, _), do: names(handle, :module) ++ names(handle, :function)

  defp column(handle, source, field) do
    query = Query.new() |> Query.from(source) |> Query.select([field])

    case Questions.query(handle, query) do
      {:ok, %{rows: rows}} -> for %{^field => text} when is_binary(text) <- rows, uniq: true, do: text
      _ -> []
    end
  end

  @doc "A function as ids have it."
  def text({module, name, arity}) do
    "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, name)}/#{arity}"
  end

  defp cut(text) do
    text = text |> String.trim() |> String.split("\n") |> hd() |> Core.Values.redact_text()
    if String.length(text) > 160, do: String.slice(text, 0, 159) <> "…", else: text
  end
end

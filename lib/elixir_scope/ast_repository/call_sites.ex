defmodule ElixirScope.ASTRepository.CallSites do
  @moduledoc false
  # Calls in the source that emit telemetry events, and clauses that take messages, as candidates for events that have a
  # name or a message and no place. Found once for each version of the repository, and kept in a table.

  use GenServer

  alias ElixirScope.ASTRepository.{Handle, Processes, Search}
  alias ElixirScope.Core

  @table __MODULE__
  @kept_max 16

  @typedoc "A place that may have emitted the event."
  @type site :: %{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          by: :execute | :span,
          name: [atom() | :_]
        }

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init(_) do
    :ets.new(@table, [:named_table, :public, read_concurrency: true])
    {:ok, nil}
  end

  @doc "Event names that the source emits, with their sites: `%{[:shop, :checkout, :stop] => [site]}`. `%{}` when it cannot be read."
  @spec telemetry(term()) :: %{optional([atom()]) => [site()]}
  def telemetry(repository), do: kept(repository, :telemetry, &find_telemetry/1)

  @doc "Clauses that take messages: `[{kind, pattern, clause}]`, with `pattern` as quoted code."
  @spec receives(term()) :: [{atom(), Macro.t(), map()}]
  def receives(repository), do: kept(repository, :receives, &find_receives/1)

  defp kept(repository, what, find) do
    with {:ok, ref} <- Handle.ref(repository), {:ok, version} <- Core.Updates.version(ref) do
      case lookup({ref, what}) do
        {^version, found} -> found
        _ -> repository |> find.() |> keep({ref, what}, version)
      end
    else
      _ -> find.(nil)
    end
  end

  defp lookup(key) do
    case :ets.lookup(@table, key) do
      [{_, version, found}] -> {version, found}
      [] -> nil
    end
  rescue
    ArgumentError -> nil
  end

  defp keep(found, key, version) do
    # The table holds handles, which keep repositories alive: only a few.
    if :ets.info(@table, :size) >= @kept_max, do: :ets.delete_all_objects(@table)
    :ets.insert(@table, {key, version, found})
    found
  rescue
    ArgumentError -> found
  end

  ## Telemetry

  @calls [
    {":telemetry.execute(name, _)", :execute},
    {":telemetry.execute(name, _, _)", :execute},
    {":telemetry.span(name, _, _)", :span}
  ]

  defp find_telemetry(nil), do: %{}

  defp find_telemetry(repository) do
    attributes = attributes(repository)

    sites =
      for {pattern, by} <- @calls,
          match <- matches(repository, pattern),
          %{code: quoted} <- [match.captures["name"]],
          name <- quoted |> written(match.file, attributes) |> names(by) do
        {name, %{ast_node_id: match.ast_node_id, file: match.file, line: match.line, by: by, name: name}}
      end

    Enum.group_by(sites, &elem(&1, 0), &elem(&1, 1))
  end

  defp matches(repository, pattern) do
    case Search.matches(repository, pattern, limit: :infinity) do
      {:ok, %{matches: matches}} -> matches
      _ -> []
    end
  end

  # `@prefix [:shop]`, by file: names are often kept in attributes.
  defp attributes(repository) do
    for match <- matches(repository, "@_(value) when is_list(value)"),
        %{code: value} when is_list(value) <- [match.captures["value"]],
        {:ok, name} <- [attribute(repository, match)],
        into: %{},
        do: {{match.file, name}, value}
  end

  defp attribute(repository, match) do
    case ElixirScope.ASTRepository.get_ast_node(repository, match.ast_node_id) do
      {:ok, {:@, _, [{name, _, [_]}]}} -> {:ok, name}
      _ -> :error
    end
  end

  defp written({:@, _, [{name, _, context}]} = quoted, file, attributes)
       when is_atom(context) or context == [],
       do: Map.get(attributes, {file, name}, quoted)

  defp written({:++, meta, [left, right]}, file, attributes),
    do: {:++, meta, [written(left, file, attributes), written(right, file, attributes)]}

  defp written(quoted, _file, _attributes), do: quoted

  # `[:shop, :checkout]` literally; a part that is no literal is `:_`.
  defp names(list, by) when is_list(list) do
    parts = Enum.map(list, &if(is_atom(&1), do: &1, else: :_))

    case by do
      :execute -> [parts]
      :span -> for last <- [:start, :stop, :exception], do: parts ++ [last]
    end
  end

  defp names({:++, _, [left, right]}, by) when is_list(left) and is_list(right), do: names(left ++ right, by)
  defp names(_other, _by), do: []

  ## Messages

  defp find_receives(nil), do: []

  defp find_receives(repository) do
    case Processes.messages(repository) do
      {:ok, %{receives: receives}} ->
        for one <- receives, do: {one.kind, pattern(one.message), one}

      _ ->
        []
    end
  end

  # `[_, _...]` is a list of one element or more. What cannot be read may be anything.
  defp pattern(text) do
    text = text |> String.replace(", _...]", " | _]") |> String.replace("[_...]", "list()")

    case Code.string_to_quoted(text, emit_warnings: false) do
      {:ok, quoted} -> quoted
      {:error, _} -> {:_, [], nil}
    end
  end
end

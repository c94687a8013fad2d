defmodule ElixirScope.ASTRepository.RuntimeCorrelator do
  @moduledoc """
  From an event of the running program to the node of the source it came from.

  Three strategies, tried in this order, as far as the event has what they need:

    * `:correlation_id` - the event has an `:ast_node_id`, a `:point`, or a `:correlation_id` (one that a caller stored, or
      a native activation that the event log still holds): certain
    * `:line_based` - it has `:file` and `:line` (and perhaps `:column`), or `:metadata` or a `:place` with `:file`, `:line` and
      `:mfa` as log records do, or a `:stacktrace` (then its first frame that is in the repository counts): the innermost node
      that encloses the place
    * `:pattern_based` - it has an `:event_name` of telemetry (`[:shop, :checkout, :stop]`): the call that emits it; or a
      `:message` (and perhaps its `:message_kind`, `:call`, `:cast` or `:info`, and the `:module` of the process that got it):
      the clause that takes it; or `:module` (and perhaps `:function` and `:arity`): the function, or the module

  The last strategy can have several candidates. They are ranked, and share what is certain: with two calls that emit an event
  the first has half the confidence, `:ambiguous` is true, and all are in `:candidates`.

  All answers come from indexes of the native store; no message is sent.

  An event of the log knows the build it came from. When the code has changed since, its node is the one that stood there
  in the version of that build, and the answer is what became of it; `resolve/3` tells both.
  """

  alias ElixirScope.ASTRepository.{Fault, Handle, RuntimeEvent, Schema}
  alias ElixirScope.ASTRepository.RuntimeCorrelator.{Patterns, Places}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @strategies [:correlation_id, :line_based, :pattern_based]
  @events_max 100_000
  @events_default 1_000

  @type strategy :: :correlation_id | :line_based | :pattern_based

  @typedoc """
  `:then` is there for an event of code that has changed since: the `:ast_node_id` that the node had, the `:build` (a
  version's id) and the `:file` it stood in, and whether it is `:gone`. `:ast_node_id` is the present id; of a node that
  is gone, the one it had.
  """
  @type resolution :: %{
          required(:ast_node_id) => String.t(),
          required(:strategy) => strategy(),
          required(:confidence) => float(),
          optional(:then) => %{ast_node_id: String.t(), build: String.t(), file: String.t(), gone: boolean()},
          optional(:ambiguous) => true,
          optional(:candidates) => [%{ast_node_id: String.t(), confidence: float()}]
        }

  @typedoc """
  A frame of a stacktrace with its node; `:ast_node_id` is `nil` and `:confidence` 0.0 for code that the repository does not
  hold.
  """
  @type frame :: %{
          module: module(),
          function: atom(),
          arity: arity(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          ast_node_id: String.t() | nil,
          strategy: strategy() | nil,
          confidence: float()
        }

  @doc "The node of an event; see the module's documentation."
  @spec correlate_event(term(), RuntimeEvent.t() | map()) :: {:ok, String.t()} | {:error, Error.t()}
  def correlate_event(repository, event) do
    with {:ok, resolution} <- resolve(repository, event), do: {:ok, resolution.ast_node_id}
  end

  @doc """
  The node of an event, with the strategy that found it and how certain that is: 1.0 for ids, points and exact
  functions, 0.95 for a line that lies in the function that the event names, 0.9 for a line with its column, 0.8 for a line alone,
  0.6 for a function in which the line does not lie (the code was changed after it was compiled), 0.5 for a function of which
  the arity is not known, 0.3 for a module. A telemetry event has 0.95 and a message 0.9 when one place fits; a clause with a
  guard 0.7, one that takes anything 0.4; several that fit share it.

  `strategy:` restricts it to one.
  """
  @spec resolve(term(), RuntimeEvent.t() | map(), [{:strategy, strategy()}]) ::
          {:ok, resolution()} | {:error, Error.t()}
  def resolve(repository, event, opts \\ [])

  def resolve(repository, event, opts) when is_map(event) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, strategies} <- strategies(opts) do
      first(strategies, {repository, ref}, event, nil)
    end
  end

  def resolve(repository, other, _opts) do
    with {:ok, _ref} <- Handle.ref(repository),
         do:
           Fault.invalid(
             :event,
             other,
             "give an ElixirScope.ASTRepository.RuntimeEvent, or a map with some of its fields"
           )
  end

  @doc """
  The node of every frame of a stacktrace, in its order.

      {:ok, [%{ast_node_id: "Shop.Cart.add/3#" <> _, confidence: 0.95} | _]} =
        RuntimeCorrelator.correlate_stacktrace(repository, __STACKTRACE__)

  A frame's line has to lie in the frame's function: where it does not, the code was changed after it was compiled, and the
  function is what can be told (0.6). Frames of anonymous functions and comprehensions lead into the function around them.
  """
  @spec correlate_stacktrace(term(), Exception.stacktrace()) :: {:ok, [frame()]} | {:error, Error.t()}
  def correlate_stacktrace(repository, stacktrace) when is_list(stacktrace) do
    with {:ok, ref} <- Handle.ref(repository),
         do: {:ok, for(frame <- Places.frames(stacktrace), do: frame(ref, frame))}
  end

  def correlate_stacktrace(repository, other) do
    with {:ok, _ref} <- Handle.ref(repository),
         do: Fault.invalid(:stacktrace, other, "give a list of frames, as __STACKTRACE__ is")
  end

  @doc """
  Where an exception came from: the first frame that the repository holds, and all frames.

      {:ok, %{ast_node_id: node, confidence: 0.95, exception: KeyError, frames: frames}} =
        RuntimeCorrelator.correlate_exception(repository, error, __STACKTRACE__)

  Errors: `:not_found` when no frame is of the repository's code.
  """
  @spec correlate_exception(term(), Exception.t() | term(), Exception.stacktrace()) ::
          {:ok, %{ast_node_id: String.t(), confidence: float(), exception: module() | nil, frames: [frame()]}}
          | {:error, Error.t()}
  def correlate_exception(repository, reason, stacktrace) do
    with {:ok, frames} <- correlate_stacktrace(repository, stacktrace) do
      case Enum.find(frames, & &1.ast_node_id) do
        nil ->
          Fault.not_found(:place, reason, "no frame of the stacktrace is in code that the repository holds")

        first ->
          exception = if is_exception(reason), do: reason.__struct__

          {:ok,
           %{
             ast_node_id: first.ast_node_id,
             confidence: first.confidence,
             exception: exception,
             frames: frames
           }}
      end
    end
  end

  defp frame(ref, {module, name, arity, file, line}) do
    frame = %{module: module, function: name, arity: arity, file: file, line: line}

    case Places.node(ref, Map.put(frame, :mfa, {module, name, arity})) do
      {node, strategy, confidence} ->
        Map.merge(frame, %{ast_node_id: node, strategy: strategy, confidence: confidence})

      :none ->
        Map.merge(frame, %{ast_node_id: nil, strategy: nil, confidence: 0.0})
    end
  end

  @doc "Whether a correlation id is stored, or names an activation that the event log holds."
  @spec correlation_exists?(term(), term()) :: boolean()
  def correlation_exists?(repository, id) do
    match?({:ok, _}, resolve(repository, %RuntimeEvent{correlation_id: id}, strategy: :correlation_id))
  end

  @doc """
  What happened at a node and inside of it, of every kind, with values: events of the log, oldest first. Of a module or function
  everything in it; of a clause, what its activations did; of any other node what was recorded at it (a binding at its variable, an
  expression at its call, ...), and nothing where nothing was.

    * `:limit` - the newest so many (1000)
    * `:types` - of these types only, as of `ElixirScope.ASTRepository.TemporalBridge`
  """
  @spec correlated_events(term(), String.t(), keyword()) ::
          {:ok, [RuntimeEvent.t()]} | {:error, :not_found | Error.t()}
  def correlated_events(repository, node, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(node),
         {:ok, types, limit} <- events_options(opts),
         {:ok, events} <- Core.Repository.node_events(ref, node, types, limit) do
      {:ok, Enum.map(events, &struct(RuntimeEvent, Map.delete(&1, :__struct__)))}
    else
      {:error, %{reason: :not_found, details: %{what: "node"}}} -> {:error, :not_found}
      error -> error
    end
  end

  @doc "Waits until what was recorded before this call is visible; see `ElixirScope.ASTRepository.flush/2`."
  @spec flush(term(), timeout()) :: :ok | {:error, Error.t()}
  def flush(repository, timeout) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Core.Repository.open(ref) do
      if is_integer(timeout) and timeout > 0,
        do: ElixirScope.Capture.flush(timeout),
        else: Fault.invalid(:timeout, timeout, "give milliseconds, from 1")
    end
  end

  # The first strategy that answers; otherwise the last error that says more than "not found".
  defp first([], _holder, event, nil) do
    Fault.invalid(
      :event,
      event,
      "it has nothing to go by: a correlation_id or point, a file and a line, or a module (with function and arity)"
    )
  end

  defp first([], _holder, _event, error), do: error

  defp first([strategy | rest], {_, ref} = holder, event, error) do
    case try_one(strategy, ref, event) |> or_more(strategy, holder, event) do
      {:ok, %{ast_node_id: node, then: then}, confidence} ->
        found = %{ast_node_id: node, strategy: strategy, confidence: confidence}
        {:ok, if(then, do: Map.put(found, :then, then), else: found)}

      {:ok, node, confidence} ->
        {:ok, %{ast_node_id: node, strategy: strategy, confidence: confidence}}

      {:candidates, [first]} ->
        {:ok, Map.put(first, :strategy, strategy)}

      {:candidates, [first | _] = all} ->
        {:ok, Map.merge(first, %{strategy: strategy, ambiguous: true, candidates: all})}

      :no_data ->
        first(rest, holder, event, error)

      {:error, _} = found ->
        first(rest, holder, event, error || found)
    end
  end

  defp try_one(:correlation_id, _ref, %{ast_node_id: node}) when is_binary(node), do: {:ok, node, 1.0}

  defp try_one(:correlation_id, ref, %{point: point} = event) when is_integer(point) do
    case Core.Repository.correlate_point(ref, point) do
      {:ok, node} -> {:ok, node, 1.0}
      error -> with :no_data <- by_id(ref, event), do: error
    end
  end

  defp try_one(:correlation_id, ref, event), do: by_id(ref, event)

  defp try_one(:line_based, ref, %{file: file, line: line} = event)
       when is_binary(file) and is_integer(line) do
    column = Map.get(event, :column)
    column = if is_integer(column), do: column

    with {:ok, node} <- Core.Repository.correlate_line(ref, file, line, column),
         do: {:ok, node, if(column, do: 0.9, else: 0.8)}
  end

  defp try_one(:pattern_based, ref, %{module: module} = event) when is_atom(module) and module != nil do
    function = Map.get(event, :function)
    function = if is_atom(function), do: function
    arity = Map.get(event, :arity)
    arity = if is_integer(arity) and function != nil, do: arity

    with {:ok, node} <- Core.Repository.correlate_function(ref, module, function, arity) do
      {:ok, node, pattern_confidence(function, arity)}
    end
  end

  defp try_one(_strategy, _ref, _event), do: :no_data

  # What an event of the usual kinds does not have is looked for only when nothing else answered.
  defp or_more(:no_data, :line_based, {_, ref}, event), do: placed(ref, event)

  defp or_more(found, :pattern_based, {repository, _}, event) do
    case named(repository, event) do
      [] -> found
      candidates -> {:candidates, candidates}
    end
  end

  defp or_more(found, _strategy, _holder, _event), do: found

  defp placed(ref, %{stacktrace: [_ | _] = stacktrace} = event) do
    nodes =
      for frame <- Places.frames(stacktrace),
          %{ast_node_id: id} = found when id != nil <- [frame(ref, frame)],
          do: found

    case nodes do
      [first | _] -> {:ok, first.ast_node_id, first.confidence}
      [] -> placed(ref, Map.delete(event, :stacktrace))
    end
  end

  defp placed(ref, event) do
    case Map.get(event, :place) || Map.get(event, :metadata) do
      %{file: _, line: _} = place -> of_place(ref, place)
      %{mfa: {_, _, _}} = place -> of_place(ref, place)
      _ -> :no_data
    end
  end

  defp of_place(ref, place) do
    case Places.node(ref, place) do
      {node, :line_based, confidence} -> {:ok, node, confidence}
      {node, :pattern_based, confidence} -> {:ok, node, confidence}
      :none -> Fault.not_found(:place, {place[:file], place[:line]}, "import the project that this is of")
    end
  end

  # An exact function says more than a message that may be anybody's.
  defp named(_repository, %{function: function, arity: arity})
       when is_atom(function) and function != nil and is_integer(arity),
       do: []

  defp named(repository, %{event_name: [first | _] = name} = event) when is_atom(first),
    do: Patterns.telemetry(repository, name, Map.get(event, :module))

  defp named(repository, %{message: message} = event),
    do: Patterns.message(repository, message, Map.get(event, :message_kind), Map.get(event, :module))

  defp named(_repository, _event), do: []

  defp by_id(ref, %{correlation_id: id}) when id != nil do
    with :ok <- Schema.correlation_id(id),
         {:error, _} = missing <- Core.Repository.correlation(ref, id) do
      if is_integer(id), do: activation(ref, id), else: missing
    else
      {:ok, node} -> {:ok, node, 1.0}
      error -> error
    end
  end

  defp by_id(_ref, _event), do: :no_data

  defp activation(ref, token) do
    with {:ok, node} <- Core.Repository.correlate_activation(ref, token), do: {:ok, node, 1.0}
  end

  defp pattern_confidence(nil, _arity), do: 0.3
  defp pattern_confidence(_function, nil), do: 0.5
  defp pattern_confidence(_function, _arity), do: 1.0

  defp strategies([]), do: {:ok, @strategies}
  defp strategies(strategy: strategy) when strategy in @strategies, do: {:ok, [strategy]}
  defp strategies(strategy: other), do: Fault.unknown(:strategy, other, @strategies)

  defp strategies(other),
    do: Fault.invalid(:options, other, "the only option is strategy: #{inspect(@strategies)}")

  defp events_options(opts) do
    with true <- Keyword.keyword?(opts) || Fault.invalid(:options, opts, "give a keyword list"),
         nil <- Enum.find(Keyword.keys(opts), &(&1 not in [:limit, :types])),
         {:types, {:ok, types}} <- {:types, RuntimeEvent.types(opts[:types])},
         limit when is_integer(limit) and limit in 0..@events_max <-
           Keyword.get(opts, :limit, @events_default) do
      {:ok, types, limit}
    else
      {:error, _} = error -> error
      {:types, error} -> error
      name when is_atom(name) and name != nil -> Fault.unknown(:option, name, [:limit, :types])
      limit -> Fault.invalid(:limit, limit, "give an integer from 0 to #{@events_max}")
    end
  end
end

defmodule ElixirScope.Sources.Telemetry do
  @moduledoc """
  Events of the `:telemetry` library, when the project has it: it is looked for at run time and never required.

      :ok = ElixirScope.Sources.attach([:telemetry], events: [[:shop, :checkout, :stop]])

  Without `:events`, those are listened to that the repository's source emits (`repository:`; `:telemetry.execute/2,3` and
  `:telemetry.span/3` with a literal name), and those that somebody else listens to already.

  Each becomes an event of the process that emitted it, in order with its calls, with its measurements and metadata, redacted
  and bounded. The `:start` and `:stop` (or `:exception`) of a span carry the same `telemetry_span_context`; `spans/1` pairs
  them.

  The handler never raises (the library takes out handlers that do); what fails is counted in
  `ElixirScope.Sources.status/0`.
  """

  alias ElixirScope.ASTRepository.CallSites
  alias ElixirScope.{Error, Sources}
  alias ElixirScope.Sources.{Note, Rate}

  @id ElixirScope.Sources.Telemetry
  @per_second 100_000
  @compile {:no_warn_undefined, :telemetry}

  @type event_name :: [atom()]

  @doc "Whether the library is there."
  @spec available?() :: boolean()
  def available?, do: Code.ensure_loaded?(:telemetry) and function_exported?(:telemetry, :attach_many, 4)

  @doc false
  def attach(opts) do
    if available?(), do: attach_to(events(opts), opts), else: {:error, missing()}
  end

  defp attach_to([], _opts) do
    {:error,
     %Error{
       reason: :not_found,
       message: "it is not known which telemetry events there are",
       hint: "give events: [[:my_app, :request, :stop]], or repository: with the sources that emit them"
     }}
  end

  defp attach_to(events, opts) do
    rate = Rate.new(Keyword.get(opts, :per_second, @per_second))
    :telemetry.detach(@id)

    case :telemetry.attach_many(@id, events, &__MODULE__.handle/4, %{rate: rate}) do
      :ok ->
        :persistent_term.put(@id, rate)
        :ok

      {:error, reason} ->
        {:error,
         %Error{reason: :failed, message: "telemetry refused the handler: #{inspect(reason)}", hint: nil}}
    end
  end

  defp events(opts) do
    emitted =
      case {opts[:events], opts[:repository]} do
        {nil, nil} -> []
        {nil, repository} -> repository |> CallSites.telemetry() |> Map.keys()
        {events, _} -> events
      end

    listened =
      if opts[:events], do: [], else: for(%{event_name: name} <- :telemetry.list_handlers([]), do: name)

    Enum.uniq(emitted ++ listened)
  end

  @doc false
  def detach do
    if available?(), do: :telemetry.detach(@id)
    lost = lost()
    :persistent_term.erase(@id)
    lost
  end

  @doc "Whether the handler is there."
  def attached? do
    available?() and Enum.any?(:telemetry.list_handlers([]), &(&1.id == @id))
  end

  @doc "How many events were left out because there were too many, and how many because something failed."
  def lost do
    case :persistent_term.get(@id, nil) do
      nil -> %{limited: 0, failed: 0}
      rate -> %{limited: Rate.lost(rate), failed: Rate.failed(rate)}
    end
  end

  @doc false
  def handle(event, measurements, metadata, %{rate: rate}) do
    if Note.wanted?() and Rate.pass?(rate),
      do: Note.put(:telemetry, %{}, told(event, measurements, metadata))

    :ok
  rescue
    _ -> Rate.fail(rate)
  catch
    _, _ -> Rate.fail(rate)
  end

  @doc false
  # What is recorded of an event.
  def told(event, measurements, metadata),
    do: %{event: event, measurements: measurements, metadata: metadata, span: span(metadata)}

  # References cannot be told apart once they are decoded elsewhere: a number can.
  defp span(%{telemetry_span_context: context}), do: :erlang.phash2(context, 4_294_967_296)
  defp span(_metadata), do: nil

  @doc """
  Spans of `t:ElixirScope.Sources.event/0`s, each `:start` with the `:stop` or `:exception` of its
  context: `%{name:, pid:, started:, stopped:, duration_ns:, outcome: :stop | :exception | :open}`, in the order of the starts.
  """
  @spec spans([Sources.event()]) :: [map()]
  def spans(events) do
    ends =
      for %{source: :telemetry, data: %{event: name, span: span}} = event <- events,
          span != nil,
          List.last(name) in [:stop, :exception],
          into: %{},
          do: {{span, Enum.drop(name, -1)}, event}

    for %{source: :telemetry, data: %{event: name, span: span}} = event <- events,
        span != nil,
        List.last(name) == :start do
      prefix = Enum.drop(name, -1)
      stopped = ends[{span, prefix}]

      %{
        name: prefix,
        pid: event.pid,
        started: event,
        stopped: stopped,
        duration_ns: stopped && stopped.timestamp - event.timestamp,
        outcome: if(stopped, do: List.last(stopped.data.event), else: :open)
      }
    end
  end

  defp missing do
    %Error{
      reason: :not_found,
      message: "the telemetry library is not loaded",
      hint: "nothing is to be done where the project does not use it"
    }
  end
end

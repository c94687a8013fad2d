defmodule ElixirScope.ASTRepository.TemporalBridge.Answer do
  @moduledoc false
  # Native answers as structs, and what they say in words.

  alias ElixirScope.ASTRepository.{CausalRelationship, MessageEdge, RuntimeEvent}

  @because %{
    within: "one stands inside the other",
    unique_key: "it carries a reference that nothing else carries",
    pair_order: "sender and receiver are known, and the VM keeps the order of a pair",
    awaited_call: "the caller waited for the answer, and got it",
    only_waiting: "no other message of this content waited",
    oldest_waiting: "of equal messages the oldest is taken, and all of them were",
    only_timer: "no process sent it, and only one timer with this message was set",
    named_by_vm: "the VM names the process",
    sender_not_traced: "sends of that process are not traced, so other code of it may have sent an equal one",
    arrival_not_traced: "arrivals are not traced, so code without probes may have sent an equal one",
    not_returned:
      "the caller did not come back with an answer, so it may be an earlier call that was given up",
    receiver_unknown: "the name that it was sent to was not resolved",
    timer_unknown: "code without probes may have set an equal timer",
    sender_unknown: "the VM did not say who sent it",
    before_recording: "an equal one may have been under way since before the recording began",
    gaps: "records were dropped",
    sampled: "a gate held some calls back, so one in between may be missing",
    ambiguous: "several look the same",
    unaccounted: "equal ones waited, and code without probes may have taken one of them",
    before: "it is the last thing that happened before in that process",
    caller_unseen:
      "the caller has not shown itself since: an exception that code without probes caught may have ended it",
    next: "it is what that process did next",
    linked: "the two were linked"
  }

  # As every other question names them.
  @types %{
    enter: :call,
    sent: :message_sent,
    received: :message_received,
    raised: :exception,
    message_sent: :vm_message_sent,
    message_arrived: :vm_message_arrived,
    sent_to_none: :vm_sent_to_none
  }

  @doc "An event of the log."
  def event(raw) do
    {module, function, arity} = raw.mfa || {nil, nil, nil}

    %RuntimeEvent{
      event_id: raw.event_id,
      event_type: Map.get(@types, raw.kind, raw.kind),
      timestamp: raw.at_ns,
      duration_ns: raw[:duration_ns],
      pid: raw.pid,
      correlation_id: if(raw.correlation_id != 0, do: raw.correlation_id),
      module: module,
      function: function,
      arity: arity,
      line: raw[:line],
      column: raw[:column],
      variable: raw[:variable],
      metadata: metadata(raw)
    }
  end

  defp metadata(raw) do
    known = [value: value(raw), reason: raw[:reason], variable: raw[:variable], version: raw[:version]]
    for {name, value} when value != nil <- known, into: %{}, do: {name, value}
  end

  @doc "What an event recorded: `{:ok, term}` or `nil`."
  def value(%{value: {:value, value}}), do: {:ok, value}
  def value(_), do: nil

  def walk(found, back?) do
    more = if back?, do: found.more_before, else: found.more_after
    reached = %{count: :limit, deadline: :timeout}[found.reached] || found.reached

    %{
      edges: edges(found),
      complete: reached == :all and not more,
      reached: reached,
      gaps: found.gaps,
      sampled: found.gated,
      window: found.window
    }
  end

  def edges(found) do
    events = Map.new(found.events, fn {id, raw} -> {id, event(raw)} end)

    for {from, to, kind, basis, exact?, depth} <- found.edges do
      {from, to} = {events[from], events[to]}

      %CausalRelationship{
        from: from,
        to: to,
        kind: kind,
        certainty: if(exact?, do: :exact, else: :inferred),
        basis: basis,
        because: @because[basis],
        depth: depth,
        explanation: explain(kind, from, to)
      }
    end
  end

  def messages(found) do
    events = Map.new(found.events, fn {id, raw} -> {id, event(raw)} end)

    for message <- found.messages do
      places = for key <- [:site, :sent, :arrived, :handled], into: %{}, do: {key, events[message[key]]}

      contents =
        Enum.find_value([:site, :sent, :arrived, :handled], &(places[&1] && places[&1].metadata[:value]))

      struct!(MessageEdge, places)
      |> Map.merge(%{
        kind: message.kind,
        sender: message.sender,
        receiver: message.receiver,
        certainty: certainty(message),
        basis: message.basis,
        because: message.basis && @because[message.basis],
        message: contents || :not_recorded,
        alike: message.alike,
        to_none: message.to_none
      })
    end
  end

  defp certainty(%{basis: nil}), do: :open
  defp certainty(%{exact: true}), do: :exact
  defp certainty(_), do: :inferred

  defp explain(:call, from, to), do: "#{text(from)} called #{text(to)}"
  defp explain(:tail, from, to), do: "#{text(from)} went on as #{text(to)}"
  defp explain(:within, from, to), do: "#{text(to)} happened in #{text(from)}"
  defp explain(:spawn, from, to), do: "#{text(from)} started #{inspect(to.pid)}"
  defp explain(:message, from, to), do: "a message of #{text(from)} led to #{text(to)}"
  defp explain(:reply, from, to), do: "the reply of #{text(from)} came to #{text(to)}"
  defp explain(:timer, from, to), do: "the timer set by #{text(from)} led to #{text(to)}"
  defp explain(:exit, from, to), do: "the exit of #{inspect(from.pid)} reached #{text(to)}"
  defp explain(:monitor, from, to), do: "the exit of #{inspect(from.pid)} was told to #{inspect(to.pid)}"

  defp explain(:restart, from, to),
    do: "#{inspect(to.pid)} was told of an exit (#{text(from)}) and started a process"

  defp explain(:exception, from, to), do: "the exception of #{text(from)} went on to #{text(to)}"

  @doc "An event in few words."
  def text(%RuntimeEvent{} = event) do
    where = inspect(event.pid)

    case event do
      %{module: nil} -> "#{word(event.event_type)} of #{where}"
      %{event_type: :call} -> "#{mfa(event)} in #{where}"
      _ -> "#{word(event.event_type)} in #{mfa(event)} (line #{event.line}) of #{where}"
    end
  end

  defp word(type), do: type |> to_string() |> String.replace("_", " ")
  defp mfa(event), do: Exception.format_mfa(event.module, event.function, event.arity)
end

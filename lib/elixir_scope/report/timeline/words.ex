defmodule ElixirScope.Report.Timeline.Words do
  @moduledoc false
  # What an entry of a timeline says, on one line.

  alias ElixirScope.ASTRepository.RuntimeEvent
  alias ElixirScope.Report.{Numbers, Width}
  alias ElixirScope.Value.{Redacted, Truncated}

  @value_columns 60
  @argument_columns 40

  @doc """
  The text of an entry. `open` has the activations whose end is an entry of its own; `code` gives the source of a node, or nil.
  """
  @spec of(map(), MapSet.t(), (String.t() -> String.t() | nil)) :: String.t()
  def of(%{kind: :call, event: event} = entry, open, _code) do
    begun = if(entry.jump, do: "↳ ", else: "") <> call(event)

    if MapSet.member?(open, event.correlation_id),
      do: begun,
      else: begun <> " " <> ending(event.result, event, :result_value)
  end

  def of(%{kind: :end, event: event}, _open, _code),
    do: ending(event.event_type, event, :result_value) <> "  " <> name(event)

  def of(%{event: event}, _open, code), do: within(event, code)

  defp call(event) do
    case RuntimeEvent.recorded(event, :arguments) do
      {:ok, arguments} when is_list(arguments) ->
        "#{function(event)}(#{Enum.map_join(arguments, ", ", &value(&1, @argument_columns))})"

      {:ok, %Truncated{kept: kept}} when is_list(kept) ->
        "#{function(event)}(#{Enum.map_join(kept, ", ", &value(&1, @argument_columns))}, …)"

      {:ok, other} ->
        "#{function(event)}(#{value(other, @argument_columns)})"

      :not_recorded ->
        name(event)
    end
  end

  defp name(event), do: "#{function(event)}/#{event.arity}"

  defp function(%{module: module, function: function}),
    do: "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, function)}"

  defp ending(nil, _event, _field), do: "… has not ended"
  defp ending(:lost, _event, _field), do: "… its end was lost"
  defp ending(:tail, event, _field), do: "⇢ went on by a tail call" <> took(event)
  defp ending(:aborted, event, _field), do: "✗ ended with its process" <> took(event)

  defp ending(:error, event, _field) do
    reason = with reason when reason != nil <- event.metadata[:reason], do: " " <> inspect(reason)
    "✗#{reason || " failed"}" <> took(event)
  end

  defp ending(:return, event, field) do
    case RuntimeEvent.recorded(event, field) do
      {:ok, result} -> "→ #{value(result)}" <> took(event)
      :not_recorded -> "→ (result not recorded)" <> took(event)
    end
  end

  defp took(%{duration_ns: nil}), do: ""
  defp took(%{duration_ns: ns}), do: "  " <> Numbers.duration(ns / 1_000)

  defp within(%{event_type: :binding} = event, _code), do: "#{event.variable} = #{recorded(event)}"

  defp within(%{event_type: :expression} = event, code),
    do: "#{source(event, code) || "expression"} ⇒ #{recorded(event)}"

  defp within(%{event_type: :branch} = event, code), do: "branch #{source(event, code) || "taken"}"
  defp within(%{event_type: :message_sent} = event, _), do: "send #{recorded(event)}#{peer(" to ", event)}"

  defp within(%{event_type: :message_received} = event, _),
    do: "receive #{recorded(event)}#{peer(" from ", event)}"

  defp within(%{event_type: :exception} = event, _), do: "caught #{caught(event)}"
  defp within(%{event_type: :custom} = event, _), do: "custom #{recorded(event)}"
  defp within(%{event_type: :note} = event, _), do: note(event)

  defp within(%{event_type: :vm_message_sent} = event, _),
    do: "message sent #{recorded(event)}#{peer(" to ", event)}"

  defp within(%{event_type: :vm_message_arrived} = event, _),
    do: "message arrived #{recorded(event)}#{peer(" from ", event)}"

  defp within(%{event_type: :vm_sent_to_none} = event, _),
    do: "message to nobody #{recorded(event)}#{peer(" to ", event)}"

  defp within(%{event_type: :spawn} = event, _), do: "started #{peer("", event)}"
  defp within(%{event_type: :spawned} = event, _), do: "was started#{peer(" by ", event)}"
  defp within(%{event_type: :process_exit} = event, _), do: "process ended: #{recorded(event)}"
  defp within(%{event_type: :link} = event, _), do: "linked#{peer(" to ", event)}"
  defp within(%{event_type: :unlink} = event, _), do: "unlinked#{peer(" from ", event)}"
  defp within(%{event_type: :register} = event, _), do: "registered as #{recorded(event)}"
  defp within(%{event_type: :unregister} = event, _), do: "no longer registered as #{recorded(event)}"
  defp within(%{event_type: :return_to} = event, _), do: "goes on in #{recorded(event)}"
  # What a caller brought.
  defp within(event, _code), do: "#{event.event_type || "event"}#{brought(event)}"

  defp brought(event) do
    place = if event.module, do: " #{function(event)}", else: ""
    rest = if event.metadata in [nil, %{}], do: "", else: " " <> value(event.metadata)
    place <> if(event.value == nil, do: rest, else: " " <> value(event.value))
  end

  defp caught(event) do
    case RuntimeEvent.recorded(event, :value) do
      {:ok, {kind, reason}} when kind in [:error, :throw, :exit] -> "#{kind}: #{value(reason)}"
      {:ok, other} -> value(other)
      :not_recorded -> "an exception (not recorded)"
    end
  end

  defp note(event) do
    case RuntimeEvent.recorded(event, :value) do
      {:ok, {source, _place, term}} when is_atom(source) -> "#{source}: #{value(term)}"
      {:ok, other} -> "note: #{value(other)}"
      :not_recorded -> "note (not recorded)"
    end
  end

  defp recorded(event) do
    case RuntimeEvent.recorded(event, :value) do
      {:ok, value} -> value(value)
      :not_recorded -> "(not recorded)"
    end
  end

  defp peer(word, %{peer: pid}) when is_pid(pid), do: word <> inspect(pid)
  defp peer(word, %{metadata: %{peer: past}}), do: word <> past
  defp peer(_word, _), do: ""

  defp source(%{ast_node_id: id} = event, code) when is_binary(id) do
    with text when is_binary(text) <- code.(id), do: Width.fit(text, @value_columns), else: (_ -> line(event))
  end

  defp source(event, _code), do: line(event)

  defp line(%{line: line}) when is_integer(line), do: "at line #{line}"
  defp line(_), do: nil

  @doc "A recorded value on one line."
  @spec value(term(), pos_integer()) :: String.t()
  def value(value, columns \\ @value_columns)
  def value(%Redacted{kept: nil}, _columns), do: "[REDACTED]"
  def value(value, columns), do: value |> shown(20, 200) |> one_line() |> Width.fit(columns)

  @doc "A recorded value whole, as Elixir writes it: for programs to read."
  @spec whole(term()) :: String.t()
  def whole(value), do: shown(value, 200, 2_000)

  # What a struct's own `Inspect` makes of a part of it may be anything.
  defp shown(value, limit, printable) do
    inspect(value, limit: limit, printable_limit: printable, width: 1_000_000)
  rescue
    _ -> inspect(value, limit: limit, printable_limit: printable, structs: false)
  catch
    _, _ -> inspect(value, limit: limit, printable_limit: printable, structs: false)
  end

  # Text from a program must not steer the terminal.
  defp one_line(text) do
    if String.valid?(text),
      do: String.replace(text, ~r/[\x{0}-\x{1F}\x{7F}-\x{9F}]+/u, " "),
      else: Kernel.inspect(text)
  end
end

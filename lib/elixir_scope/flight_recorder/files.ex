defmodule ElixirScope.FlightRecorder.Files do
  @moduledoc false
  # What a recorder leaves on the disk: a saved repository and a text beside it, both whole or not there, and not too many.

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, TemporalBridge}
  alias ElixirScope.Error

  @events_told 200
  @line_max 400
  @extension ".scope"

  @doc "Saves the repository with what led to it: `{:ok, path}`."
  def save(repository, opts, trigger, at_ns) do
    path = Path.join(opts.dir, name(trigger, at_ns) <> @extension)

    with :ok <- ASTRepository.save(repository, path),
         :ok <- write(Path.rootname(path) <> ".txt", text(repository, opts, trigger, at_ns)) do
      {:ok, path}
    else
      error ->
        File.rm(path)
        error
    end
  end

  @doc "The saved files of a directory, oldest first: `%{path:, text:, bytes:}`, bytes of both."
  def list(dir) do
    for path <- Path.wildcard(Path.join(escaped(dir), "flight-*" <> @extension)) |> Enum.sort() do
      text = Path.rootname(path) <> ".txt"
      %{path: path, text: text, bytes: size(path) + size(text)}
    end
  end

  @doc "Removes the oldest until bounds hold; the newest stays. Gives how many were removed."
  def prune(opts) do
    newest_first = opts.dir |> list() |> Enum.reverse()

    {_, _, removed} =
      Enum.reduce(newest_first, {0, 0, 0}, fn file, {count, bytes, removed} ->
        if count == 0 or (count < opts.max_files and bytes + file.bytes <= opts.max_bytes) do
          {count + 1, bytes + file.bytes, removed}
        else
          File.rm(file.path)
          File.rm(file.text)
          # Whatever is older goes as well.
          {opts.max_files, bytes, removed + 1}
        end
      end)

    removed
  end

  defp size(path) do
    case File.stat(path) do
      {:ok, %{size: size}} -> size
      {:error, _} -> 0
    end
  end

  defp escaped(dir), do: String.replace(dir, ~r/[\\\[\]{}*?,]/, "\\\\\\0")

  # Names sort by time. A number tells apart what was saved in one microsecond, or by two recorders.
  defp name(trigger, at_ns) do
    time = at_ns |> DateTime.from_unix!(:nanosecond) |> Calendar.strftime("%Y%m%dT%H%M%S.%fZ")
    "flight-#{time}-#{System.unique_integer([:positive])}-#{slug(trigger)}"
  end

  defp slug(%{kind: kind, what: what}) do
    text = String.replace("#{kind}-#{what}", ~r/[^A-Za-z0-9_.]+/, "-")
    text |> String.slice(0, 60) |> String.trim("-")
  end

  defp write(path, text) do
    beside = "#{path}.tmp"

    with :ok <- File.write(beside, text), :ok <- File.rename(beside, path) do
      :ok
    else
      {:error, posix} ->
        File.rm(beside)

        {:error,
         %Error{
           reason: :file,
           message: "#{path} cannot be written: #{:file.format_error(posix)}",
           hint: "check the directory and its permissions",
           details: %{path: path, posix: posix}
         }}
    end
  end

  ## The text

  defp text(repository, opts, trigger, at_ns) do
    {events, why} = last(repository, opts, at_ns)

    [
      "ElixirScope flight recorder\n",
      "saved:     #{DateTime.from_unix!(at_ns, :nanosecond)} on #{node()}\n",
      "trigger:   #{trigger.kind}: #{trigger.what}\n",
      for(line <- trigger.lines, do: ["           ", cut(line), "\n"]),
      "window:    the last #{opts.keep_ms} ms\n",
      "read with: {:ok, repository} = ElixirScope.ASTRepository.load(\"...#{@extension}\")\n\n",
      why,
      Enum.map(events, &[line(&1), "\n"])
    ]
  end

  defp last(repository, opts, at_ns) do
    from = at_ns - opts.keep_ms * 1_000_000

    case TemporalBridge.get_events_in_range(repository, from, nil, newest_first: true, limit: @events_told) do
      {:ok, []} -> {[], "No events in this time.\n"}
      {:ok, events} -> {Enum.reverse(events), "The last #{length(events)} events, oldest first:\n"}
      {:error, error} -> {[], "Events could not be read: #{error.message}\n"}
    end
  end

  @doc "An event in one line."
  def line(event) do
    cut("#{clock(event.timestamp)} #{inspect(event.pid)} #{told(event)}")
  end

  defp told(%{event_type: :call} = event) do
    "#{call(event)} #{ended(event)}"
  end

  defp told(%{event_type: :note, value: {source, _place, %{} = data}}) when is_atom(source),
    do: "#{source}: #{note(data)}"

  defp told(event) do
    place = if event.module, do: " in #{Exception.format_mfa(event.module, event.function, event.arity)}"
    line = if event.line, do: " (line #{event.line})"
    variable = if event.variable, do: " #{event.variable} ="
    value = if event.value != nil, do: " #{show(event.value)}"
    "#{event.event_type}#{place}#{line}#{variable}#{value}"
  end

  defp call(%{arguments: arguments} = event) when is_list(arguments),
    do: "#{inspect(event.module)}.#{event.function}(#{Enum.map_join(arguments, ", ", &show/1)})"

  defp call(event), do: Exception.format_mfa(event.module, event.function, event.arity)

  defp ended(%{result: nil}), do: "has not ended"
  defp ended(%{result: :return, result_value: nil} = event), do: "returned#{took(event)}"
  defp ended(%{result: :return} = event), do: "-> #{show(event.result_value)}#{took(event)}"
  defp ended(%{result: :tail} = event), do: "went on in a tail call#{took(event)}"
  defp ended(%{result: :error} = event), do: "failed#{took(event)}"
  defp ended(%{result: result} = event), do: "#{result}#{took(event)}"

  defp took(%{duration_ns: ns}) when is_integer(ns), do: " (#{Float.round(ns / 1_000_000, 3)} ms)"
  defp took(_event), do: ""

  defp note(%{message: message, level: level}),
    do: "[#{level}] #{if is_binary(message), do: message, else: show(message)}"

  defp note(%{type: type, reason: reason} = crash),
    do: "#{type} #{show(crash[:name] || crash[:pid])}: #{show(reason)}"

  defp note(data), do: show(data)

  defp clock(ns) do
    ns |> DateTime.from_unix!(:nanosecond) |> Calendar.strftime("%H:%M:%S.%f")
  end

  @doc "A value in few words, whatever its own `Inspect` does."
  def show(value) do
    inspect(value, limit: 20, printable_limit: 120, width: :infinity)
  rescue
    _ -> Fault.show(value)
  catch
    _, _ -> Fault.show(value)
  end

  defp cut(line) do
    line = String.replace(line, ["\n", "\r"], " ")
    if String.length(line) > @line_max, do: String.slice(line, 0, @line_max) <> "...", else: line
  end
end

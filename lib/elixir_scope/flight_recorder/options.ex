defmodule ElixirScope.FlightRecorder.Options do
  @moduledoc false
  # The options of a flight recorder, checked once.

  alias ElixirScope.ASTRepository.Fault

  @defaults [
    keep_ms: 30_000,
    dir: nil,
    max_files: 20,
    max_bytes: 256 * 1024 * 1024,
    log_bytes: 32 * 1024 * 1024,
    debounce_ms: 1_000,
    on: [:crash],
    sources: [],
    name: nil
  ]
  @names Keyword.keys(@defaults)
  @sources [:logger, :crashes, :telemetry]
  @triggers [:crash, :exit, :slow]
  @count_max 1_000_000_000_000
  @log_bytes_min 64 * 1024

  @doc "`{:ok, map}` of all options, or the first thing that is wrong with them."
  def new(opts) do
    with :ok <- known(opts),
         opts = Map.new(Keyword.merge(@defaults, opts)),
         :ok <- counts(opts),
         :ok <- dir(opts.dir),
         :ok <- log_bytes(opts),
         :ok <- sources(opts.sources),
         :ok <- triggers(opts.on) do
      {:ok, %{opts | dir: Path.expand(opts.dir), on: Enum.uniq(opts.on), sources: wanted(opts)}}
    end
  end

  defp known(opts) do
    if Keyword.keyword?(opts) do
      case Enum.find(Keyword.keys(opts), &(&1 not in @names)) do
        nil -> :ok
        name -> Fault.unknown(:option, name, @names)
      end
    else
      Fault.invalid(:options, opts, "give a keyword list, with at least dir: \"where to save\"")
    end
  end

  defp counts(opts) do
    Enum.find_value(
      [keep_ms: 1, max_files: 1, max_bytes: 1, log_bytes: @log_bytes_min, debounce_ms: 0],
      :ok,
      fn {name, min} ->
        value = opts[name]

        if not (is_integer(value) and value >= min and value <= @count_max),
          do: Fault.invalid(name, value, "give an integer from #{min} to #{@count_max}")
      end
    )
  end

  defp dir(dir) when is_binary(dir) and dir != "" and byte_size(dir) <= 4_000 do
    if String.valid?(dir) and not String.contains?(dir, <<0>>), do: :ok, else: bad_dir(dir)
  end

  defp dir(other), do: bad_dir(other)
  defp bad_dir(dir), do: Fault.invalid(:dir, dir, "give the path of a directory, as text")

  defp log_bytes(%{log_bytes: log, max_bytes: max}) when log <= max, do: :ok

  defp log_bytes(%{log_bytes: log}),
    do: Fault.invalid(:log_bytes, log, "one file may need so much: give :max_bytes at least as much")

  defp sources(sources) when is_list(sources) do
    case Enum.find(sources, &(&1 not in @sources)) do
      nil -> :ok
      other -> Fault.unknown(:source, other, @sources)
    end
  end

  defp sources(other), do: Fault.invalid(:sources, other, "give a list of #{inspect(@sources)}")

  # Crashes are told by a source of their own.
  defp wanted(%{sources: sources, on: on}),
    do: Enum.uniq(if(:crash in on, do: [:crashes | sources], else: sources))

  defp triggers(on) when is_list(on), do: Enum.find_value(on, :ok, &trigger/1)

  defp triggers(other),
    do: Fault.invalid(:on, other, "give a list, for example [:crash, {:slow, {M, :f, 1}, 100}]")

  # `nil` when it is right.
  defp trigger(:crash), do: nil
  defp trigger({:exit, pid}) when is_pid(pid) and node(pid) == node(), do: nil
  defp trigger({:exit, name}) when is_atom(name) and name not in [nil, true, false, :undefined], do: nil

  defp trigger({:exit, other}),
    do: Fault.invalid(:exit, other, "give a pid of this node, or a registered name")

  defp trigger({:slow, {m, f, a}, ms})
       when is_atom(m) and is_atom(f) and a in 0..255 and is_integer(ms) and ms > 0 and ms <= @count_max,
       do: nil

  defp trigger(fun) when is_function(fun, 1), do: nil

  defp trigger(tuple) when is_tuple(tuple) and tuple_size(tuple) > 0 and elem(tuple, 0) == :slow,
    do: Fault.invalid(:slow, tuple, "give {:slow, {module, function, arity}, milliseconds}")

  defp trigger(fun) when is_function(fun),
    do: Fault.invalid(:condition, fun, "give a function of one argument, the events")

  defp trigger(tuple) when is_tuple(tuple) and tuple_size(tuple) > 0 and is_atom(elem(tuple, 0)),
    do: Fault.unknown(:trigger, elem(tuple, 0), @triggers)

  defp trigger(other), do: Fault.unknown(:trigger, other, @triggers)
end

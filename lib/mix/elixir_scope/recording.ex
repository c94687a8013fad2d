defmodule Mix.ElixirScope.Recording do
  @moduledoc false
  # What to record and within which limits, as people say it on the command line: `--capture`, `--points`, and the gates.

  alias ElixirScope.Instrumentation.Plan
  alias ElixirScope.Suggest

  @options [
    capture: :strings,
    points: :strings,
    sampling_rate: :string,
    rate: :count,
    hits: :count,
    record_for: :string,
    priority: :string,
    values: :string
  ]
  @priorities ~w(low medium high critical)
  @modes ~w(full truncated shape off)

  @doc "The options, for the tasks that take them."
  def options, do: @options

  @doc "A plan with what the options add to it."
  def plan(base, opts) do
    capture = opts[:capture] && kinds(opts[:capture], "--capture")
    points = opts |> Keyword.get(:points, []) |> Enum.flat_map(&specs/1)

    case Plan.new([plan: base, points: points] ++ if(capture, do: [capture: capture], else: [])) do
      {:ok, plan} -> plan
      {:error, error} -> Mix.raise("elixir_scope: " <> Exception.message(error))
    end
  end

  @doc "The limits, as `ElixirScope.Capture.configure/2` takes them."
  def limits(opts) do
    [
      sampling_rate: share(opts[:sampling_rate]),
      rate: opts[:rate],
      hits: opts[:hits],
      for: milliseconds(opts[:record_for]),
      priority: one_of(opts[:priority], "--priority", @priorities),
      capture_config:
        with(mode when mode != nil <- one_of(opts[:values], "--values", @modes), do: [mode: mode])
    ]
    |> Enum.reject(fn {_, value} -> value == nil end)
  end

  ## Limits

  defp share(nil), do: nil

  defp share(text) do
    case Float.parse(text) do
      {share, ""} when share >= 0 and share <= 1 -> share
      _ -> Mix.raise("--sampling-rate takes a share from 0.0 to 1.0, not #{text}")
    end
  end

  defp milliseconds(nil), do: nil

  defp milliseconds(text) do
    case Float.parse(text) do
      {seconds, ""} when seconds > 0 -> max(round(seconds * 1_000), 1)
      _ -> Mix.raise("--record-for takes seconds above 0, not #{text}")
    end
  end

  defp one_of(nil, _switch, _valid), do: nil

  defp one_of(text, switch, valid) do
    if text in valid,
      do: String.to_existing_atom(text),
      else: Mix.raise("#{switch} #{text} is unknown; #{Suggest.hint(text, valid)}")
  end

  ## Kinds

  defp kinds(texts, switch) do
    known = Map.new(Plan.kinds(), &{Atom.to_string(&1), &1})

    for text <- texts, name <- String.split(text, ",", trim: true), name = String.trim(name) do
      known[name] ||
        Mix.raise("#{switch} #{name} is unknown; #{Suggest.hint(name, Enum.sort(Map.keys(known)))}")
    end
  end

  ## Points

  # A file has a point on each line.
  defp specs(text) do
    if File.regular?(text),
      do: text |> File.read!() |> String.split("\n") |> Enum.with_index(1) |> Enum.flat_map(&line(&1, text)),
      else: [point(text, text)]
  end

  defp line({text, number}, path) do
    case String.trim(text) do
      "" -> []
      "#" <> _ -> []
      spec -> [point(spec, "#{path}:#{number}: #{spec}")]
    end
  end

  # `TARGET KINDS [when CONDITION]`
  defp point(text, told) do
    case Regex.run(~r/^(\S+)\s+([^\s]+)(?:\s+when\s+(.+))?$/s, String.trim(text)) do
      [_, target, kinds] ->
        target(target, told) |> Map.put(:kinds, kinds([kinds], "--points"))

      [_, target, kinds, guard] ->
        target(target, told) |> Map.merge(%{kinds: kinds([kinds], "--points"), when: guard(guard)})

      nil ->
        bad(told)
    end
    |> Map.put(:id, told)
  end

  defp guard(text) do
    case Code.string_to_quoted(text) do
      {:ok, quoted} ->
        quoted

      {:error, {_, message, token}} ->
        Mix.raise("--points: the condition #{text} cannot be read: #{inspect(message)} #{token}")
    end
  end

  defp target("all", _told), do: %{}

  defp target(text, told) do
    case Regex.run(~r/^([^:].*?|:[^:]+):(\d+)(?::(\d+))?$/, text) do
      [_, module, line] ->
        %{module: module(module, told), line: String.to_integer(line)}

      [_, module, line, column] ->
        %{module: module(module, told), line: String.to_integer(line), column: String.to_integer(column)}

      nil ->
        function(text, told)
    end
  end

  defp function(text, told) do
    case Regex.run(~r/^(.+)\.([^.\/]+)\/(\d+)(?:#(\d+))?$/, text) do
      [_, module, name, arity] ->
        %{module: module(module, told), function: {String.to_atom(name), String.to_integer(arity)}}

      [_, module, name, arity, clause] ->
        %{
          module: module(module, told),
          function: {String.to_atom(name), String.to_integer(arity)},
          clause: String.to_integer(clause)
        }

      nil ->
        %{module: module(text, told)}
    end
  end

  # What stands on a command line is the developer's own: a module that is not there is said when nothing comes of the point.
  defp module(":" <> name, _told), do: String.to_atom(name)

  defp module(name, told) do
    if name =~ ~r/^[A-Z]\w*(\.[A-Z]\w*)*$/, do: Module.concat([name]), else: bad(told)
  end

  defp bad(told) do
    Mix.raise("""
    --points #{told} cannot be read. A point is a target, what to record there, and a condition if need be:

        "Shop.Cart.total/1 variables,args when length(items) > 3"
        "Shop.Cart:17 expressions"

    Targets are MODULE, MODULE.function/arity, MODULE.function/arity#CLAUSE, MODULE:LINE, MODULE:LINE:COLUMN and all; or give a
    file with one point on each line.
    """)
  end
end

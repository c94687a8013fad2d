defmodule Mix.ElixirScope.Options do
  @moduledoc false
  # The options of a task that hands the rest of its arguments to another task: ours are taken out, everything
  # else stays as it was and in its order. What follows `--` is never ours.

  @type spec :: [{atom(), :string | :count | :flag | :strings}]

  @doc """
  `{ours, theirs}`. `kinds` of our options: `:string`, `:strings` (may be repeated), `:count` (a positive
  integer), `:flag`.

  `stop: switches` says that the first plain argument ends our options (it begins those of a script), and
  which of the other task's switches take a value, which is then no plain argument.
  """
  @spec split([String.t()], spec(), keyword()) :: {keyword(), [String.t()]}
  def split(args, spec, opts \\ []) do
    names = for {name, kind} <- spec, into: %{}, do: {"--" <> dashed(name), {name, kind}}
    {ours, theirs} = take(args, names, opts[:stop], [], [])
    {gather(Enum.reverse(ours), spec), Enum.reverse(theirs)}
  end

  defp take([], _names, _stop, ours, theirs), do: {ours, theirs}
  defp take(["--" | _] = rest, _names, _stop, ours, theirs), do: {ours, Enum.reverse(rest) ++ theirs}
  defp take(["-h" | rest], names, stop, ours, theirs), do: take(["--help" | rest], names, stop, ours, theirs)

  defp take(["--" <> _ = arg | rest], names, stop, ours, theirs) do
    {switch, value} =
      with [switch, value] <- String.split(arg, "=", parts: 2), do: {switch, value}, else: (_ -> {arg, nil})

    case {names, value, rest} do
      {%{^switch => {name, :flag}}, nil, _} ->
        take(rest, names, stop, [{name, true} | ours], theirs)

      {%{^switch => {name, kind}}, value, _} when is_binary(value) ->
        take(rest, names, stop, [{name, read(kind, switch, value)} | ours], theirs)

      {%{^switch => {name, kind}}, nil, [value | rest]} ->
        take(rest, names, stop, [{name, read(kind, switch, value)} | ours], theirs)

      {%{^switch => {_, kind}}, nil, []} ->
        missing(kind, switch)

      _ ->
        pass(arg, rest, names, stop, ours, theirs)
    end
  end

  defp take(["-" <> _ = arg | rest], names, stop, ours, theirs),
    do: pass(arg, rest, names, stop, ours, theirs)

  defp take([arg | rest], names, nil, ours, theirs), do: take(rest, names, nil, ours, [arg | theirs])
  defp take(rest, _names, _stop, ours, theirs), do: {ours, Enum.reverse(rest) ++ theirs}

  # A switch of the other task, with its value where it has one.
  defp pass(arg, [value | rest], names, stop, ours, theirs) when is_list(stop) do
    if arg in stop,
      do: take(rest, names, stop, ours, [value, arg | theirs]),
      else: take([value | rest], names, stop, ours, [arg | theirs])
  end

  defp pass(arg, rest, names, stop, ours, theirs), do: take(rest, names, stop, ours, [arg | theirs])

  defp read(:count, switch, value) do
    case Integer.parse(value) do
      {count, ""} when count > 0 -> count
      _ -> Mix.raise("#{switch} takes a number of 1 or more, not #{inspect(value)}")
    end
  end

  defp read(:flag, switch, _value), do: Mix.raise("#{switch} takes no value")
  defp read(_kind, switch, ""), do: Mix.raise("#{switch} needs a value")
  defp read(_kind, _switch, value), do: value

  defp missing(:flag, switch), do: Mix.raise("#{switch} takes no value")
  defp missing(_kind, switch), do: Mix.raise("#{switch} needs a value; see --help")

  defp gather(ours, spec) do
    Enum.reduce(ours, [], fn {name, value}, gathered ->
      case spec[name] do
        :strings -> Keyword.update(gathered, name, [value], &(&1 ++ [value]))
        _ -> Keyword.put(gathered, name, value)
      end
    end)
  end

  defp dashed(name), do: name |> Atom.to_string() |> String.replace("_", "-")

  @doc "For a task that takes no other task's arguments: our options and the plain arguments; anything else is an error."
  @spec parse([String.t()], spec(), String.t()) :: {keyword(), [String.t()]}
  def parse(args, spec, task) do
    {ours, rest} = split(args, spec)

    case Enum.find(rest, &match?("-" <> _, &1)) do
      nil ->
        {ours, rest}

      "--" ->
        {ours, List.delete(rest, "--")}

      unknown ->
        Mix.raise("mix #{task} has no option #{unknown}" <> near(unknown, spec) <> "; see mix help #{task}")
    end
  end

  defp near(unknown, spec) do
    names = Enum.map(spec, fn {name, _} -> "--" <> dashed(name) end)

    with name when is_binary(name) <- ElixirScope.Suggest.nearest(unknown, names),
         do: ", did you mean #{name}?",
         else: (_ -> "")
  end
end

defmodule ElixirScope.ASTRepository.HybridContext.Symptom do
  @moduledoc false
  # What an error says as text: the functions and places that its stacktrace names, in their order, the functions and modules that
  # its message names, the test that failed. Nothing of the text becomes an atom.

  @frames_max 60
  @names_max 20
  # The first frame is where it went wrong; each further one says a little less.
  @fading 0.8

  # A pattern may look at each part of a line from each of its characters: what is hostile is cut first.
  @lines_max 400
  @characters_max 300

  @doc "The text as far as it is looked at: so many lines, each so long."
  def bounded(text) do
    text
    |> String.split("\n", parts: @lines_max + 1)
    |> Enum.take(@lines_max)
    |> Enum.map_join("\n", &String.slice(&1, 0, @characters_max))
  end

  @doc "Whether a text is an error or a stacktrace as it is printed."
  def error?(text), do: text =~ "** (" or text =~ frame_pattern() or text =~ failed_test_pattern()

  @doc "A place as `lib/shop/cart.ex:12`, and nothing else."
  def place(text) do
    case Regex.run(~r/\A([\w.@~\/ -]+\.exs?):(\d+)(?::\d+)?\z/u, String.trim(text)) do
      [_, file, line] -> {:ok, file, String.to_integer(line)}
      nil -> :error
    end
  end

  @doc """
  Where a walk begins for a text: `[{seed, weight}]`, strongest first; a frame is the function it names, and the line where it
  names none that is known.
  """
  def seeds(text) do
    frames = for [_, file, line, name, arity] <- scan(frame_pattern(), text), do: {file, line, name, arity}

    framed =
      for {{file, line, name, arity}, at} <- frames |> Enum.take(@frames_max) |> Enum.with_index() do
        weight = :math.pow(@fading, at)
        {{:first, [{:node, "#{name}/#{arity}"}, {:lines, file, number(line)}]}, weight}
      end

    known = MapSet.new(frames, fn {_, _, name, arity} -> {name, arity} end)

    named =
      for [_, name, arity] <- scan(function_pattern(), text),
          not MapSet.member?(known, {name, arity}),
          uniq: true do
        {{:node, "#{name}/#{arity}"}, 1.0}
      end

    calls = for [_, name] <- scan(call_pattern(), text), uniq: true, do: {{:any_arity, name}, 1.0}

    tests =
      for [_, name, module] <- scan(failed_test_pattern(), text), uniq: true, do: {{:test, module, name}, 1.0}

    places =
      for [_, file, line] <- scan(place_pattern(), text),
          not Enum.any?(frames, &match?({^file, ^line, _, _}, &1)),
          uniq: true,
          do: {{:lines, file, number(line)}, 0.5}

    modules = for [_, name | _] <- scan(module_pattern(), text), uniq: true, do: {{:node, name}, 0.15}

    Enum.take(named, @names_max) ++
      Enum.take(calls, @names_max) ++
      framed ++
      Enum.take(tests, @names_max) ++ Enum.take(places, @names_max) ++ Enum.take(modules, @names_max)
  end

  @doc "The names of exceptions that a text says were raised: `** (KeyError) ...`."
  def exceptions(text) do
    for [_, name] <- scan(~r/\(([A-Z]\w*(?:\.[A-Z]\w*)*)\)/u, text), uniq: true, do: name
  end

  @doc "What the message says, without the frames."
  def message(text) do
    text
    |> String.split("\n")
    |> Enum.reject(&(&1 =~ frame_pattern() or &1 =~ place_pattern()))
    |> Enum.join(" ")
  end

  defp scan(pattern, text), do: Regex.scan(pattern, text)

  # A line has no ten digits.
  defp number(text), do: text |> String.slice(0, 9) |> String.to_integer()

  # No attributes: from OTP 28 on no compiled pattern can be kept in a module.
  # `lib/shop/cart.ex:12: Shop.Cart.add/3`, with `(shop 0.1.0)` before it or not.
  defp frame_pattern,
    do: ~r/([\w.@~\/-]+\.(?:exs?|erl)):(\d+): (?:anonymous fn\/\d+ in )?([\w.:"!?@-]+?)\/(\d+)/u

  defp place_pattern, do: ~r/([\w.@~\/-]+\.exs?):(\d+)/u
  defp function_pattern, do: ~r/\b((?:[A-Z]\w*\.)+[a-z_]\w*[!?]?)\/(\d+)/u
  defp module_pattern, do: ~r/(?<![\w.])((?:[A-Z]\w*)(?:\.[A-Z]\w*)*)(?![\w.]*\/\d)/u
  defp call_pattern, do: ~r/\b((?:[A-Z]\w*\.)+[a-z_]\w*[!?]?)\(/u
  defp failed_test_pattern, do: ~r/^\s*\d+\) (test .+) \(([\w.]+)\)\s*$/mu
end

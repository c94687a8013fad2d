defmodule ElixirScope.Test.Mutate do
  @moduledoc """
  Sources that nobody wrote: real ones with words exchanged, lines moved, dropped and repeated. Most still parse, and
  mean nothing sensible.
  """

  @odd ~w(def defp defmacro defmodule quote unquote fn end do case with receive try rescue when & |> @ ^ %{} [] nil
          __MODULE__ __ENV__ super alias import use require _ 0 "" :a ... -> <- \\\\ :: | = ! not in)

  @doc "A changed copy of `text`, and the random state to go on with."
  def mutate(text, seed) do
    {count, seed} = below(4, seed)
    Enum.reduce(0..count, {text, seed}, fn _, {text, seed} -> once(text, seed) end)
  end

  defp once(text, seed) do
    case below(8, seed) do
      {kind, seed} when kind < 5 -> words(text, seed)
      {_, seed} -> lines(text, seed)
    end
  end

  # A word becomes another one of the same file, or one with a meaning of its own.
  defp words(text, seed) do
    parts = Regex.split(~r/\b[a-zA-Z_][a-zA-Z_0-9]*[?!]?/, text, include_captures: true)
    {at, seed} = below(length(parts), seed)
    {from, seed} = below(length(parts), seed)
    {odd, seed} = below(length(@odd) * 3, seed)
    word = Enum.at(@odd, odd) || Enum.at(parts, from)
    {parts |> List.replace_at(at, word) |> Enum.join(), seed}
  end

  defp lines(text, seed) do
    lines = String.split(text, "\n")
    {one, seed} = below(length(lines), seed)
    {other, seed} = below(length(lines), seed)
    {how, seed} = below(3, seed)
    line = Enum.at(lines, one)

    lines =
      case how do
        0 -> List.delete_at(lines, one)
        1 -> List.insert_at(lines, other, line)
        2 -> lines |> List.delete_at(one) |> List.insert_at(other, line)
      end

    {Enum.join(lines, "\n"), seed}
  end

  defp below(0, seed), do: {0, seed}

  defp below(n, seed) do
    {number, seed} = :rand.uniform_s(n, seed)
    {number - 1, seed}
  end
end

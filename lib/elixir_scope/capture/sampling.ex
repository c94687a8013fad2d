defmodule ElixirScope.Capture.Sampling do
  @moduledoc """
  How much of what happened was recorded, where gates (`ElixirScope.Capture.configure/2`) hold something back.

  What comes to a gate is counted exactly, so counts can be scaled to what happened; times are those of the part that was recorded.
  """

  alias ElixirScope.ASTRepository.ExecutionStatistics
  alias ElixirScope.{Capture, Core}

  @told_max 20

  @type t :: %{
          sampling_rate: float(),
          seen: non_neg_integer(),
          recorded: non_neg_integer(),
          scale: float() | nil
        }

  @doc """
  Of a function's calls, since its gate was made; `nil` where all are recorded.

      {:ok, 1} = ElixirScope.Capture.configure({Shop.Cart, :add, 2}, sampling_rate: 0.1)
      ElixirScope.Capture.Sampling.of({Shop.Cart, :add, 2})
      #=> %{sampling_rate: 0.1, seen: 12_000, recorded: 1_213, scale: 9.89}

  A gate that functions share (`per: :selection`) counts the calls of all of them.
  """
  @spec of({module(), atom(), arity()}) :: t() | nil
  def of({module, name, arity} = function) when is_atom(module) and is_atom(name) and arity in 0..255 do
    with {rate, seen, passed} <- Core.Gates.share(function),
         do: %{sampling_rate: rate, seen: seen, recorded: passed, scale: if(passed > 0, do: seen / passed)}
  end

  def of(_other), do: nil

  @doc false
  # Statistics that say whether they are of a part only.
  def mark(%ExecutionStatistics{} = statistics, function) do
    case of(function) do
      nil -> statistics
      share -> %{statistics | sampled: true, sampling_rate: share.sampling_rate, calls_seen: share.seen}
    end
  end

  def mark(other, _function), do: other

  @doc false
  # In words, for who reads a file or a report: `[]` where everything was recorded.
  def notes do
    with {:ok, gates} <- Capture.gates() do
      for %{estimated: true, kinds: kinds} = gate <- gates, :calls in kinds, do: note(gate)
    else
      _ -> []
    end
  end

  @doc false
  def describe do
    case notes() do
      [] ->
        "everything that was instrumented"

      notes ->
        {told, left} = Enum.split(notes, @told_max)
        Enum.join(told, " ") <> if(left == [], do: "", else: " And so of #{length(left)} more.")
    end
  end

  defp note(gate) do
    {shown, left} =
      gate.functions |> Enum.map(fn {m, f, a} -> Exception.format_mfa(m, f, a) end) |> Enum.split(3)

    more = if left == [], do: "", else: " and #{length(left)} more"

    "Of #{gate.seen} calls of #{Enum.join(shown, ", ")}#{more} #{gate.passed} were recorded: times are those of a part."
  end
end

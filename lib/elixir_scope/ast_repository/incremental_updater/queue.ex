defmodule ElixirScope.ASTRepository.IncrementalUpdater.Queue do
  @moduledoc false
  # Updates that wait: bounded, in their order, and one for each thing that is updated. An update of something that
  # waits already takes its place in the queue, so a file that is saved a hundred times is read once.

  alias ElixirScope.ASTRepository.IncrementalUpdater.Operation

  defstruct updates: %{}, targets: %{}, next: 0, max: 0, coalesced: 0

  @type t :: %__MODULE__{}

  @spec new(pos_integer()) :: t()
  def new(max), do: %__MODULE__{max: max}

  @spec size(t()) :: non_neg_integer()
  def size(queue), do: map_size(queue.updates)

  @doc "Adds an update. `:full` when it is one too many."
  @spec add(t(), tuple()) :: {:ok, t()} | :full
  def add(queue, update) do
    target = Operation.target(update)

    case queue.targets do
      %{^target => at} -> {:ok, merge(queue, target, at, update)}
      %{} -> if size(queue) < queue.max, do: {:ok, append(queue, target, update)}, else: :full
    end
  end

  @doc "Takes the oldest updates out, at most `count`; only those that were there before number `upto`."
  @spec take(t(), pos_integer(), non_neg_integer() | :all) :: {[tuple()], t()}
  def take(queue, count, upto) do
    # Any number is less than an atom.
    taken = queue.updates |> Map.keys() |> Enum.filter(&(&1 < upto)) |> Enum.sort() |> Enum.take(count)
    updates = Enum.map(taken, &Map.fetch!(queue.updates, &1))
    targets = Enum.map(updates, &Operation.target/1)

    {updates, %{queue | updates: Map.drop(queue.updates, taken), targets: Map.drop(queue.targets, targets)}}
  end

  defp append(queue, target, update) do
    %{
      queue
      | updates: Map.put(queue.updates, queue.next, update),
        targets: Map.put(queue.targets, target, queue.next),
        next: queue.next + 1
    }
  end

  defp merge(queue, target, at, update) do
    queue = %{queue | coalesced: queue.coalesced + 1}

    case Operation.merge(Map.fetch!(queue.updates, at), update) do
      # Added and removed again: nothing is left to do.
      nil -> %{queue | updates: Map.delete(queue.updates, at), targets: Map.delete(queue.targets, target)}
      merged -> %{queue | updates: Map.put(queue.updates, at, merged)}
    end
  end
end

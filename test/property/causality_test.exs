defmodule ElixirScope.Property.CausalityTest do
  # Traces processes.
  use ExUnit.Case, async: false

  alias ElixirScope.Test.{CausesTruth, Supervised}

  @moduletag timeout: 300_000

  setup_all do
    Supervised.compile!()
    :ok
  end

  setup do
    Supervised.instrument!()
    :ok
  end

  for {seed, clients, steps} <- [{1, 4, 60}, {2, 4, 60}, {3, 8, 40}] do
    test "every edge of a system of supervised processes is found, and none is wrong (seed #{seed})" do
      found =
        Supervised.record!(unquote(seed), unquote(clients), unquote(steps), [:messages, :processes], [
          :messages
        ])

      messages = CausesTruth.messages(found.truth, found.edges)
      count = fn name -> length(messages[name] || []) end

      for wrong <- [
            :invented,
            :missing,
            :twice,
            :wrong_sender,
            :wrong_receiver,
            :wrong_clause,
            :no_clause,
            :open
          ] do
        assert (messages[wrong] || []) == []
      end

      assert count.(:exact) > 300
      assert count.(:exact) >= 0.99 * (count.(:exact) + count.(:inferred))
      assert CausesTruth.misjoined(found.joins) == []

      joins = CausesTruth.joins(found.truth, found.joins)

      for {kind, result} <- joins do
        assert {kind, result.missing, result.wrong} == {kind, [], []}
        assert result.found > 0
      end

      # What the VM itself says is exact. That one died of the other, and that a supervisor started one for another, nobody says.
      for kind <- [:spawn, :monitor, :exit], do: assert(joins[kind].inferred == [])
      for kind <- [:together, :restart], do: assert(length(joins[kind].inferred) == joins[kind].found)
    end
  end

  test "what is seen in part is never told wrongly as exact" do
    for {flags, values} <- [{[], []}, {[:messages], []}, {[:processes], []}, {[:messages, :processes], []}] do
      found = Supervised.record!(4, 4, 40, flags, values)
      messages = CausesTruth.messages(found.truth, found.edges)

      for kind <- [:invented, :twice, :wrong_sender, :wrong_receiver, :wrong_clause],
          {_, _, _, edges} <- messages[kind] || [],
          edge <- edges do
        assert {kind, edge.certainty} == {kind, :inferred}
      end

      assert Enum.filter(CausesTruth.misjoined(found.joins), &(&1.certainty == :exact)) == []

      for {kind, result} <- CausesTruth.joins(found.truth, found.joins), edge <- result.wrong do
        assert {kind, edge.certainty} == {kind, :inferred}
      end
    end
  end
end

defmodule ElixirScope.Sources.Rate do
  @moduledoc false
  # So many a second, and what was beyond is counted. No process, no lock: a few atomics. Two that pass at the edge of a second may
  # both be let through.

  @second 1
  @used 2
  @lost 3
  @failed 4

  @opaque t :: {:atomics.atomics_ref(), pos_integer()}

  def new(per_second) when is_integer(per_second) and per_second > 0, do: {:atomics.new(4, []), per_second}

  @doc "Whether one more may pass."
  def pass?({atomics, per_second}) do
    now = System.monotonic_time(:second)

    if :atomics.get(atomics, @second) != now do
      :atomics.put(atomics, @second, now)
      :atomics.put(atomics, @used, 0)
    end

    if :atomics.add_get(atomics, @used, 1) <= per_second do
      true
    else
      :atomics.add(atomics, @lost, 1)
      false
    end
  end

  def fail({atomics, _}), do: :atomics.add(atomics, @failed, 1)
  def lost({atomics, _}), do: :atomics.get(atomics, @lost)
  def failed({atomics, _}), do: :atomics.get(atomics, @failed)
end

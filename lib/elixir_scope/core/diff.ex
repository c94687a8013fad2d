defmodule ElixirScope.Core.Diff do
  @moduledoc false
  # Two versions of a source on the native side. `old` and `new` are units of `ElixirScope.Core.Source`.

  alias ElixirScope.{Core, Native}

  @doc "The modules of both versions, each with what changed, as maps of `ModuleDiff`'s fields."
  def modules(old, new), do: Core.call(fn -> Native.source_diff(old, new) end)

  @doc "What became of ids of the old version: `[{id, new_id | nil}]`; of every node for `nil`."
  def forward(old, new, ids \\ nil), do: Core.call(fn -> Native.source_forward(old, new, ids) end)

  @doc "What became of all ids, as counts: `%{all:, unchanged:, forwarded:, gone:, reused:, missed:}`."
  def survival(old, new), do: Core.call(fn -> Native.source_survival(old, new) end)
end

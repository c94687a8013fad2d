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

  # versions in a repository: `as_of` is `{:build, text}`, `{:instrumented, integer}` or `{:at, ns}`
  def node_as_of(ref, id, as_of), do: Core.call(fn -> Native.repository_node_as_of(ref, id, as_of) end)

  @doc "The id that a node of an older version goes by now."
  def present_id(ref, id), do: Core.call(fn -> Native.repository_present_id(ref, id) end)

  @doc "The node of a point, with what it was then: `{:ok, %{ast_node_id:, then: nil | %{ast_node_id:, build:, file:, gone:}}}`."
  def point_then(ref, point), do: Core.call(fn -> Native.correlate_point_then(ref, point) end)
  def activation_then(ref, token), do: Core.call(fn -> Native.correlate_activation_then(ref, token) end)
end

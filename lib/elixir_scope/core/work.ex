defmodule ElixirScope.Core.Work do
  @moduledoc false
  # For whom the code runs, one function a NIF, with results as `ElixirScope.Core` gives them. An owner is an integer from
  # 1 on.

  alias ElixirScope.{Core, Native}

  @doc "Begins to keep account: `:ok`, or `:busy` while ingest is at work."
  def attribute, do: Core.call(fn -> Native.work_attribute() end)

  @doc """
  Ends it: `{:ok, reached, points}` or `:busy`. `reached` is `[{owner, :own | :descendant | :meanwhile, literal, count}]`, with
  owner 0 where nobody was at work; `points` says what the literals mean:
  `[{literal, mfa, :clause | :branch, clause, line, column}]`.
  """
  def attributed, do: Core.call(fn -> Native.work_attributed() end)

  @doc """
  The calling process works for `owner` from here on, for its life. While a member of a group is at work, the owner with the
  group's number does not answer for what others do meanwhile.
  """
  def begin(owner, group), do: Core.call(fn -> Native.work_begin(owner, group) end)

  @doc "The work of `owner` is at its end."
  def finish(owner), do: Core.call(fn -> Native.work_end(owner) end)

  @doc "Processes that reported and of which it is not known for whom they work, each named once."
  def unknown, do: Core.call(fn -> Native.work_unknown() end)

  @doc "`pid` was started by or for one of `parents`, nearest first: `:ok` or `:busy`."
  def relate(pid, parents), do: Core.call(fn -> Native.work_relate(pid, parents) end)

  @doc "What of their functions these points cover: `{:ok, [{mfa, covered, executable}]}`."
  def coverage(ref, literals), do: Core.call(fn -> Native.work_coverage(ref, literals) end)
end

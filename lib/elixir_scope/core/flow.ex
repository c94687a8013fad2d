defmodule ElixirScope.Core.Flow do
  @moduledoc false
  # Variables, control flow and data flow on the native side, of parsed sources and of what a repository holds.

  alias ElixirScope.{Core, Native}
  alias ElixirScope.Core.Source

  @doc """
  Every place where a variable stands, by region (a clause of a function, the body of a module, the file):
  `[{kind, line, [{line, column, name, binding, role}]}]`. Places with one `binding` stand for one value.
  """
  @spec occurrences(Source.t()) :: {:ok, [tuple()]} | {:error, ElixirScope.Error.t()}
  def occurrences(source), do: Core.call(fn -> Native.flow_occurrences(source) end)

  @doc "The `ScopeAnalysis` of everything in a node of a parsed source or a repository; `nil` is the whole source."
  def scopes(holder, id), do: Core.call(fn -> Native.flow_scopes(holder, id) end)

  @doc "`%{nodes:, edges:, meta:}` of the control flow graph of the function that a node is in."
  def control(holder, id), do: Core.call(fn -> Native.flow_control(holder, id) end)

  @doc """
  Of every function of a parsed source `{id, graph's McCabe, as metrics count it, metrics' own, unreachable blocks, blocks,
  edges, bytes}`.
  """
  def complexities(source), do: Core.call(fn -> Native.flow_complexities(source) end)

  @doc "`%{nodes:, edges:, meta:}` of the data flow of the function that a node is in."
  def data(holder, id), do: Core.call(fn -> Native.flow_data(holder, id) end)

  @doc "`%{nodes:, edges:, meta:}` of the data flow between all functions of a repository."
  def between(ref), do: Core.call(fn -> Native.flow_between(ref) end)

  @doc "Bytes and nanoseconds of the variables, control flow and summaries of a parsed source, computed anew."
  def bytes(source), do: Core.call(fn -> Native.flow_bytes(source) end)
end

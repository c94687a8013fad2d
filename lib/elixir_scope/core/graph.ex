defmodule ElixirScope.Core.Graph do
  @moduledoc false
  # What spans files, on the native side. `ref` is a native repository.

  alias ElixirScope.{Core, Native}

  @typedoc "What is known of a compiled module, on the native side."
  @opaque compiled :: reference()

  @doc """
  Reads a compiled module. `definitions` are those of its debug information; `told` is a map with `:module`, `:file`, `:stale`,
  `:protocol`, `:implements`, `:behaviours`, `:noted` and `:dependencies`.
  """
  def compiled(definitions, told), do: Core.call(fn -> Native.compiled_build(definitions, told) end)

  def put_compiled(ref, root, modules),
    do: Core.call(fn -> Native.repository_put_compiled(ref, root, modules) end)

  def stale_modules(ref), do: Core.call(fn -> Native.repository_stale_modules(ref) end)

  def calls(ref, external, dynamic), do: Core.call(fn -> Native.graph_calls(ref, external, dynamic) end)

  def dependencies(ref, level, external),
    do: Core.call(fn -> Native.graph_dependencies(ref, level, external) end)

  def cycles(ref, of, least), do: Core.call(fn -> Native.graph_cycles(ref, of, least) end)
  def wanted_exports(ref), do: Core.call(fn -> Native.graph_wanted_exports(ref) end)
  def put_exports(ref, exports), do: Core.call(fn -> Native.graph_put_exports(ref, exports) end)
  def stats(ref), do: Core.call(fn -> Native.graph_stats(ref) end)
end

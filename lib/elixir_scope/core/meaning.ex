defmodule ElixirScope.Core.Meaning do
  @moduledoc false
  # What modules declare and mean, one function a NIF, with results as `ElixirScope.Core` gives them.
  # `source` is a parsed source, `ref` the native handle of a repository.

  alias ElixirScope.{Core, Native}

  def source_metadata(source), do: Core.call(fn -> Native.source_metadata(source) end)
  def metadata(ref, name), do: Core.call(fn -> Native.repository_metadata(ref, name) end)
  def source_meaning(source), do: Core.call(fn -> Native.source_meaning(source) end)
  def meaning(ref, name), do: Core.call(fn -> Native.repository_meaning(ref, name) end)

  # `what` is :concepts, :rules or :patterns, of every module
  def meanings(ref, what), do: Core.call(fn -> Native.repository_meanings(ref, what) end)
end

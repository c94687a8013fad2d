defmodule ElixirScope.Core.Export do
  @moduledoc false
  # Native exports: opened, stepped until they are done.

  alias ElixirScope.{Core, Native}

  def formats, do: Core.call(fn -> {:ok, Native.export_formats()} end)

  def open(handle, format, path, options),
    do: Core.call(fn -> Native.export_open(handle, format, path, options) end)

  def step(export, budget_ms), do: Core.call(fn -> Native.export_step(export, budget_ms) end)
  def about(export), do: Core.call(fn -> Native.export_about(export) end)
end

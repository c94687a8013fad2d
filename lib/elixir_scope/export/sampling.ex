defmodule ElixirScope.Export.Sampling do
  @moduledoc false
  # How much of what happened was to be recorded, in words for people who read a file.

  @doc "What gates hold back, in words."
  def describe, do: "everything that was instrumented"
end

defmodule ElixirScope.Capture.Structs do
  @moduledoc false
  # Structs that were met and are not known: until somebody has looked at what they hide, none of their fields is recorded.

  alias ElixirScope.Capture.Redaction
  alias ElixirScope.Core

  @doc "Looks at those that wait, if there are any, from a short-lived process: it runs code of other people."
  def check do
    case Core.Values.unclassified() do
      {waiting, _} when is_integer(waiting) and waiting > 0 -> spawn(&Redaction.classify_waiting/0)
      _ -> :ok
    end
  end
end

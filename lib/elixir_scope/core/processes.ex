defmodule ElixirScope.Core.Processes do
  @moduledoc false
  # Supervision and messages of a repository's sources. `ref` is the native handle.

  alias ElixirScope.{Core, Native}

  @doc "The tree, flat: `%{applications:, nodes:, detached:, unattached:, truncated:}`; nodes are named by their place."
  def supervision(ref), do: Core.call(fn -> Native.otp_supervision(ref) end)

  @doc "`%{sends:, receives:, unsent:}`."
  def messages(ref), do: Core.call(fn -> Native.otp_messages(ref) end)

  @doc "`%ProcessFacts{}`, or `nil` of a module that is no process."
  def module(ref, name), do: Core.call(fn -> Native.otp_module(ref, name) end)
end

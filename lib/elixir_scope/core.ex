defmodule ElixirScope.Core do
  @moduledoc false
  # The one caller of `ElixirScope.Native` (with `ElixirScope.Probe`): turns native errors into
  # `ElixirScope.Error`, the same way for all.

  alias ElixirScope.Error

  @doc "Native results become ours: `{:error, {reason, message, hint, details}}` turns into an `Error`."
  def wrap({:error, {reason, message, hint, details}}) when is_atom(reason) do
    {:error, %Error{reason: reason, message: message, hint: hint, details: details}}
  end

  def wrap(other), do: other
end

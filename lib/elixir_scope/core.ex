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

  # points: what `ElixirScope.Core.Capture.register_points/3` does, where instrumentation looks for it
  defdelegate register_points(module, build, points), to: ElixirScope.Core.Capture

  @doc """
  Calls a NIF. Without the native library, and when the library fails, that is an error too.

      Core.call(fn -> Native.source_ids(source) end)
  """
  def call(nif) when is_function(nif, 0) do
    wrap(nif.())
  rescue
    error in ErlangError ->
      case error.original do
        :nif_not_loaded -> {:error, not_loaded()}
        :nif_panicked -> {:error, panicked()}
        _ -> reraise(error, __STACKTRACE__)
      end
  end

  defp not_loaded do
    {reason, text} = :persistent_term.get(ElixirScope.Native, {:not_loaded, ~c"it was never loaded"})

    %Error{
      reason: :nif_not_loaded,
      message: "the native library of ElixirScope is not loaded: #{text}",
      hint: "run `mix compile` with cargo installed, or set ELIXIR_SCOPE_NIF to a built library",
      details: %{load_error: reason}
    }
  end

  defp panicked do
    %Error{
      reason: :native_failure,
      message: "the native library met a state that it does not expect",
      hint: "this is a bug of ElixirScope; what it printed to standard error says where"
    }
  end
end

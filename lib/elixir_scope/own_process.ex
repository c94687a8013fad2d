defmodule ElixirScope.OwnProcess do
  @moduledoc false
  # Calls of the processes that the application starts: when it is not running, that is an answer.

  alias ElixirScope.Error

  @doc "`GenServer.call/3`. Error: `:not_started`."
  @spec call(module(), term(), timeout()) :: term() | {:error, Error.t()}
  def call(server, message, timeout \\ 30_000) do
    GenServer.call(server, message, timeout)
  catch
    :exit, {:noproc, _} ->
      {:error,
       %Error{
         reason: :not_started,
         message: "ElixirScope is not running",
         hint: "start it: Application.ensure_all_started(:elixir_scope)"
       }}
  end
end

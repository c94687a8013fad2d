defmodule Mix.ElixirScope.Environment do
  @moduledoc false
  # `mix elixir_scope.test` belongs into the test environment, as `mix test` does. Mix cannot know that
  # beforehand: the tasks of a dependency are not loaded when it chooses. Changing over later would leave
  # the other environment's configuration and code behind, so the task begins anew, as a process of its own
  # that shares our terminal.

  @doc "`:ok` when this is the right environment, or the exit status of the process that was."
  @spec ensure_test(String.t(), [String.t()]) :: :ok | {:done, non_neg_integer()}
  def ensure_test(task, args) do
    if Mix.env() == :test or System.get_env("MIX_ENV") not in [nil, ""],
      do: :ok,
      else: {:done, again(task, args)}
  end

  # Descriptor 3 is the pipe to this VM: when it closes, we are gone, and so must be the child.
  @script """
  "$@" <&0 &
  child=$!
  { read -r _ <&3; kill -TERM $child; } >/dev/null 2>&1 &
  watch=$!
  wait $child
  status=$?
  kill $watch >/dev/null 2>&1
  exit $status
  """

  defp again(task, args) do
    with shell when is_binary(shell) <- System.find_executable("sh"),
         mix when is_binary(mix) <- System.find_executable("mix") do
      port =
        Port.open({:spawn_executable, shell}, [
          :nouse_stdio,
          :exit_status,
          args: ["-c", @script, "sh", mix, task | args],
          env: [{~c"MIX_ENV", ~c"test"}]
        ])

      receive do
        {^port, {:exit_status, status}} -> status
      end
    else
      nil ->
        Mix.raise("""
        mix #{task} runs in the test environment, and this is #{Mix.env()}. Set it: MIX_ENV=test mix #{task}
        """)
    end
  end
end

defmodule ElixirScope.Observation.Guard do
  @moduledoc false
  # Switches off what a run switched on: when the run says so, or when its process dies before it can. `try
  # ... after` does not run in a process that is killed.

  @doc "Watches the calling process; `off` runs once, in a process of its own."
  @spec start((() -> term())) :: pid()
  def start(off) do
    owner = self()

    spawn(fn ->
      reference = Process.monitor(owner)

      receive do
        {:finish, ^owner} -> off.()
        {:DOWN, ^reference, _, _, _} -> off.()
      end
    end)
  end

  @doc "Ends the run, and waits until everything is off."
  @spec finish(pid()) :: :ok
  def finish(guard) do
    reference = Process.monitor(guard)
    send(guard, {:finish, self()})

    receive do
      {:DOWN, ^reference, _, _, _} -> :ok
    end
  end
end

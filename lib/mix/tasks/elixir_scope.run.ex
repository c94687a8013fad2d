defmodule Mix.Tasks.ElixirScope.Run do
  @shortdoc "Runs code of a project under observation"

  @moduledoc """
  Runs code of a project under observation, as `mix run` would, and shows what ran, how long, with which errors.

      mix elixir_scope.run [options] [arguments of mix run]

      mix elixir_scope.run -e "MyApp.Cart.demo()"
      mix elixir_scope.run --limit 20 script.exs its arguments
      mix elixir_scope.run --for 30 --no-halt

  The application is started first, and observed from its start. It needs no change to the project; see `mix
  help elixir_scope.test`, also for what the tables say.

  ## Options

  They stand before the name of the script: what follows it belongs to the script.

    * `--json FILE` - writes the report as JSON; `mix help elixir_scope` describes the schema
    * `--limit N` - rows of each table (10)
    * `--only-modules PATTERN` - observes only these modules, `MyApp.Cart` or `MyApp.*`; may be repeated
    * `--for SECONDS` - goes on for so long after the code has run
    * `--capture KINDS` - what to record besides calls: `args`, `result`, `variables`, `parameters`, `expressions`, `branches`,
      `messages`, `exceptions` or `all`, with commas between. `mix elixir_scope.timeline` shows it
    * `--points POINT` - what to record at one place; may be repeated, or a file with one on each line:
      `"Shop.Cart.total/1 variables when length(items) > 3"`, `"Shop.Cart:17 expressions"`. `mix elixir_scope.points` shows where
      that is, and what it costs
    * `--sampling-rate SHARE` - records this share of the calls, from 0.0 to 1.0
    * `--rate N` - records at most N calls of a function in any second; `--hits N` - no more than N, exactly;
      `--record-for SECONDS` - for so long from the start
    * `--priority P` - `low`, `medium`, `high` or `critical`: what stands back first when much happens at once
    * `--values MODE` - `full`, `truncated`, `shape` (sizes and names only) or `off`
    * `--vm-trace WHAT` - records what the VM tells of the application's processes too: `messages`, `processes`, `scheduling`,
      `garbage_collection`; may be repeated, or a list with commas
    * `--save FILE` - where the repository is saved, `_build/dev/elixir_scope/run.scope` by default
    * `--no-save` - saves nothing

  With `--no-halt` and without `--for`, it goes on until you press Enter, or until the process gets a TERM
  signal.

  A script that calls `System.halt/1` ends the VM at once, without a report; `exit({:shutdown, status})`
  ends it with one.
  """

  use Mix.Task

  alias Mix.ElixirScope.{Console, Options, Project, Session}

  @name "elixir_scope.run"
  # Switches of `mix run` with a value.
  @valued ~w(-e --eval -r --require -c --config --parallel-require)

  @impl true
  def run(args) do
    {ours, theirs} = Options.split(args, [{:for, :count} | Session.options()], stop: @valued)

    if ours[:help] do
      Console.help(@name)
    else
      Project.required!(@name)
      stay? = "--no-halt" in theirs
      theirs = theirs -- ["--no-halt"]
      Mix.Task.run("app.config", theirs)

      Session.observe("run", ours, fn ->
        Mix.Task.run("run", theirs)
        stay(ours[:for], stay?)
      end)
    end
  end

  defp stay(nil, false), do: :ok

  defp stay(nil, true) do
    Mix.shell().info("Observing. Press Enter to stop and see the report.")
    owner = self()
    {:ok, _} = System.trap_signal(:sigterm, fn -> stop_before_shutdown(owner) end)
    # Without a terminal, standard input ends at once: then only the signal stops us.
    spawn(fn -> if is_binary(IO.gets(:stdio, "")), do: send(owner, :stop) end)

    receive do
      :stop -> :ok
    end
  end

  defp stay(seconds, _no_halt) do
    Mix.shell().info("Observing for #{seconds} s.")
    Process.sleep(seconds * 1_000)
  end

  # Erlang's own handler comes next and shuts the VM down: it has to wait for the report, after which the VM
  # ends anyway.
  defp stop_before_shutdown(owner) do
    reference = Process.monitor(owner)
    send(owner, :stop)

    receive do
      {:DOWN, ^reference, _, _, _} -> :ok
    end
  end
end

defmodule ElixirScope.Harmless.ReceiveTest do
  # A process that waits for an answer to what it asked does not look at what was in its queue before: the compiler marks the
  # place. Probes must not take that away, or a server with a long queue would stand still.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.Instrumentation.Loader

  @queued 100_000

  @source """
  defmodule AsksSelectively do
    def made(pid) do
      ref = make_ref()
      send(pid, {:ask, self(), ref})
      receive do
        {^ref, answer} -> answer
      end
    end

    def monitored(pid) do
      ref = Process.monitor(pid)
      send(pid, {:ask, self(), ref})
      receive do
        {^ref, answer} ->
          Process.demonitor(ref, [:flush])
          answer
        {:DOWN, ^ref, _, _, reason} -> {:down, reason}
      after
        5_000 -> :timeout
      end
    end

    def handed_on(pid), do: wait(ask(pid, make_ref()))

    defp ask(pid, ref) do
      send(pid, {:ask, self(), ref})
      ref
    end

    defp wait(ref) do
      receive do
        {^ref, answer} -> answer
      end
    end
  end
  """

  @kinds [
    [],
    [capture: [:all]],
    [capture: [:messages]],
    [capture: [:variables, :parameters]],
    [capture: [:expressions]],
    [capture: [], points: [%{kinds: [:all], when: quote(do: is_pid(pid))}]]
  ]

  setup_all do
    {[{module, binary}], _} =
      ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_string(@source, "asks.ex") end)

    on_exit(fn ->
      :code.purge(module)
      :code.delete(module)
      :code.purge(module)
    end)

    %{sample: module, binary: binary}
  end

  # Of each function, how often the place is marked, and how often it is used.
  defp marks(binary) do
    {:beam_file, _, _, _, _, functions} = :beam_disasm.file(binary)

    for {:function, name, arity, _, code} <- functions, into: %{} do
      {{name, arity}, Enum.frequencies(for(:recv_marker_use <- Enum.map(code, &operation/1), do: :use))}
    end
  end

  defp operation(instruction) when is_tuple(instruction), do: elem(instruction, 0)
  defp operation(instruction), do: instruction

  for options <- @kinds do
    @tag options: Macro.escape(options)
    test "the compiler finds the same receives to mark: #{Macro.to_string(options)}", context do
      {options, _} = Code.eval_quoted(context.options)
      plain = marks(context.binary)
      assert plain[{:made, 1}] == %{use: 1} and plain[{:monitored, 1}] == %{use: 1}
      {:ok, %{binary: instrumented}} = Instrumentation.instrument_binary(context.binary, options)
      assert Map.take(marks(instrumented), Map.keys(plain)) == plain
    end
  end

  test "an answer comes as fast behind a long queue, with everything recorded and traced",
       %{sample: module} = context do
    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()

    on_exit(fn ->
      Capture.stop()
      Capture.flush()
      Capture.unsubscribe(repository)
    end)

    {:ok, %{binary: instrumented}} = Instrumentation.instrument_binary(context.binary, capture: [:all])
    :code.purge(module)
    {:ok, _} = Loader.load_instrumented(module, instrumented, ~c"asks.beam")
    server = spawn_link(&answers/0)
    empty = fastest(module, server, 0)
    full = fastest(module, server, @queued)
    # Without the mark it is thousands of times as long.
    assert full < 50 * empty + 200
    Process.exit(server, :normal)
  end

  # Microseconds of the fastest of some rounds of questions.
  defp fastest(module, server, queued) do
    Task.async(fn ->
      {:ok, trace} =
        ElixirScope.trace([processes: self(), flags: [:messages]], count: 10_000_000, time_ms: 60_000)

      Enum.each(Enum.take(Stream.iterate(1, &(&1 + 1)), queued), &send(self(), {:noise, &1}))

      times =
        for _ <- 1..20 do
          {time, answers} =
            :timer.tc(fn -> {module.made(server), module.monitored(server), module.handed_on(server)} end)

          assert answers == {:answer, :answer, :answer}
          time
        end

      ElixirScope.untrace(trace)
      Enum.min(times)
    end)
    |> Task.await(60_000)
  end

  defp answers do
    receive do
      {:ask, from, ref} -> send(from, {ref, :answer})
    end

    answers()
  end
end

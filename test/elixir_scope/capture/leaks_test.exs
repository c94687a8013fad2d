defmodule ElixirScope.Capture.LeaksTest do
  # What is started and stopped a thousand times leaves nothing behind. Measured by the operating system. One capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Core, Sources}
  alias ElixirScope.Test.Probed

  @moduletag timeout: 600_000
  # The sanitizer keeps what was freed, to find who uses it.
  @moduletag skip: System.get_env("ASAN_OPTIONS") && "memory grows under a sanitizer"

  @cycles 1_000
  @warm 300
  # Of 1,000 cycles: 8 kB each would be far above.
  @growth_max 8 * 1024 * 1024

  setup do
    {:ok, _} = Probed.register()

    on_exit(fn ->
      Capture.stop()
      Sources.detach()
      ElixirScope.untrace(:all)
    end)
  end

  defp rss do
    [_size, resident | _] = "/proc/self/statm" |> File.read!() |> String.split()
    String.to_integer(resident) * 4096
  end

  # In a process of its own: with it everything that it holds is gone.
  defp cycle(n) do
    fn ->
      {:ok, repository} = ASTRepository.new(event_log: [bytes: 256 * 1024])
      :ok = Capture.subscribe(repository)
      :ok = Sources.attach([:logger, :crashes])
      :ok = Capture.start()
      for _ <- 1..20, do: Probed.outer(n)
      Sources.note(:cycle, %{n: n, text: String.duplicate("x", 200)})

      {:ok, trace} =
        ElixirScope.trace({String, :upcase, 1}, processes: self(), values: [:arguments, :results], count: 10)

      String.upcase("abc")
      :ok = ElixirScope.untrace(trace)
      {:ok, _} = Capture.configure({Probed, :outer, 1}, sampling_rate: 0.5)
      {:ok, _} = Capture.ungate(:all)
      :ok = Capture.stop()
      :ok = Capture.flush()
      :ok = Sources.detach()
      :ok = Capture.unsubscribe(repository)
    end
    |> Task.async()
    |> Task.await(60_000)
  end

  defp settled do
    for pid <- Process.list(), do: :erlang.garbage_collect(pid)
    rss()
  end

  test "a thousand times on and off: memory, processes, handlers, ports, open files are as before" do
    for n <- 1..@warm, do: cycle(n)
    before = {length(Process.list()), length(Port.list()), :logger.get_handler_ids(), open_files()}
    atoms = :erlang.system_info(:atom_count)
    start = settled()
    for n <- 1..@cycles, do: cycle(n)
    grown = settled() - start
    assert grown < @growth_max, "#{div(grown, 1024)} kB more"
    assert {length(Process.list()), length(Port.list()), :logger.get_handler_ids(), open_files()} == before
    assert :erlang.system_info(:atom_count) - atoms < 100
    assert Core.Trace.all() == []
  end

  test "what holds on to a repository's store is seen: the measure can fail" do
    # What the VM gives back of earlier tests meanwhile may hide it, but not every time.
    assert Enum.any?(1..3, fn _ ->
             start = settled()
             held = for _ <- 1..200, do: held()
             grown = settled() - start
             assert length(held) == 200
             grown > @growth_max
           end)
  end

  defp held do
    {:ok, store} = Core.Runtime.new(1024 * 1024)
    :ok = Capture.subscribe(store)
    :ok = Capture.start()
    for n <- 1..2_000, do: Probed.leaf(n)
    :ok = Capture.stop()
    :ok = Capture.flush()
    Capture.unsubscribe(store)
    store
  end

  defp open_files, do: length(File.ls!("/proc/self/fd"))
end

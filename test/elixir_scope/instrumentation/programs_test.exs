defmodule ElixirScope.Instrumentation.ProgramsTest do
  # Loads modules.
  use ExUnit.Case, async: false

  alias ElixirScope.Instrumentation
  alias ElixirScope.Test.{Program, Recorder, Shown, Twin}

  @moduletag timeout: 600_000

  # A program is some 30 lines. ELIXIR_SCOPE_PROGRAMS=N for as many of them, ELIXIR_SCOPE_SEED=N to begin elsewhere.
  defp count, do: "ELIXIR_SCOPE_PROGRAMS" |> System.get_env("60") |> String.to_integer()
  defp first, do: "ELIXIR_SCOPE_SEED" |> System.get_env("1") |> String.to_integer()

  # What can be seen of a run from outside: how it ended, with which frames, what it wrote, what it left in its mailbox.
  defp seen(fun) do
    parent = self()
    {:ok, device} = StringIO.open("")

    {pid, monitor} =
      spawn_monitor(fn ->
        Process.group_leader(self(), device)

        outcome =
          try do
            {:value, fun.()}
          catch
            kind, reason -> {kind, reason, frames(__STACKTRACE__)}
          end

        {:messages, messages} = Process.info(self(), :messages)
        send(parent, {self(), outcome, messages})
      end)

    receive do
      {^pid, outcome, messages} ->
        Process.demonitor(monitor, [:flush])
        {_, output} = StringIO.contents(device)
        {plain(outcome), plain(messages), output}

      {:DOWN, ^monitor, _, _, reason} ->
        flunk("died: #{inspect(reason)}")
    after
      30_000 -> flunk("does not end")
    end
  end

  defp frames(stacktrace) do
    for {module, function, arity, location} <- stacktrace,
        do: {module, function, arity, Keyword.take(location, [:file, :line])}
  end

  # What differs from run to run by its nature.
  defp plain(value) when is_function(value), do: :function
  defp plain(value) when is_pid(value), do: :pid
  defp plain(value) when is_reference(value), do: :reference
  defp plain(value) when is_tuple(value), do: value |> Tuple.to_list() |> plain() |> List.to_tuple()
  defp plain(%{} = value), do: value |> Map.to_list() |> plain()
  defp plain([head | tail]), do: [plain(head) | plain(tail)]
  defp plain(value), do: value

  defp shown(twin, source) do
    {:ok, quoted} = Code.string_to_quoted(twin_source(twin, source), columns: true, file: "lib/twin.ex")
    {quoted, places} = Shown.transform(quoted)
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)
    {modules, _} = ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_quoted(quoted, "lib/twin.ex") end)
    Code.put_compiler_option(:ignore_module_conflict, conflicts)
    {_, binary} = List.keyfind(modules, twin.module, 0)
    {binary, places}
  end

  # As `Twin.compile/2` puts it.
  defp twin_source(twin, source), do: "\n\ndefmodule #{inspect(twin.module)} do\n#{source}\nend\n"

  defp load(module, binary) do
    :code.purge(module)
    {:module, _} = :code.load_binary(module, ~c"lib/twin.ex", binary)
    module
  end

  defp apart(fun), do: Task.await(Task.async(fn -> silently(fun) end), 60_000)

  defp silently(fun) do
    {:ok, device} = StringIO.open("")
    Process.group_leader(self(), device)
    fun.()
  end

  # Both went through the same values: what is sure is there, what may be is there or not, and nothing else is.
  defp aligned([], rest),
    do: if(Enum.all?(rest, &match?({:maybe, _, _}, &1)), do: :ok, else: {:missing, hd(rest)})

  defp aligned([{place, value} | got], [{_, place, value} | rest]), do: aligned(got, rest)
  defp aligned(got, [{:maybe, _, _} | rest]), do: aligned(got, rest)
  defp aligned([got | _], rest), do: {:different, got, List.first(rest)}

  setup_all do
    ExUnit.CaptureIO.capture_io(:stderr, fn -> Code.compile_string(Program.prelude(), "lib/parts.ex") end)
    :ok
  end

  test "programs end alike, plain and with everything recorded" do
    ends =
      for seed <- first()..(first() + count() - 1) do
        source = Program.source(seed)
        twin = Twin.compile(source, capture: :all)
        plain = seen(fn -> Twin.load(twin, :plain).run() end)
        assert {seed, seen(fn -> Twin.load(twin, :instrumented).run() end)} == {seed, plain}
        elem(elem(plain, 0), 0)
      end

    # They are worth something: some give a value, some fail.
    assert :value in ends
    assert :error in ends
  end

  test "what is recorded is what the program saw, as its source shows it" do
    counts =
      for seed <- first()..(first() + count() - 1) do
        source = Program.source(seed)
        twin = Twin.compile(source, probe: Recorder, capture: :all)
        {binary, places} = shown(twin, source)

        {value, notes} = apart(fn -> Shown.run(fn -> load(twin.module, binary).run() end) end)

        {recorded_value, events} =
          apart(fn -> Recorder.run(fn -> load(twin.module, twin.instrumented).run() end) end)

        assert {seed, plain(recorded_value)} == {seed, plain(value)}
        events = Recorder.full(events, twin.points, [:enter, :bind, :branch, :trace])

        entered = for {:enter, {_, _, name, _, _, _, _, _}, arguments} <- events, do: {name, plain(arguments)}
        # A default argument's function is the compiler's: the source does not show it.
        entered = Enum.reject(entered, fn {name, arguments} -> name == :d and length(arguments) == 1 end)

        assert {seed, entered} ==
                 {seed, for({:enter, name, arguments} <- notes, do: {name, plain(arguments)})}

        bound =
          for {:bind, {_, _, _, _, _, l, c, {nil, name, _}}, value} <- events,
              do: {{l, c}, name, plain(value)}

        assert {seed, bound} ==
                 {seed, for({:bind, place, name, value} <- notes, do: {place, name, plain(value)})}

        taken =
          for {:branch, {_, _, _, _, _, _, _, {nil, construct, ordinal}}, _} <- events,
              do: {construct, ordinal}

        assert {seed, taken} ==
                 {seed, for({:branch, construct, ordinal, _} <- notes, do: {construct, ordinal})}

        traced =
          for {:trace, {_, _, _, _, _, l, c, _}, value} <- events,
              {l, c} in places,
              do: {{l, c}, plain(value)}

        expected =
          for {how, place, value} when how in [:sure, :maybe] <- notes, do: {how, place, plain(value)}

        assert {seed, aligned(traced, expected)} == {seed, :ok}

        {length(bound), length(taken), length(traced), length(entered)}
      end

    {bound, taken, traced, entered} =
      Enum.reduce(counts, fn {a, b, c, d}, {e, f, g, h} -> {a + e, b + f, c + g, d + h} end)

    assert bound > count() * 10
    assert taken > count()
    assert traced > count() * 20
    assert entered > count() * 5

    if System.get_env("ELIXIR_SCOPE_PROGRAMS"),
      do:
        IO.puts(
          "#{count()} programs: #{bound} bindings, #{taken} branches, #{traced} expressions, #{entered} calls"
        )
  end

  test "this test can fail: another value is seen" do
    assert {:different, _, _} = aligned([{{1, 1}, 2}], [{:sure, {1, 1}, 3}])
    assert {:missing, _} = aligned([], [{:sure, {1, 1}, 3}])
    assert :ok = aligned([{{1, 1}, 2}], [{:maybe, {2, 2}, 1}, {:sure, {1, 1}, 2}, {:maybe, {3, 1}, 1}])
    twin = Twin.compile(Program.source(1))
    assert {:ok, _} = Instrumentation.instrument_binary(twin.plain)
  end
end

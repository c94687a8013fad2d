defmodule ElixirScope.Instrumentation.LoopsTest do
  # Loads modules.
  use ExUnit.Case, async: false

  alias ElixirScope.Instrumentation
  alias ElixirScope.Test.Twin

  # Words of stack and heap that a process may have in a loop, however long; plain it is about as much.
  @words_max 5_000

  # Runs `fun` in a process that looks at itself, through `probe`, deep in its loop.
  defp words(fun) do
    Task.await(
      Task.async(fn ->
        fun.()
        Process.get(:words)
      end),
      120_000
    )
  end

  # With calls only, and with all that can be recorded.
  @ways [[], [capture: :all]]

  @look """
  def look do
    :erlang.garbage_collect()
    {:total_heap_size, words} = Process.info(self(), :total_heap_size)
    {:stack_size, stack} = Process.info(self(), :stack_size)
    Process.put(:words, words + stack)
    :done
  end
  """

  test "a tail loop of ten million iterations runs in constant memory" do
    for {way, n} <- Enum.zip(@ways, [10_000_000, 1_000_000]) do
      source = "def loop(0, _), do: look()\ndef loop(n, acc), do: loop(n - 1, acc + n)\n" <> @look
      module = source |> Twin.compile(way) |> Twin.load(:instrumented)
      assert words(fn -> module.loop(n, 0) end) < @words_max
    end
  end

  test "mutual tail recursion across modules runs in constant memory" do
    other = Twin.compile("def pong(0, m), do: m.look()\ndef pong(n, m), do: m.ping(n - 1, __MODULE__)")

    twin =
      Twin.compile("def ping(0, _), do: look()\ndef ping(n, m), do: m.pong(n - 1, __MODULE__)\n" <> @look)

    module = Twin.load(twin, :instrumented)
    other = Twin.load(other, :instrumented)
    assert words(fn -> module.ping(2_000_001, other) end) < @words_max
    assert words(fn -> module.ping(2_000_000, other) end) < @words_max
  end

  test "loops through every construct that has tail positions" do
    body = """
    def loop(0), do: look()
    def loop(n) when rem(n, 7) == 0 do
      case n do
        x when x > 0 -> loop(x - 1)
        _ -> :never
      end
    end
    def loop(n) when rem(n, 7) == 1 do
      cond do
        n < 0 -> :never
        true -> loop(n - 1)
      end
    end
    def loop(n) when rem(n, 7) == 2, do: (with {:ok, m} <- {:ok, n - 1}, do: loop(m))
    def loop(n) when rem(n, 7) == 3 do
      try do
        throw(n - 1)
      catch
        m -> loop(m)
      end
    end
    def loop(n) when rem(n, 7) == 4 do
      try do
        n - 1
      rescue
        _ -> :never
      else
        m -> loop(m)
      end
    end
    def loop(n) when rem(n, 7) == 5 do
      send(self(), n)
      receive do
        ^n -> apply(__MODULE__, :loop, [n - 1])
      after
        0 -> :never
      end
    end
    def loop(n), do: n > 0 && __MODULE__.loop(n - 1)
    def other(0), do: look()
    def other(n) do
      receive do
        :never -> :never
      after
        0 -> with(false <- n < 0, do: :never, else: (_ -> :never)) && (fn m -> other(m) end).(n - 1)
      end
    end
    """

    for way <- @ways do
      module = Twin.compile(body <> @look, way) |> Twin.load(:instrumented)
      assert words(fn -> module.loop(700_000) end) < @words_max
      assert words(fn -> module.other(300_000) end) < @words_max
    end
  end

  test "a server loop runs in constant memory" do
    body = """
    def start, do: spawn_link(fn -> serve(0) end)
    def serve(n) do
      receive do
        {:add, k} -> serve(n + k)
        {:get, from} ->
          {:total_heap_size, words} = Process.info(self(), :total_heap_size)
          send(from, {n, words})
          serve(n)
      end
    end
    """

    # The virtual machine goes through the whole mailbox whenever it collects garbage, and the list of arguments is some.
    for {way, n} <- Enum.zip(@ways, [1_000_000, 50_000]) do
      module = Twin.compile(body, way) |> Twin.load(:instrumented)
      pid = module.start()
      for _ <- 1..n, do: send(pid, {:add, 1})
      Process.sleep(10)
      send(pid, {:get, self()})
      assert_receive {^n, _}, 30_000
      :erlang.garbage_collect(pid)
      send(pid, {:get, self()})
      assert_receive {^n, words}, 5_000
      assert words < @words_max
    end
  end

  test "this test can fail: a body that is not a tail call does grow" do
    twin = Twin.compile("def deep(0), do: look()\ndef deep(n), do: {deep(n - 1)}\n" <> @look)
    assert words(fn -> Twin.load(twin, :instrumented).deep(100_000) end) > @words_max
  end

  test "an Erlang module's loop, too" do
    forms =
      for line <- [
            "-module(scope_erlang_loop).",
            "-export([loop/1, both/1, old/1, words/0]).",
            "loop(0) -> words(); loop(N) -> if N > 0 -> loop(N - 1); true -> never end.",
            "both(0) -> words(); both(N) -> (N > 0) andalso both(N - 1).",
            "old(X) -> catch list_to_integer(X).",
            "words() -> garbage_collect(), {_, W} = process_info(self(), total_heap_size), put(words, W), done."
          ] do
        {:ok, tokens, _} = :erl_scan.string(String.to_charlist(line), {1, 1})
        {:ok, form} = :erl_parse.parse_form(tokens)
        form
      end

    assert {:ok, result} = Instrumentation.instrument_binary(forms)
    {:module, module} = :code.load_binary(:scope_erlang_loop, ~c"scope_erlang_loop.erl", result.binary)
    assert words(fn -> module.loop(1_000_000) end) < @words_max
    assert words(fn -> module.both(1_000_000) end) < @words_max
    assert {:EXIT, {:badarg, _}} = module.old(~c"x")
    assert 12 = module.old(~c"12")

    assert Enum.any?(
             result.points,
             &match?({_, :tail, :loop, 1, _, _, _, {:scope_erlang_loop, :words, 0}}, &1)
           )
  end
end

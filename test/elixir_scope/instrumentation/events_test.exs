defmodule ElixirScope.Instrumentation.EventsTest do
  # Loads modules.
  use ExUnit.Case, async: false

  alias ElixirScope.Test.{Recorder, Twin}

  # What one call reports, briefly. Tokens count from 1 in each run.
  defp events(body, fun) do
    twin = Twin.compile(body, probe: Recorder)
    module = Twin.load(twin, :instrumented)
    task = Task.async(fn -> Recorder.run(fn -> fun.(module) end) end)
    {value, events} = Task.await(task)
    {value, Recorder.brief(events, twin.points), module}
  end

  test "a value is an exit, with the entry's token" do
    {2, events, _} = events("def f(x), do: x + 1", & &1.f(1))
    assert events == [{:enter, :f, 1}, {:exit, :f, 1}]
  end

  test "a call that is not last nests" do
    {{1}, events, _} = events("def f(x), do: {g(x)}\ndefp g(x), do: x", & &1.f(1))
    assert events == [{:enter, :f, 1}, {:enter, :g, 2}, {:exit, :g, 2}, {:exit, :f, 1}]
  end

  test "a tail call is a jump, reported after its arguments and before the callee" do
    {3, events, m} =
      events("def f(x), do: g(h(x), 1)\ndefp g(a, b), do: a + b\ndefp h(x), do: x + 1", & &1.f(1))

    assert events == [
             {:enter, :f, 1},
             {:enter, :h, 2},
             {:exit, :h, 2},
             {:tail, :f, 1, {m, :g, 2}},
             {:enter, :g, 3},
             {:exit, :g, 3}
           ]
  end

  test "targets: remote, unknown module, function value, apply" do
    body = """
    def f(m, g), do: {a(1), b(m), c(g), d(m, :z, [1]), e()}
    def a(x), do: String.upcase(to_string(x))
    def b(m), do: m.z(1)
    def c(g), do: g.(1)
    def d(m, f, a), do: apply(m, f, a)
    def e, do: apply(__MODULE__, :z, [1])
    def z(x), do: x
    """

    {_, events, m} = events(body, & &1.f(&1, fn x -> x end))

    assert for({:tail, from, _, target} <- events, do: {from, target}) == [
             a: {String, :upcase, 1},
             b: {nil, :z, 1},
             c: nil,
             d: nil,
             e: {m, :z, 1}
           ]
  end

  test "built-in functions and operators in tail position are values" do
    {_, events, _} =
      events("def f(x), do: hd(x)\ndef g(x), do: :lists.reverse(x, [])", &{&1.f([1]), &1.g([1, 2])})

    assert events == [{:enter, :f, 1}, {:exit, :f, 1}, {:enter, :g, 2}, {:exit, :g, 2}]
  end

  test "what raises has an entry and nothing more" do
    {{:error, _}, events, _} = events("def f(x), do: raise(x)", & &1.f("x"))
    assert [{:enter, :f, 1} | rest] = events
    assert Enum.all?(rest, &match?({:tail, :f, 1, _}, &1)) == (rest != []) or rest == []
    assert Enum.count(events, &match?({:exit, :f, _}, &1)) == 0
  end

  test "each clause has its own point, and its ordinal" do
    twin = Twin.compile("def f(1), do: :a\ndef f(x) when x > 1, do: :b\ndef f(_), do: :c", probe: Recorder)
    clauses = for {_, :clause, :f, 1, ordinal, line, _, nil} <- twin.points, do: {ordinal, line}
    assert clauses == [{0, 4}, {1, 5}, {2, 6}]

    module = Twin.load(twin, :instrumented)
    {_, events} = Recorder.run(fn -> Enum.map([1, 2, 0], &module.f/1) end)
    indexes = for {:enter, index, _, _} <- events, do: index
    assert for(i <- indexes, do: elem(Enum.at(twin.points, i), 4)) == [0, 1, 2]
  end

  test "default arguments are functions of their own" do
    {_, events, m} = events("def f(a, b \\\\ 2), do: {a, b}", & &1.f(1))
    assert events == [{:enter, :f, 1}, {:tail, :f, 1, {m, :f, 2}}, {:enter, :f, 2}, {:exit, :f, 2}]
  end

  test "macros are named as their author names them" do
    twin = Twin.compile("defmacro mac(x), do: quote(do: unquote(x) + 1)")
    assert [{0, :clause, :mac, 1, 0, 4, _, nil} | _] = twin.points
  end

  test "tail points know line and column of the call" do
    twin = Twin.compile("def f(x) do\n  y = x\n  if y, do: g(y), else: :no\nend\ndef g(x), do: x")
    assert [{_, :tail, :f, 1, 0, 6, 13, {_, :g, 1}}] = Enum.filter(twin.points, &(elem(&1, 1) == :tail))
  end

  describe "try" do
    test "left with a value" do
      {_, events, _} =
        events(
          "def f(x) do\n  try do\n    g(x)\n  rescue\n    _ -> :no\n  end\nend\ndef g(x), do: x",
          & &1.f(1)
        )

      assert events == [
               {:enter, :f, 1},
               {:try_enter, :f, 2},
               {:enter, :g, 3},
               {:exit, :g, 3},
               {:try_leave, :f, 2},
               {:exit, :f, 1}
             ]
    end

    test "caught: the mark comes before the clause's body, whose calls may be jumps" do
      {_, events, m} =
        events(
          "def f(x) do\n  g(x)\nrescue\n  e -> h(e)\nend\ndef g(x), do: {raise(x)}\ndef h(e), do: e.message",
          & &1.f("boom")
        )

      assert [{:enter, :f, 1}, {:try_enter, :f, 2}, {:enter, :g, 3} | rest] = events

      assert Enum.reject(rest, &match?({:tail, :g, _, _}, &1)) == [
               {:caught, :f, 2},
               {:tail, :f, 1, {m, :h, 1}},
               {:enter, :h, 4},
               {:exit, :h, 4}
             ]
    end

    test "the reason is reported, whatever the clause's pattern" do
      body = """
      def f(x) do
        throw(x)
      catch
        {:ball, _} -> :caught
        _, %{a: 1} -> :other
      end
      """

      twin = Twin.compile(body, probe: Recorder)
      module = Twin.load(twin, :instrumented)
      {:caught, events} = Recorder.run(fn -> module.f({:ball, 1}) end)
      assert [{:ball, 1}] = for({:caught, _, _, reason} <- events, do: reason)
      {:other, events} = Recorder.run(fn -> module.f(%{a: 1, b: 2}) end)
      assert [%{a: 1, b: 2}] = for({:caught, _, _, reason} <- events, do: reason)
    end

    test "an after does not run on frames that are gone" do
      body = """
      def f(x) do
        try do
          {g(x)}
        after
          h(x)
        end
      end
      def g(x), do: {throw(x)}
      def h(x), do: x
      """

      {{:throw, 1}, events, _} = events(body, & &1.f(1))

      assert events == [
               {:enter, :f, 1},
               {:try_enter, :f, 2},
               {:enter, :g, 3},
               {:caught, :f, 2},
               {:enter, :h, 4},
               {:exit, :h, 4}
             ]
    end

    test "an exception out of a rescue clause passes the after's own mark" do
      body = """
      def f(x) do
        try do
          throw(x)
        catch
          1 -> g(x)
        after
          h(x)
        end
      end
      def g(x), do: {throw({:again, x})}
      def h(x), do: x
      """

      {{:throw, {:again, 1}}, events, _} = events(body, & &1.f(1))

      assert events == [
               {:enter, :f, 1},
               {:try_enter, :f, 2},
               {:try_enter, :f, 3},
               {:caught, :f, 3},
               {:enter, :g, 4},
               {:caught, :f, 2},
               {:enter, :h, 5},
               {:exit, :h, 5}
             ]
    end

    test "inside anonymous functions there are marks, and no activations" do
      {_, events, _} = events("def f(x), do: (fn -> try do x catch _ -> :no end end).()", & &1.f(1))
      assert [{:enter, :f, 1}, {:tail, :f, 1, nil}, {:try_enter, :f, 2}, {:try_leave, :f, 2}] = events
    end
  end

  test "inlined functions: what is inlined is no call, what the compiler leaves a call is one" do
    body = """
    @compile inline: [g: 1, pub: 1, rec: 1]
    def f(x), do: g(x)
    defp g(x), do: {pub(x)}
    def pub(x), do: [x]
    def rec(0), do: 0
    def rec(n), do: rec(n - 1)
    def run, do: {rec(2), Enum.map([3], &pub/1)}
    """

    twin = Twin.compile(body, probe: Recorder)
    {:ok, result} = ElixirScope.Instrumentation.instrument_binary(twin.plain)
    assert result.left_out == []
    module = Twin.load(twin, :instrumented)

    names = for {name, _} <- module.module_info(:functions), do: Atom.to_string(name)
    refute Enum.any?(names, &String.ends_with?(&1, "(inlined)"))

    assert {{[1]}, events} = Recorder.run(fn -> module.f(1) end)
    assert [{:enter, :f, token}, {:exit, :f, token}] = Recorder.brief(events, twin.points)

    assert {[1], events} = Recorder.run(fn -> module.pub(1) end)
    assert [{:enter, :pub, token}, {:exit, :pub, token}] = Recorder.brief(events, twin.points)
    assert {{0, [[3]]}, events} = Recorder.run(fn -> module.run() end)
    assert Enum.count(Recorder.brief(events, twin.points), &match?({:enter, :pub, _}, &1)) == 1
  end

  test "every activation of a sample is closed once" do
    body = """
    def run(n), do: Enum.map(1..n, &one/1)
    def one(x) do
      cond do
        rem(x, 5) == 0 -> safe(fn -> throw(x) end)
        rem(x, 3) == 0 -> two(x)
        true -> safe(fn -> two(x) end)
      end
    end
    def two(x), do: (if x > 10, do: three(x), else: {three(x)})
    def three(x), do: (with {:ok, y} <- four(x), do: {:done, y})
    def four(x) when rem(x, 2) == 0, do: {:ok, x}
    def four(x), do: :erlang.error({:odd, x})
    def safe(f) do
      f.()
    rescue
      e -> Exception.message(e)
    catch
      v -> {:thrown, v}
    end
    """

    {_, events, _} = events(body, fn m -> m.run(2) end)
    entered = for {:enter, _, token} <- events, do: token
    closed = for event <- events, elem(event, 0) in [:exit, :tail], do: elem(event, 2)
    assert closed -- entered == []
    assert Enum.uniq(closed) == closed
  end
end

defmodule ElixirScope.Instrumentation.CaptureTest do
  # Loads modules.
  use ExUnit.Case, async: false

  alias ElixirScope.{Error, Instrumentation}
  alias ElixirScope.Test.{Recorder, Twin}

  @kinds [:enter, :exit, :bind, :branch, :send, :receive, :handle, :raised, :trace, :custom]

  # What a call records under a plan: `{value, [{kind, what the point names, value}], twin}`. Lines count from the body's
  # first, which is 1.
  defp record(body, options, fun) do
    twin = Twin.compile(body, Keyword.merge([probe: Recorder], options))
    module = Twin.load(twin, :instrumented)
    {value, events} = Task.await(Task.async(fn -> Recorder.run(fn -> fun.(module) end) end))

    {value, for({kind, point, value} <- Recorder.full(events, twin.points, @kinds), do: {kind, point, value}),
     twin}
  end

  defp values(events, kind), do: for({^kind, _, value} <- events, do: value)

  defp bound(events),
    do: for({:bind, {_, :binding, _, _, _, _, _, {nil, name, _}}, value} <- events, do: {name, value})

  defp line({_, _, _, _, _, line, _, _}), do: line - 3

  describe "arguments and results" do
    test "as the function got and gave them, whatever the head looks like" do
      body = """
      def f(%{a: a}, _, [h | _] = all, "x" <> rest), do: {a, h, all, rest}
      def g(0, nil), do: :zero
      def g(n, x), do: if(n > 1, do: h(n), else: x)
      def h(n), do: n * 2
      """

      assert {_, events, _} =
               record(
                 body,
                 [capture: [:args, :result]],
                 &{&1.f(%{a: 1, b: 2}, self(), [3, 4], "xy"), &1.g(0, nil), &1.g(5, :x), &1.g(1, :y)}
               )

      assert [[%{a: 1, b: 2}, pid, [3, 4], "xy"], [0, nil], [5, :x], [5], [1, :y]] = values(events, :enter)
      assert is_pid(pid)
      # A tail call has no value of its own: it is that of the function called.
      assert values(events, :exit) == [{1, 3, [3, 4], "y"}, :zero, 10, :y]
    end

    test "a macro's are what its author sees" do
      twin = Twin.compile("defmacro m(x, y), do: {x, y}", probe: Recorder, capture: [:args])
      module = Twin.load(twin, :instrumented)
      {_, events} = Recorder.run(fn -> apply(module, :"MACRO-m", [__ENV__, 1, 2]) end)
      assert [{:enter, _, [1, 2]}] = Recorder.full(events, twin.points, [:enter])
    end

    test "nothing of it is there unless asked for" do
      {_, events, twin} = record("def f(x), do: (y = x; y + 1)", [], & &1.f(1))
      assert values(events, :enter) == [nil]
      assert Enum.map(twin.points, &elem(&1, 1)) == [:clause]
    end
  end

  describe "variables" do
    test "each of a pattern, each version, in order, with the places of the source; compiler-made ones are left out" do
      body = """
      def f(x) do
        {a, [b | _]} = {x, [x + 1]}
        a = a + 10
        %{k: c} = %{k: a}
        if a && b, do: Enum.map([c], &(&1 + b)), else: nil
      end
      """

      {_, events, twin} = record(body, [capture: [:variables]], & &1.f(1))
      assert bound(events) == [a: 1, b: 2, a: 11, c: 11]
      versions = for {_, :binding, :f, 1, 0, _, _, {nil, :a, version}} <- twin.points, do: version
      assert versions == Enum.uniq(versions) and length(versions) == 2

      assert for({:bind, point, _} <- events, do: {line(point), elem(point, 6)}) == [
               {2, 4},
               {2, 8},
               {3, 3},
               {4, 8}
             ]
    end

    test "of every construct that has patterns" do
      body = """
      def f(x) do
        r1 = case x do {:ok, v} -> v; other -> other end
        g = fn a, {b, ^r1} -> a + b end
        r2 = g.(1, {2, r1})
        r3 = for i when i > 1 <- [1, 2], <<c <- "z">>, i < 9, do: {i, c}
        r4 = for n <- [1, 2], reduce: 0 do acc -> acc + n end
        r5 = with {:ok, w} <- x, q = w + 1, do: q
        r6 = with {:no, w} <- x do w else {:ok, e} -> e end
        r7 = try do raise "r" rescue m in [RuntimeError] -> m.message end
        r8 = try do throw({:t, 1}) catch :throw, {:t, t} -> t end
        r9 = try do 5 rescue _ -> 0 else ok -> ok end
        send(self(), {:msg, 3})
        r10 = receive do {:msg, y} when y > 2 -> y end
        r11 = cond do z = r10 -> z end
        {r1, r2, r3, r4, r5, r6, r7, r8, r9, r11}
      end
      """

      {_, events, _} = record(body, [capture: [:variables]], & &1.f({:ok, 7}))

      assert Enum.reject(bound(events), fn {name, _} -> name == :g end) == [
               v: 7,
               r1: 7,
               a: 1,
               b: 2,
               r2: 3,
               # The first does not pass the generator's guard.
               i: 2,
               c: ?z,
               r3: [{2, ?z}],
               n: 1,
               acc: 0,
               n: 2,
               acc: 1,
               r4: 3,
               w: 7,
               q: 8,
               r5: 8,
               e: 7,
               r6: 7,
               m: %RuntimeError{message: "r"},
               r7: "r",
               t: 1,
               r8: 1,
               ok: 5,
               r9: 5,
               y: 3,
               r10: 3,
               z: 3,
               r11: 3
             ]
    end

    test "parameters when they are asked for" do
      body = "def f(%{a: a} = m, [_ | t]), do: (x = a; {x, m, t})"
      {_, events, _} = record(body, [capture: [:parameters]], & &1.f(%{a: 1}, [2, 3]))
      assert bound(events) == [a: 1, m: %{a: 1}, t: [3]]
    end
  end

  describe "branches" do
    test "which clause, each time" do
      body = """
      def f(x) do
        case x do
          1 -> :one
          n when n > 1 -> if(n > 2, do: :many, else: :two)
          _ -> cond do
            x == 0 -> :zero
            true -> with :never <- x, do: :x
          end
        end
      end
      """

      {_, events, _} =
        record(body, [capture: [:branches]], fn m -> for(x <- [1, 2, 3, 0, -1], do: m.f(x)) end)

      taken =
        for {:branch, {_, :choice, _, _, _, _, _, {nil, construct, ordinal}}, _} <- events,
            do: {construct, ordinal}

      assert taken == [
               case: 0,
               case: 1,
               if: 0,
               case: 1,
               if: 1,
               case: 2,
               cond: 0,
               case: 2,
               cond: 1,
               else: 0
             ]
    end

    test "of fn, receive with its timeout, with and its else, try and rescue" do
      body = """
      def f do
        g = fn 1 -> :a; _ -> :b end
        g.(2)
        receive do :never -> 1; :no -> 2 after 0 -> 3 end
        with(:a <- :b, do: 1, else: (:c -> 1; :b -> 2))
        with(:a <- :a, do: 1)
        try do raise "x" rescue ArgumentError -> 1; RuntimeError -> 2 end
        try do 1 catch _ -> 0 else 2 -> 2; 1 -> 1 end
      end
      """

      {_, events, _} = record(body, [capture: [:branches]], & &1.f())

      taken =
        for {:branch, {_, :choice, _, _, _, _, _, {nil, construct, ordinal}}, _} <- events,
            do: {construct, ordinal}

      assert taken == [fn: 1, receive: 2, else: 1, with: 0, rescue: 1, else: 1]
    end
  end

  describe "expressions" do
    test "each step of a pipe" do
      body = "def f(x), do: (y = x |> Enum.map(&(&1 * 2)) |> Enum.filter(&(&1 > 2)) |> Enum.sum(); y)"
      {_, events, _} = record(body, [capture: [:expressions]], & &1.f([1, 2, 3]))
      assert [2, 4, 6, [2, 4, 6], false, true, true, [4, 6], 10] = values(events, :trace)
    end

    test "any node by its place; what is not there is said to be missing" do
      body = "def f(x, g) do\n  y = {g.(x), x + 1}\n  y\nend"

      points = [
        %{line: 5, column: 9, kinds: [:expressions], id: :plus},
        %{line: 5, column: 17, kinds: [:expressions], id: :sum},
        %{line: 9, kinds: [:expressions], id: :no}
      ]

      {_, events, twin} = record(body, [capture: [], points: points], & &1.f(1, fn x -> x end))
      assert for({:trace, point, value} <- events, do: {elem(point, 6), value}) == [{9, 1}, {17, 2}]
      assert {:ok, result} = Instrumentation.instrument_binary(twin.plain, capture: [], points: points)
      assert [_] = result.placed[:plus]
      assert [_] = result.placed[:sum]
      assert result.unplaced == [no: :nothing_there]
    end

    test "a tail call stays one, so its value is not told, and that is said" do
      {_, events, twin} =
        record("def f(x), do: g(g([x]))\ndef g(x), do: x", [capture: [:expressions]], & &1.f(1))

      assert values(events, :trace) == [[1]]
      points = [%{line: 3, kinds: [:expressions], column: 15, id: :tail}]
      points = Enum.map(points, &%{&1 | line: 4})

      assert {:ok, %{unplaced: [tail: :tail_call]}} =
               Instrumentation.instrument_binary(twin.plain, points: points)
    end
  end

  describe "messages" do
    test "what is sent, to whom, before it is; what is started, and who it is" do
      body = """
      def f(server) do
        send(self(), :a)
        Process.send(self(), :b, [])
        Process.send_after(self(), :c, 0)
        GenServer.cast(server, :d)
        pid = spawn(fn -> :ok end)
        {:ok, task} = Task.start(Kernel, :self, [])
        {pid, task, Agent.get(server, fn x -> x end)}
      end
      def tail(server), do: GenServer.cast(server, :t)
      """

      {:ok, agent} = Agent.start_link(fn -> 1 end)
      # An agent does not know these casts, and would die of them.
      silent = spawn(fn -> Process.sleep(:infinity) end)

      {{pid, task, 1}, events, _} =
        record(
          String.replace(body, "cast(server, :d)", "cast(pid(), :d)") <>
            "def pid, do: :erlang.list_to_pid('#{:erlang.pid_to_list(silent)}')",
          [capture: [:sends]],
          & &1.f(agent)
        )

      assert [
               {me, :a},
               {me, :b},
               {me, :c},
               {^silent, :d},
               {^pid, fun},
               {{:ok, ^task}, {Kernel, :self, []}},
               {^agent, get}
             ] = values(events, :send)

      assert is_pid(me) and is_function(fun, 0) and is_function(get, 1)
      {:ok, events, _} = record(body, [capture: [:sends]], & &1.tail(silent))
      assert values(events, :send) == [{silent, :t}]
    end

    test "the message that a receive took, after its guard" do
      body = """
      def f do
        send(self(), {:n, 1}); send(self(), {:n, 5})
        receive do {:n, x} when x > 2 -> x end
      end
      """

      {5, events, _} = record(body, [capture: [:receives]], & &1.f())
      assert values(events, :receive) == [{:n, 5}]
    end

    test "what a server's callback was given, with who waits for it" do
      body = """
      use GenServer
      def init(x), do: {:ok, x}
      def handle_call({:add, n}, _from, s), do: {:reply, n, s + n}
      def handle_call(other, from, s), do: (GenServer.reply(from, other); {:noreply, s})
      def handle_cast(:x, s), do: {:noreply, s}
      def handle_info(%{a: _}, s), do: {:noreply, s}
      """

      from = {self(), make_ref()}

      {_, events, _} =
        record(body, [capture: [:receives]], fn m ->
          m.handle_call({:add, 1}, from, 1)
          m.handle_cast(:x, 1)
          m.handle_info(%{a: 1}, 1)
        end)

      assert values(events, :handle) == [{{:add, 1}, from}, {:x, nil}, {%{a: 1}, nil}]
    end

    test "what a state machine was given" do
      body = """
      @behaviour :gen_statem
      def init(_), do: {:ok, :on, 0}
      def callback_mode, do: :state_functions
      def on({:call, from}, :flip, data), do: {:next_state, :off, data, [{:reply, from, :ok}]}
      def on(:cast, _, _), do: :keep_state_and_data
      """

      {_, events, _} =
        record(body, [capture: [:receives]], fn m ->
          m.on({:call, {self(), :ref}}, :flip, 0)
          m.on(:cast, {:c, 1}, 0)
        end)

      assert [{:flip, {_, :ref}}, {{:c, 1}, nil}] = values(events, :handle)
    end
  end

  describe "exceptions" do
    test "kind and reason at rescue, catch and after" do
      body = """
      def f(g) do
        try do
          try do g.() after :ok end
        rescue e in [KeyError] -> e.key
        catch kind, reason -> {kind, reason}
        end
      end
      """

      {_, events, _} =
        record(body, [capture: [:exceptions]], fn m ->
          {m.f(fn -> Map.fetch!(Process.get(:no_map, %{}), :k) end), m.f(fn -> throw(:t) end),
           m.f(fn -> exit(:e) end), m.f(fn -> 1 end)}
        end)

      # What arrived, as Erlang has it; the `rescue` makes a struct of it.
      assert [
               {:error, {:badkey, :k}},
               {:error, {:badkey, :k}},
               {:throw, :t},
               {:throw, :t},
               {:exit, :e},
               {:exit, :e}
             ] = values(events, :raised)
    end
  end

  describe "conditions" do
    test "the whole language of guards, over arguments and over what is visible" do
      body = """
      defguard is_big(x) when is_integer(x) and x > 100
      def f(user, n) do
        y = n * 2
        z = {user, y}
        z
      end
      def f(other), do: other
      """

      for {condition, yes} <- [
            {quote(do: n > 3), [{%{id: 1}, 4}, {%{id: 1}, 200}]},
            {quote(do: n in [1, 2] and is_map(user)), [{%{id: 1}, 2}, {%URI{}, 2}]},
            {quote(do: user.id == 1 and n != 4), [{%{id: 1}, 2}, {%{id: 1}, 200}]},
            {quote(do: is_struct(user, URI)), [{%URI{}, 2}]},
            {quote(do: is_big(n)), [{%{id: 1}, 200}]},
            {quote(do: n > 100 when n == 4), [{%{id: 1}, 4}, {%{id: 1}, 200}]},
            {quote(do: Integer.is_odd(n)), [{%{id: 2}, 3}]},
            # Fails, which is no.
            {quote(do: hd(user) == 1), []}
          ] do
        all = [{%{id: 1}, 2}, {%{id: 1}, 4}, {%{id: 1}, 200}, {%{id: 2}, 3}, {%URI{}, 2}]
        # `is_big/1` is the module's own.
        twin = Twin.compile(body)
        module = Twin.load(twin, :plain)
        assert module.f(1) == 1
        points = [%{function: {:f, 2}, kinds: [:args], when: condition, id: :c}]

        {:ok, result} =
          Instrumentation.instrument_binary(twin.plain, probe: Recorder, capture: [], points: points)

        {:module, _} = :code.load_binary(module, ~c"x", result.binary)
        {_, events} = Recorder.run(fn -> for {user, n} <- all, do: module.f(user, n) end)
        got = for {:enter, _, [user, n]} <- Recorder.full(events, result.points, [:enter]), do: {user, n}

        assert got == yes, Macro.to_string(condition)
        # Token 0 belongs to calls that were not recorded; they have no end either.
        assert Enum.count(events, &match?({:exit, _, token, _} when token != 0, &1)) == length(got)
        assert [_] = result.placed[:c]
      end
    end

    test "over a binding, a branch, an expression, a message, an exception, a result" do
      body = """
      def f(x) do
        y = x * 2
        if y > 2, do: send(self(), y)
        z = Enum.sum([y])
        try do throw(z) catch t -> t end
      end
      """

      condition = quote(do: x > 1)

      points = [
        %{
          function: {:f, 1},
          kinds: [:variables, :branches, :sends, :expressions, :exceptions, :result],
          when: condition
        }
      ]

      {_, events, _} = record(body, [points: points], &{&1.f(1), &1.f(2)})
      assert bound(events) == [y: 4, z: 4, t: 4]
      assert values(events, :raised) == [{:throw, 4}]
      assert values(events, :exit) |> List.last() == 4
      assert [{_, 4}] = values(events, :send)
      assert length(values(events, :branch)) == 2
    end

    test "a name that is visible nowhere is said; a clause that lacks it is left out" do
      twin = Twin.compile("def f(0), do: 0\ndef f(n), do: n")

      assert {:ok, result} =
               Instrumentation.instrument_binary(twin.plain,
                 capture: [],
                 points: [
                   %{function: {:f, 1}, kinds: [:args], when: quote(do: n > 1), id: :some},
                   %{function: {:f, 1}, kinds: [:args], when: quote(do: nn > 1), id: :none},
                   %{function: {:g, 1}, id: :g},
                   %{function: {:f, 1}, clause: 2, id: :third}
                 ]
               )

      assert Map.keys(result.placed) == [:some]

      assert Enum.sort(result.unplaced) == [
               g: :no_such_function,
               none: {:not_visible, :nn},
               third: :no_such_clause
             ]
    end

    test "what is no guard is an error that says why" do
      twin = Twin.compile("def f(n), do: n")
      points = [%{function: {:f, 1}, kinds: [:args], when: quote(do: String.length(n) > 1)}]

      assert {:error, %Error{reason: :invalid_condition} = error} =
               Instrumentation.instrument_binary(twin.plain, points: points)

      assert Exception.message(error) =~ "String.length"
    end
  end

  describe "code of one's own" do
    @body "def f(x) do\n  y = x + 1\n  y * 2\nend"

    test "runs with the visible bindings, at a node and at the head" do
      points = [
        %{
          line: 6,
          custom:
            quote(
              do:
                (
                  z = x + y
                  {:sum, z}
                )
            ),
          id: :sum
        },
        %{function: {:f, 1}, custom: quote(do: x * 100), id: :head}
      ]

      {4, events, _} = record(@body, [points: points], & &1.f(1))
      assert values(events, :custom) == [100, {:sum, 3}]
    end

    test "its failure is counted, and the program goes on" do
      for code <- [quote(do: raise("x")), quote(do: throw(x)), quote(do: exit(x)), quote(do: NoSuch.f(x))] do
        twin = Twin.compile(@body, points: [%{line: 5, custom: code}])
        assert [{helper, binary}] = carried(twin).helpers
        {:module, _} = :code.load_binary(helper, ~c"x", binary)
        before = ElixirScope.Probe.custom_failures()
        assert :ok = ElixirScope.Probe.custom(1, 1, helper, [1])
        assert ElixirScope.Probe.custom_failures() == before + 1
        module = Twin.load(twin, :instrumented)
        assert module.f(1) == 4
      end
    end

    test "what does not compile, or reads what is not there, is said" do
      twin = Twin.compile(@body)
      instrument = &Instrumentation.instrument_binary(twin.plain, points: [%{line: 5, custom: &1, id: :c}])
      assert {:error, %Error{reason: :invalid_custom_code}} = instrument.(quote(do: no_such_function(x)))
      assert {:ok, %{unplaced: [c: {:not_visible, :y}]}} = instrument.(quote(do: y))
    end

    defp carried(twin) do
      {:ok, carried} = ElixirScope.Instrumentation.Carrier.read(twin.instrumented)
      carried
    end
  end

  describe "plans" do
    test "other plans are other builds; the same is the same" do
      twin = Twin.compile("def f(x), do: x")

      build = fn options ->
        {:ok, build} = Instrumentation.build(twin.plain, options)
        build
      end

      point = %{function: {:f, 1}, kinds: [:args], when: quote(do: x > 1)}

      builds = [
        [],
        [capture: :args],
        [points: [point]],
        [points: [%{point | when: quote(do: x > 2)}]],
        [capture: []]
      ]

      assert builds |> Enum.map(build) |> Enum.uniq() |> length() == 5
      assert build.([]) == build.(capture: [:calls])
      assert {:ok, %{build: number}} = Instrumentation.instrument_binary(twin.plain, points: [point])
      assert number == build.(points: [point])
    end

    test "what is wrong is an error that names what is right" do
      for {options, text} <- [
            {[capture: :arg], "args"},
            {[points: [%{function: :f, kinds: [:args]}]], "name, arity"},
            {[points: [%{kind: [:args]}]], "kinds"},
            {[points: :x], "list"},
            {[points: [%{kinds: [:custom]}]], "custom"},
            {[points: [%{node: "x"}]], "repository"},
            {[plan: 1], "Plan.new"}
          ] do
        assert {:error, %Error{reason: :invalid_argument} = error} = Instrumentation.Plan.new(options)
        assert Exception.message(error) =~ text or to_string(error.hint) =~ text, inspect(error)
      end
    end

    test "entries, as a planner makes them" do
      alias ElixirScope.Instrumentation.Plan
      twin = Twin.compile("def f(x), do: (y = x; y)\ndef g(x), do: x")
      {:ok, plan} = Plan.new(capture: [])
      entry = &%{target: &1, kinds: &2, condition: nil, custom: nil, id: {:spec, &1}}

      plan =
        plan
        |> Plan.add(twin.module, entry.({:clause, :g, 1, 0}, [:function_entry, :function_exit]))
        |> Plan.add(twin.module, entry.({:place, 4, nil}, [:variable_capture]))
        |> Plan.add(Other, entry.(:all, [:all]))

      assert {:ok, result} = Instrumentation.instrument_binary(twin.plain, plan: plan)

      assert %{{:spec, {:clause, :g, 1, 0}} => [clause], {:spec, {:place, 4, nil}} => [binding]} =
               result.placed

      assert result.unplaced == []

      kinds =
        for point <- [clause, binding],
            do: Enum.find(result.points, &(elem(&1, 0) == rem(point, 1_048_576))) |> elem(1)

      assert kinds == [:clause, :binding]
    end
  end
end

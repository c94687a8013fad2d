defmodule ElixirScope.Instrumentation.SemanticsTest do
  # Loads and replaces modules.
  use ExUnit.Case, async: false

  alias ElixirScope.Test.Twin

  @prelude """
  defmodule ElixirScope.TwinBase do
    defmacro __using__(_) do
      quote do
        def f(x), do: {:base, x}
        defp p(x \\\\ 1), do: {:basep, x}
        defoverridable f: 1
        def q, do: p()
      end
    end
  end

  defmodule ElixirScope.TwinMacros do
    defmacro twice(x), do: quote(do: {unquote(x), unquote(x)})

    defmacro line do
      l = __CALLER__.line
      is_integer(l)
    end

    defmacrop priv(x), do: quote(do: unquote(x) + 1)
    def use_priv(x), do: priv(x)
    def q(x), do: quote(do: f(unquote(x), try: try do 1 rescue _ -> 2 end))
  end
  """

  # {what, body of a module with run/0 (or more), call}: each is run plain and instrumented.
  @cases [
    {"variables under every name that could be ours",
     """
     def run, do: {f(1), g(2), h()}
     def f(scope) do
       {scope, token} = {scope + 1, scope}
       try do
         k(scope, k(token, token))
       catch
         _, scope -> scope
       end
     end
     def g(_scope), do: (fn scope, _x -> for(scope <- [scope], do: k(scope, 1)) end).(3, 4)
     defmacrop odd, do: {Macro.var(:"scope 1", nil), Macro.var(:"_scope@1", nil)} |> elem(0)
     def h, do: (odd() = 5; k(odd(), odd()))
     def k(a, b), do: {a, b}
     """},
    {"arithmetic, literals and operators",
     """
     def run, do: {f(2), f(-3), 1.5, "text", ~c"list", %{a: 1}, [1, 2 | [3]]}
     defp f(x) when x > 0, do: x * 2 + 1
     defp f(x), do: abs(x) - 1
     """},
    {"case, cond, if, unless",
     """
     def run, do: Enum.map(-2..2, &f/1)
     def f(x) do
       y = if x > 0, do: :pos, else: g(x)
       cond do
         x == 2 -> {:two, y}
         is_nil(x) -> nil
         z = Process.get(:nothing) -> z
         true -> case x do
           -2 -> g(y)
           n when n in [-1, 0] -> {n, y}
           _ -> unless x == 1, do: :no, else: :one
         end
       end
     end
     defp g(x), do: {:g, x}
     """},
    {"with, with else",
     """
     def run, do: {a(%{x: 1}), a(%{}), b(3), b(:x), b(-1), c(4), c(5)}
     def a(m), do: (with {:ok, x} <- Map.fetch(m, :x), y = x + 1, do: g(y))
     def b(n) do
       with true <- is_integer(n), m when m > 0 <- n - 1 do
         g(m)
       else
         false -> g(:not_integer)
         other -> {:other, other}
       end
     end
     def c(n) do
       with 4 <- n do
         :four
       else
         x -> g(x)
       end
     end
     defp g(x), do: {:g, x}
     """},
    {"boolean operators",
     """
     def run, do: for a <- [true, false, nil, 1], b <- [true, false, nil, 2], do: {a && b, a || b, !a, f(a, b), h(a, b)}
     def f(a, b), do: a && g(b)
     def h(a, b), do: a || g(b)
     def g(x), do: x
     """},
    {"strict boolean operators, and their error",
     """
     def run, do: {f(true, 1), f(false, 1), h(true, 1), h(false, 1), catch_it(fn -> f(1, 2) end)}
     def f(a, b), do: a and g(b)
     def h(a, b), do: a or g(b)
     def g(x), do: x
     defp catch_it(f) do
       f.()
     rescue
       e -> e
     end
     """},
    {"erlang andalso and orelse in tail position",
     """
     def run, do: {f(true, 1), f(false, 1), h(true, 1), h(false, 2), loop(100_000)}
     def f(a, b), do: :erlang.andalso(a, g(b))
     def h(a, b), do: :erlang.orelse(a, g(b))
     def g(x), do: x
     def loop(0), do: true
     def loop(n), do: :erlang.andalso(is_integer(n), loop(n - 1))
     """},
    {"binaries and their comprehensions",
     """
     def run, do: {f(<<1, 2, 3>>), g("héllo"), h(5, "abc"), (for <<c <- "abc">>, into: "", do: <<c + 1>>),
       (for <<r::4, g::4 <- <<0x12, 0x34>> >>, do: {r, g}), (for <<x::3 <- <<1, 2>> >>, into: <<>>, do: <<x::3>>) |> bit_size()}
     def f(<<x, rest::binary>>), do: [x | f(rest)]
     def f(<<>>), do: []
     def g(<<c::utf8, rest::binary>>), do: <<c::utf8, g(rest)::binary>>
     def g(""), do: ""
     def h(n, s), do: <<n::size(n)-unit(8)-little, s::binary-size(2), 1.0::float>>
     """},
    {"comprehensions: reduce, into, uniq, filters, nested",
     """
     def run, do: {a(), b(), c(), d(), e()}
     def a, do: (for x <- 1..5, rem(x, 2) == 1, y <- [x, x], uniq: true, do: g(y))
     def b, do: (for x <- 1..3, reduce: 0 do acc -> g(acc) + x end)
     def c, do: (for {k, v} <- %{a: 1, b: 2}, into: %{}, do: {v, k})
     def d, do: (for x <- [1, 2, 3], into: MapSet.new(), do: g(x))
     def e, do: (for x <- [a: 1, b: 2], {k, v} = x, v > 1, do: (try do g(k) rescue _ -> :no end))
     defp g(x), do: x
     """},
    {"structs and maps",
     """
     defstruct a: 1, b: 2
     def run, do: {new(), up(new(), 5), field(new()), dyn(%{k: 1}), put(%{}, 1), merge(%{a: 1}, 2), catch_it(fn -> up(%{}, 1) end), catch_it(fn -> field(%{}) end)}
     def new, do: %__MODULE__{}
     def up(s, x), do: %__MODULE__{s | a: g(x)}
     def field(s), do: s.a
     def dyn(m), do: %{m | k: g(2)}
     def put(m, x), do: Map.put(m, :x, g(x))
     def merge(m, x), do: Map.merge(m, %{y: g(x)})
     defp g(x), do: {x}
     defp catch_it(f) do
       f.()
     rescue
       e -> {e.__struct__, Exception.message(e)}
     end
     """},
    {"dot calls that may be fields or functions",
     """
     def run, do: {f(%{run2: 1}), f(__MODULE__), g(__MODULE__), catch_it(fn -> f(1) end)}
     def run2, do: :called
     def f(x), do: x.run2
     def g(x), do: x.run2()
     defp catch_it(f) do
       f.()
     rescue
       e -> e.__struct__
     end
     """},
    {"anonymous functions, captures, closures",
     """
     def run, do: {(a(3)).(4), b().(1, 2), c([3, 1, 2]), d().(10), Enum.map([1], &h(&1, 2)), (&h/2).(1, 2), (&String.upcase/1).("x")}
     def a(x), do: fn y -> x + y end
     def b, do: &{&1, &2}
     def c(l), do: Enum.sort(l, &(&1 >= &2))
     def d, do: fn
       0 -> :zero
       n when n > 5 -> h(n, 1)
       _ -> nil
     end
     def h(a, b), do: {a, b}
     """},
    {"default arguments, also calling each other",
     """
     def run, do: {f(), f(1), f(1, 2), k(1), k(1, 2)}
     def f(a \\\\ 1, b \\\\ g()), do: {a, b}
     def k(x, y \\\\ nil)
     def k(x, nil), do: {x}
     def k(x, y), do: {x, y}
     defp g, do: :default
     """},
    {"super and defoverridable",
     """
     use ElixirScope.TwinBase
     def f(x), do: {:over, super(x + 1)}
     def run, do: {f(1), q()}
     """},
    {"guards and pins",
     """
     defguard is_even(x) when is_integer(x) and rem(x, 2) == 0
     def run, do: {f(2), f(3), g(1, 1), g(1, 2), h(%{k: 5}, :k)}
     def f(x) when is_even(x), do: :even
     def f(_), do: :odd
     def g(a, b), do: (case b do ^a -> :same; _ -> :other end)
     def h(m, k), do: (%{^k => v} = m; v)
     """},
    {"a match of what is bound already, in every position",
     """
     def run, do: for(x <- [1, 3], do: {c(fn -> f(x) end), c(fn -> g(x) end), c(fn -> h(x) end), c(fn -> k(x) end)})
     def f(x), do: (^x = 3)
     def g(x), do: id(^x = 3)
     def h(x), do: (y = ^x = 3; y)
     def k(x), do: (try do ^x = 3 catch :never -> 1 end)
     def id(x), do: x
     defp c(f) do
       f.()
     rescue
       e -> e
     end
     """},
    {"receive, with after, selective",
     """
     def run do
       send(self(), {:b, 2}); send(self(), {:a, 1})
       {f(), f(), f(), g()}
     end
     def f do
       receive do
         {:a, x} -> h(x)
         {:b, x} when x > 1 -> {:b, x}
       after
         t() -> h(:timeout)
       end
     end
     def g do
       ref = make_ref()
       send(self(), {ref, 1})
       receive do
         {^ref, x} -> x
       end
     end
     defp t, do: 0
     defp h(x), do: {:h, x}
     """},
    {"try in all its forms",
     """
     def run, do: for k <- [:ok, :raise, :throw, :exit, :erl, :arg], do: {a(k), b(k), c(k), catch_all(fn -> d(k) end), e(k), n(k), Process.get(:log)}
     def x(:ok), do: :fine
     def x(:raise), do: raise("boom")
     def x(:throw), do: throw(:ball)
     def x(:exit), do: exit(:bye)
     def x(:erl), do: :erlang.error(:badarith)
     def x(:arg), do: String.to_integer("x")
     def a(k) do
       x(k)
     rescue
       e in RuntimeError -> {:runtime, e.message}
       e in [ArithmeticError, KeyError] -> {:arith, e.__struct__}
       ArgumentError -> :arg
     catch
       :exit, r -> {:exit, r}
       v -> {:thrown, v}
     end
     def b(k) do
       try do
         x(k)
       catch
         kind, reason when kind in [:error, :throw] -> {kind, is_map(reason)}
         _, _ -> :other
       else
         :fine -> y(:else)
       after
         Process.put(:log, k)
       end
     end
     def c(k) do
       r = try do
         y(x(k))
       rescue
         _ -> :rescued
       catch
         _, _ -> :caught
       end
       {:c, r}
     end
     def d(k) do
       try do
         x(k)
       after
         y(:after)
       end
     end
     def e(k) do
       try do
         try do
           x(k)
         rescue
           e in RuntimeError -> reraise(e, __STACKTRACE__)
         after
           Process.put(:inner, k)
         end
       rescue
         e -> {:outer, Exception.message(e)}
       catch
         a, b -> {a, b}
       end
     end
     def n(k) do
       f = fn -> try do x(k) catch _, _ -> :in_fun else v -> {:else, v} end end
       [f.(), Enum.map([k], fn k -> try do x(k) rescue e -> e.__struct__ catch _, _ -> :c after y(1) end end)]
     end
     def y(v), do: {:y, v}
     def catch_all(f) do
       f.()
     catch
       kind, reason -> {kind, reason}
     end
     """},
    {"macros and quote",
     """
     require ElixirScope.TwinMacros, as: Mac
     def run, do: {Mac.twice(g(1)), Mac.line(), Mac.use_priv(3), Mac.q(:x)}
     defp g(x), do: x
     """},
    {"argument order and effects",
     """
     def run, do: {f(), Process.get(:order)}
     def f, do: g(t(1), {t(2), 5}, t(3), [t(4) | t(5)])
     def g(a, b, c, d), do: {a, b, c, d}
     def t(n) do
       Process.put(:order, [n | Process.get(:order, [])])
       n
     end
     """},
    {"apply and function values in tail position",
     """
     def run, do: {f(__MODULE__, :g, [1]), h(&g/1, 2), k([3]), m(:g, 4), n(__MODULE__)}
     def f(m, f, a), do: apply(m, f, a)
     def h(f, x), do: f.(x)
     def k(a), do: apply(&g/1, a)
     def m(name, x), do: apply(__MODULE__, name, [x])
     def n(mod), do: mod.g(5)
     def g(x), do: {:g, x}
     """},
    {"inlined functions",
     """
     @compile inline: [i: 1, j: 1]
     def run, do: {f(1), loop(100_000)}
     def f(x), do: i(x)
     defp i(x), do: {:i, j(x)}
     defp j(x), do: {:j, x}
     @compile {:inline, next: 1}
     def loop(0), do: :done
     def loop(n), do: next(n)
     defp next(n), do: loop(n - 1)
     """},
    {"modules in functions, attributes, unquote fragments",
     """
     @list [1, 2, 3]
     for n <- @list, do: def(unquote(:"f\#{n}")(), do: unquote(n))
     def run, do: {f1(), f3(), @list, __MODULE__ |> is_atom(), __ENV__.function, inner()}
     def inner do
       name = Module.concat(__MODULE__, "Inner\#{System.unique_integer([:positive])}")
       defmodule name do
         def x, do: 1
       end
       name.x()
     end
     """},
    {"protocols and implementations",
     """
     defprotocol P do
       @fallback_to_any true
       def p(x)
     end
     defimpl P, for: Integer, do: (def p(x), do: {:int, x})
     defimpl P, for: Any, do: (def p(_), do: :any)
     def run, do: {P.p(1), P.p("x"), to_string(:a), "\#{1} \#{[?a]}"}
     """},
    {"errors: no clause, no match, bad argument",
     """
     def run, do: {c(fn -> f(:x) end), c(fn -> g(2) end), c(fn -> h("a") end), c(fn -> (1 = id(2)) end), c(fn -> id(1).(2) end), c(fn -> k(3) end)}
     def f(1), do: 1
     def g(x), do: (case x do 1 -> 1 end)
     def h(x), do: 1 + x
     def k(x), do: (with {:ok, y} <- x do y else :error -> 1 end)
     def id(x), do: x
     defp c(f) do
       f.()
     rescue
       e -> e.__struct__
     end
     """}
  ]

  for {what, body} <- @cases, {how, options} <- [{"calls", []}, {"everything", [capture: :all]}] do
    test "#{what}: #{how}" do
      twin = Twin.compile(unquote(body), [prelude: @prelude] ++ unquote(options))
      assert {:value, _} = Twin.same(twin, & &1.run())
    end
  end

  test "functions are equal to what they were: nothing of ours is in their environment" do
    body = "def f(x), do: (y = x; fn z -> w = y; try do {w, send(self(), z)} catch _ -> 1 end end)"
    twin = Twin.compile(body, capture: :all)

    for which <- [:plain, :instrumented] do
      module = Twin.load(twin, which)
      assert module.f(1) == module.f(1)
      refute module.f(1) == module.f(2)
      assert Function.info(module.f(1), :env) == {:env, [1]}
    end
  end

  describe "stacktraces have the same frames" do
    @deep """
    def boom(x), do: raise("boom \#{x}")
    def value(x), do: {:ok, boom(x)}
    def tail(x), do: boom(x)
    def through(x) do
      y = value(x)
      {y}
    end
    def bif(x), do: String.to_integer(x)
    def bif_tail(x), do: :erlang.binary_to_integer(x)
    def op(x), do: x + 1
    def local_undef(x), do: :no_such_module.f(x)
    def in_case(x) do
      case x do
        1 -> boom(x)
        _ -> hd(x)
      end
    end
    def in_fun(x), do: Enum.map([x], fn y -> boom(y) end)
    def reraised(x) do
      value(x)
    rescue
      e -> reraise e, __STACKTRACE__
    end
    def after_only(x) do
      value(x)
    after
      self()
    end
    def rescue_after(x) do
      try do
        value(x)
      rescue
        ArgumentError -> :no
      after
        self()
      end
    end
    def raises_in_rescue(x) do
      value(x)
    rescue
      _ -> boom(2)
    after
      self()
    end
    def clause(1), do: 1
    def clause_error(x), do: clause(x)
    def throws(x) do
      y = {throw(x)}
      y
    end
    def seen(x) do
      value(x)
    rescue
      _ -> __STACKTRACE__ |> Enum.map(fn {m, f, a, l} -> {m, f, a, l[:line]} end) |> Enum.take(4)
    end
    def pos(x), do: throw(x)
    def exits(x), do: exit(x)
    def apply_bad(x), do: x.(1)
    def match(x), do: (^x = 3)

    # What always fails has no line of its own: the compiler gives it that of what stands before.
    def always(_x), do: hd([])
    def always_bound(x) do
      y = x
      z = hd([])
      {y, z}
    end
    def always_key(x) do
      map = %{a: x}
      y = Map.fetch!(map, :b)
      {y}
    end
    def always_after(x) do
      y = Enum.map([x], & &1)
      z = tl([]) ++ y
      z
    end
    """

    for {function, argument} <- [
          value: 1,
          tail: 1,
          through: 1,
          bif: "x",
          bif_tail: "x",
          op: "x",
          local_undef: 1,
          in_case: 1,
          in_case: [],
          in_fun: 1,
          reraised: 1,
          after_only: 1,
          rescue_after: 1,
          raises_in_rescue: 1,
          clause_error: 2,
          throws: 1,
          seen: 1,
          pos: 1,
          exits: 1,
          apply_bad: 1,
          match: 1,
          always: 1,
          always_bound: 1,
          always_key: 1,
          always_after: 1
        ] do
      test "#{function}(#{inspect(argument)})" do
        for options <- [[], [capture: :all]] do
          twin = Twin.compile(@deep, options)
          Twin.same(twin, fn module -> apply(module, unquote(function), [unquote(argument)]) end)
        end
      end
    end
  end
end

defmodule ElixirScope.Test.Program do
  @moduledoc """
  Programs out of a number: the body of a module with `run/0`, every construct of the language in some of them.

  The same seed gives the same text. Every program ends; some of them by an exception.
  """

  @prelude """
  defmodule ElixirScope.ProgramParts do
    defmacro twice(x), do: quote(do: unquote(x) + unquote(x))

    defmacro bound(x) do
      quote do
        hidden = unquote(x)
        hidden * 2
      end
    end

    defmodule Point do
      defstruct a: 1, b: 2
    end

    defprotocol Size do
      @fallback_to_any true
      def size(x)
    end

    defimpl Size, for: Integer, do: def(size(x), do: x)
    defimpl Size, for: Any, do: def(size(_), do: 0)
  end
  """

  def prelude, do: @prelude

  @doc "The source of a program's module body."
  def source(seed) do
    :rand.seed(:exsss, {seed, 7, 11})
    functions = for index <- 1..4, do: function(index)

    """
    require ElixirScope.ProgramParts, as: Parts
    alias ElixirScope.ProgramParts.{Point, Size}
    defguard is_small(x) when is_integer(x) and x < 10
    defmodule Inner do
      def g(x) when x > 3, do: {:big, x}
      def g(x), do: {:small, x}
    end
    def run do
      r1 = f1(#{literal()}, #{literal()})
      r2 = f2(r1, #{literal()})
      IO.puts("\#{inspect(r2)}")
      {r1, r2, loop(#{:rand.uniform(40)}, 0), sum([1, 2, 3])}
    end
    #{functions}
    def d(x, y \\\\ 5), do: x - y
    def num(x) when is_integer(x), do: rem(x, 1000)
    def num(_), do: 1
    defp loop(0, acc), do: acc
    defp loop(n, acc) when rem(n, 2) == 0, do: loop(n - 1, acc + n)
    defp loop(n, acc), do: loop(n - 1, acc)
    def sum([]), do: 0
    def sum([h | t]), do: h + sum(t)
    def odd(0), do: false
    def odd(n), do: even(n - 1)
    def even(0), do: true
    def even(n), do: odd(n - 1)
    """
  end

  # Calls only functions of a higher number, so it ends.
  defp function(index) do
    env = %{vars: ["a", "b"], index: index}
    first = "def f#{index}(#{pick(["a", "a", "a = _"])}, 13), do: num(a)\n"
    head = pick(["a, b", "a, b", "a, b = _c"])

    {statements, env} =
      Enum.map_reduce(1..pick([1, 2, 3]), env, fn _, env -> statement(env, pick([1, 2, 2, 3])) end)

    body = Enum.join(statements ++ [int(env, 2)], "\n  ")
    "#{first}def f#{index}(#{head}) do\n  #{body}\nend\n"
  end

  defp pick(list), do: Enum.random(list)
  defp literal, do: to_string(pick([0, 1, 2, 3, 5, 13, 42]))

  defp name, do: pick(["a", "b", "c", "d", "e"])
  defp bind(env, name), do: %{env | vars: Enum.uniq([name | env.vars])}

  defp statement(env, depth) do
    name = name()
    other = pick(["p", "q", "_u"])

    case pick([:simple, :simple, :tuple, :map, :list, :bits, :keep, :message, :nested]) do
      :simple ->
        {"#{name} = #{int(env, depth)}", bind(env, name)}

      :tuple ->
        {"{#{name}, [#{other} | _]} = {#{int(env, depth)}, [#{int(env, 1)}, 2]}",
         env |> bind(name) |> used(other)}

      :map ->
        {"%{k: #{name}, v: _} = #{other} = %{k: #{int(env, depth)}, v: 1}", bind(env, name)}

      :list ->
        {"[#{name}, {:ok, #{other}} | _rest] = [#{int(env, depth)}, {:ok, #{int(env, 1)}}, 3]",
         env |> bind(name) |> used(other)}

      :bits ->
        {"<<#{name}::8, #{other}::binary>> = <<#{int(env, depth)}::8, \"xy\">>", bind(env, name)}

      :keep ->
        {int(env, depth), env}

      :message ->
        {"send(self(), {:m, #{int(env, 1)}})\n  #{name} = receive do {:m, w} when is_integer(w) -> w; {:other, w} -> num(w) after 0 -> 0 end",
         bind(env, name)}

      :nested ->
        {"#{name} = (v = #{int(env, 1)}; v = v + 1; v)", bind(env, name)}
    end
  end

  defp used(env, "_u"), do: env
  defp used(env, name), do: bind(env, name)

  @leaves [:literal, :var, :var]
  @simple [
    :add,
    :sub,
    :mul,
    :rem,
    :call,
    :default,
    :length,
    :pipe,
    :elem,
    :map,
    :string,
    :inner,
    :capture,
    :keyword,
    :struct,
    :sigil
  ]
  @constructs [
    :if,
    :unless,
    :case,
    :cond,
    :with,
    :with_else,
    :for,
    :for_into,
    :reduce,
    :bits,
    :fn,
    :pin,
    :try,
    :rescue,
    :after,
    :catch,
    :else,
    :reraise,
    :receive,
    :task,
    :spawn,
    :macro,
    :macro2,
    :protocol,
    :bool,
    :block,
    :guard,
    :raise,
    :mutual,
    :uniq,
    :update,
    :then
  ]

  # An expression whose value is an integer (or that raises).
  defp int(_env, 0), do: literal()

  defp int(env, depth), do: "(#{bare(env, depth)})"

  defp bare(env, depth) do
    kinds = if depth <= 1, do: @leaves ++ @simple, else: @leaves ++ @simple ++ @constructs ++ @constructs
    make(pick(kinds), env, depth - 1)
  end

  defp make(:literal, _, _), do: literal()
  defp make(:var, env, _), do: "num(#{pick(env.vars)})"
  defp make(:add, e, d), do: "#{int(e, d)} + #{int(e, d)}"
  defp make(:sub, e, d), do: "(#{int(e, d)} - #{int(e, d)})"
  defp make(:mul, e, d), do: "(#{int(e, d)} * #{literal()})"
  defp make(:rem, e, d), do: "rem(#{int(e, d)}, 7)"

  defp make(:call, e, d) do
    if e.index < 4,
      do: "num(f#{e.index + 1}(#{int(e, d)}, #{int(e, d)}))",
      else: "sum([#{int(e, d)}, #{int(e, d)}])"
  end

  defp make(:default, e, d), do: "d(#{int(e, d)})"
  defp make(:length, e, d), do: "length([#{int(e, d)} | [1, #{int(e, d)}]])"

  defp make(:pipe, e, d),
    do:
      "([#{int(e, d)}, #{int(e, d)}] |> Enum.map(&(&1 + #{literal()})) |> Enum.filter(&(rem(&1, 2) == 0)) |> Enum.sum())"

  defp make(:elem, e, d), do: "elem({#{int(e, d)}, #{int(e, d)}}, 1)"
  defp make(:map, e, d), do: "%{a: #{int(e, d)}, b: #{int(e, d)}}.a"
  defp make(:string, e, d), do: "String.length(\"x\#{#{int(e, d)}}y\" <> \"z\")"
  defp make(:inner, e, d), do: "elem(Inner.g(#{int(e, d)}), 1)"
  defp make(:capture, e, d), do: "(&d/2).(#{int(e, d)}, #{int(e, d)})"
  defp make(:keyword, e, d), do: "Keyword.get([a: #{int(e, d)}, b: 2], :a, 3)"
  defp make(:struct, e, d), do: "%Point{a: #{int(e, d)}}.a"
  defp make(:sigil, e, d), do: "(length(~w(a b c)) + #{int(e, d)})"
  defp make(:if, e, d), do: "if(#{bool(e, d)}, do: #{int(e, d)}, else: #{int(e, d)})"
  defp make(:unless, e, d), do: "num(unless(#{bool(e, d)}, do: #{int(e, d)}))"

  defp make(:case, e, d) do
    inner = bind(e, "n")

    "case {#{int(e, d)}, #{int(e, d)}} do\n {0, _} -> #{int(e, d)}\n {n, m} when n > 3 and is_integer(m) -> #{int(inner, d)}\n {n, _} -> #{int(inner, d)}\n end"
  end

  defp make(:cond, e, d),
    do:
      "cond do\n #{bool(e, d)} -> #{int(e, d)}\n z = #{nothing(e, d)} -> num(z)\n true -> #{int(e, d)}\n end"

  defp make(:with, e, d),
    do:
      "num(with {:ok, n} <- #{ok(e, d)}, m = n + 1, true <- #{bool(bind(e, "m"), d)} do\n #{int(bind(e, "m"), d)}\n end)"

  defp make(:with_else, e, d),
    do:
      "num(with {:ok, n} when n > 2 <- #{ok(e, d)} do\n #{int(bind(e, "n"), d)}\n else\n {:ok, l} -> #{int(bind(e, "l"), d)}\n :error -> #{int(e, d)}\n end)"

  defp make(:for, e, d),
    do:
      "Enum.sum(for i <- [#{int(e, d)}, #{int(e, d)}, 3], rem(i, 2) == 1, j when j > 1 <- [1, 2], do: #{int(bind(e, "i"), d)})"

  defp make(:for_into, e, d),
    do: "map_size(for {k, v} <- %{x: #{int(e, d)}, y: 2}, into: %{}, do: {k, v + #{int(bind(e, "v"), d)}})"

  defp make(:uniq, e, d), do: "length(for i <- [1, 1, #{int(e, d)}], uniq: true, do: #{int(bind(e, "i"), d)})"

  defp make(:reduce, e, d) do
    body = int(bind(e, "i"), d)
    "(for i <- 1..3, reduce: #{int(e, d)} do\n acc when acc > 50 -> acc - i\n acc -> acc + #{body}\n end)"
  end

  defp make(:bits, e, d),
    do: "Enum.sum(for <<x::4, y::4 <- <<#{int(e, d)}::8, 7>> >>, x > 0, do: y + #{int(bind(e, "x"), d)})"

  defp make(:fn, e, d),
    do:
      "(fn\n 1, _ -> #{int(e, d)}\n x, y when x > y -> #{int(bind(e, "x"), d)}\n x, _y -> #{int(bind(e, "x"), d)}\n end).(#{int(e, d)}, #{int(e, d)})"

  defp make(:pin, e, d), do: "(case #{int(e, d)} do\n ^#{pick(e.vars)} -> 1\n o -> o\n end)"

  defp make(:try, e, d),
    do:
      "(try do\n #{risky(e, d)}\n rescue\n x in [RuntimeError, ArgumentError] -> num(x)\n catch\n t when is_integer(t) -> t\n :exit, _ -> 9\n end)"

  defp make(:rescue, e, d),
    do:
      "(try do\n #{risky(e, d)}\n rescue\n _ in ArithmeticError -> 1\n err -> num(Exception.message(err))\n catch\n _, q -> num(q)\n end)"

  defp make(:after, e, d), do: "(try do\n #{int(e, d)}\n after\n Process.put(:after, #{int(e, d)})\n end)"

  defp make(:catch, e, d),
    do:
      "(try do\n #{risky(e, d)}\n catch\n kind, what -> num({kind, what})\n after\n Process.put(:x, 1)\n end)"

  defp make(:else, e, d),
    do: "(try do\n #{risky(e, d)}\n rescue\n _ -> 2\n catch\n _, _ -> 3\n else\n 1 -> 1\n v -> num(v)\n end)"

  defp make(:reraise, e, d),
    do:
      "(try do\n try do\n #{risky(e, d)}\n rescue\n e1 in RuntimeError -> reraise(e1, __STACKTRACE__)\n end\n rescue\n e2 -> num(e2.__struct__)\n catch\n _, _ -> 4\n end)"

  defp make(:receive, e, d),
    do:
      "(send(self(), {:n, #{int(e, d)}}); receive do\n {:n, x} when x > 2 -> x\n {:n, _} -> #{int(e, d)}\n end)"

  defp make(:task, e, d), do: "Task.await(Task.async(fn -> #{int(e, d)} end))"

  defp make(:spawn, e, d),
    do:
      "(me = self(); value = #{int(e, d)}; spawn(fn -> send(me, {:s, value}) end); receive do\n {:s, got} -> got\n after\n 5000 -> 0\n end)"

  defp make(:macro, e, d), do: "Parts.twice(#{int(e, d)})"
  defp make(:macro2, e, d), do: "Parts.bound(#{int(e, d)})"
  defp make(:protocol, e, d), do: "Size.size(#{int(e, d)})"
  defp make(:bool, e, d), do: "num(#{bool(e, d)} && #{int(e, d)})"
  defp make(:block, e, d), do: "(g = #{int(e, d)}; g = g + 1; #{int(bind(e, "g"), d)} + g)"

  defp make(:guard, e, d),
    do: "(case #{int(e, d)} do\n x when is_small(x) -> x\n x when x in [42, 43] -> 1\n _ -> 0\n end)"

  defp make(:raise, e, d),
    do: "(if #{int(e, d)} == 13, do: raise(ArgumentError, \"thirteen\"), else: #{int(e, d)})"

  defp make(:mutual, e, d), do: "(if odd(rem(abs(#{int(e, d)}), 9)), do: 1, else: #{int(e, d)})"
  defp make(:update, e, d), do: "(m = %{a: #{int(e, d)}, b: 2}; %{m | b: #{int(e, d)}}.b + m.a)"
  defp make(:then, e, d), do: "(#{int(e, d)} |> then(fn y -> y + 1 end))"

  defp bool(e, d),
    do:
      pick([
        "#{int(e, d)} > 3",
        "is_integer(#{int(e, d)})",
        "(#{int(e, d)} == 1 or #{int(e, d)} > 2)",
        "(#{int(e, d)} != 0 and true)",
        "not (#{int(e, d)} < 5)",
        "#{int(e, d)} in [1, 2, 3]"
      ])

  defp nothing(e, d), do: pick(["nil", "Process.get(:nothing)", "false", int(e, d)])
  defp ok(e, d), do: pick(["{:ok, #{int(e, d)}}", ":error", "Map.fetch(%{a: #{int(e, d)}}, :a)"])

  defp risky(e, d),
    do:
      pick([
        "raise(\"boom\")",
        "throw(#{int(e, d)})",
        "exit(:bye)",
        "1 + num(:erlang.error(:badarith))",
        "String.to_integer(\"x\")",
        int(e, d),
        "num(Map.fetch!(Process.get(:nothing, %{}), :k))",
        "raise(ArgumentError, \"arg\")"
      ])
end

defmodule ElixirScope.Flow.ScopeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{ScopeAnalyzer, VariableMutation}
  alias ElixirScope.Test.{Source, Versions}

  doctest ScopeAnalyzer

  # Every construct that binds, hides or reads. The compiler says which places mean one value.
  @constructs ~S'''
  defmodule ElixirScope.Flow.ScopeTest.Constructs do
    import Bitwise
    @limit 3

    def matching(x, [y | z] = list, %{k: v} = map, {x, a}) do
      {x, y} = {y, x}
      {b, ^a} = c = {w = y, a}
    _ = w
      ^x = x = x
      [{d, [e, d]}, %{^v => f, :g => g}, "h" <> i] = [x, y, z, list, map, a, b, c]
      {d, e, f, g, i, w, x}
    end

    def arguments(x) do
      y = {x = 1, x, [x = 2, x], foo(x, x = 3)}
      z = foo(x, x) |> foo(x = 4) |> foo(x)
      %{x => (x = 6), a: x = 5, b: x}
      {x, y, z}
    end

    def foo(a, b \\ fn a -> a end), do: {a, b}
    def defaults(a, b \\ (fn -> b = 1; b end).(), c) when a > c and b < c, do: [a, b, c]

    def cases(x, y) do
      z =
        case x = y do
          {x, y} when x > y -> x
          ^y -> y = x; y
          [x | _] = y -> {x, y}
          _ -> x
        end

      w = if y = x, do: (x = y; x), else: (x = z; x)
      unless x = w, do: x, else: y
      v = (u = x) && (u = 2; u) || u
      t = (s = v) and (s = v; s) or s
      r = cond do
        q = x -> q
        q = y -> {q, x = 1, x}
        true -> x
      end
      {x, y, z, w, u, t, s, r}
    end

    def loops(xs, n) do
      a = for x <- xs, y = x, y > n, z <- [y, x], into: [n], do: {x, y, z, n}
      b = for {x, n} when x > n <- xs, {y, ^x} <- n, reduce: n do
        n when n > 1 -> {n, x, y}
        acc -> {acc, n}
      end
      c = for <<r::8, g::size(r), rest::binary-size(n) <- n>>, g > r, do: {r, g, rest, n}
      {xs, n, a, b, c}
    end

    def withs(x, y) do
      with {:ok, x} when x > y <- y = x,
           z = {x, y},
           {y, ^x} <- z,
           true <- x > y do
        {x, y, z}
      else
        {x, z} when z > x -> {x, y, z}
        y -> {x, y}
      end
    end

    def tries(x) do
      y = x
      try do
        y = y + 1
        y
      rescue
        e in [ArgumentError, KeyError] -> {e, y}
        e -> {e, x = y, x}
      catch
        x -> x
        x, y when x > y -> {x, y}
      else
        y when y > x -> y
        z -> {x, z}
      after
        y = x
        y
      end
      {x, y}
    rescue
      e in RuntimeError -> {e, x}
    end

    def receives(x, y) do
      z = receive do
        {^x, y} when y > x -> {x, y}
        z -> z
      after
        y = 5 -> {x, y}
      end
      {x, y, z}
    end

    def closures(x, y) do
      f = fn
        x, z when x > y -> fn y -> {x, y, z} end
        ^x, y -> {x, y}
      end
      g = &(&1 + x + f.(y, &1))
      h = &foo/1
      k = &foo(&1, y)
      m = x
      n = &m.run/1
      {f, g, h, k, n, &foo(x = &1, x), x}
    end

    def bits(n, x, y) do
      <<a::size(n), b::binary-size(a)-unit(8), c::signed-integer-size(b), n, d::size(n)>> = x
      <<y = x, y::8, x::size(y)>>
      "#{x} #{n = 1} #{n}"
      {a, b, c, d, n, x &&& n, y}
    end

    defmacro quoted(x, y) do
      z = quote(do: x + unquote(x) + (quote do: unquote(y)))
      quote bind_quoted: [a: x, y: z] do
        x = unquote(y)
        {x, a}
      end
      quote do
        y = unquote(z = y)
        Foo.unquote(x)(unquote_splicing(z), y)
        z
      end
    end

    def hygiene(x) do
      var!(y) = x
      z = var!(x) + y
      match?({^x, x} when x > y, z)
      destructure([x, w], z)
      s = __MODULE__
      {binding(), x, y, w, s, @limit}
    end

    defguard is_small(x, y \\ 1) when x < y and x > @limit

    for {name, value} <- [one: 1, two: 2] do
      def unquote(name)(x \\ unquote(value)), do: {x, unquote(value)}
      def unquote(:"#{name}_")(), do: unquote(name)
    end
  end
  '''

  test "two places are one version if and only if the compiler says so, whatever the construct" do
    quoted = Code.string_to_quoted!(@constructs, columns: true)
    options = Code.compiler_options(ignore_module_conflict: true)

    {compiled, _warnings} =
      ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_quoted(quoted, "lib/a.ex") end)

    Code.compiler_options(options)
    [{module, binary}] = compiled
    :code.purge(module)
    :code.delete(module)
    {_file, clauses} = Versions.compiled(binary)
    result = Versions.compare(clauses, Versions.found(Source.parse!(@constructs)))
    assert result.places > 300
    assert %{missing: [], unbound: [], split: [], merged: []} = result
  end

  test "a comparison that fails is seen" do
    quoted =
      Code.string_to_quoted!("defmodule ElixirScope.Flow.ScopeTest.Wrong do\n def f(x), do: (x = x; x)\nend",
        columns: true
      )

    [{_, binary}] = Code.compile_quoted(quoted, "lib/a.ex")
    {_file, clauses} = Versions.compiled(binary)
    {l, c} = {2, 8}
    found = %{{l, c, :x} => 0, {2, 17, :x} => 1, {2, 21, :x} => 1, {2, 24, :x} => nil}
    result = Versions.compare(clauses, found)
    assert [{_, _, _}] = result.split
    assert [{_, _, _}] = result.merged
    assert [{_, _, {2, 24, :x}}] = result.unbound
    assert [_ | _] = Versions.compare(clauses, %{}).missing
  end

  defp clause(text), do: text |> regions() |> List.last()

  defp regions(text) do
    {:ok, regions} = ScopeAnalyzer.analyze_source(text)
    regions
  end

  test "unused and used once are what the compiler warns of" do
    text = """
    defmodule ElixirScope.Flow.ScopeTest.Unused do
      def f(a, b, _c, d) do
        x = a
        x = 1
        y = fn z, w -> w end
        {d, d} = {1, d}
        for i <- [1], j = i, do: 1
        with {:ok, k} <- y, do: 1
        x
      end
      def g(q), do: binding()
      def h(r, s \\\\ 1)
      def h(_, s), do: s
      defdelegate abs(t), to: Kernel
      defmacro m(u), do: quote(bind_quoted: binding(), do: u)
    end
    """

    warned = ExUnit.CaptureIO.capture_io(:stderr, fn -> Code.compile_string(text, "nofile") end)
    names = for [_, name] <- Regex.scan(~r/variable "(\w+)" is unused/, warned), do: String.to_atom(name)
    unused = for region <- regions(text), v <- ScopeAnalyzer.unused(region), do: v.name
    assert Enum.sort(unused) == Enum.sort(names)
    assert length(names) == 5
  end

  test "rebinding stays in its scope, shadowing ends with it" do
    clause =
      clause(
        "defmodule A do\n  def f(x) do\n    x = x\n    case x do\n      x -> x\n    end\n    x\n  end\nend"
      )

    assert [
             %VariableMutation{kind: :rebinding, from_version: 0, to_version: 1, line: 3},
             %VariableMutation{kind: :shadowing, from_version: 1, to_version: 2, line: 5}
           ] = clause.mutations

    assert Enum.map(clause.variables, &length(&1.uses)) == [1, 2, 1]
  end

  test "closures take along what is bound outside of them" do
    clause =
      clause(
        "defmodule A do\n  def f(x, y) do\n    z = 1\n    fn a -> fn b -> {a, b, x, z} end end\n    &(&1 + y)\n  end\nend"
      )

    captures = for closure <- clause.closures, do: {closure.kind, for(c <- closure.captures, do: c.name)}
    assert captures == [{:fn, [:x, :z]}, {:fn, [:a, :x, :z]}, {:capture, [:y]}]
    assert for(v <- clause.variables, v.captured, do: v.name) == [:x, :y, :z, :a]
  end

  test "bodies of modules: fragments read them, functions do not, modules in functions see the function" do
    text = """
    x = 1
    defmodule A do
      y = x
      z = 2
      def f(z), do: {y, z, unquote(y + z)}
      def g(w) do
        defmodule B do
          IO.puts(w)
          def h, do: w
        end
      end
      test "a \#{y}", %{z: z} do
        {y, z}
      end
    end
    """

    [file, module, f, _g, b, h, test] = regions(text)
    assert [%{name: :x, uses: [%{line: 3}]}] = file.variables
    assert [%{name: :y, uses: y}, %{name: :z, uses: [%{line: 5, column: 36}]}] = module.variables
    assert [{5, 32}, {12, 13}] == for(use <- y, use.role == :read, do: {use.line, use.column})
    assert [%{name: :y, line: 5}] = f.unbound
    assert b.unbound == [] and b.kind == :module
    assert [%{name: :w, line: 9}] = h.unbound
    assert test.kind == :macro_function
    assert [%{name: :y}] = test.unbound
  end

  test "a function of a repository has its variables" do
    {:ok, repo} = ASTRepository.new()

    code =
      "defmodule A do\n  def f(x, y \\\\ 2)\n  def f(0, y), do: y\n  def f(x, _), do: (x = x + 1; x)\nend"

    :ok = ASTRepository.store_module(repo, Code.string_to_quoted!(code, columns: true))
    {:ok, f} = ASTRepository.get_function(repo, {A, :f, 2})

    assert [{:x, 0}, {:y, 1}, {:y, 0}, {:x, 0}, {:x, 1}] =
             for(v <- f.local_variables, do: {v.name, v.version})

    assert [%VariableMutation{name: :x, kind: :rebinding}] = f.variable_mutations
    assert [_, _, _] = f.scope_analysis
    {:ok, analyses} = ScopeAnalyzer.analyze(repo, "A.f/2")
    assert analyses == f.scope_analysis
    assert {:error, %{reason: :not_found}} = ScopeAnalyzer.analyze(repo, "A.g/2")
  end
end

defmodule ElixirScope.Static.DefinitionsTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.Source

  defp modules(text), do: Enum.map(outline!(text), & &1.id)

  # What the compiler calls the modules of a text, in the order of their definition.
  defp compiled(text) do
    for {module, _} <- Code.compile_string(text), into: MapSet.new() do
      :code.purge(module)
      :code.delete(module)
      inspect(module)
    end
  end

  describe "modules are named as the compiler names them" do
    for {title, text} <- [
          nested: "defmodule S1 do defmodule B do defmodule C.D do end; defmodule E do end end end",
          elixir: "defmodule S2 do defmodule Elixir.S2x.B do end end",
          erlang: "defmodule :s3 do defmodule B do end end",
          atom: "defmodule S4 do defmodule :s4_b do end end",
          current: "defmodule S5 do defmodule __MODULE__.X.Y do defmodule __MODULE__.Z do end end end",
          aliased:
            "defprotocol S6.P do def f(x) end; defmodule S6 do alias S6.P, as: C; defimpl C, for: S6 do def f(x), do: x end end",
          targets: "defprotocol S7 do def f(x) end; defimpl S7, for: [Integer, Atom] do def f(x), do: x end",
          enclosing:
            "defprotocol S8 do def f(x) end; defmodule S8.M do defstruct []; defimpl S8 do def f(x), do: x end end",
          inner:
            "defprotocol S9 do def f(x) end; defmodule S9.M do defmodule I do defstruct [] end; defimpl S9, for: I do def f(x), do: x end end",
          multi:
            "defprotocol S10.P do def f(x) end; defmodule S10.A do defstruct [] end; defmodule S10.B do alias S10.{A, Q}; alias Q.R; _ = R; defimpl S10.P, for: A do def f(x), do: x end end",
          scoped:
            "defprotocol S11.P do def f(x) end; defmodule S11.A do defstruct [] end; defmodule S11 do if true do alias S11.A, as: Z; defimpl S11.P, for: Z do def f(x), do: x end end; defmodule Z do end end",
          erlang_target: "defprotocol S12 do def f(x) end; defimpl S12, for: :s12_m do def f(x), do: x end"
        ] do
      test title do
        text = unquote(text)
        assert MapSet.new(modules(text)) == compiled(text)
      end
    end
  end

  test "what a module is, and where" do
    text = """
    defmodule A do
      use GenServer

      if System.get_env("X") do
        defmodule Sometimes do
        end
      end

      def make do
        defmodule Later do
          def f, do: 1
        end
      end
    end

    defprotocol P do
      def size(x)
    end

    defimpl P, for: Integer do
      def size(x), do: x
    end

    defmodule E do
      defexception [:message]
    end
    """

    [a, sometimes, later, p, impl, e] = outline!(text)
    assert %{type: :genserver, kind: :module, line: 1, column: 1, end_line: 14, uses: [GenServer]} = a
    assert %{id: "A.Sometimes", conditional: true, in_function: false} = sometimes
    assert %{id: "A.Later", conditional: false, in_function: true, line: 10} = later
    assert [%{id: "A.Later.f/0"}] = later.functions
    assert Enum.map(a.functions, & &1.id) == ["A.make/0"]
    assert %{type: :protocol, functions: [%{kind: :callback, clauses: [%{bodiless: true}]}]} = p
    assert %{id: "P.Integer", type: :protocol_impl, functions: [%{id: "P.Integer.size/1", kind: :def}]} = impl
    assert %{type: :exception} = e
  end

  test "every kind of definition" do
    text = ~S"""
    defmodule A do
      def f(a, b \\ 1, c \\ 2)
      def f(a, b, c) when a > b, do: c
      def f(_, _, _), do: 1
      defp g, do: 1
      defmacro m(x), do: x
      defmacrop n(), do: 1
      defdelegate size(map), to: Map, as: :new
      defguard is_a(x) when is_atom(x)
      defguardp is_b(x) when x
      def a + b, do: {a, b}
      def unquote(:known)(x), do: x
      def unquote(name)(x, y), do: x
      def unquote(name), do: 1
      def unquote(:"odd name")(x), do: x
      for n <- [1], do: def unquote(:"x#{n}")(), do: 1
      def valid?(x), do: x
      def f!, do: 1
    end
    """

    functions = functions!(text)

    {hashed, named} = functions |> Map.keys() |> Enum.split_with(&(&1 =~ ~r"^A\.unquote\([0-9a-f]{8}\)/0$"))
    assert [_] = hashed

    assert Enum.sort(named) ==
             Enum.sort(
               ~w[A.f/3 A.g/0 A.m/1 A.n/0 A.size/1 A.is_a/1 A.is_b/1 A.+/2 A.known/1 A.unquote(name)/2] ++
                 ~w[A.unquote(name)/0 A.valid?/1 A.f!/0] ++ [~s(A."odd name"/1)]
             )

    assert map_size(functions) == 15

    assert %{kind: :def, defaults: 2, line: 2, clauses: [%{bodiless: true}, %{bodiless: false}, _]} =
             functions["A.f/3"]

    kinds = for {id, kind} <- [g: :defp, m: :defmacro, n: :defmacrop], do: {id, kind}

    for {name, kind} <- kinds,
        do: assert(Enum.any?(functions, fn {_, f} -> f.name == name and f.kind == kind end))

    assert functions["A.size/1"].kind == :defdelegate
    assert functions["A.is_a/1"].kind == :defguard
    assert functions["A.is_b/1"].kind == :defguardp
    assert functions["A.unquote(name)/2"].name == "unquote(name)"
  end

  test "what is quoted is no definition" do
    text = """
    defmodule A do
      defmacro __using__(_) do
        quote do
          def injected, do: 1
          defmodule Inner do
          end
        end
      end
    end
    """

    assert modules(text) == ["A"]
    assert Map.keys(functions!(text)) == ["A.__using__/1"]
  end

  test "a head is no call of what it defines" do
    text = """
    defmodule A do
      defmacro defmodule(alias, do_block), do: {alias, do_block}
      defmacro alias(A.B, opts), do: opts
      defmacro if(x, y), do: {x, y}
      defmacro quote(x, y), do: {x, y}
      defimpl P, for: B, do: def f(x), do: x
    end
    """

    assert modules(text) == ["A", "P.B"]
    assert %{metrics: %{cognitive_complexity: 0, nesting_depth: 0}} = functions!(text)["A.if/2"]
    assert map_size(functions!(text)) == 5
  end

  test "a name that is computed" do
    text =
      "for m <- [A, B] do\n defmodule Module.concat(m, X) do\n def f, do: 1\n end\n defmodule m do\n end\nend"

    assert [first, "unquote(m)"] = modules(text)
    assert first =~ ~r/^unquote\([0-9a-f]{8}\)$/
    [%{functions: [function]} | _] = outline!(text)
    assert function.id == first <> ".f/0"
  end

  test "one name twice in a file" do
    text = "defmodule A do\nend\ndefmodule A do\ndef f, do: 1\nend"
    assert modules(text) == ["A", "A~2"]
    assert Map.keys(functions!(text)) == ["A~2.f/0"]
  end

  test "code outside of modules belongs to the file" do
    ids = ids!("import Config\nconfig :a, b: 1", "config/config.exs")
    assert Enum.all?(ids, &String.starts_with?(&1, "config/config.exs:"))
  end
end

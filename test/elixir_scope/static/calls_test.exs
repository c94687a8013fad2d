defmodule ElixirScope.Static.CallsTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source

  defp calls(text) do
    {:ok, source} = Parser.parse_string(text, file: "lib/calls.ex")
    {:ok, calls} = Source.calls(source)
    calls
  end

  # The calls of a function body in a module, as "Mod.name/arity form".
  defp shown(body, head \\ "") do
    text = """
    defmodule My.Mod do
      alias Deep.Inner
      alias Deep.Inner, as: Renamed
      alias Deep.{One, Two.Three}
      require Logger.Deep, as: L
      import Whole
      import Few, only: [few: 1]
      import Most, except: [left_out: 1]
      #{head}
      def local(x), do: x
      def with_default(x, y \\\\ 1), do: {x, y}
      def subject(a, b, mod, fun) do
        #{body}
      end
    end
    """

    for call <- calls(text), call.clause && call.clause =~ "subject/4", do: show(call)
  end

  defp show(call) do
    module =
      case call.resolution do
        :known -> inspect(call.module) <> "."
        :local -> ""
        :imported -> Enum.map_join(call.module, "|", &inspect/1) <> "."
        :dynamic -> "?."
      end

    quoted = if call.quoted, do: " quoted", else: ""
    form = if call.form == :plain, do: "", else: " #{call.form}"
    "#{module}#{call.name}/#{call.arity || "*"}#{form}#{quoted}"
  end

  @cases [
    # aliases
    {"Inner.f(a)", ["Deep.Inner.f/1"]},
    {"Renamed.f(a)", ["Deep.Inner.f/1"]},
    {"One.f()", ["Deep.One.f/0"]},
    {"Three.f()", ["Deep.Two.Three.f/0"]},
    {"L.f()", ["Logger.Deep.f/0"]},
    {"Elixir.Inner.f()", ["Inner.f/0"]},
    {"__MODULE__.local(a)", ["My.Mod.local/1"]},
    {"__MODULE__.Sub.f(a)", ["My.Mod.Sub.f/1"]},
    {"Inner.Sub.f a", ["Deep.Inner.Sub.f/1"]},
    {":lists.reverse(a)", [":lists.reverse/1"]},
    {"alias Other.Inner\n Inner.f()", ["Other.Inner.f/0"]},
    {"if a do\n alias Other.Inner\n Inner.f()\n end\n Inner.f()",
     ["Kernel.if/2", "Other.Inner.f/0", "Deep.Inner.f/0"]},
    # local, imported, from Kernel
    {"local(a)", ["local/1"]},
    {"local a", ["local/1"]},
    {"with_default(a)", ["with_default/1"]},
    {"few(a)", ["Few.few/1"]},
    {"few(a, b)", ["Most|Whole.few/2"]},
    {"left_out(a)", ["Whole.left_out/1"]},
    {"length(a)", ["Kernel.length/1"]},
    {"a + b", ["Kernel.+/2"]},
    {"not a", ["Kernel.not/1"]},
    {"import Late\n late()", ["Late|Most|Whole.late/0"]},
    {"import Kernel, except: [length: 1]\n length(a)", ["Most|Whole.length/1"]},
    # pipes
    {"a |> Inner.f(b)", ["Kernel.|>/2", "Deep.Inner.f/2 piped"]},
    {"a |> local", ["Kernel.|>/2", "local/1 piped"]},
    {"a |> local() |> few()", ["Kernel.|>/2", "Kernel.|>/2", "local/1 piped", "Few.few/1 piped"]},
    {"a |> Inner.f", ["Kernel.|>/2", "Deep.Inner.f/1 piped"]},
    {"a |> fun.()", ["Kernel.|>/2", "?../1 anonymous"]},
    # captures
    {"&local/1", ["local/1 capture"]},
    {"&Inner.f/2", ["Deep.Inner.f/2 capture"]},
    {"&Inner.f(&1, b)", ["Deep.Inner.f/2"]},
    {"&(few(&1))", ["Few.few/1"]},
    {"&mod.f/1", ["?.f/1 capture"]},
    {"&>=/2", ["Kernel.>=/2 capture"]},
    {"Enum.map(a, &local/1)", ["Enum.map/2", "local/1 capture"]},
    # apply, and functions handed to others
    {"apply(Inner, :f, [a, b])", ["Deep.Inner.f/2 apply"]},
    {"apply(Inner, :f, a)", ["Deep.Inner.f/* apply"]},
    {"apply(mod, :f, [a])", ["?.f/1 apply"]},
    {"apply(fun, [a])", ["?../1 apply"]},
    {"Inner |> apply(:f, [a])", ["Kernel.|>/2", "Deep.Inner.f/1 apply"]},
    {":erlang.apply(Inner, :f, [])", ["Deep.Inner.f/0 apply"]},
    {"spawn(Inner, :f, [a])", ["Kernel.spawn/3", "Deep.Inner.f/1 mfa"]},
    {"{Inner, :start_link, [a]}", ["Deep.Inner.start_link/1 mfa"]},
    {"Task.async(__MODULE__, :local, [a])", ["Task.async/3", "My.Mod.local/1 mfa"]},
    # dynamic
    {"mod.f(a)", ["?.f/1"]},
    {"mod.field", ["?.field/0 field"]},
    {"fun.(a, b)", ["?../2 anonymous"]},
    {"a.b.c()", ["?.c/0", "?.b/0 field"]},
    # structs, in patterns too
    {"%Inner{x: local(a)}", ["Deep.Inner.__struct__/0 struct", "local/1"]},
    {"%Inner{} = a", ["Deep.Inner.__struct__/0 struct"]},
    {"%__MODULE__{}", ["My.Mod.__struct__/0 struct"]},
    # what looks like a call and is none
    {"<<x::size(a)-binary, _::bits>> = b\n x", []},
    {"case a do\n %{} when b -> {a, b}\n end", []},
    {"%{a | b: 1}", []},
    {"fn x -> x end", []},
    {"for x <- a, do: x", []},
    # what the compiler makes of notation
    {~S["#{a}"], ["Kernel.to_string/1"]},
    {"a[b]", ["Access.get/2"]},
    {"~r/a/", ["Kernel.sigil_r/2"]},
    # quoted code
    {"quote do\n local(unquote(few(a)))\n end", ["local/1 quoted", "Few.few/1"]},
    {"quote do: __MODULE__.f()", ["?.f/0 quoted"]},
    {"unquote(a)(b)", ["unquote(a)/1"]},
    {"Inner.unquote(a)(b)", ["Deep.Inner.unquote(a)/1"]},
    {"Inner.unquote(a)", ["Deep.Inner.unquote(a)/0"]}
  ]

  for {{body, expected}, number} <- Enum.with_index(@cases) do
    test "#{number}: #{String.replace(body, "\n", ";")}" do
      assert shown(unquote(body)) == unquote(expected)
    end
  end

  test "heads, guards and defaults" do
    text = """
    defmodule A do
      def f(%B{} = x, y \\\\ C.d()) when is_list(x) and my_guard(y), do: super(x, y)
      defguard my_guard(x) when E.g(x)
      defdelegate to_other(a, b), to: Other, as: :other
      defdelegate [one(a), two()], to: Other
      @spec f(B.t(), integer()) :: list(atom())
      @type t :: unknown(B.t())
      @attr F.g(1)
      use Used, option: H.i()
      @before_compile Hook
      defmodule In do
        def g, do: In.g()
      end
    end
    """

    assert Enum.map(calls(text), &{&1.line, show(&1)}) |> Enum.sort() == [
             {2, "B.__struct__/0 struct"},
             {2, "C.d/0"},
             {2, "Kernel.and/2"},
             {2, "Kernel.is_list/1"},
             {2, "f/2 super"},
             {2, "my_guard/1"},
             {3, "E.g/1"},
             {4, "Other.other/2 delegate"},
             {5, "Other.one/1 delegate"},
             {5, "Other.two/0 delegate"},
             {8, "F.g/1"},
             {9, "H.i/0"},
             {9, "Used.__using__/1 use"},
             {10, "Hook.__before_compile__/1 use"},
             {12, "A.In.g/0"}
           ]
  end

  test "an alias is resolved before it takes effect" do
    text = "defmodule A do\n  alias Foo.Foo\n  def f, do: Foo.g()\nend"
    assert [%{module: Foo.Foo, name: :g}] = calls(text)
  end
end

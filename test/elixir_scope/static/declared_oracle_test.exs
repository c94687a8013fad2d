defmodule ElixirScope.Static.DeclaredOracleTest do
  # Docs, specs, types, callbacks, signatures, exports and behaviours of Elixir's whole standard library, as read from its
  # source, against what its compiler made of it. Every difference has to have a reason that is named here.
  use ExUnit.Case, async: false

  alias ElixirScope.Test.{DeclaredOracle, Source}

  @moduletag :elixir_sources
  @moduletag timeout: 600_000

  with {dir, _} <- Source.elixir_sources(),
       true <- String.trim(File.read!(Path.join(dir, "VERSION"))) == System.version() do
    :ok
  else
    _ ->
      IO.puts(:stderr, "SKIPPED: 1 test: no sources of Elixir #{System.version()} in ELIXIR_SCOPE_ELIXIR_SRC")
      @moduletag skip: "the sources are not those of the installed Elixir"
  end

  @equal_min %{
    behaviours: 380,
    callback: 100,
    callback_doc: 100,
    callbacks_implemented: 380,
    doc_meta: 2500,
    doc_presence: 3000,
    doc_text: 2500,
    functions: 380,
    macros: 380,
    moduledoc: 380,
    signature: 2500,
    spec: 1400,
    type: 320,
    typedoc: 290
  }

  test "what is declared is what the compiler found" do
    results = DeclaredOracle.run()
    different = for {kind, module, what, {:differs, a, b}} <- results, do: {kind, module, what, a, b}

    assert for(one <- different, reason(one) == nil, do: one) == []

    for {kind, least} <- @equal_min do
      equal = Enum.count(results, &(elem(&1, 0) == kind and elem(&1, 3) == :equal))
      assert equal >= least, "#{kind}: only #{equal} equal"
    end
  end

  # Defined by code that runs while the module is compiled: a loop, `Record.defrecord`, a call of `Kernel.def`.
  defp reason({_kind, module, _what, _, _}) when module in [IO.ANSI, Mix.Compilers.Elixir, Logger],
    do: :made_while_compiled

  defp reason({kind, List.Chars, what, _, _}) when kind == :functions or what == {:to_char_list, 1},
    do: :made_while_compiled

  defp reason({:type, _, _, _, [{_, _, {:atom, 0, :computed}, _}]}), do: :made_while_compiled
  defp reason({:doc_meta, _, _, {since, _}, {since, :computed}}), do: :message_in_a_variable

  defp reason({:doc_text, _, _, _, found}) when is_binary(found),
    do: if(found =~ "\#{", do: :interpolated)

  # The compiler writes these as the syntax they are.
  defp reason({:signature, Kernel.SpecialForms, _, _, _}), do: :syntax
  defp reason({:signature, Kernel, {name, _}, _, _}) when name in [:.., :"..//"], do: :syntax
  defp reason({:signature, Macro.Env, {:__struct__, _}, _, _}), do: :made_while_compiled

  # `use GenServer` (and `use Dict`) define them first, and its names stay.
  defp reason({:signature, _, {name, arity}, {name, _, [{:msg, _, _} | _]}, _})
       when {name, arity} in [handle_call: 3, handle_cast: 2, handle_info: 2],
       do: :named_by_a_default

  defp reason({:signature, HashDict, {:update, 4}, _, _}), do: :named_by_a_default

  defp reason(_), do: nil
end

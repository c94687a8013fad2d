defmodule ElixirScope.InstrumentationTest do
  use ExUnit.Case, async: true

  import Bitwise

  alias ElixirScope.{Error, Instrumentation}

  defp object_code(module) do
    {^module, binary, _} = :code.get_object_code(module)
    binary
  end

  test "a module of the standard library: build, dense points, everything the binary carried" do
    binary = object_code(Keyword)
    assert {:ok, result} = Instrumentation.instrument_binary(binary)
    assert result.module == Keyword
    assert result.build in 1..((1 <<< 39) - 1)
    assert Enum.map(result.points, &elem(&1, 0)) == Enum.to_list(0..(length(result.points) - 1))

    for {_, kind, name, arity, clause, line, column, target} <- result.points do
      assert kind in [:clause, :tail, :try]
      assert is_atom(name) and arity in 0..255 and clause >= 0 and line >= 0
      assert column == nil or column > 0
      assert target == nil or match?({_, _, _}, target)
    end

    {:ok, _, before} = :beam_lib.all_chunks(binary)
    {:ok, _, now} = :beam_lib.all_chunks(result.binary)

    for id <- [~c"Dbgi", ~c"Docs", ~c"Attr"],
        do: assert(List.keyfind(now, id, 0) == List.keyfind(before, id, 0))
  end

  test "the same input gives the same output; other options give another build" do
    binary = object_code(Keyword)
    {:ok, one} = Instrumentation.instrument_binary(binary)
    assert {:ok, ^one} = Instrumentation.instrument_binary(binary)
    {:ok, other} = Instrumentation.instrument_binary(binary, probe: SomeProbe)
    assert other.build != one.build
    assert Instrumentation.build(binary) == {:ok, one.build}
    assert Instrumentation.build(binary, probe: SomeProbe) == {:ok, other.build}
  end

  test "what is no module, has no debug information, or is not to be touched" do
    for bad <- [
          [{:attribute, 1, :module, :m}, :x],
          [{:attribute, 1, :module, :m}, {:function, 1, :f, 0, [:x]}],
          "",
          "FOR1",
          :crypto.strong_rand_bytes(100),
          nil,
          %{},
          [],
          [:x],
          1,
          <<1::3>>
        ] do
      assert {:error, %Error{reason: reason}} = Instrumentation.instrument_binary(bad), inspect(bad)
      assert reason in [:not_a_beam, :invalid_argument, :compilation_failed]
    end

    {:ok, {_, stripped}} = :beam_lib.strip(object_code(Keyword))
    assert {:error, %Error{reason: :no_debug_info} = error} = Instrumentation.instrument_binary(stripped)
    assert error.hint =~ "debug_info"

    assert {:error, %Error{details: %{why: :elixir_scope}}} =
             Instrumentation.instrument_binary(object_code(ElixirScope.Error))
  end

  test "a beam cut short or damaged is an error" do
    binary = object_code(Keyword)
    size = byte_size(binary)

    for n <- [20, 100, div(size, 2), size - 10] do
      assert {:error, %Error{}} = Instrumentation.instrument_binary(binary_part(binary, 0, n))
    end

    # debug information that does not decode
    {:ok, _, chunks} = :beam_lib.all_chunks(binary)
    {:ok, damaged} = :beam_lib.build_module(List.keyreplace(chunks, ~c"Dbgi", 0, {~c"Dbgi", "nonsense"}))
    assert {:error, %Error{reason: :no_debug_info}} = Instrumentation.instrument_binary(damaged)

    # ... or is something else than this Elixir writes
    other = :erlang.term_to_binary({:debug_info_v1, :elixir_erl, {:elixir_v1, %{}, []}})
    {:ok, damaged} = :beam_lib.build_module(List.keyreplace(chunks, ~c"Dbgi", 0, {~c"Dbgi", other}))
    assert {:error, %Error{reason: :no_debug_info}} = Instrumentation.instrument_binary(damaged)
  end
end

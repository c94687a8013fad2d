defmodule ElixirScope.TidyTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Test.Tidy

  @root Path.expand("..", __DIR__)

  # One breach of each rule: the smallest tree that must be refused.
  @breaches %{
    core_knows_no_beam: %{"native/scope_core/src/x.rs" => "use rustler::Term;"},
    nif_crate_depends_on_core_only: %{
      "native/scope_core/Cargo.toml" => "[dependencies]\nscope_nif = { path = \"../scope_nif\" }"
    },
    one_module_of_nif_stubs: %{"lib/elixir_scope/other.ex" => "def f, do: :erlang.nif_error(:nif_not_loaded)"},
    only_core_and_probe_call_native: %{
      "lib/elixir_scope/capture/collector.ex" => "alias ElixirScope.{Core, Native}\nNative.drain(1)"
    },
    static_and_data_are_pure: %{
      "lib/elixir_scope/ast_repository/module_data.ex" =>
        "defmodule D do\n  defstruct [:x]\n  def f(s), do: GenServer.call(s, :x)\nend"
    },
    static_and_runtime_are_apart: %{
      "native/scope_core/src/ast/x.rs" => "use crate::capture::points::PointInfo;"
    },
    mix_stays_in_tasks: %{"lib/elixir_scope/x.ex" => "def env, do: Mix.env()"},
    files_are_small: %{"lib/elixir_scope/x.ex" => String.duplicate("x\n", 601)},
    no_machine_paths: %{"bin/x" => "cd " <> "/ho" <> "me/somebody/project"}
  }

  for {name, _} <- Tidy.rules() do
    test "#{name}" do
      rule = Tidy.rules()[unquote(name)]

      assert rule.(Map.fetch!(@breaches, unquote(name))) != [], "the rule does not see its own breach"
      assert rule.(Tidy.read(@root)) == []
    end
  end

  # What the code said is not what the binary does: compare the imports of the binaries.
  test "injected code calls the probe module and nothing else" do
    for module <- [Enum, GenServer, Inspect.Algebra, Code.Formatter, Task.Supervised] do
      {^module, plain, _file} = :code.get_object_code(module)
      assert {:ok, %{binary: instrumented}} = ElixirScope.Instrumentation.instrument_binary(plain)

      added = imported_modules(instrumented) -- imported_modules(plain)
      assert added -- [ElixirScope.Probe, :erlang] == [], "#{inspect(module)} got calls to #{inspect(added)}"
      assert ElixirScope.Probe in added
    end
  end

  defp imported_modules(binary) do
    {:ok, {_module, imports: imports}} = :beam_lib.chunks(binary, [:imports])
    imports |> Enum.map(&elem(&1, 0)) |> Enum.uniq()
  end

  test "references resolve aliases" do
    text = """
    alias ElixirScope.{Core, Native}
    alias ElixirScope.Capture, as: C
    Native.f()
    C.Stats.g()
    String.trim("")
    """

    names = Tidy.references(text)
    assert "ElixirScope.Native" in names
    assert "ElixirScope.Capture.Stats" in names
    assert "String" in names
    refute "Native" in names
  end

  test "the tree that is read is this project's" do
    tree = Tidy.read(@root)
    assert Map.has_key?(tree, "lib/elixir_scope/native.ex")
    assert Map.has_key?(tree, "native/scope_nif/src/lib.rs")
    assert Map.has_key?(tree, "bin/setup")
  end
end

defmodule ElixirScope.Instrumentation.BuildTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Instrumentation.{Build, Carrier, Facts}

  setup do
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-build-#{System.unique_integer([:positive])}-#{System.pid()}")

    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    on_exit(fn -> File.rm_rf!(dir) end)

    for module <- [Keyword, Access, Enumerable, Enumerable.List], do: copy(module, ebin)
    %{ebin: ebin, target: Path.join(dir, "instrumented"), manifest: Path.join(dir, "manifest")}
  end

  defp copy(module, ebin) do
    {^module, binary, _} = :code.get_object_code(module)
    File.write!(Path.join(ebin, "#{module}.beam"), binary)
  end

  # As if the sources had been compiled a while ago.
  defp age(ebin, seconds \\ 60) do
    for beam <- Path.wildcard(Path.join(ebin, "*.beam")),
        do: File.touch!(beam, System.os_time(:second) - seconds)
  end

  defp run(c, options \\ []), do: Build.run([{:sample, c.ebin}], c.target, c.manifest, options)

  test "protocols are left out with a reason, implementations are kept off the path", c do
    build = run(c)
    assert Enum.map(build.modules, & &1.module) == [Access, Enumerable.List, Keyword]
    assert [{Enumerable, %{details: %{why: :protocol}}}] = build.skipped
    assert Path.wildcard(Path.join(c.target, "*.beam")) |> length() == 2
    assert File.exists?(Path.join(c.target, "impls/Elixir.Enumerable.List.beam"))

    for %{file: file, build: number} <- build.modules do
      assert {:ok, %{build: ^number, points: [_ | _]}} = Carrier.read(File.read!(file))
    end
  end

  test "nothing to do the second time; a lost copy, a changed file, another option are made again", c do
    age(c.ebin)
    assert %{changed: [_, _, _, _]} = run(c)
    # Reading it may change when it was last read.
    written = %{File.stat!(c.manifest) | atime: nil}
    assert %{changed: [], removed: [], modules: [_, _, _]} = run(c)
    assert %{File.stat!(c.manifest) | atime: nil} == written

    File.rm!(Path.join(c.target, "Elixir.Keyword.beam"))
    assert %{changed: [Keyword]} = run(c)

    # new content, same date
    {Access, _, _} = :code.get_object_code(Access)
    stat = File.stat!(Path.join(c.ebin, "Elixir.Access.beam"), time: :posix)
    {:ok, {_, stripped}} = :beam_lib.strip(File.read!(Path.join(c.ebin, "Elixir.Access.beam")))
    File.write!(Path.join(c.ebin, "Elixir.Access.beam"), stripped)
    File.touch!(Path.join(c.ebin, "Elixir.Access.beam"), stat.mtime)
    assert %{changed: [Access], skipped: skipped} = run(c)
    assert %{reason: :no_debug_info} = skipped |> Map.new() |> Map.fetch!(Access)
    refute File.exists?(Path.join(c.target, "Elixir.Access.beam"))

    assert %{changed: [_, _, _, _]} = run(c, probe: SomeProbe)
    assert %{changed: [_, _, _, _]} = run(c, probe: SomeProbe, force: true)
  end

  test "files only touched are not made again", c do
    age(c.ebin)
    run(c)
    age(c.ebin, 30)
    assert %{changed: []} = run(c)
  end

  test "what is not wanted any more, or gone, is removed", c do
    run(c)
    assert %{removed: [Access, Enumerable.List], modules: [_]} = run(c, modules: ["Key*", Enumerable])
    assert Path.wildcard(Path.join(c.target, "**/*.beam")) == [Path.join(c.target, "Elixir.Keyword.beam")]
    File.rm!(Path.join(c.ebin, "Elixir.Keyword.beam"))
    assert %{removed: [Keyword], modules: []} = run(c, modules: ["Key*", Enumerable])
    assert %{modules: [_, _]} = run(c)
    assert %{modules: [%{module: Access}]} = run(c, except: ["Enumerable.*"])
  end

  test "a damaged manifest is none", c do
    run(c)
    File.write!(c.manifest, "damaged")
    assert %{changed: [_, _, _, _], modules: [_, _, _]} = run(c)
  end

  test "clean leaves nothing", c do
    run(c)
    Build.clean(c.target, c.manifest)
    refute File.exists?(c.target)
    refute File.exists?(c.manifest)
  end

  describe "facts" do
    @notes [
      {A, :module, nil, 1, nil, nil, "a.ex"},
      {A, :remote_function, {Enum, :sum, 1}, 5, 10, {:f, 1}, "a.ex"},
      {A, :remote_function, {Enum, :map, 2}, 2, 3, nil, "a.ex"},
      {A, :remote_macro, {Logger, :info, 1}, 6, 5, {:f, 1}, "a.ex"},
      {A, :local_function, {A, :g, 0}, 7, 5, {:f, 1}, "a.ex"},
      {A, :struct_expansion, B, 8, 5, {:f, 1}, "a.ex"},
      {A, :alias_reference, B, 8, 6, {:f, 1}, "a.ex"},
      {A, :alias_reference, C, 9, 6, {:f, 1}, "a.ex"},
      {B, :module, nil, 1, nil, nil, "b.ex"}
    ]

    test "the strongest kind of a dependency counts; calls are in the order of the source" do
      assert [a, b] = Facts.from_notes(@notes)
      assert a.dependencies == [{B, :export}, {C, :runtime}, {Enum, :compile}, {Logger, :compile}]
      assert Enum.map(a.calls, & &1.line) == [2, 5, 6, 7]
      assert Enum.map(a.calls, & &1.caller) == [nil, {:f, 1}, {:f, 1}, {:f, 1}]
      assert %Facts{module: B, file: "b.ex", calls: [], dependencies: []} = b
    end

    test "are saved by module, and go with it", c do
      :ok = Facts.save(@notes, c.target)
      assert Facts.modules(c.target) == [A, B]
      assert {:ok, %Facts{module: A, calls: [_, _, _, _]}} = Facts.read(A, c.target)
      File.write!(Path.join(c.ebin, "Elixir.A.beam"), "")
      :ok = Facts.prune(c.target, [{:sample, c.ebin}])
      assert Facts.modules(c.target) == [A]
      assert {:error, %{reason: :not_found}} = Facts.read(B, c.target)
    end

    test "of what the compiler never saw" do
      assert {:error, %{reason: :not_found}} = Facts.fetch(Enum)
      assert {:error, %{reason: :not_found}} = Facts.fetch(NoSuch)
      assert {:error, %{reason: :invalid_argument}} = Facts.fetch("Enum")
    end
  end
end

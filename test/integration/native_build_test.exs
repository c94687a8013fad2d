defmodule ElixirScope.Integration.NativeBuildTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Test.Project

  @moduletag timeout: 600_000

  @root Path.expand("../..", __DIR__)
  @library Application.app_dir(:elixir_scope, "priv/native/scope_nif.so")

  # The library is loaded when nothing was noted about a failure to do so, and the file that is mapped is the one named.
  @loaded """
  ElixirScope.Probe.enter(0)
  mapped = File.read!("/proc/self/maps") |> String.split("\\n") |> Enum.filter(&(&1 =~ "scope_nif"))
  IO.puts("mapped: " <> hd(mapped ++ ["nothing"]))
  """

  defp path_without_cargo do
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-path-#{System.unique_integer([:positive])}-#{System.pid()}")

    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)

    for dir_of_path <- String.split(System.get_env("PATH"), ":"),
        tool <- File.ls(dir_of_path) |> elem_or([]),
        tool not in ["cargo", "rustc", "rustup"] do
      File.ln_s(Path.join(dir_of_path, tool), Path.join(dir, tool))
    end

    dir
  end

  defp elem_or({:ok, list}, _default), do: list
  defp elem_or({:error, _}, default), do: default

  test "a fresh project needs the dependency and nothing else, and the second compile does nothing" do
    project = Project.new(compilers: nil, files: %{"lib/sample.ex" => "defmodule Sample do\nend"})

    assert {output, 0} = Project.mix(project, ["compile"], deps_built: false)
    assert output =~ "Generated sample app"
    assert File.regular?(Path.join(project.dir, "_build/dev/lib/elixir_scope/priv/native/scope_nif.so"))

    assert {output, 0} = Project.mix(project, ["compile"])
    refute output =~ "native library"
    refute output =~ "Compiling"

    assert {output, 0} = Project.mix(project, ["run", "-e", @loaded])
    assert output =~ ~r/mapped: .*scope_nif/
  end

  test "a library built elsewhere is used, without cargo, and stays in use" do
    project = Project.new(compilers: nil)
    elsewhere = Path.join(project.dir, "elsewhere.so")
    File.cp!(@library, elsewhere)
    vars = [{"PATH", path_without_cargo()}]

    assert {output, 0} =
             Project.mix(project, ["compile"],
               deps_built: false,
               vars: [{"ELIXIR_SCOPE_NIF", elsewhere} | vars]
             )

    refute output =~ "cargo"

    assert {_, 0} = Project.mix(project, ["compile"], vars: [{"ELIXIR_SCOPE_NIF", nil} | vars])
  end

  test "without cargo and without a library, the error says what to install" do
    project = Project.new(compilers: nil)
    vars = [{"PATH", path_without_cargo()}, {"ELIXIR_SCOPE_NIF", nil}]

    assert {output, status} = Project.mix(project, ["compile"], deps_built: false, vars: vars)
    assert status != 0
    assert output =~ "cargo was not found"
    assert output =~ "rustup.rs"
    assert output =~ "ELIXIR_SCOPE_NIF="
  end

  test "a library that is named and is not there is an error" do
    project = Project.new(compilers: nil)
    vars = [{"ELIXIR_SCOPE_NIF", "/nowhere/scope_nif.so"}]

    assert {output, status} = Project.mix(project, ["compile"], deps_built: false, vars: vars)
    assert status != 0
    assert output =~ "/nowhere/scope_nif.so"
  end

  describe "with cargo" do
    # A copy of the native part with one tiny crate each: the same manifests and paths, a second to build.
    setup do
      if System.get_env("ELIXIR_SCOPE_NIF") not in [nil, ""] or System.find_executable("cargo") == nil do
        {:ok, skip: true}
      else
        project = Project.new(name: :copy, compilers: nil, files: native_files())
        {:ok, skip: false, project: project}
      end
    end

    test "a change in a path dependency rebuilds, and an error of rustc is shown", context do
      unless context.skip do
        project = context.project

        assert {output, 0} = Project.mix(project, ["compile"], deps_built: false)
        assert output =~ "Building the native library"

        assert {output, 0} = Project.mix(project, ["compile"], deps_built: false)
        refute output =~ "Building the native library"

        # Only the content counts.
        File.touch!(Path.join(project.dir, "native/scope_core/src/lib.rs"), System.os_time(:second) + 60)
        assert {output, 0} = Project.mix(project, ["compile"], deps_built: false)
        refute output =~ "Building the native library"

        Project.write(project, "native/scope_core/src/lib.rs", "pub fn answer() -> i32 { 43 }\n")
        assert {output, 0} = Project.mix(project, ["compile"], deps_built: false)
        assert output =~ "Building the native library"

        Project.write(project, "native/scope_core/src/lib.rs", "pub fn answer() -> i32 { \"x\" }\n")
        assert {output, status} = Project.mix(project, ["compile"], deps_built: false)
        assert status != 0
        assert output =~ "mismatched types"
        assert output =~ "native/scope_nif"

        # A failed build is not remembered as done.
        assert {_, status} = Project.mix(project, ["compile"], deps_built: false)
        assert status != 0
      end
    end
  end

  defp native_files do
    mix_exs = """
    Code.require_file("scope_native.exs", __DIR__)

    defmodule Copy.MixProject do
      use Mix.Project
      def project, do: [app: :copy, version: "0.1.0", compilers: [:scope_native], scope_native: [profile: :dev]]
    end
    """

    %{
      "mix.exs" => mix_exs,
      "scope_native.exs" => File.read!(Path.join(@root, "mix/scope_native.exs")),
      "Cargo.toml" => """
      [workspace]
      resolver = "3"
      members = ["native/*"]
      [workspace.dependencies]
      scope_core = { path = "native/scope_core" }
      """,
      "native/scope_core/Cargo.toml" =>
        "[package]\nname = \"scope_core\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
      "native/scope_core/src/lib.rs" => "pub fn answer() -> i32 { 42 }\n",
      "native/scope_nif/Cargo.toml" => """
      [package]
      name = "scope_nif"
      version = "0.1.0"
      edition = "2021"
      [lib]
      crate-type = ["cdylib"]
      [dependencies]
      scope_core.workspace = true
      """,
      "native/scope_nif/src/lib.rs" => "pub fn answer() -> i32 { scope_core::answer() }\n"
    }
  end
end

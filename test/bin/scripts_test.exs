defmodule ElixirScope.ScriptsTest do
  use ExUnit.Case, async: true

  @root Path.expand("../..", __DIR__)

  defp run(script, args, env \\ []) do
    System.cmd(Path.join(@root, script), args, stderr_to_stdout: true, env: env)
  end

  # A copy of bin/verify with checks of its own.
  defp verify_with(checks) do
    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-verify-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    on_exit(fn -> File.rm_rf!(dir) end)
    File.mkdir_p!(Path.join(dir, "bin/verify.d"))
    File.cp!(Path.join(@root, "bin/verify"), Path.join(dir, "bin/verify"))

    for {name, text} <- checks do
      path = Path.join([dir, "bin/verify.d", to_string(name)])
      File.write!(path, text)
      File.chmod!(path, 0o755)
    end

    Path.join(dir, "bin/verify")
  end

  test "every script parses" do
    for script <- Path.wildcard(Path.join(@root, "{bin,.ci}/**/*"), match_dot: true), File.regular?(script) do
      assert {_, 0} = System.cmd("bash", ["-n", script], stderr_to_stdout: true), script
      assert Bitwise.band(File.stat!(script).mode, 0o100) != 0, "#{script} is not executable"
    end
  end

  test "setup is quick and quiet when everything is there" do
    # In a chroot for another Elixir there is no cargo, and setup says so; here only what it finds is of interest.
    if System.find_executable("cargo") do
      {microseconds, {output, status}} = :timer.tc(fn -> run("bin/setup", []) end)
      assert status == 0, output
      assert output =~ System.version()
      assert microseconds < 10_000_000
    end
  end

  test "setup says what is missing when there is no Rust, and goes on with a library that is given" do
    # Every tool but cargo's.
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-setup-#{System.unique_integer([:positive])}-#{System.pid()}")

    on_exit(fn -> File.rm_rf!(dir) end)
    File.mkdir_p!(dir)

    for from <- String.split(System.get_env("PATH"), ":"),
        {:ok, tools} <- [File.ls(from)],
        tool <- tools,
        tool not in ~w(cargo rustc rustup apt-get apt-cache) do
      File.ln_s(Path.join(from, tool), Path.join(dir, tool))
    end

    # A complete machine but for Rust: what cc and the like are for is not asked then.
    for tool <- ~w(cc git python3), do: File.ln_s(System.find_executable("true"), Path.join(dir, tool))

    {output, status} = run("bin/setup", [], [{"PATH", dir}, {"ELIXIR_SCOPE_NIF", nil}])
    assert status == 1
    assert output =~ "Rust is missing"
    assert output =~ "rustup.rs"

    {output, status} = run("bin/setup", [], [{"PATH", dir}, {"ELIXIR_SCOPE_NIF", "/some/scope_nif.so"}])
    assert status == 0, output
    assert output =~ "Rust none"
  end

  test "every long check says what it is" do
    {output, 0} = run("bin/verify", ["--list"])

    for line <- String.split(output, "\n", trim: true) do
      assert [_name, what] = String.split(line, " ", parts: 2)
      assert String.length(String.trim(what)) > 10, "no description: #{line}"
    end

    assert {output, 2} = run("bin/verify", ["no-such-check"])
    assert output =~ "no-such-check"
  end

  test "verify runs all checks, tells skipped from failed, and fails when one fails" do
    good = "#!/bin/sh\n# Is always well\nexit 0\n"
    skipped = "#!/bin/sh\n# Needs what is not here\nexit 77\n"
    bad = "#!/bin/sh\n# Is never well\nexit 3\n"

    assert {output, 0} = System.cmd(verify_with(a: good, b: skipped), [])
    assert output =~ "verify: a: ok"
    assert output =~ "verify: b: skipped"
    assert output =~ "verify: 2 checks, 0 failures"

    assert {output, 1} = System.cmd(verify_with(a: bad, b: good), [])
    assert output =~ "verify: a: FAILED (exit status 3)"
    assert output =~ "verify: b: ok"
    assert output =~ "verify: 2 checks, 1 failures"
  end

  test "compat and demo say how they are used" do
    assert {output, 2} = run("bin/compat", ["woody"])
    assert output =~ "bin/compat trixie"
    assert {output, 0} = run("bin/demo", ["--help"])
    assert output =~ "bin/demo PATH"
  end

  test "the directory of Elixir's sources is the one that is named" do
    assert {output, 0} = run("bin/elixir-source", [], [{"ELIXIR_SCOPE_ELIXIR_SRC", @root}])
    assert String.trim(output) == @root
    assert {output, 1} = run("bin/elixir-source", [], [{"ELIXIR_SCOPE_ELIXIR_SRC", "/nowhere/at/all"}])
    assert output =~ "/nowhere/at/all"
  end
end

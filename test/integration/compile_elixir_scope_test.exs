defmodule ElixirScope.Integration.CompileElixirScopeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Test.Project

  @moduletag timeout: 600_000

  @cart """
  defmodule Sample.Cart do
    defstruct lines: []
    def new, do: %__MODULE__{}
    def add(%__MODULE__{} = cart, line), do: %{cart | lines: [line | cart.lines]}
    def total(cart), do: Enum.reduce(cart.lines, 0, &(&1.price + &2))
  end
  """

  @line """
  defmodule Sample.Line do
    defstruct [:price]
    require Sample.Mac
    def new(price), do: Sample.Mac.same(%__MODULE__{price: price})
    def cart(price), do: Sample.Cart.add(Sample.Cart.new(), new(price))
  end
  """

  @mac """
  defmodule Sample.Mac do
    defmacro same(x), do: x
  end

  defprotocol Sample.Show do
    def show(x)
  end

  defimpl Sample.Show, for: Sample.Cart do
    def show(cart), do: "cart of \#{length(cart.lines)}"
  end
  """

  @files %{"lib/cart.ex" => @cart, "lib/line.ex" => @line, "lib/mac.ex" => @mac}

  @test_file """
  defmodule SampleTest do
    use ExUnit.Case
    test "sums" do
      assert Sample.Cart.total(Sample.Line.cart(3)) == 3
      assert Sample.Show.show(Sample.Line.cart(1)) == "cart of 1"
      assert Protocol.consolidated?(Sample.Show)
      IO.puts("instrumented: " <> inspect(ElixirScope.instrumented()))
    end
  end
  """

  defp instrumented(project, opts \\ []) do
    code = "IO.puts(\"instrumented: \" <> inspect(ElixirScope.instrumented(), limit: :infinity))"
    {output, status} = Project.mix(project, ["run", "-e", code], opts)
    assert status == 0, output
    listed(output)
  end

  defp listed(output) do
    assert [_, list] = Regex.run(~r/instrumented: \[(.*?)\]/s, output), output
    list |> String.split(~r/,\s*/, trim: true) |> Enum.sort()
  end

  @all ["Sample.Cart", "Sample.Line", "Sample.Mac", "Sample.Show.Sample.Cart"]

  defp lib(project, env \\ "dev"), do: Path.join([project.dir, "_build", env, "lib", "sample"])

  defp ebin(project) do
    for path <- Path.wildcard(Path.join(lib(project), "ebin/*")), into: %{}, do: {path, File.read!(path)}
  end

  test "one line: compiled, instrumented, loaded; the second compile does nothing; clean cleans" do
    project = Project.new(files: @files)
    assert {output, 0} = Project.mix(project, ["compile"])
    assert output =~ "Instrumented 4 of 4 modules"
    before = ebin(project)

    assert {output, 0} = Project.mix(project, ["compile"])
    assert output == ""

    assert instrumented(project) == @all
    assert ebin(project) == before

    # facts of the compiler
    code = """
    {:ok, facts} = ElixirScope.Instrumentation.Facts.fetch(Sample.Line)
    IO.inspect({Path.basename(facts.file), List.keyfind(facts.dependencies, Sample.Mac, 0),
      List.keyfind(facts.dependencies, Sample.Cart, 0), Enum.find(facts.calls, &(&1.target == {Sample.Cart, :add, 2}))})
    """

    assert {output, 0} = Project.mix(project, ["run", "-e", code])
    assert output =~ ~s({"line.ex", {Sample.Mac, :compile}, {Sample.Cart, :runtime})
    for part <- ["caller: {:cart, 1}", "line: 5", "kind: :remote_function"], do: assert(output =~ part)
    assert output =~ ~r/column: 3\d/

    assert {_, 0} = Project.mix(project, ["clean"])
    assert Path.wildcard(Path.join(lib(project), "{instrumented,elixir_scope_facts}")) == []
  end

  test "mix test runs instrumented code; protocols stay consolidated" do
    project = Project.new(files: Map.put(@files, "test/sample_test.exs", @test_file))
    assert {output, 0} = Project.mix(project, ["test"])
    assert listed(output) == @all
    assert output =~ ~r/1 (test|passed)/
  end

  test "edits: changed modules again, removed modules disappear, changed settings count" do
    project = Project.new(files: @files)
    assert {_, 0} = Project.mix(project, ["compile"])

    Project.write(project, "lib/cart.ex", String.replace(@cart, "&1.price + &2", "&1.price * 2 + &2"))
    assert {output, 0} = Project.mix(project, ["compile"])
    assert output =~ ~r/Instrumented [12] of 4 modules/

    code =
      "IO.inspect({:sum, Sample.Cart.total(Sample.Line.cart(3)), Sample.Cart in ElixirScope.instrumented()})"

    assert {output, 0} = Project.mix(project, ["run", "-e", code])
    assert output =~ "{:sum, 6, true}"

    File.rm!(Path.join(project.dir, "lib/line.ex"))
    assert {_, 0} = Project.mix(project, ["compile"])
    assert instrumented(project) == @all -- ["Sample.Line"]
    refute File.exists?(Path.join(lib(project), "instrumented/Elixir.Sample.Line.beam"))
    refute File.exists?(Path.join(lib(project), "elixir_scope_facts/Elixir.Sample.Line.facts"))

    Project.write(
      project,
      "config/config.exs",
      "import Config\nconfig :elixir_scope, instrument: [\"Sample.C*\"]\n"
    )

    assert instrumented(project) == ["Sample.Cart"]

    Project.write(
      project,
      "config/config.exs",
      "import Config\nconfig :elixir_scope, instrument: [exept: [Sample.Cart]]\n"
    )

    assert {output, 1} = Project.mix(project, ["compile"])
    assert output =~ "did you mean :except?"

    Project.write(
      project,
      "config/config.exs",
      "import Config\nconfig :elixir_scope, instrument: [except: [Sample.Cart]]\n"
    )

    assert "Sample.Cart" not in instrumented(project)

    # what does not compile is Elixir's to report, and what was instrumented stays for later
    Project.write(project, "lib/cart.ex", "defmodule Sample.Cart do")
    assert {output, 1} = Project.mix(project, ["compile"])
    assert output =~ "cart.ex"
  end

  test "what was compiled before the line was added is instrumented from its .beam" do
    project = Project.new(files: @files, compilers: nil)
    assert {_, 0} = Project.mix(project, ["compile"])
    mix_exs = File.read!(Path.join(project.dir, "mix.exs"))

    # appended to the module's end of project/0, without a change of the compiler's options
    Project.write(
      project,
      "mix.exs",
      String.replace(
        mix_exs,
        "version: \"0.1.0\",",
        "version: \"0.1.0\", compilers: [:elixir_scope | Mix.compilers()],"
      )
    )

    assert instrumented(project) == @all
  end

  test "production and releases are left alone" do
    project = Project.new(files: @files)
    assert {output, 0} = Project.mix(project, ["compile"], env: "prod")
    refute output =~ "Instrumented"
    assert instrumented(project, env: "prod") == []
    refute File.dir?(Path.join(lib(project, "prod"), "instrumented"))

    assert {output, 0} = Project.mix(project, ["release", "--quiet"])
    release = Path.join(project.dir, "_build/dev/rel/sample")
    assert File.dir?(release), output
    assert Path.wildcard(Path.join(release, "lib/sample-*/instrumented")) == []

    for beam <- Path.wildcard(Path.join(release, "lib/sample-*/ebin/*.beam")) do
      refute ElixirScope.Instrumentation.Carrier.instrumented?(File.read!(beam))
    end
  end

  test "an umbrella: every child that has the line, and siblings on request" do
    root = Path.expand("../..", __DIR__)

    child = fn name, extra, deps ->
      """
      defmodule #{Macro.camelize("#{name}")}.MixProject do
        use Mix.Project
        def project do
          [app: #{inspect(name)}, version: "0.1.0", build_path: "../../_build", config_path: "../../config/config.exs",
           deps_path: "../../deps", lockfile: "../../mix.lock", #{extra}
           deps: [#{Enum.join(deps, ", ")}]]
        end
        def application, do: []
      end
      """
    end

    scope = "{:elixir_scope, path: #{inspect(root)}}"
    line = "compilers: [:elixir_scope | Mix.compilers()],"

    project =
      Project.new(
        name: :roof,
        compilers: nil,
        files: %{
          "mix.exs" => """
          defmodule Roof.MixProject do
            use Mix.Project
            def project, do: [apps_path: "apps", version: "0.1.0", deps: [#{scope}]]
          end
          """,
          "config/config.exs" => "import Config\n",
          "apps/one/mix.exs" => child.(:one, line, [scope]),
          "apps/one/lib/one.ex" => "defmodule One do\n  def f, do: 1\nend\n",
          "apps/two/mix.exs" =>
            child.(:two, line <> " elixir_scope: [apps: [:three]],", [
              scope,
              "{:one, in_umbrella: true}",
              "{:three, in_umbrella: true}"
            ]),
          "apps/two/lib/two.ex" => "defmodule Two do\n  def f, do: One.f()\nend\n",
          "apps/three/mix.exs" => child.(:three, "", []),
          "apps/three/lib/three.ex" => "defmodule Three do\n  def f, do: 3\nend\n"
        }
      )

    assert instrumented(project) == ["One", "Three", "Two"]
    assert {output, 0} = Project.mix(project, ["compile"])
    refute output =~ "Instrumented"
  end

  test "the tracer alone: what this VM compiles, it runs instrumented" do
    project = Project.new(files: @files, compilers: nil)
    mix_exs = File.read!(Path.join(project.dir, "mix.exs"))

    Project.write(
      project,
      "mix.exs",
      String.replace(
        mix_exs,
        "version: \"0.1.0\",",
        "version: \"0.1.0\", elixirc_options: [tracers: [ElixirScope.CompileTracer]],"
      )
    )

    assert instrumented(project) == @all
    assert instrumented(project) == []
  end
end

defmodule ElixirScope.Integration.LiveUpdateTest do
  # `iex -S mix`, an edit, `recompile`: what a repository that listens makes of it, in a real project.
  use ExUnit.Case, async: true

  alias ElixirScope.Test.Project

  @moduletag timeout: 600_000

  @files %{
    "lib/cart.ex" => "defmodule Live.Cart do\n  def total, do: 1\nend\n",
    "lib/line.ex" => "defmodule Live.Line do\n  def price, do: Live.Cart.total()\nend\n",
    "lib/gone.ex" => "defmodule Live.Gone do\n  def f, do: 1\nend\n"
  }

  # Each step edits, recompiles as IEx does, and prints what the subscriber heard.
  @script """
  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.IncrementalUpdater
  {:ok, repo} = ASTRepository.new()
  {:ok, _} = ASTRepository.import_project(repo, ".")
  {:ok, updater} = IncrementalUpdater.start_link(repo, OPTIONS)
  :ok = IncrementalUpdater.subscribe(updater)

  # Waits for as many files as are expected, and a little longer for what is not.
  hear = fn hear, heard, wanted ->
    receive do
      {IncrementalUpdater, _, {:updated, result}} -> hear.(hear, heard ++ result.files, wanted)
      # All was looked at again: what was found then is not told file by file.
      {IncrementalUpdater, _, {:resynced, _}} -> [%{path: "all", kind: :resynced, functions: []}]
    after
      if(length(heard) < wanted, do: 30_000, else: 400) -> heard
    end
  end

  step = fn name, edit, recompile?, wanted ->
    edit.()
    if recompile?, do: IEx.Helpers.recompile()
    files = for f <- hear.(hear, [], wanted), do: {Path.basename(f.path), f.kind, f.functions}
    IO.puts("heard " <> name <> ": " <> inspect(Enum.sort(files)))
  end

  STEPS

  {:ok, statistics} = IncrementalUpdater.statistics(updater)
  IO.puts("watch: " <> inspect(statistics.watch))
  IO.puts("consistent: " <> inspect(IncrementalUpdater.validate_update_consistency(updater)))
  {:ok, total} = ASTRepository.get_ast_node(repo, "Live.Cart.total/0")
  IO.puts("stored: " <> inspect(Macro.to_string(total)))
  """

  defp run(project, options, steps) do
    script = @script |> String.replace("OPTIONS", options) |> String.replace("STEPS", steps)
    Project.write(project, "live.exs", script)
    {output, status} = Project.mix(project, ["run", "live.exs"])
    assert status == 0, output
    output
  end

  @recompiling """
  step.("edit", fn ->
    File.write!("lib/cart.ex", "defmodule Live.Cart do\\n  def total, do: 100\\n  def more, do: 2\\nend\\n")
  end, true, 1)

  step.("nothing", fn -> :ok end, true, 0)

  step.("new", fn ->
    File.write!("lib/new.ex", "defmodule Live.New do\\n  def f, do: 1\\nend\\n")
  end, true, 1)

  step.("deleted", fn -> File.rm!("lib/gone.ex") end, true, 1)
  """

  test "recompile brings the repository up to date, with the Mix compiler" do
    output = [files: @files, name: :live_mix] |> Project.new() |> run("[]", @recompiling)

    assert output =~
             ~s(heard edit: [{"cart.ex", :modified, [{{Live.Cart, :more, 0}, :added}, {{Live.Cart, :total, 0}, :modified}]}])

    assert output =~ "heard nothing: []"
    assert output =~ ~s(heard new: [{"new.ex", :added, [{{Live.New, :f, 0}, :added}]}])
    assert output =~ ~s(heard deleted: [{"gone.ex", :removed, [{{Live.Gone, :f, 0}, :removed}]}])
    assert output =~ "consistent: :ok"
    assert output =~ "def total do\\n  100"
  end

  test "recompile brings the repository up to date, with the tracer alone" do
    # A deletion is seen when something is compiled beside it.
    steps = """
    step.("edit", fn ->
      File.write!("lib/cart.ex", "defmodule Live.Cart do\\n  def total, do: 100\\nend\\n")
      File.rm!("lib/gone.ex")
    end, true, 2)
    """

    project = Project.new(files: @files, name: :live_tracer, compilers: nil)
    mix_exs = Path.join(project.dir, "mix.exs")

    text =
      mix_exs
      |> File.read!()
      |> String.replace(
        "def project do\n    [",
        "def project do\n    [elixirc_options: [tracers: [ElixirScope.CompileTracer]],"
      )

    File.write!(mix_exs, text)
    assert text =~ "CompileTracer"
    {_, 0} = Project.mix(project, ["deps.compile"])
    output = run(project, "[]", steps)
    assert output =~ ~s({"cart.ex", :modified, [{{Live.Cart, :total, 0}, :modified}]})
    assert output =~ ~s({"gone.ex", :removed, [{{Live.Gone, :f, 0}, :removed}]})
    assert output =~ "consistent: :ok"
  end

  test "compiler: false hears nothing of it" do
    steps = ~S"""
    step.("edit", fn ->
      File.write!("lib/cart.ex", "defmodule Live.Cart do\n  def total, do: 100\nend\n")
    end, true, 0)
    """

    output = [files: @files, name: :live_off] |> Project.new() |> run("[compiler: false]", steps)
    assert output =~ "heard edit: []"
    assert output =~ "stale_file"
  end

  for backend <- [:auto, :poll] do
    test "a watched directory is followed without a compiler (#{backend})" do
      steps = ~S"""
      step.("edit", fn ->
        File.write!("lib/cart.ex", "defmodule Live.Cart do\n  def total, do: 100\nend\n")
      end, false, 1)

      step.("comment", fn ->
        File.write!("lib/cart.ex", "# A cart.\ndefmodule Live.Cart do\n  def total, do: 100\nend\n")
      end, false, 1)

      step.("as editors write", fn ->
        File.write!("lib/line.ex~", "defmodule Live.Line do\n  def price, do: 2\nend\n")
        File.rename!("lib/line.ex~", "lib/line.ex")
      end, false, 1)

      step.("new directory", fn ->
        File.mkdir_p!("lib/a/b")
        File.write!("lib/a/b/deep.ex", "defmodule Live.Deep do\n  def f, do: 1\nend\n")
        File.mkdir_p!("_build/x")
        File.write!("_build/x/no.ex", "defmodule Live.No do\nend\n")
      end, false, 1)

      step.("removed", fn ->
        File.rm_rf!("lib/a")
        File.rm!("lib/gone.ex")
      end, false, 2)
      """

      project = Project.new(files: @files, name: :"live_watch_#{unquote(backend)}")
      options = "[compiler: false, watch: [\".\"], watch_backend: #{inspect(unquote(backend))}]"
      output = run(project, options, steps)

      assert output =~ ~s(heard edit: [{"cart.ex", :modified, [{{Live.Cart, :total, 0}, :modified}]}])
      assert output =~ ~s(heard comment: [{"cart.ex", :reformatted, []}])

      assert output =~
               ~s(heard as editors write: [{"line.ex", :modified, [{{Live.Line, :price, 0}, :modified}]}])

      assert output =~ ~s(heard new directory: [{"deep.ex", :added, [{{Live.Deep, :f, 0}, :added}]}])

      removed =
        ~s([{"deep.ex", :removed, [{{Live.Deep, :f, 0}, :removed}]}, {"gone.ex", :removed, [{{Live.Gone, :f, 0}, :removed}]}])

      # Polling may meet the directory while it goes away.
      assert output =~ "heard removed: " <> removed or
               (unquote(backend) == :poll and output =~ ~s(heard removed: [{"all", :resynced, []}]))

      assert output =~ if(unquote(backend) == :poll, do: "backend: :poll", else: "backend: :native")
      assert output =~ "consistent: :ok"
    end
  end
end

defmodule Mix.Tasks.ElixirScope.ContextTest do
  use ExUnit.Case, async: false

  import ExUnit.CaptureIO

  alias ElixirScope.ASTRepository
  alias ElixirScope.Test.{CodeFixtures, PythonJSON}
  alias Mix.Tasks.ElixirScope.Context

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    root = Path.join(System.tmp_dir!(), "elixir_scope-context-#{System.unique_integer([:positive])}")

    CodeFixtures.write(root, [
      {"lib/till.ex",
       """
       defmodule ContextTask.Till do
         @doc "Adds what a customer pays."
         def pay(till, amount), do: put(till, check(amount))
         defp put(till, amount), do: [amount | till]
         defp check(amount) when amount > 0, do: amount
       end
       """}
    ])

    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, root)
    file = Path.join(root, "saved.bin")
    :ok = ASTRepository.save(repository, file)

    on_exit(fn ->
      Mix.shell(shell)
      File.rm_rf!(root)
    end)

    {:ok, root: root, saved: file}
  end

  defp run(args) do
    Context.run(args)
    said("")
  end

  defp said(text) do
    receive do
      {:mix_shell, :info, [line]} -> said(text <> IO.iodata_to_binary([line]) <> "\n")
    after
      0 -> text
    end
  end

  test "Markdown, within the budget", %{saved: file} do
    text = run(["ContextTask.Till.pay/2", "--repository", file])
    assert text =~ "# function: ContextTask.Till.pay/2"
    assert text =~ "Nothing was observed"
    assert text =~ "## 1. ContextTask.Till.pay/2\nlib/till.ex:3 - asked for"
    assert text =~ "def pay(till, amount), do: put(till, check(amount))"
    assert text =~ "Calls: ContextTask.Till.put/2 (not seen), ContextTask.Till.check/1 (not seen)"
    assert text =~ "Doc: Adds what a customer pays."

    assert byte_size(run(["customer pays", "--repository", file, "--tokens", "160"])) <= 160 * 3.5 + 1
    assert run(["lib/till.ex:5", "--repository", file]) =~ "## 1. ContextTask.Till.check/1"
    # In a file of another machine there is no source: the code is what was read.
    File.rm!(Path.join(Path.dirname(file), "lib/till.ex"))

    assert run(["ContextTask.Till.pay", "--repository", file]) =~ "def(pay(till, amount)" or
             run(["ContextTask.Till.pay", "--repository", file]) =~ "def pay(till, amount)"
  end

  test "JSON, to a file and to standard output", %{saved: file, root: root} do
    path = Path.join(root, "context.json")
    assert run(["ContextTask.Till", "--repository", file, "--json", path, "--items", "2"]) =~ "JSON written"
    document = PythonJSON.read_file(path)

    assert %{"schema" => "elixir_scope.context", "target" => %{"kind" => "module"}, "items" => [one, _]} =
             document

    assert "ContextTask.Till." <> _ = one["ast_node_id"]

    output = capture_io(fn -> run(["ContextTask.Till.pay/2", "--repository", file, "--json", "-"]) end)
    assert %{"version" => 1} = PythonJSON.read(output)
  end

  test "the target from standard input", %{saved: file} do
    trace = "** (FunctionClauseError) no clause\n    (till 0.1.0) lib/till.ex:5: ContextTask.Till.check/1\n"
    capture_io(trace, fn -> send(self(), {:text, run(["-", "--repository", file])}) end)
    assert_received {:text, text}
    assert text =~ "# error: ** (FunctionClauseError) no clause"
    assert text =~ "## 1. ContextTask.Till.check/1"
  end

  test "what is wrong is said with what is right", %{saved: file} do
    assert_raise Mix.Error, ~r/did you mean "ContextTask.Till.pay\/2"/, fn ->
      run(["ContextTask.Till.pya/2", "--repository", file])
    end

    assert_raise Mix.Error, ~r/takes one target/, fn -> run(["a", "b"]) end
    assert_raise Mix.Error, ~r/takes one target/, fn -> run([]) end
    assert_raise Mix.Error, ~r/did you mean --tokens/, fn -> run(["a", "--token", "3"]) end
    assert_raise Mix.Error, ~r/budget from 150/, fn -> run(["a", "--repository", file, "--tokens", "3"]) end
  end
end

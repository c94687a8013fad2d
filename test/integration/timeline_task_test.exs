defmodule ElixirScope.Integration.TimelineTaskTest do
  @moduledoc """
  What is recorded as the command line asks, shown as a timeline, and the points that it takes: in a real project.
  """

  use ExUnit.Case, async: true

  alias ElixirScope.Test.{Project, PythonJSON}

  @moduletag timeout: 300_000

  @files %{
    "lib/till.ex" => """
    defmodule Till do
      def total(items) do
        sum = items |> Enum.map(&price/1) |> Enum.sum()
        rebate(sum)
      end

      def price({_name, price}), do: price

      def rebate(sum) when sum > 100, do: sum - 10
      def rebate(sum), do: sum

      def pay(amount) when amount < 0, do: raise(ArgumentError, "negative")
      def pay(amount), do: {:paid, amount}

      def demo do
        total(tea: 3, cake: 4)
        total(gold: 200)

        try do
          pay(-1)
        rescue
          error in ArgumentError -> error.message
        end
      end
    end
    """
  }

  test "a run with values, as a timeline and as JSON, and its points" do
    project = Project.new(files: @files, compilers: nil)
    args = ["elixir_scope.run", "--capture", "args,result,variables", "-e", "Till.demo()"]
    {output, status} = Project.mix(project, args)
    assert status == 0, output

    {text, 0} = Project.mix(project, ["elixir_scope.timeline", "--width", "100"])
    assert text =~ ~r/Timeline of everything: \d+ calls/
    assert text =~ ~r/^ +\S+ .s  Till\.demo\(\) +lib\/till\.ex:15$/mu
    assert text =~ ~r/^ +\S+ .s    Till\.total\(\[tea: 3, cake: 4\]\)/mu
    assert text =~ ~r/^ +\S+ .s      Till\.price\(\{:tea, 3\}\) → 3  /mu
    assert text =~ ~r/^ +\S+ .s      sum = 7 /mu
    assert text =~ ~r/^ +\S+ .s    ↳ Till\.rebate\(200\) → 190 /mu
    assert text =~ "✗ ArgumentError"

    {text, 0} = Project.mix(project, ["elixir_scope.timeline", "Till.rebate/1", "--json"])

    document =
      text
      |> String.split("\n")
      |> Enum.drop_while(&(not String.starts_with?(&1, "{")))
      |> Enum.join("\n")
      |> PythonJSON.read()

    assert %{"schema" => "elixir_scope.timeline", "version" => 1, "activations" => 2, "truncated" => false} =
             document

    assert [
             %{"arguments" => ["7"], "result_value" => "7"},
             %{"arguments" => ["200"], "result_value" => "190"}
           ] = document["entries"]

    assert [process] = document["processes"]
    assert process =~ ~r/^#PID<0\.\d+\.\d+>$/
    correlation = hd(document["entries"])["correlation_id"]

    {text, 0} = Project.mix(project, ["elixir_scope.timeline", process, "--limit", "2"])
    assert text =~ "There is more: raise the limit"
    {text, 0} = Project.mix(project, ["elixir_scope.timeline", "#{correlation}"])
    assert text =~ "Till.rebate(7) → 7"
    refute text =~ "Till.rebate(200)"

    for {args, said} <- [
          {["Till.rebat/1"], "did you mean Till.rebate/1?"},
          {["--types", "bindng"], "did you mean \"binding\"?"},
          {["--lmit", "3"], "did you mean --limit?"},
          {["--from", "noon"], "2026-11-28T12:00:00Z"},
          {["99"], "no such activation"}
        ] do
      {text, status} = Project.mix(project, ["elixir_scope.timeline" | args])
      assert {status, String.contains?(text, said)} == {1, true}, text
    end

    # The same values among what was learnt.
    {text, 0} = Project.mix(project, ["elixir_scope.insights", "Till"])
    assert text =~ "sum in Till.total/1, line 3, bound 2 times: 7, 200"
    {text, 0} = Project.mix(project, ["elixir_scope.insights", "Till", "--json"])
    assert text =~ ~s("values":["7","200"])

    # Where that came from, what it cost, and what more would.
    args = ["elixir_scope.points", "Till", "--capture", "args,result,variables"]
    {text, 0} = Project.mix(project, args)
    assert text =~ ~r/on +calls, args, result +lib\/till\.ex:9 +Till\.rebate\/1 +\d+ +1 +\S+/u
    assert text =~ ~r/on +calls, args, result +lib\/till\.ex:7 +Till\.price\/1 +\d+ +3 +\S+/u
    assert text =~ ~r/on +variables +lib\/till\.ex:3 +sum in Till\.total\/1 +\d+ +2 +\S+/u

    {text, 0} = Project.mix(project, ["elixir_scope.points", "Till.total/1", "--rate", "50"])
    assert text =~ ~r/on +calls +lib\/till\.ex:2 +Till\.total\/1 +\d+ +2 /u
    assert text =~ ~r/seen +variables +lib\/till\.ex:3/u or text =~ ~r/seen +variables +line 3 +sum in/u
    assert text =~ "Limits: rate 50."

    {text, 0} = Project.mix(project, args ++ ["--points", "Till.rebate/1 branches when summ > 1", "--json"])

    document =
      text
      |> String.split("\n")
      |> Enum.drop_while(&(not String.starts_with?(&1, "{")))
      |> Enum.join("\n")
      |> PythonJSON.read()

    assert %{"schema" => "elixir_scope.points"} = document
    assert [%{"module" => "Till", "reason" => reason}] = document["unplaced"]
    assert reason =~ "visible" or reason =~ "nothing there"
    {text, 1} = Project.mix(project, ["elixir_scope.points", "Tll"])
    assert text =~ "did you mean \"Till\"?"
  end

  test "points at places, and limits, are as they were said" do
    project = Project.new(files: @files, compilers: nil)
    # A file has a point on each line.
    Project.write(
      project,
      "points.txt",
      "# dear ones\nTill.price/1 args when price > 3\n\nTill.nope/0 result\n"
    )

    args = ["elixir_scope.run", "--points", "points.txt", "--points", "Till:3 variables", "-e", "Till.demo()"]
    {output, 0} = Project.mix(project, args)

    assert output =~
             "Nothing is recorded for the point points.txt:4: Till.nope/0 result: no such function in Till."

    {text, 0} = Project.mix(project, ["elixir_scope.timeline", "--types", "binding"])
    assert text =~ "sum = 7" and text =~ "sum = 200"
    {text, 0} = Project.mix(project, ["elixir_scope.timeline", "Till.price/1"])
    assert text =~ "Till.price({:cake, 4})"
    refute text =~ "{:tea, 3}"

    {_, output} = recorded_with(["--hits", "1"])
    # The second call found the hits used up; then the code without probes was loaded again.
    assert output =~ ~r/Of [23] calls of Till\.price\/1 1 were recorded/
    assert output =~ ~r/Till\.price\/1 +1 /
  end

  defp recorded_with(options) do
    project = Project.new(files: @files, compilers: nil)
    {output, status} = Project.mix(project, ["elixir_scope.run"] ++ options ++ ["-e", "Till.demo()"])
    assert status == 0, output
    {project, output}
  end

  test "what is said wrongly is refused with the nearest right word, and nothing runs" do
    project = Project.new(files: @files, compilers: nil)

    for {args, said} <- [
          {["--capture", "argss"], "--capture argss is unknown; did you mean \"args\"?"},
          {["--capture", "custom"], "has no :custom"},
          {["--points", "Till.total/1 variabels"], "did you mean \"variables\"?"},
          {["--points", "Till.total"], "cannot be read"},
          {["--sampling-rate", "2"], "--sampling-rate takes a share from 0.0 to 1.0"},
          {["--rate", "0"], "--rate takes a number of 1 or more"},
          {["--record-for", "x"], "--record-for takes seconds"},
          {["--priority", "hihg"], "did you mean \"high\"?"},
          {["--values", "shap"], "did you mean \"shape\"?"}
        ] do
      {text, status} = Project.mix(project, ["elixir_scope.run"] ++ args ++ ["-e", "IO.puts(:it_ran)"])
      assert {status, String.contains?(text, said), text =~ "it_ran"} == {1, true, false}, text
    end
  end
end

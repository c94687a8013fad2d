defmodule Mix.ElixirScope.OptionsTest do
  use ExUnit.Case, async: true

  alias Mix.ElixirScope.Options

  @spec_ [json: :string, limit: :count, only_modules: :strings, no_save: :flag, help: :flag]
  @run ~w(-e --eval -r --require)

  defp split(line, opts \\ []), do: line |> OptionParser.split() |> Options.split(@spec_, opts)

  test "ours are taken out, wherever they are; theirs keep their order" do
    assert split("--seed 0 --json out.json test/a_test.exs:3 --only slow --limit=5 --no-save --trace") ==
             {[no_save: true, limit: 5, json: "out.json"], ~w(--seed 0 test/a_test.exs:3 --only slow --trace)}
  end

  test "an option may be repeated" do
    assert split("--only-modules A.* --only-modules=B") == {[only_modules: ["A.*", "B"]], []}
  end

  test "what follows -- is never ours" do
    assert split("--limit 3 a -- --json x --limit y") == {[limit: 3], ~w(a -- --json x --limit y)}
  end

  test "a script's arguments are its own" do
    assert split("--json o.json -e 1+1 --limit 2 script.exs --json theirs -h", stop: @run) ==
             {[limit: 2, json: "o.json"], ~w(-e 1+1 script.exs --json theirs -h)}

    assert split("--eval --limit --limit 2", stop: @run) == {[limit: 2], ~w(--eval --limit)}
    assert split("--no-start --limit 2 -r a.exs", stop: @run) == {[limit: 2], ~w(--no-start -r a.exs)}
  end

  test "short help" do
    assert split("-h") == {[help: true], []}
  end

  test "a value that is missing or wrong is said" do
    assert_raise Mix.Error, "--json needs a value; see --help", fn -> split("--json") end

    assert_raise Mix.Error, ~s(--limit takes a number of 1 or more, not "many"), fn ->
      split("--limit many")
    end

    assert_raise Mix.Error, ~r/--limit takes/, fn -> split("--limit 0") end
    assert_raise Mix.Error, "--no-save takes no value", fn -> split("--no-save=yes") end
    assert_raise Mix.Error, "--json needs a value", fn -> split("--json=") end
  end

  test "a task of our own refuses what it does not know, and names what is near" do
    assert Options.parse(~w(path --limit 3), @spec_, "t") == {[limit: 3], ["path"]}

    assert_raise Mix.Error, "mix t has no option --jsn, did you mean --json?; see mix help t", fn ->
      Options.parse(~w(--jsn x), @spec_, "t")
    end
  end
end

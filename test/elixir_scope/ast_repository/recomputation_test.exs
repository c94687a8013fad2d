defmodule ElixirScope.ASTRepository.RecomputationTest do
  # Not async: what is counted is counted for the whole VM.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository
  alias ElixirScope.Core

  @moduletag :tmp_dir

  @cart "defmodule Recomputed.Cart do\n  def total(x), do: Recomputed.Line.price(x)\nend\n"
  @line "defmodule Recomputed.Line do\n  def price(x), do: x\nend\n"

  test "a comment computes nothing again, and an edit only its own file", %{tmp_dir: dir} do
    File.mkdir_p!(Path.join(dir, "lib"))
    File.write!(Path.join(dir, "lib/cart.ex"), @cart)
    File.write!(Path.join(dir, "lib/line.ex"), @line)
    {:ok, repo} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repo, dir)

    # Joins all files, which asks each for its calls.
    computed = fn ->
      {:ok, _} = Core.Graph.stats(repo.ref)
      Core.Updates.computed()
    end

    before = computed.()
    assert computed.() == before

    text = "# A comment.\n\n" <> String.replace(@cart, ", do: ", ",\n    do: ")
    assert {:ok, %{change: :reformatted}} = ASTRepository.update_file(repo, "lib/cart.ex", text: text)
    assert computed.() == before

    text = String.replace(@cart, "price(x)", "price(x + 1)")
    assert {:ok, %{change: :modified}} = ASTRepository.update_file(repo, "lib/cart.ex", text: text)
    assert computed.() > before
  end
end

defmodule Mix.ElixirScope.DescribeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.{MetadataExtractor, SemanticAnalyzer}
  alias ElixirScope.Report.Description
  alias ElixirScope.Test.PythonJSON

  @text """
  defmodule Shop.Cart do
    @moduledoc "What a customer takes."
    @behaviour Access
    alias Shop.Item
    defstruct items: [], owner: nil
    @type t :: %__MODULE__{items: [Item.t()], owner: String.t() | nil}
    @doc since: "1.2.0"
    @doc "Puts an item in."
    def add(%__MODULE__{} = cart, item, n \\\\ 1) when n > 0, do: %{cart | items: [{item, n} | cart.items]}
    @impl true
    def fetch(cart, key), do: Map.fetch(cart, key)
    defp secret, do: Logger.info("x")
  end
  """

  setup do
    {:ok, [metadata]} = MetadataExtractor.extract(@text)
    {:ok, [meaning]} = SemanticAnalyzer.analyze(@text)
    %{metadata: metadata, meaning: meaning}
  end

  test "a module is told in tables that fit", %{metadata: metadata, meaning: meaning} do
    text = Description.render(metadata, meaning, width: 80)

    for part <- [
          "Shop.Cart  no file:1",
          ~r/^  type +struct +1\.00 +defstruct$/m,
          ~r/^  Access +attribute +fetch\/2 +3$/m,
          ~r/^  add\(cart, item, n \\\\ 1\) +def +documented +since 1\.2\.0$/m,
          ~r/^  items +\[Shop\.Item\.t\(\)\] +\[\] +5$/m,
          ~r/^  guard +add\/3 +0\.75 +9 +n > 0$/m,
          ~r/^  Shop\.Item +alias type +compile time +4$/m
        ] do
      assert text =~ part
    end

    assert Enum.all?(String.split(text, "\n"), &(String.length(&1) <= 80))
    refute text =~ "secret"
  end

  test "and in JSON", %{metadata: metadata, meaning: meaning} do
    {:ok, text} = Description.encode(metadata, meaning)
    document = PythonJSON.read(text)
    assert document["schema"] == "elixir_scope.module"
    assert document["module"] == "Shop.Cart"
    assert document["meaning"]["module_type"]["value"] == "struct"
    assert document["metadata"]["functions"] == ["add/2", "add/3", "fetch/2"]
  end
end

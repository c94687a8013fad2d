defmodule ElixirScope.Static.MeaningTest do
  use ExUnit.Case, async: true
  doctest ElixirScope.ASTRepository.SemanticAnalyzer
end

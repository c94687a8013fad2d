defmodule ElixirScope.Static.MetadataTest do
  use ExUnit.Case, async: true
  doctest ElixirScope.ASTRepository.MetadataExtractor
end

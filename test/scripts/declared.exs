# Prints what `ElixirScope.Test.DeclaredOracle` finds: counts, and every difference.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=... MIX_ENV=test mix run test/scripts/declared.exs

ElixirScope.Test.DeclaredOracle.run() |> ElixirScope.Test.DeclaredOracle.print()

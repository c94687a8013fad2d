# Prints what `ElixirScope.Test.DeclaredOracle` finds: counts, and every difference.
#
#     ELIXIR_SCOPE_ELIXIR_SRC=... MIX_ENV=test mix run test/scripts/declared.exs

{:ok, _} = Application.ensure_all_started(:ex_unit)
ElixirScope.Test.DeclaredOracle.run() |> ElixirScope.Test.DeclaredOracle.print()

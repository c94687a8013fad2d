# Left to bin/verify: what takes minutes, and what needs the Elixir sources (ELIXIR_SCOPE_ELIXIR_SRC).
# A test that hangs is ended; one that only shares its cores with a compiler is not.
ExUnit.start(exclude: [:elixir_sources, :long], timeout: 180_000)

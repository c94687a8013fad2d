# Left to bin/verify: what takes minutes, and what needs the Elixir sources (ELIXIR_SCOPE_ELIXIR_SRC).
ExUnit.start(exclude: [:elixir_sources, :long])

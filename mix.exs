# The compiler of the native part has to exist before this project is compiled.
Code.require_file("mix/scope_native.exs", __DIR__)

defmodule ElixirScope.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :elixir_scope,
      version: @version,
      elixir: "~> 1.14",
      name: "ElixirScope",
      description:
        "Source code and the running program in one repository: every AST node has an identity, every call finds its node, one question spans both.",
      compilers: [:scope_native | Mix.compilers()],
      elixirc_paths: elixirc_paths(Mix.env()),
      # From Elixir 1.15 on, `mix test` compiles without debug information; tests here instrument what they compile.
      test_elixirc_options: [debug_info: true, docs: true],
      test_coverage: [summary: [threshold: 0]],
      package: package(),
      docs: docs(),
      deps: []
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {ElixirScope.Application, []}]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_), do: ["lib"]

  defp package do
    [
      licenses: ["Apache-2.0"],
      links: %{"Changelog" => "CHANGELOG.md", "Architecture" => "ARCHITECTURE.md"},
      files: ~w(lib mix native Cargo.toml Cargo.lock mix.exs .formatter.exs
                README.md ARCHITECTURE.md CHANGELOG.md LICENSE)
    ]
  end

  defp docs do
    [
      main: "readme",
      source_ref: "v#{@version}",
      extras: ~w(README.md ARCHITECTURE.md CHANGELOG.md LICENSE)
    ]
  end
end

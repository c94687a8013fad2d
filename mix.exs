defmodule ElixirScope.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :elixir_scope,
      version: @version,
      elixir: "~> 1.14",
      compilers: Mix.compilers(),
      deps: []
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {ElixirScope.Application, []}]
  end
end

defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.14",
      # The one line: the calls of this project are recorded wherever ElixirScope observes.
      compilers: [:elixir_scope | Mix.compilers()],
      deps: [{:elixir_scope, path: "../.."}]
    ]
  end

  def application do
    [extra_applications: [:logger, :crypto], mod: {Shop.Application, []}]
  end
end

defmodule ElixirScope.Test.Source do
  @moduledoc "Short ways from a text to what was found in it."

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source

  def parse!(text, file \\ "lib/a.ex") do
    {:ok, source} = Parser.parse_string(text, file: file)
    source
  end

  def outline!(text) do
    {:ok, outline} = text |> parse!() |> Source.outline()
    outline
  end

  @doc "All functions of a text by id."
  def functions!(text), do: for(module <- outline!(text), f <- module.functions, into: %{}, do: {f.id, f})

  def ids!(text, file \\ "lib/a.ex") do
    {:ok, ids} = text |> parse!(file) |> Source.ids()
    ids
  end

  @doc "The files of Elixir's own sources, or `nil` when they are not at hand."
  def elixir_sources do
    with dir when is_binary(dir) <- System.get_env("ELIXIR_SCOPE_ELIXIR_SRC"), true <- File.dir?(dir) do
      {dir, Path.wildcard(Path.join(dir, "**/*.{ex,exs}"), match_dot: true)}
    else
      _ -> nil
    end
  end
end

defmodule ElixirScope.Instrumentation.Secrets do
  @moduledoc false
  # Variables whose names say that they hold secrets: instrumented code reports an atom in their place, so their values
  # are not even looked at.

  alias ElixirScope.Core

  # What the encoder of values knows as "withheld by its name".
  @withheld :"elixir_scope withheld"

  def withheld, do: @withheld

  @doc "Is a variable of this name (as its author wrote it) one of them?"
  def secret?(name) when is_atom(name), do: name |> Atom.to_string() |> secret?()
  def secret?(name) when is_binary(name), do: Core.Values.secret_name?(name)

  @doc "The author's name of a variable of abstract code, as text: Elixir writes `_name@1`, Erlang `Name`."
  def source_name(name) do
    name
    |> Atom.to_string()
    |> String.trim_leading("_")
    |> String.replace(~r/@\d+\z/, "")
  end
end

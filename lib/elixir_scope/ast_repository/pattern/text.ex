defmodule ElixirScope.ASTRepository.Pattern.Text do
  @moduledoc false
  # From the text of a pattern to quoted code. No atom is made of it: a name that no atom exists for is
  # `{:"$name", text}` wherever quoted code has an atom.

  alias ElixirScope.ASTRepository.Fault

  @bytes_max 65_536

  @doc "The quoted code of a pattern's text."
  def read(text) when byte_size(text) > @bytes_max,
    do: wrong("it is longer than #{@bytes_max} bytes", "search for a part of it")

  def read(text) do
    if String.valid?(text), do: parsed(text), else: wrong("it is not UTF-8", nil)
  end

  defp parsed(text) do
    with {:error, _} = error <- parse(text),
         # Before 1.17 `[...rest, x]` is ambiguous, which `[...(rest), x]` is not.
         {:error, _} <- text |> String.replace(~r/\.\.\.([a-z_]\w*)/, "...(\\1)") |> parse(),
         do: error
  end

  defp parse(text) do
    encoder = fn name, _where -> {:ok, known(name)} end

    case Code.string_to_quoted(text, static_atoms_encoder: encoder, emit_warnings: false) do
      # With metadata from Elixir 1.20 on.
      {:ok, {:__block__, _meta, []}} -> wrong("it is empty", "write the code to look for")
      {:ok, quoted} -> {:ok, quoted}
      {:error, {location, message, token}} -> wrong(at(location) <> words(message, token), hint(message))
    end
  rescue
    # The tokenizer raises for a few malformed escapes.
    error in [ArgumentError, SyntaxError, TokenMissingError] -> wrong(Exception.message(error), nil)
  end

  defp known(name) do
    String.to_existing_atom(name)
  rescue
    ArgumentError -> {:"$name", name}
  end

  defp at(location) do
    case is_list(location) && location[:line] do
      line when is_integer(line) -> "line #{line}, column #{location[:column] || 1}: "
      _ -> ""
    end
  end

  defp words({before, behind}, token), do: words(before <> behind, token)
  defp words("syntax error before: ", ""), do: "it ends too early"
  defp words(message, token) when is_binary(message) and is_binary(token), do: message <> token
  defp words(message, _token), do: Fault.show(message)

  defp hint("unexpected expression after keyword list" <> _),
    do: "in `f(a: 1, ...)` write the keywords as a list: `f([{:a, 1}, ...])`"

  defp hint(_message), do: "a pattern is Elixir code; see ElixirScope.ASTRepository.Pattern"

  @doc "The error of a pattern that is none."
  def wrong(what, hint) do
    {:error,
     %ElixirScope.Error{
       reason: :invalid_argument,
       message: "invalid pattern: #{String.slice(what, 0, 500)}",
       hint: hint,
       details: %{what: :pattern}
     }}
  end

  @doc "Leaves the compilation with the error of a pattern that is none."
  def refuse(what, hint \\ nil), do: throw({:wrong, wrong(what, hint)})
end

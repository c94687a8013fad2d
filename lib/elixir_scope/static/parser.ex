defmodule ElixirScope.ASTRepository.Parser do
  @moduledoc """
  From Elixir source to a unit of the native side: what the file defines, with the identity of every node.

  Elixir's own parser is the truth (`columns: true, token_metadata: true`). The AST is encoded in the
  process that parsed it, so call this in a short-lived process for each file: an AST is large as a term
  and small as a unit.

      {:ok, source} = Parser.parse_string("defmodule A do\\n  def f, do: 1\\nend", file: "lib/a.ex")

  Nothing here raises. What cannot be parsed is `{:error, %ElixirScope.Error{reason: :parse_error}}` with
  `:file`, `:line` and `:column` in its details (`nil` when not known).
  """

  alias ElixirScope.Core.Source
  alias ElixirScope.Error

  # Characters: a message quotes the source, which may have no line break for megabytes.
  @message_max 500

  @type option :: {:file, String.t()} | {:root, Path.t()}

  @doc """
  Parses a file.

    * `:root` - the project's directory: the file is known by its path relative to it (default: the
      current directory)
    * `:file` - the path to know the file by, instead
  """
  @spec parse_file(Path.t(), [option]) :: {:ok, Source.t()} | {:error, Error.t()}
  def parse_file(path, opts \\ []) do
    with {:ok, path} <- path_text(path),
         {:ok, file} <- known_as(path, opts) do
      case File.read(path) do
        {:ok, text} -> parse_string(text, file: file)
        {:error, posix} -> {:error, unreadable(file, posix)}
      end
    end
  end

  @doc """
  Parses a text.

    * `:file` - the path relative to the project that ids and locations show (default: `"nofile"`)
  """
  @spec parse_string(binary(), [option]) :: {:ok, Source.t()} | {:error, Error.t()}
  def parse_string(text, opts \\ [])

  def parse_string(text, opts) when is_binary(text) and is_list(opts) do
    file = Keyword.get(opts, :file, "nofile")

    with {:ok, file} <- path_text(file),
         :ok <- check_encoding(text, file),
         {:ok, quoted} <- to_quoted(text, file),
         do: Source.build(file, text, quoted)
  end

  def parse_string(_text, _opts) do
    {:error, %Error{reason: :invalid_argument, message: "the source is not a binary", hint: nil}}
  end

  defp to_quoted(text, file) do
    # Both spellings: what a version does not know, it ignores.
    opts = [columns: true, token_metadata: true, file: file, emit_warnings: false, warnings: false]

    case Code.string_to_quoted(text, opts) do
      {:ok, quoted} -> {:ok, quoted}
      {:error, {meta, message, token}} -> {:error, syntax_error(file, meta, message, token)}
    end
  rescue
    # A few malformed literals are raised, not returned.
    error -> {:error, parse_error(file, nil, nil, Exception.message(error), %{})}
  end

  defp syntax_error(file, meta, message, token) do
    {line, column} = if is_list(meta), do: {meta[:line], meta[:column]}, else: {meta, nil}

    text =
      case message do
        {before, behind} -> before <> token <> behind
        message -> message <> token
      end

    parse_error(file, line, column, String.slice(text, 0, @message_max), %{
      token: String.slice(token, 0, @message_max)
    })
  end

  defp check_encoding(text, file) do
    case :unicode.characters_to_binary(text, :utf8, :utf8) do
      valid when is_binary(valid) ->
        :ok

      {_, valid, _} ->
        lines = :binary.split(valid, "\n", [:global])
        column = lines |> List.last() |> String.length()
        {:error, parse_error(file, length(lines), column + 1, "invalid UTF-8", %{})}
    end
  end

  defp path_text(path) do
    text = IO.chardata_to_string(path)
    if String.valid?(text), do: {:ok, text}, else: {:error, invalid_path(path)}
  rescue
    _ -> {:error, invalid_path(path)}
  end

  defp known_as(path, opts) do
    case Keyword.fetch(opts, :file) do
      {:ok, file} -> path_text(file)
      :error -> {:ok, Path.relative_to(Path.expand(path), Path.expand(opts[:root] || File.cwd!()))}
    end
  end

  defp unreadable(file, posix) do
    reason = :file.format_error(posix)
    parse_error(file, nil, nil, "the file cannot be read: #{reason}", %{posix: posix})
  end

  defp invalid_path(path) do
    %Error{
      reason: :invalid_argument,
      message: "not a path: #{inspect(path, limit: 5, printable_limit: 100)}",
      hint: "a path is a string",
      details: %{}
    }
  end

  defp parse_error(file, line, column, message, more) do
    at = Enum.map_join([file, line, column] |> Enum.reject(&is_nil/1), ":", &to_string/1)

    %Error{
      reason: :parse_error,
      message: "#{at}: #{message}",
      hint: nil,
      details: Map.merge(%{file: file, line: line, column: column, message: message}, more)
    }
  end
end

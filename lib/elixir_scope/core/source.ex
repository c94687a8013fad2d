defmodule ElixirScope.Core.Source do
  @moduledoc false
  # Parsed sources on the native side. A source is a reference to an immutable unit: what the file
  # defines, with the identity of every node.

  alias ElixirScope.{Core, Native}

  @typedoc "A parsed source on the native side."
  @opaque t :: reference()

  @doc """
  Encodes quoted code.

  `file` is the path relative to the project, as ids show it; `text` is what was parsed, which lines of
  code are counted in. Both may be `nil`.
  """
  @spec build(String.t() | nil, binary() | nil, Macro.t()) :: {:ok, t()} | {:error, ElixirScope.Error.t()}
  def build(file, text, quoted), do: Core.call(fn -> Native.source_build(file, text, quoted) end)

  @doc "The quoted code of a node, or of everything (`nil`), exactly as it was encoded."
  @spec quoted(t(), String.t() | nil) :: {:ok, Macro.t()} | {:error, ElixirScope.Error.t()}
  def quoted(source, id \\ nil), do: Core.call(fn -> Native.source_quoted(source, id) end)

  @doc "Modules with their functions with their clauses, as maps with ids, lines and metrics."
  @spec outline(t()) :: {:ok, [map()]} | {:error, ElixirScope.Error.t()}
  def outline(source), do: Core.call(fn -> Native.source_outline(source) end)

  @doc """
  Every call in preorder, as the source alone resolves it.

  `:resolution` is `:known` (`:module` is the module), `:local`, `:imported` (`:module` lists the candidates) or `:dynamic`;
  `:arity` is `nil` when it is not known; `:name` is text when it is computed.
  """
  @spec calls(t()) :: {:ok, [map()]} | {:error, ElixirScope.Error.t()}
  def calls(source), do: Core.call(fn -> Native.source_calls(source) end)

  @doc "The id of every node."
  @spec ids(t()) :: {:ok, [String.t()]} | {:error, ElixirScope.Error.t()}
  def ids(source), do: Core.call(fn -> Native.source_ids(source) end)

  @doc "Counts (`:entries :modules :functions :clauses`) and bytes (`:ast_bytes`, and `:bytes` in all)."
  @spec stats(t()) :: {:ok, map()} | {:error, ElixirScope.Error.t()}
  def stats(source), do: Core.call(fn -> Native.source_stats(source) end)
end

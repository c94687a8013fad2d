defmodule ElixirScope.ASTRepository.MetadataExtractor do
  @moduledoc """
  What modules declare: exports, attributes, types, specs, docs, struct fields, behaviours, directives with their
  options, and dependencies by kind.

  It is read from the source alone, once for each version of a file, when first asked for.

      {:ok, repo} = ElixirScope.ASTRepository.new()
      {:ok, _} = ElixirScope.ASTRepository.import_project(repo, ".")
      {:ok, metadata} = MetadataExtractor.extract(repo, MyApp.Cart)

  From a text, without a repository:

      iex> text = ~S'''
      ...> defmodule Shop.Cart do
      ...>   alias Shop.Item
      ...>   @type t :: %__MODULE__{items: [Item.t()]}
      ...>   defstruct items: []
      ...>   @spec add(t, Item.t) :: t
      ...>   def add(%__MODULE__{items: items} = cart, item \\\\ nil), do: %{cart | items: [item | items]}
      ...> end
      ...> '''
      iex> {:ok, [cart]} = ElixirScope.ASTRepository.MetadataExtractor.extract(text)
      iex> {cart.functions, cart.generated}
      {[add: 1, add: 2], [__struct__: 0, __struct__: 1]}
      iex> for spec <- cart.specs, do: {spec.text, spec.line}
      [{"add(t, Shop.Item.t()) :: t", 5}]
      iex> for %{name: :add, signature: signature} <- cart.definitions, do: signature.text
      ["add(cart, item \\\\\\\\ nil)"]
      iex> for dependency <- cart.dependencies, do: {dependency.module, dependency.kind}
      [{Shop.Item, :alias}, {Shop.Item, :type}]
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Handle, ModuleMetadata, Parser, Schema}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @doc """
  The metadata of every module of a source: a text, or what `ElixirScope.ASTRepository.Parser` gives.

  Errors: `:parse_error`, `:invalid_argument`.
  """
  @spec extract(String.t() | reference()) :: {:ok, [ModuleMetadata.t()]} | {:error, Error.t()}
  def extract(text) when is_binary(text) do
    with {:ok, source} <- Parser.parse_string(text), do: Core.Meaning.source_metadata(source)
  end

  def extract(source) when is_reference(source), do: Core.Meaning.source_metadata(source)

  def extract(other),
    do: Fault.invalid(:source, other, "give the text of a source file, or a source of Parser.parse_file/2")

  @doc """
  The metadata of a module that a repository holds with its code.

  Errors: `:not_found`, `:invalid_argument`.
  """
  @spec extract(ASTRepository.repository(), module()) :: {:ok, ModuleMetadata.t()} | {:error, Error.t()}
  def extract(repository, module) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.module_name(module),
         {:ok, metadata} <- Core.Meaning.metadata(ref, module) do
      {:ok, metadata}
    else
      {:error, %{reason: :not_found, details: %{what: "module"}}} ->
        Fault.not_found(:module, module, "import its project, or store it with its code")

      error ->
        error
    end
  end
end

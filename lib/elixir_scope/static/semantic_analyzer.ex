defmodule ElixirScope.ASTRepository.SemanticAnalyzer do
  @moduledoc """
  What modules are: type, role, patterns, behaviours and callbacks implemented, concepts of the domain and business rules.
  Each with the nodes it was read from, how sure it is, and why.

  `use` is followed through the project's own `__using__`, `use MyAppWeb, :controller` through the function of that name.
  What is written plainly has confidence 1.0; a convention (a name, a shape) has less.

      {:ok, repo} = ElixirScope.ASTRepository.new()
      {:ok, _} = ElixirScope.ASTRepository.import_project(repo, ".")
      {:ok, meaning} = SemanticAnalyzer.analyze(repo, MyApp.Cart)

  From a text, without a repository:

      iex> text = ~S'''
      ...> defmodule Bank.Account do
      ...>   use GenServer
      ...>   def init(balance), do: {:ok, balance}
      ...>   def handle_call({:withdraw, n}, _from, balance) when n > 0, do: {:reply, :ok, balance - n}
      ...> end
      ...> '''
      iex> {:ok, [account]} = ElixirScope.ASTRepository.SemanticAnalyzer.analyze(text)
      iex> {account.module_type.value, account.module_type.why, account.role.value}
      {:genserver, "use GenServer", :service}
      iex> for callback <- account.callbacks, do: {callback.name, callback.arity, callback.behaviour}
      [{:init, 1, GenServer}, {:handle_call, 3, GenServer}]
      iex> for rule <- account.rules, do: {rule.kind, rule.name, rule.expression, rule.line}
      [{:guard, "handle_call/3", "n > 0", 4}]
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Handle, ModuleMeaning, Parser, Schema}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @doc """
  The meaning of every module of a source: a text, or what `ElixirScope.ASTRepository.Parser` gives. Only modules of the
  same source are followed.

  Errors: `:parse_error`, `:invalid_argument`.
  """
  @spec analyze(String.t() | reference()) :: {:ok, [ModuleMeaning.t()]} | {:error, Error.t()}
  def analyze(text) when is_binary(text) do
    with {:ok, source} <- Parser.parse_string(text), do: Core.Meaning.source_meaning(source)
  end

  def analyze(source) when is_reference(source), do: Core.Meaning.source_meaning(source)

  def analyze(other),
    do: Fault.invalid(:source, other, "give the text of a source file, or a source of Parser.parse_file/2")

  @doc """
  The meaning of a module that a repository holds with its code.

  Errors: `:not_found`, `:invalid_argument`.
  """
  @spec analyze(ASTRepository.repository(), module()) :: {:ok, ModuleMeaning.t()} | {:error, Error.t()}
  def analyze(repository, module) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.module_name(module),
         {:ok, meaning} <- Core.Meaning.meaning(ref, module) do
      {:ok, meaning}
    else
      {:error, %{reason: :not_found, details: %{what: "module"}}} ->
        Fault.not_found(:module, module, "import its project, or store it with its code")

      error ->
        error
    end
  end
end

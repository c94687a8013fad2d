defmodule ElixirScope.ASTRepository.ScopeAnalyzer do
  @moduledoc """
  Every variable's life, from source alone: where it is bound, which version a place means, what is bound again, hidden, taken along
  by a closure, never used.

  The rules are those of Elixir's own compiler (`elixir_expand`, `elixir_clauses`): arguments of a call do not see what the others
  bind, the right side of a match comes before the left one, a pattern binds a name once, what a clause binds ends with it, `^x` is
  what `x` was before the match. Over Elixir's standard library two places have one version here if and only if the compiler gives
  them one. Macros are not run: code that they bring is not seen, and their blocks are read as Elixir's own would be.

      iex> alias ElixirScope.ASTRepository.ScopeAnalyzer
      iex> {:ok, [_file, clause]} = ScopeAnalyzer.analyze_source(\"""
      ...> defmodule A do
      ...>   def f(x, y) do
      ...>     x = x + 1
      ...>     fn z -> x + z end
      ...>   end
      ...> end
      ...> \""") |> then(fn {:ok, [file, _module, clause]} -> {:ok, [file, clause]} end)
      iex> for v <- clause.variables, do: {v.name, v.version, length(v.uses), v.rebinds}
      [{:x, 0, 1, nil}, {:y, 1, 0, nil}, {:x, 2, 1, 0}, {:z, 3, 1, nil}]
      iex> ScopeAnalyzer.unused(clause) |> Enum.map(& &1.name)
      [:y]
      iex> hd(clause.closures).captures
      [%{name: :x, version: 2}]
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Handle, Parser, ScopeAnalysis, VariableInfo}
  alias ElixirScope.Core.Flow
  alias ElixirScope.Error

  @doc """
  What is in a node of a repository: a clause, a function (each of its clauses), a module (its body first), a file.

  Errors: `:not_found`, `:invalid_argument`.
  """
  @spec analyze(ASTRepository.repository(), ASTRepository.ast_node_id()) ::
          {:ok, [ScopeAnalysis.t()]} | {:error, Error.t()}
  def analyze(repository, ast_node_id) do
    with {:ok, handle} <- Handle.repository(repository), do: Flow.scopes(handle.ref, ast_node_id)
  end

  @doc "What is in a text: its body as a file first, then modules and clauses. Options and errors are those of `Parser.parse_string/2`."
  @spec analyze_source(binary(), [Parser.option()]) :: {:ok, [ScopeAnalysis.t()]} | {:error, Error.t()}
  def analyze_source(text, opts \\ []) do
    with {:ok, source} <- Parser.parse_string(text, opts), do: Flow.scopes(source, nil)
  end

  @doc "The versions that nothing uses and whose names do not begin with `_`: what the compiler warns of."
  @spec unused(ScopeAnalysis.t()) :: [VariableInfo.t()]
  def unused(%ScopeAnalysis{variables: variables}), do: Enum.filter(variables, & &1.unused)

  @doc "The versions that one place uses."
  @spec used_once(ScopeAnalysis.t()) :: [VariableInfo.t()]
  def used_once(%ScopeAnalysis{variables: variables}), do: Enum.filter(variables, & &1.used_once)
end

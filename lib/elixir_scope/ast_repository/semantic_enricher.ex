defmodule ElixirScope.ASTRepository.SemanticEnricher do
  @moduledoc """
  What a module or function is, together with what it was seen doing.

      {:ok, insights} = SemanticEnricher.insights(repository, {MyApp.Cart, :total, 1})
      insights.concurrency_patterns
      #=> [%ElixirScope.ASTRepository.ConcurrencyPattern{most_at_once: 4, ...}]
      insights.unknown
      #=> %{gc_impact: "trace garbage collection: ...", ...}

  `ElixirScope.ASTRepository.RuntimeInsights` says what each field holds.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, FunctionData, Handle, ModuleData, Observed, RuntimeInsights}
  alias ElixirScope.{Core, Error}

  @doc """
  What was learnt of a module or function; `nil` when it never ran and nothing was stored of it.

  Errors: `{:error, :not_found}`, as of `ElixirScope.ASTRepository.get_module/2`, and `:invalid_argument`.
  """
  @spec insights(ASTRepository.repository(), module() | FunctionData.key()) ::
          {:ok, RuntimeInsights.t() | nil} | {:error, :not_found | Error.t()}
  def insights(repository, {_, _, _} = key) do
    with {:ok, _function} <- ASTRepository.get_function(repository, key, fields: [:ast_node_id]),
         {:ok, insights} <- of_function(repository, key),
         do: {:ok, Observed.with_variables(insights, repository, key)}
  end

  def insights(repository, module) when is_atom(module) do
    with {:ok, data} <- ASTRepository.get_module(repository, module),
         do: {:ok, Observed.with_variables(data.runtime_insights, repository, inspect(module))}
  end

  def insights(_repository, other),
    do: Fault.invalid(:target, other, "give a module or {module, name, arity}")

  @doc "The module with everything that is known of it: meaning from its source, insights from its run."
  @spec enrich(ASTRepository.repository(), module()) ::
          {:ok, ModuleData.t()} | {:error, :not_found | Error.t()}
  def enrich(repository, module), do: ASTRepository.get_module(repository, module)

  # Of this function alone: a query would look at all of them.
  defp of_function(repository, key) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, {_version, fields}} <- Core.Repository.get_function(ref, key, [:runtime_insights]),
         do: {:ok, Map.get(Map.new(fields), :runtime_insights)}
  end
end

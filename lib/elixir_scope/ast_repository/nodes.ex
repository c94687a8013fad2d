defmodule ElixirScope.ASTRepository.Nodes do
  @moduledoc false
  # Nodes by their id: the code, the instrumentation points, what callers and the running program say of them.

  alias ElixirScope.ASTRepository.{Fault, Handle, InstrumentationMapper, Records, RuntimeInsights, Schema}
  alias ElixirScope.Core

  def get_ast_node(repository, id, opts) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, as_of} <- as_of(opts),
         {:ok, ast} <- node(ref, id, as_of) do
      {:ok, ast}
    else
      error -> absent(error)
    end
  end

  defp node(ref, id, nil), do: Core.Repository.node(ref, id)
  defp node(ref, id, as_of), do: Core.Diff.node_as_of(ref, id, as_of)

  defp as_of([]), do: {:ok, nil}
  defp as_of(build: build) when is_binary(build), do: {:ok, {:build, build}}
  defp as_of(build: build) when is_integer(build) and build > 0, do: {:ok, {:instrumented, build}}
  defp as_of(at: ns) when is_integer(ns) and ns >= 0, do: {:ok, {:at, ns}}

  defp as_of(at: %DateTime{} = at) do
    case DateTime.to_unix(at, :nanosecond) do
      ns when ns >= 0 -> {:ok, {:at, ns}}
      _ -> bad_as_of(at: at)
    end
  end

  defp as_of(other), do: bad_as_of(other)

  defp bad_as_of(opts) do
    Fault.invalid(
      :options,
      opts,
      "give build: (the id of a version, or an event's :build) or at: (a DateTime, or nanoseconds since 1970)"
    )
  end

  def present_id(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, present} <- Core.Diff.present_id(ref, id) do
      {:ok, present}
    else
      error -> explain(error, id)
    end
  end

  def exists?(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         :ok <- Core.Repository.node_exists(ref, id) do
      true
    else
      _ -> false
    end
  end

  def place(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, place} <- Core.Repository.node_place(ref, id) do
      {:ok, place}
    else
      error -> explain(error, id)
    end
  end

  # A function by its key too.
  def clause_metrics(repository, {module, name, arity} = key) do
    with :ok <- Schema.function_key(key) do
      with {:error, :not_found} <-
             Records.get_function(repository, {module, name, arity}, fields: [:ast_node_id]) do
        Fault.not_found(:function, key, "import the project it comes from")
      else
        {:ok, %{ast_node_id: id}} -> clause_metrics(repository, id)
        error -> error
      end
    end
  end

  def clause_metrics(repository, module) when is_atom(module) do
    with :ok <- Schema.module_name(module), do: clause_metrics(repository, inspect(module))
  end

  def clause_metrics(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, clauses} <- Core.Metrics.of_clauses(ref, id) do
      {:ok, clauses}
    else
      error -> explain(error, id)
    end
  end

  def instrumentation_points(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, points} <- Core.Repository.node_points(ref, id) do
      {:ok, InstrumentationMapper.with_gates(points)}
    else
      error -> absent(error)
    end
  end

  def update_insights(repository, id, insights) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, fields} <- Schema.insights(insights),
         :ok <- Core.Repository.put_insight(ref, id, fields) do
      :ok
    else
      error -> explain(error, id)
    end
  end

  def insights(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(id),
         {:ok, fields} <- Core.Repository.insight(ref, id) do
      {:ok, struct(RuntimeInsights, fields)}
    else
      {:error, %{reason: :not_found}} ->
        Fault.not_found(:insights, id, "store some with update_runtime_insights/3")

      error ->
        error
    end
  end

  def store_correlation(repository, id, node) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.correlation_id(id),
         :ok <- Schema.node_id(node) do
      Core.Repository.put_correlation(ref, id, node)
    end
  end

  def by_correlation(repository, id) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.correlation_id(id),
         {:ok, node} <- Core.Repository.correlation(ref, id) do
      {:ok, node}
    else
      error -> absent(error)
    end
  end

  def correlations_of(repository, node) do
    with {:ok, ref} <- Handle.ref(repository),
         :ok <- Schema.node_id(node) do
      Core.Repository.correlations_of(ref, node)
    end
  end

  def all_correlations(repository) do
    with {:ok, ref} <- Handle.ref(repository), do: Core.Repository.correlations(ref)
  end

  # The specification's word for a key that is simply not there. A repository that is not there is another matter.
  defp absent({:error, %{reason: :not_found, details: %{what: what}}}) when what in ["node", "correlation"],
    do: {:error, :not_found}

  defp absent(error), do: error

  # What was removed says itself what became of it.
  defp explain({:error, %{reason: :not_found, details: %{removed_at_ns: _}}} = gone, _id), do: gone

  defp explain({:error, %{reason: :not_found, details: %{what: "node"}}}, id) do
    Fault.not_found(
      :ast_node,
      id,
      "ids look like \"MyApp.Cart.total/2\" or \"MyApp.Cart.total/2#c41f2a:9be02d11.1\"; import the project they come from"
    )
  end

  defp explain(error, _id), do: error
end

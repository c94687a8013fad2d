defmodule ElixirScope.ASTRepository.Query.Schema do
  @moduledoc """
  The fields that queries know.

  `:modules` and `:functions` have the fields of `ElixirScope.ASTRepository.ModuleData` and
  `ElixirScope.ASTRepository.FunctionData`; fields inside `complexity_metrics`, `execution_statistics`,
  `performance_profile` and `runtime_insights` are those of the structs of that name. Besides:

    * all sources - `:ast_node_id`, `:kind`, `:file` (as `:source_file`), `:line`, `:column`, `:calls` (activations
      that ended; of all functions of a module, of the enclosing function of a node), `:errors`, `:has_runtime_data`,
      `:correlation_exists`, `:has_performance_data`
    * `:modules` - `:function_count`, `:node_count`, `:cyclomatic_complexity`, `:cognitive_complexity`,
      `:nesting_depth`, `:lines_of_code`, `:process` (an `ElixirScope.ASTRepository.ProcessFacts`)
    * `:functions` - `:execution_frequency` (as `:calls`), `:module_type`, `:runtime_insights`, `:nesting_depth`,
      `:maintainability_index`, `:crap` (as `complexity_metrics.crap`)
    * `:ast_nodes` - `:module_name`, `:function_name`, `:arity` and `:function_key` (of the enclosing function), `:name`
      (what is called, or the name of a variable), `:argument_count`, `:ast`, `:runtime_insights`

  A node's `:kind` is `:call`, `:call_expression`, `:variable`, `:atom`, `:integer`, `:float`, `:binary`, `:list`, `:tuple`, `:map` or `:other`.
  """

  alias ElixirScope.ASTRepository.{ComplexityMetrics, ExecutionStatistics, Fault, FunctionData}
  alias ElixirScope.ASTRepository.{ModuleData, PerformanceProfile, RuntimeInsights}

  @common ~w(ast_node_id kind file source_file line column calls errors has_runtime_data correlation_exists
             has_performance_data)a
  @of_modules ~w(function_count node_count cyclomatic_complexity cognitive_complexity nesting_depth lines_of_code
                process)a
  @of_functions ~w(execution_frequency module_type runtime_insights nesting_depth maintainability_index crap)a
  @of_nodes ~w(module_name function_name arity function_key name argument_count ast runtime_insights
               cyclomatic_complexity)a

  @nested %{
    complexity_metrics: ComplexityMetrics,
    execution_statistics: ExecutionStatistics,
    performance_profile: PerformanceProfile,
    runtime_insights: RuntimeInsights
  }

  @segments_max 8

  @doc false
  def load, do: Enum.each([ModuleData, FunctionData | Map.values(@nested)], &Code.ensure_loaded!/1)

  @doc "The sources."
  @spec sources() :: [atom()]
  def sources, do: [:modules, :functions, :ast_nodes]

  @doc "The fields of a source, sorted."
  @spec fields(:modules | :functions | :ast_nodes) :: [atom()]
  def fields(:modules), do: all(ModuleData, @of_modules)
  def fields(:functions), do: all(FunctionData, @of_functions)
  def fields(:ast_nodes), do: (@common ++ @of_nodes) |> Enum.uniq() |> Enum.sort()

  @doc "The fields of a row when `select` names none."
  @spec default_fields(:modules | :functions | :ast_nodes) :: [atom()]
  def default_fields(:modules), do: ~w(module_name module_type source_file complexity_metrics calls errors)a

  def default_fields(:functions),
    do: ~w(function_key ast_node_id file line cyclomatic_complexity calls errors average_duration)a

  def default_fields(:ast_nodes), do: ~w(ast_node_id kind name file line column)a

  @doc "`:ok` when `path` names a field of `source`; otherwise an error that names the nearest."
  @spec check(atom(), [atom() | String.t()]) :: :ok | {:error, ElixirScope.Error.t()}
  def check(source, [field | inner] = path) do
    valid = fields(source)

    cond do
      field not in valid ->
        Fault.unknown(:"field of #{source}", field, valid)

      length(path) > @segments_max ->
        Fault.invalid(:field, path, "a path has at most #{@segments_max} names")

      true ->
        with :ok <- check_inner(field, inner), do: check_names(source, path)
    end
  end

  # A name that no atom exists for is nowhere in the repository.
  defp check_names(source, path) do
    if Enum.all?(path, &is_atom/1),
      do: :ok,
      else: Fault.unknown(:"field of #{source}", Enum.map_join(path, ".", &to_string/1), fields(source))
  end

  defp check_inner(_field, []), do: :ok

  defp check_inner(field, [name | _]) when is_map_key(@nested, field) do
    valid = keys(Map.fetch!(@nested, field))
    if name in valid, do: :ok, else: Fault.unknown(:"field of #{field}", name, valid)
  end

  defp check_inner(_field, _inner), do: :ok

  defp all(struct, extra), do: (keys(struct) ++ @common ++ extra) |> Enum.uniq() |> Enum.sort()

  defp keys(struct), do: struct |> struct() |> Map.from_struct() |> Map.keys() |> Enum.sort()
end

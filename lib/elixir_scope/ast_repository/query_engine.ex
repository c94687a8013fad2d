defmodule ElixirScope.ASTRepository.QueryEngine do
  @moduledoc """
  How a question is answered, step by step: planned, optimised, run.

      {:ok, engine} = QueryEngine.new(repo)
      {:ok, result} = QueryEngine.execute_query(engine, "select count(*) from functions where module_name = 'Shop.Cart'")

      {:ok, plan} = QueryEngine.plan(engine, "select * from activations where duration_us > 1000")
      plan.type
      #=> :temporal

  `ElixirScope.ASTRepository.query/2` and `ElixirScope.ASTRepository.sql/3` do the same without an engine. With one, its rules can be
  chosen, and what it did is told.

  Rules, all in force by default:

    * `:indexes` - equalities that are asked for get an index, which `ElixirScope.ASTRepository.QueryEngine.IndexManager` makes
    * `:cache` - the answer of an expensive question is kept until something changes, by
      `ElixirScope.ASTRepository.QueryEngine.CacheManager`

  Others are part of the native planner and always in force: conditions go down to the tables, only the columns that are wanted are
  read, the smaller table of a join is the one that is kept, a limit ends the reading.
  """

  alias ElixirScope.ASTRepository.{Fault, Handle, QueryPlan, QueryResult, Questions, Repository}
  alias ElixirScope.ASTRepository.QueryEngine.{CacheManager, IndexManager}
  alias ElixirScope.{Core, Error}

  @rules ~w(indexes cache)a
  @by_index ~r/ by (index.*?), \d+ columns/
  @enforce_keys [:repository]
  defstruct [:repository, :index_manager, :cache_manager, optimization_rules: @rules]

  @type question :: ElixirScope.ASTRepository.Query.building() | String.t()
  @type t :: %__MODULE__{
          repository: Repository.t(),
          index_manager: IndexManager.t(),
          cache_manager: CacheManager.t(),
          optimization_rules: [:indexes | :cache]
        }

  @typedoc "What a question is: found by an index, read and counted, joined, or asked of the event log."
  @type query_type :: :simple_lookup | :complex_join | :analytical | :temporal

  @type plan :: %{
          type: query_type(),
          sources: [String.t()],
          steps: QueryPlan.t(),
          estimated_rows: non_neg_integer() | nil,
          indexes: [String.t()],
          applied: [atom()]
        }

  @doc "An engine over a repository. `rules:` are those to follow."
  @spec new(ElixirScope.ASTRepository.repository(), rules: [:indexes | :cache]) ::
          {:ok, t()} | {:error, Error.t()}
  def new(repository, opts \\ []) do
    rules = Keyword.get(opts, :rules, @rules)

    with {:ok, handle} <- Handle.repository(repository),
         nil <- Enum.find(rules, &(&1 not in @rules)),
         {:ok, indexes} <- IndexManager.new(handle),
         {:ok, cache} <- CacheManager.new(handle) do
      {:ok,
       %__MODULE__{
         repository: handle,
         index_manager: indexes,
         cache_manager: cache,
         optimization_rules: rules
       }}
    else
      {:error, _} = error -> error
      unknown -> Fault.unknown(:rule, unknown, @rules)
    end
  end

  @doc "Plans, optimises and runs a question. Errors: as `ElixirScope.ASTRepository.query/2`."
  @spec execute_query(t(), question()) :: {:ok, QueryResult.t()} | {:error, Error.t()}
  def execute_query(%__MODULE__{} = engine, question) do
    with {:ok, plan} <- plan(engine, question),
         {:ok, plan} <- optimize(engine, question, plan),
         do: run(engine, question, plan)
  end

  @doc "How a question would be answered, without an answer."
  @spec plan(t(), question()) :: {:ok, plan()} | {:error, Error.t()}
  def plan(%__MODULE__{repository: repository}, question) do
    with {:ok, %QueryPlan{steps: steps} = told} <- Questions.explain(repository, question, []) do
      scans = for %{name: "scan", detail: detail} <- steps, do: detail
      sources = for detail <- scans, do: detail |> String.split(" ", parts: 2) |> hd()
      indexes = for detail <- scans, [_, index] <- [Regex.run(@by_index, detail)], do: index

      {:ok,
       %{
         type: type(steps, sources, indexes),
         sources: sources,
         steps: told,
         estimated_rows: steps |> List.first(%{}) |> Map.get(:estimated_rows),
         indexes: indexes,
         applied: []
       }}
    end
  end

  @doc "The plan with what the rules did to it: an index that was made, an answer that will be kept."
  @spec optimize(t(), question(), plan()) :: {:ok, plan()} | {:error, Error.t()}
  def optimize(%__MODULE__{optimization_rules: rules} = engine, question, plan) do
    with {:ok, plan} <- if(:indexes in rules, do: indexed(engine, question, plan), else: {:ok, plan}) do
      {:ok, if(:cache in rules, do: %{plan | applied: plan.applied ++ [:cache]}, else: plan)}
    end
  end

  # Advice that the questions so far have given, and that nothing has followed yet, is followed now.
  defp indexed(engine, question, plan) do
    with {:ok, advice} <- IndexManager.advice(engine.index_manager) do
      case Enum.filter(advice, &(&1.action == :create and to_string(&1.source) in plan.sources)) do
        [] ->
          {:ok, plan}

        wanted ->
          for %{source: source, columns: columns} <- wanted,
              do: Core.Repository.prepare(engine.repository.ref, to_string(source), columns, :index)

          with {:ok, better} <- plan(engine, question), do: {:ok, %{better | applied: [:indexes]}}
      end
    end
  end

  @doc "Runs a question as its plan says."
  @spec run(t(), question(), plan()) :: {:ok, QueryResult.t()} | {:error, Error.t()}
  def run(%__MODULE__{repository: repository}, question, plan) do
    keep = if :cache in plan.applied, do: [], else: [cache: false]

    if is_binary(question),
      do: Questions.sql(repository, question, keep),
      else: Questions.query(repository, with_options(question, keep))
  end

  defp with_options(question, []), do: question
  defp with_options(question, keep), do: ElixirScope.ASTRepository.Query.options(question, keep)

  @doc "As `ElixirScope.ASTRepository.explain/3`."
  @spec explain(t(), question(), analyze: boolean()) :: {:ok, QueryPlan.t()} | {:error, Error.t()}
  def explain(%__MODULE__{repository: repository}, question, opts \\ []),
    do: Questions.explain(repository, question, opts)

  defp type(steps, sources, indexes) do
    names = Enum.map(steps, & &1.name)

    cond do
      Enum.any?(names, &String.contains?(&1, "join")) -> :complex_join
      Enum.any?(sources, &(&1 in ["events", "activations"])) -> :temporal
      Enum.any?(names, &(&1 == "group")) -> :analytical
      indexes != [] -> :simple_lookup
      true -> :analytical
    end
  end
end

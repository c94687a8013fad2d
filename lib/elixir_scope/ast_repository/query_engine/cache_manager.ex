defmodule ElixirScope.ASTRepository.QueryEngine.CacheManager do
  @moduledoc """
  Answers that are kept: exactly as long as nothing has changed that they are made of.

      {:ok, cache} = CacheManager.new(repo)
      question = "select module_name, sum(self_us) from functions group by 1"
      {:ok, _} = CacheManager.cache_query_result(cache, question)
      {:ok, %{cached?: true}} = ElixirScope.ASTRepository.sql(repo, question)
      {:ok, %{hits: 1}} = CacheManager.statistics(cache)

  An answer is found by its question (fields, conditions, order, limits, `max_bytes`), and counts only for the same version of the source
  and of stored data, the same correlations, and the same events: a write, one event more or an old event less, and the next
  question is answered anew. It lives in the native store and goes with it.

  Kept are: answers of questions with `options(cache: true)`; otherwise those that took 2 ms or more, from the second time
  on (`cache_enabled: false` of the repository's settings keeps none of these). Never kept are answers with fields that depend on more
  than what is stored: `runtime_insights`, `memory_usage`, instrumentation points and the like. All together weigh `cache_size_mb`
  at most, one of them a quarter of it, and they are 1,024 at most; those that were not used for longest go first.
  """

  alias ElixirScope.ASTRepository.{Handle, QueryResult, Questions, Repository}
  alias ElixirScope.{Core, Error}

  @enforce_keys [:repository]
  defstruct [:repository, :bytes_max, eviction_policy: :least_recently_used]

  @type t :: %__MODULE__{
          repository: Repository.t(),
          bytes_max: pos_integer(),
          eviction_policy: :least_recently_used
        }

  @doc "The cache of a repository."
  @spec new(ElixirScope.ASTRepository.repository()) :: {:ok, t()} | {:error, Error.t()}
  def new(repository) do
    with {:ok, handle} <- Handle.repository(repository),
         do:
           {:ok, %__MODULE__{repository: handle, bytes_max: handle.configuration.cache_size_mb * 1024 * 1024}}
  end

  @doc "Answers a question, and keeps the answer, whatever it cost."
  @spec cache_query_result(t(), ElixirScope.ASTRepository.QueryEngine.question()) ::
          {:ok, QueryResult.t()} | {:error, Error.t()}
  def cache_query_result(%__MODULE__{repository: repository}, text) when is_binary(text),
    do: Questions.sql(repository, text, cache: true)

  def cache_query_result(%__MODULE__{repository: repository}, query),
    do: Questions.query(repository, ElixirScope.ASTRepository.Query.options(query, cache: true))

  @doc "`%{entries:, bytes:, hits:, misses:, stale:, stored:, evicted:, hit_rate:}`; `hit_rate` is `nil` before the first question."
  @spec statistics(t()) :: {:ok, map()} | {:error, Error.t()}
  def statistics(%__MODULE__{repository: repository}) do
    with {:ok, counts} <- Core.Repository.query_counts(repository.ref) do
      asked = counts.cache_hits + counts.cache_misses

      {:ok,
       %{
         entries: counts.cache_entries,
         bytes: counts.cache_bytes,
         hits: counts.cache_hits,
         misses: counts.cache_misses,
         stale: counts.cache_stale,
         stored: counts.cache_stored,
         evicted: counts.cache_evicted,
         hit_rate: if(asked > 0, do: counts.cache_hits / asked)
       }}
    end
  end

  @doc "Forgets answers: all, or those that a change has made worthless (`:stale`). Gives `%{entries:, bytes:}` of what went."
  @spec clear(t(), :all | :stale) :: {:ok, map()} | {:error, Error.t()}
  def clear(%__MODULE__{repository: repository}, which \\ :all) when which in [:all, :stale] do
    what = if which == :all, do: :answers, else: :stale

    with {:ok, {entries, bytes}} <- Core.Repository.release(repository.ref, what),
         do: {:ok, %{entries: entries, bytes: bytes}}
  end
end

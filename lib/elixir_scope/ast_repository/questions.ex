defmodule ElixirScope.ASTRepository.Questions do
  @moduledoc false
  # Queries and counts, answered by the native store.

  alias ElixirScope.ASTRepository.{Handle, QueryResult, RepositoryStats}
  alias ElixirScope.ASTRepository.Query.{Path, Plan}
  alias ElixirScope.Core

  def query(repository, query) do
    with {:ok, handle} <- Handle.repository(repository),
         {:ok, {_source, fields, _program, _order, _limit, _offset} = plan} <- Plan.build(query),
         {:ok, {rows, total, scanned, dropped, duration_us}} <-
           Core.Repository.query(handle.ref, plan, handle.configuration.query_timeout_ms) do
      keys = Enum.map(fields, &Path.key/1)

      {:ok,
       %QueryResult{
         rows: Enum.map(rows, &(keys |> Enum.zip(&1) |> Map.new())),
         count: length(rows),
         total: total,
         scanned: scanned,
         complete?: dropped == 0,
         dropped: dropped,
         duration_us: duration_us
       }}
    end
  end

  def statistics(repository) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, facts} <- Core.Repository.stats(ref) do
      {:ok, struct(RepositoryStats, facts)}
    end
  end
end

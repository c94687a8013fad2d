defmodule ElixirScope.Report.Collect do
  @moduledoc """
  From a repository to the rows of a report.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Handle, Query}
  alias ElixirScope.Core.Runtime
  alias ElixirScope.Error

  @fields [
    :module_name,
    :function_name,
    :arity,
    :kind,
    :ast_node_id,
    :file,
    :line,
    :calls,
    :errors,
    [:execution_statistics, :total_us],
    [:execution_statistics, :self_us],
    [:execution_statistics, :p50_us],
    [:execution_statistics, :p95_us],
    [:execution_statistics, :p99_us],
    :cyclomatic_complexity,
    :lines_of_code,
    :test_coverage,
    :crap
  ]

  @doc "The fields that `row/1` needs of a query over `:functions`."
  @spec fields() :: [Query.field()]
  def fields, do: @fields

  @doc """
  One row for every function of the repository: those of the source, and those that ran without being in the
  source (`child_spec/1` of `use GenServer`), which have no place in it.

  `modules: MapSet` keeps those of these modules only, which is how a report of a run leaves out code that could
  not be observed.
  """
  @spec functions(ASTRepository.repository(), keyword()) :: {:ok, [map()]} | {:error, Error.t()}
  def functions(repository, opts \\ []) do
    query = Query.new() |> Query.from(:functions) |> Query.select(@fields)

    with {:ok, result} <- ASTRepository.query(repository, query),
         {:ok, ran} <- ran(repository) do
      kept? = fn module -> is_nil(opts[:modules]) or MapSet.member?(opts[:modules], module) end
      in_source = MapSet.new(result.rows, &{&1.module_name, &1.function_name, &1.arity})

      source = for row <- result.rows, kept?.(row.module_name), do: row(row)

      generated =
        for {key, stats} <- ran, key not in in_source, kept?.(elem(key, 0)), do: generated(key, stats)

      {:ok, source ++ generated}
    end
  end

  @doc """
  How many recorded events cannot be led to a node: those of modules whose source the repository does not hold.
  """
  @spec events_without_node(ASTRepository.repository()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def events_without_node(repository) do
    query = Query.new() |> Query.from(:modules) |> Query.select([:module_name])

    with {:ok, result} <- ASTRepository.query(repository, query), {:ok, ran} <- ran(repository) do
      known = MapSet.new(result.rows, & &1.module_name)
      {:ok, Enum.sum(for {{module, _, _}, stats} <- ran, module not in known, do: events(stats))}
    end
  end

  # A beginning each, and an end where the function itself reports it: what is unwound ends without a word.
  defp events(stats), do: stats.calls + stats.returned + stats.tailed

  defp ran(repository) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, functions} <- Runtime.functions(ref),
         do: {:ok, Enum.map(functions, fn {key, stats} -> {as_written(key), stats} end)}
  end

  # A macro is compiled to a function of another name.
  defp as_written({module, name, arity}) do
    case Atom.to_string(name) do
      "MACRO-" <> macro -> {module, String.to_atom(macro), arity - 1}
      _ -> {module, name, arity}
    end
  end

  defp generated({module, name, arity}, stats) do
    %{
      module: module(module),
      function: function(name),
      arity: arity,
      kind: :generated,
      ast_node_id: nil,
      file: nil,
      line: nil,
      calls: stats.calls,
      errors: stats.errors + stats.aborted,
      total_us: stats.total_ns / 1_000,
      self_us: stats.self_ns / 1_000,
      p50_us: us(stats.p50_ns),
      p95_us: us(stats.p95_ns),
      p99_us: us(stats.p99_ns),
      cyclomatic_complexity: nil,
      lines_of_code: nil,
      test_coverage: nil,
      crap: nil
    }
  end

  defp us(nil), do: nil
  defp us(ns), do: ns / 1_000

  @doc "A row of a report from a row of a query."
  @spec row(map()) :: map()
  def row(found) do
    %{
      module: module(found.module_name),
      function: function(found.function_name),
      arity: found.arity,
      kind: found.kind,
      ast_node_id: found.ast_node_id,
      file: found.file,
      line: found.line,
      calls: found.calls || 0,
      errors: found.errors || 0,
      total_us: found["execution_statistics.total_us"] || 0,
      self_us: found["execution_statistics.self_us"] || 0,
      p50_us: found["execution_statistics.p50_us"],
      p95_us: found["execution_statistics.p95_us"],
      p99_us: found["execution_statistics.p99_us"],
      cyclomatic_complexity: found.cyclomatic_complexity,
      lines_of_code: found.lines_of_code,
      test_coverage: found.test_coverage,
      crap: found.crap
    }
  end

  defp module(name) when is_atom(name), do: inspect(name)
  defp module(name), do: to_string(name)

  # As a call writes it: `total`, `+`, `"odd name"`.
  defp function(name) when is_atom(name), do: Macro.inspect_atom(:remote_call, name)
  defp function(name), do: to_string(name)
end

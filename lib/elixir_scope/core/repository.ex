defmodule ElixirScope.Core.Repository do
  @moduledoc false
  # The native store, one function a NIF, with results as `ElixirScope.Core` gives them.
  # `ref` is the native handle. Whatever is wrong with an argument comes back as an error.

  alias ElixirScope.{Core, Native}

  # lifecycle
  def new(id, limits), do: Core.call(fn -> Native.repository_new(id, limits) end)
  def close(ref), do: Core.call(fn -> Native.repository_close(ref) end)

  # `:ok` when the handle is one, and its repository is open: a lookup that finds nothing.
  def open(ref), do: with({:ok, _none} <- correlations_of(ref, "-"), do: :ok)

  # modules and functions: `mode` is :replace or :patch, `expected` a version or nil, `ast` is nil or {:ast, quoted}
  def put_module(ref, name, mode, expected, ast, fields),
    do: Core.call(fn -> Native.repository_put_module(ref, name, mode, expected, ast, fields) end)

  def put_quoted(ref, quoted, file), do: Core.call(fn -> Native.repository_put_quoted(ref, quoted, file) end)
  def get_module(ref, name, fields), do: Core.call(fn -> Native.repository_get_module(ref, name, fields) end)
  def delete_module(ref, name), do: Core.call(fn -> Native.repository_delete_module(ref, name) end)

  def put_function(ref, key, mode, expected, ast, fields),
    do: Core.call(fn -> Native.repository_put_function(ref, key, mode, expected, ast, fields) end)

  def get_function(ref, key, fields),
    do: Core.call(fn -> Native.repository_get_function(ref, key, fields) end)

  # nodes
  def node(ref, id) do
    Core.call(fn ->
      case Native.repository_node(ref, id) do
        :large -> Native.repository_node_large(ref, id)
        other -> other
      end
    end)
  end

  def node_exists(ref, id) do
    case Core.call(fn -> Native.repository_node_exists(ref, id) end) do
      :large -> with {:ok, _present} <- Core.Diff.present_id(ref, id), do: :ok
      other -> other
    end
  end

  def node_place(ref, id), do: Core.call(fn -> Native.repository_node_place(ref, id) end)
  def node_points(ref, id), do: Core.call(fn -> Native.repository_node_points(ref, id) end)

  def node_events(ref, id, types, limit),
    do: Core.call(fn -> Native.repository_node_events(ref, id, types, limit) end)

  # correlation
  def put_correlation(ref, id, node), do: Core.call(fn -> Native.correlation_put(ref, id, node) end)
  def correlation(ref, id), do: Core.call(fn -> Native.correlation_node(ref, id) end)
  def correlations_of(ref, node), do: Core.call(fn -> Native.correlation_ids(ref, node) end)
  def correlations(ref), do: Core.call(fn -> Native.correlation_all(ref) end)

  # `{:ok, id}`, or `{:ok, %{ast_node_id:, then:}}` when the code is not what it was
  def correlate_point(ref, point) do
    case Core.call(fn -> Native.correlate_point(ref, point) end) do
      :large -> Core.Diff.point_then(ref, point)
      other -> other
    end
  end

  def correlate_activation(ref, token) do
    case Core.call(fn -> Native.correlate_activation(ref, token) end) do
      :large -> Core.Diff.activation_then(ref, token)
      other -> other
    end
  end

  def correlate_line(ref, file, line, column),
    do: Core.call(fn -> Native.correlate_line(ref, file, line, column) end)

  def correlate_function(ref, m, f, a), do: Core.call(fn -> Native.correlate_function(ref, m, f, a) end)

  # insights
  def put_insight(ref, node, fields), do: Core.call(fn -> Native.insight_put(ref, node, fields) end)
  def insight(ref, node), do: Core.call(fn -> Native.insight_get(ref, node) end)

  # questions
  def ask(ref, question, bounds), do: Core.call(fn -> Native.repository_ask(ref, question, bounds) end)
  def query_schema, do: Native.query_schema()
  def admissions, do: Core.call(fn -> Native.query_admissions() end)
  def query_counts(ref), do: Core.call(fn -> Native.repository_query_counts(ref) end)

  # answers that are taken piece by piece
  def open_answer(ref, question, bounds), do: Core.call(fn -> Native.answer_open(ref, question, bounds) end)
  def answer_rows(answer, from, count), do: Core.call(fn -> Native.answer_rows(answer, from, count) end)
  def answer_file(answer, format, path), do: Core.call(fn -> Native.answer_file(answer, format, path) end)
  def answer_file_step(file, rows), do: Core.call(fn -> Native.answer_file_step(file, rows) end)

  # what is kept: `how` is :columns, :index or :none; `what` is :stale, :answers, :columns or :computed
  def kept(ref), do: Core.call(fn -> Native.repository_kept(ref) end)

  def prepare(ref, table, columns, how),
    do: Core.call(fn -> Native.repository_prepare(ref, table, columns, how) end)

  def release(ref, what), do: Core.call(fn -> Native.repository_release(ref, what) end)

  # `bounds` is {from_ns, to_ns, timeout_ms, samples, running_max}
  def causes(ref, bounds), do: Core.call(fn -> Native.analysis_causes(ref, bounds) end)
  def context(ref, seeds, count), do: Core.call(fn -> Native.repository_context(ref, seeds, count) end)
  def stats(ref), do: Core.call(fn -> Native.repository_stats(ref) end)
  def health(ref), do: Core.call(fn -> Native.repository_health(ref) end)

  def index(ref, part, parts), do: Core.call(fn -> Native.repository_index(ref, part, parts) end)
  def coverage(ref, target), do: Core.call(fn -> Native.repository_coverage(ref, target) end)

  # projects: `units` is `[{unit, lines}]`, of parsed files
  def files(ref, root), do: Core.call(fn -> Native.repository_files(ref, root) end)

  def unchanged?(ref, root, path, text),
    do: Core.call(fn -> Native.repository_unchanged(ref, root, path, text) end)

  def commit_import(ref, root, units, removed),
    do: Core.call(fn -> Native.repository_commit_import(ref, root, units, removed) end)

  # snapshots and files
  def snapshot(ref), do: Core.call(fn -> Native.repository_snapshot(ref) end)
  def restore(ref, snapshot), do: Core.call(fn -> Native.repository_restore(ref, snapshot) end)
  def dump(ref), do: Core.call(fn -> Native.repository_dump(ref) end)
  def load(binary, limits), do: Core.call(fn -> Native.repository_load(binary, limits) end)
end

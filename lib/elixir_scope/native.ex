defmodule ElixirScope.Native do
  @moduledoc false
  # NIF stubs, grouped by noun, and nothing else. `ElixirScope.Core` and `ElixirScope.Probe` are the
  # only callers. The file is kept small and its functions frozen: a loaded NIF module is never replaced.

  @on_load :load

  def load do
    path = System.get_env("ELIXIR_SCOPE_NIF") || Path.join(priv(), "native/scope_nif")
    # Without the library the module still loads: probes are no-ops, and everything else says what is missing.
    case :erlang.load_nif(String.to_charlist(Path.rootname(path, ".so")), 0) do
      :ok -> :ok
      {:error, {reason, text}} -> :persistent_term.put(__MODULE__, {reason, text})
    end

    :ok
  end

  defp priv do
    case :code.priv_dir(:elixir_scope) do
      {:error, :bad_name} -> "priv"
      dir -> dir
    end
  end

  # probes: no-ops until the library is loaded
  def probe_enter(_point), do: 0
  def probe_exit(_point, _token, value), do: value
  def probe_tail(_point, _token), do: :ok
  def probe_reach(_point), do: :ok
  def probe_try_enter(_point), do: 0
  def probe_try_leave(_point, _token, value), do: value
  def probe_caught(_point, _token, _reason), do: :ok
  def probe_enter(_point, _arguments), do: 0
  def probe_exit_value(_point, _token, value), do: value
  # With a token, or without: then it belongs to the innermost open activation of the point's function.
  def probe_bind(_point, _token, _value), do: :ok
  def probe_bind(_point, _value), do: :ok
  def probe_trace(_point, _token, value), do: value
  def probe_trace(_point, value), do: value
  def probe_branch(_point, _token), do: :ok
  def probe_branch(_point), do: :ok
  def probe_send(_point, _token, _to, _message), do: :ok
  def probe_send(_point, _to, _message), do: :ok
  def probe_receive(_point, _token, _message), do: :ok
  def probe_receive(_point, _message), do: :ok
  def probe_handle(_point, _token, _message, _from), do: :ok
  def probe_raised(_point, _token, _kind, _reason), do: :ok
  def probe_raised(_point, _kind, _reason), do: :ok
  def probe_custom(_point, _token, _value), do: :ok

  # tracer: this module is an `erl_tracer`, called by the VM alone. Without the library it wants nothing.
  def enabled(:trace_status, _trace, _tracee), do: :remove
  def enabled(_tag, _trace, _tracee), do: :discard
  def enabled_call(_tag, _trace, _tracee), do: :discard
  def enabled_send(_tag, _trace, _tracee), do: :discard
  def enabled_receive(_tag, _trace, _tracee), do: :discard
  def enabled_procs(_tag, _trace, _tracee), do: :discard
  def enabled_running_procs(_tag, _trace, _tracee), do: :discard
  def enabled_garbage_collection(_tag, _trace, _tracee), do: :discard
  def trace(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_call(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_send(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_receive(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_procs(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_running_procs(_tag, _trace, _tracee, _what, _options), do: :ok
  def trace_garbage_collection(_tag, _trace, _tracee, _what, _options), do: :ok

  # traces: gates of the tracer
  def trace_open(_limits, _options, _bounds), do: missing()
  def trace_stop(_id), do: missing()
  def trace_status(_id), do: missing()
  def trace_close(_id), do: missing()
  def traces_open, do: missing()
  def capture_recording, do: missing()

  # sources: parsed files
  def source_build(_file, _text, _quoted), do: missing()
  def source_quoted(_source, _id), do: missing()
  def source_outline(_source), do: missing()
  def source_ids(_source), do: missing()
  def source_stats(_source), do: missing()
  def value_copy(_term), do: missing()

  # values that are recorded, and what of them is withheld
  def value_encode(_term, _bounds), do: missing()
  def value_time(_term, _bounds, _times), do: missing()
  def value_decode(_bytes), do: missing()
  def value_show(_bytes, _bytes_max), do: missing()
  def value_redact_text(_text), do: missing()
  def value_message_key(_message, _from), do: missing()
  def redaction_secret_name(_name), do: missing()
  def redaction_configure(_parts, _wholes, _looks, _patterns), do: missing()
  def redaction_classify(_module, _class), do: missing()
  def redaction_classify_plain(_modules), do: missing()
  def redaction_waiting, do: missing()
  def redaction_unclassified, do: missing()

  # capture
  def capture_start(_overflow), do: missing()
  def capture_stop, do: missing()
  def capture_active, do: missing()
  def capture_subscribe(_handle), do: missing()
  def capture_unsubscribe(_handle), do: missing()
  def capture_ignore(_pid, _ignored), do: missing()
  def capture_ingest(_budget_us, _thorough), do: missing()
  def capture_now, do: missing()
  def capture_visible(_ticks), do: missing()
  def capture_pending, do: missing()
  def capture_suspects(_quiet_ms, _limit), do: missing()
  def capture_retire(_pid, _stack, _ticks), do: missing()
  def capture_register(_module, _build, _points), do: missing()
  def capture_since(_module), do: missing()
  def capture_switch(_selection, _on), do: missing()
  def capture_accounts, do: missing()
  def capture_memory, do: missing()

  # gates: what points let through
  def capture_gates_set(_selection, _scope, _per, _changes), do: missing()
  def capture_gates_clear(_selection), do: missing()
  def capture_gates(_point), do: missing()
  def capture_share(_module, _name, _arity), do: missing()
  def capture_limit(_changes), do: missing()
  def capture_limits, do: missing()
  def capture_spent, do: missing()
  def capture_points(_selection), do: missing()
  def capture_calibrate(_rounds, _samples), do: missing()

  # notes: what other sources tell
  def capture_note(_source, _term), do: missing()
  def runtime_notes(_handle, _limit), do: missing()

  # work: for whom the code runs
  def work_attribute, do: missing()
  def work_attributed, do: missing()
  def work_begin(_owner, _group), do: missing()
  def work_end(_owner), do: missing()
  def work_unknown, do: missing()
  def work_relate(_pid, _parents), do: missing()
  def work_coverage(_ref, _literals), do: missing()

  # runtime: what a store knows of the running system
  def runtime_new(_event_log_bytes), do: missing()
  def runtime_function_stats(_handle, _function), do: missing()
  def runtime_functions(_handle), do: missing()
  def runtime_clauses(_handle, _function), do: missing()
  def runtime_edges(_handle), do: missing()
  def runtime_events(_handle, _limit), do: missing()
  def runtime_points(_handle, _points), do: missing()
  def runtime_points_of(_handle, _functions), do: missing()
  def runtime_totals(_handle), do: missing()

  # exports
  def export_formats, do: missing()
  def export_open(_handle, _format, _path, _options), do: missing()
  def export_step(_export, _budget_ms), do: missing()
  def export_about(_export), do: missing()

  # repository
  def repository_new(_id, _limits), do: missing()
  def repository_close(_ref), do: missing()
  def repository_put_module(_ref, _name, _mode, _expected, _ast, _fields), do: missing()
  def repository_put_quoted(_ref, _quoted, _file), do: missing()
  def repository_get_module(_ref, _name, _fields), do: missing()
  def repository_delete_module(_ref, _name), do: missing()
  def repository_put_function(_ref, _key, _mode, _expected, _ast, _fields), do: missing()
  def repository_get_function(_ref, _key, _fields), do: missing()
  def repository_node(_ref, _id), do: missing()
  def repository_node_exists(_ref, _id), do: missing()
  def repository_node_large(_ref, _id), do: missing()
  def repository_node_place(_ref, _id), do: missing()
  def repository_node_points(_ref, _id), do: missing()
  def repository_node_events(_ref, _id, _types, _limit), do: missing()
  def repository_ask(_ref, _question, _bounds), do: missing()
  def query_schema, do: missing()
  def query_admissions, do: missing()
  def repository_query_counts(_ref), do: missing()
  def repository_kept(_ref), do: missing()
  def repository_prepare(_ref, _table, _columns, _how), do: missing()
  def repository_release(_ref, _what), do: missing()
  def answer_open(_ref, _question, _bounds), do: missing()
  def answer_rows(_answer, _from, _count), do: missing()
  def answer_file(_answer, _format, _path), do: missing()
  def answer_file_step(_file, _rows), do: missing()
  def analysis_causes(_ref, _bounds), do: missing()
  # seeds are [{seed, weight}]
  def repository_context(_ref, _seeds, _count), do: missing()
  def repository_stats(_ref), do: missing()
  def repository_health(_ref), do: missing()
  def repository_coverage(_ref, _target), do: missing()
  def repository_index(_ref, _part, _parts), do: missing()
  def repository_files(_ref, _root), do: missing()
  def repository_unchanged(_ref, _root, _path, _text), do: missing()
  def repository_commit_import(_ref, _root, _units, _removed), do: missing()
  def repository_snapshot(_ref), do: missing()
  def repository_restore(_ref, _snapshot), do: missing()
  def repository_dump(_ref), do: missing()
  def repository_load(_binary, _limits), do: missing()

  # events: the event log, and events that callers brought
  def events_read(_ref, _filter, _limit), do: missing()
  def events_store(_ref, _at_ns, _node, _type, _event), do: missing()
  def events_types(_ref), do: missing()
  def events_stats(_ref), do: missing()

  # correlation
  def correlation_put(_ref, _id, _node), do: missing()
  def correlation_node(_ref, _id), do: missing()
  def correlation_ids(_ref, _node), do: missing()
  def correlation_all(_ref), do: missing()
  def correlate_point(_ref, _point), do: missing()
  def correlate_activation(_ref, _token), do: missing()
  def correlate_line(_ref, _file, _line, _column), do: missing()
  def correlate_function(_ref, _module, _name, _arity), do: missing()
  def insight_put(_ref, _node, _fields), do: missing()
  def insight_get(_ref, _node), do: missing()

  # graphs
  def source_calls(_source), do: missing()
  def compiled_build(_definitions, _told), do: missing()
  def repository_put_compiled(_ref, _root, _modules), do: missing()
  def repository_stale_modules(_ref), do: missing()
  def graph_calls(_ref, _external, _dynamic), do: missing()
  def graph_dependencies(_ref, _level, _external), do: missing()
  def graph_cycles(_ref, _of, _least), do: missing()
  def graph_wanted_exports(_ref), do: missing()
  def graph_put_exports(_ref, _exports), do: missing()
  def graph_stats(_ref), do: missing()

  # causes and time
  def temporal_walk(_ref, _event_id, _back, _bounds, _care), do: missing()
  def temporal_relations(_ref, _pid, _from_ns, _to_ns, _limit, _care), do: missing()
  def temporal_state(_ref, _pid, _at_ns, _event_id, _before, _care), do: missing()
  def temporal_step(_ref, _event_id, _forward, _motion, _global, _limit, _care), do: missing()

  # metrics
  def metrics_of_clauses(_ref, _id), do: missing()
  def smells_find(_ref, _kinds, _thresholds, _tests), do: missing()
  def smells_catalog, do: missing()

  # versions of a source
  def source_diff(_old, _new), do: missing()
  def source_forward(_old, _new, _ids), do: missing()
  def source_survival(_old, _new), do: missing()
  def repository_node_as_of(_ref, _id, _as_of), do: missing()
  def repository_present_id(_ref, _id), do: missing()
  def correlate_point_then(_ref, _point), do: missing()
  def correlate_activation_then(_ref, _token), do: missing()

  # updates of a live repository
  def source_computed, do: missing()
  def repository_roots(_ref), do: missing()
  def repository_version(_ref), do: missing()
  def repository_file_place(_ref, _path), do: missing()
  def repository_apply(_ref, _operations, _as_of), do: missing()

  # flow: variables, control flow, data flow
  def flow_occurrences(_source), do: missing()
  def flow_scopes(_holder, _id), do: missing()
  def flow_control(_holder, _id), do: missing()
  def flow_data(_holder, _id), do: missing()
  def flow_between(_ref), do: missing()
  def flow_bytes(_source), do: missing()
  def flow_complexities(_source), do: missing()

  # meaning: what modules declare and are
  def source_metadata(_source), do: missing()
  def repository_metadata(_ref, _name), do: missing()
  def source_meaning(_source), do: missing()
  def repository_meaning(_ref, _name), do: missing()
  def repository_meanings(_ref, _what), do: missing()

  # search: `wanted` is {limit, offset, timeout_ms}
  def search_ids(_ref, _pattern, _wanted), do: missing()
  def search_matches(_ref, _pattern, _wanted), do: missing()

  # processes: supervision and messages, from the source
  def otp_supervision(_ref), do: missing()
  def otp_messages(_ref), do: missing()
  def otp_module(_ref, _name), do: missing()

  # watch: source files that change on the disk
  def watch_start(_roots, _exclude, _backend, _native_max, _poll_ms), do: missing()
  def watch_pending(_watch), do: missing()
  def watch_take(_watch), do: missing()
  def watch_status(_watch), do: missing()
  def watch_stop(_watch), do: missing()

  defp missing, do: :erlang.nif_error(:nif_not_loaded)
end

//! Which tables there are, and what their columns hold.
//!
//! One list for the DSL, for SQL, for `--fields` and for exports. Modules and functions have the fields of the structs that people
//! get; what stands inside of one is a path, `complexity_metrics.halstead_volume`.

use crate::error::Result;
use crate::query::Type::{Any, Atom, Bool, Float, Int, Text};
use crate::query::{Catalogue, ColumnInfo, ColumnIx, Type, unknown};

/// When a column changes, and what it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// With the source.
    Source,
    /// With every event.
    Run,
    /// Made row by row, at some cost.
    Costly,
}

impl Of {
    pub fn name(self) -> &'static str {
        match self {
            Of::Source => "source",
            Of::Run => "run",
            Of::Costly => "costly",
        }
    }
}

pub struct Column {
    pub name: &'static str,
    pub kind: Type,
    pub of: Of,
}

pub struct TableInfo {
    pub name: &'static str,
    /// What a row is.
    pub what: &'static str,
    pub columns: &'static [Column],
    /// What a row shows when nothing is selected.
    pub defaults: &'static [&'static str],
}

const fn source(name: &'static str, kind: Type) -> Column {
    Column {
        name,
        kind,
        of: Of::Source,
    }
}

const fn run(name: &'static str, kind: Type) -> Column {
    Column {
        name,
        kind,
        of: Of::Run,
    }
}

const fn costly(name: &'static str) -> Column {
    Column {
        name,
        kind: Any,
        of: Of::Costly,
    }
}

const FUNCTIONS: &[Column] = &[
    source("function", Text),
    source("module_name", Atom),
    source("function_name", Atom),
    source("arity", Int),
    source("function_key", Any),
    source("ast_node_id", Text),
    source("kind", Atom),
    source("visibility", Atom),
    source("file", Text),
    source("source_file", Text),
    source("line", Int),
    source("column", Int),
    source("module_type", Atom),
    source("cyclomatic_complexity", Int),
    source("cognitive_complexity", Int),
    source("nesting_depth", Int),
    source("lines_of_code", Int),
    source("maintainability_index", Float),
    run("calls", Int),
    run("call_frequency", Int),
    run("execution_frequency", Int),
    run("errors", Int),
    run("error_rate", Float),
    run("total_us", Float),
    run("self_us", Float),
    run("p50_us", Float),
    run("p95_us", Float),
    run("p99_us", Float),
    run("average_duration", Float),
    run("last_executed", Any),
    run("test_coverage", Float),
    run("crap", Float),
    run("has_runtime_data", Bool),
    run("correlation_exists", Bool),
    run("has_performance_data", Bool),
    costly("ast"),
    costly("source_location"),
    costly("signature"),
    costly("documentation"),
    costly("complexity_metrics"),
    costly("instrumentation_points"),
    costly("execution_statistics"),
    costly("performance_profile"),
    costly("runtime_insights"),
    costly("memory_usage"),
    costly("variable_capture_points"),
    costly("expression_trace_points"),
    costly("custom_injection_points"),
    costly("code_smells"),
    costly("calls_made"),
    costly("called_by"),
    costly("message_sends"),
    costly("message_receives"),
    costly("creation_timestamp"),
    costly("last_modified"),
    costly("local_variables"),
    costly("variable_mutations"),
    costly("scope_analysis"),
    costly("parameter_analysis"),
    costly("return_analysis"),
    costly("test_cases"),
    costly("execution_history"),
    costly("variable_lifecycles"),
];

const MODULES: &[Column] = &[
    source("module_name", Atom),
    source("module_type", Atom),
    source("kind", Atom),
    source("ast_node_id", Text),
    source("file", Text),
    source("source_file", Text),
    source("line", Int),
    source("column", Int),
    source("function_count", Int),
    source("node_count", Int),
    source("lines_of_code", Int),
    source("cyclomatic_complexity", Int),
    source("cognitive_complexity", Int),
    source("nesting_depth", Int),
    source("maintainability_index", Float),
    source("documentation_score", Float),
    source("architectural_role", Any),
    source("compilation_hash", Any),
    run("calls", Int),
    run("errors", Int),
    run("execution_frequency", Any),
    run("test_coverage", Float),
    run("has_runtime_data", Bool),
    run("correlation_exists", Bool),
    run("has_performance_data", Bool),
    costly("ast"),
    costly("ast_node_mapping"),
    costly("business_rules"),
    costly("callbacks"),
    costly("complexity_metrics"),
    costly("correlation_metadata"),
    costly("dependencies"),
    costly("domain_concepts"),
    costly("error_patterns"),
    costly("exports"),
    costly("first_instrumented"),
    costly("instrumentation_points"),
    costly("last_updated"),
    costly("message_flows"),
    costly("patterns"),
    costly("performance_data"),
    costly("process"),
    costly("runtime_insights"),
    costly("version_history"),
];

const NODES: &[Column] = &[
    source("kind", Atom),
    source("name", Atom),
    source("line", Int),
    source("column", Int),
    source("argument_count", Int),
    source("module_name", Atom),
    source("function_name", Atom),
    source("arity", Int),
    source("file", Text),
    source("source_file", Text),
    source("function", Text),
    costly("ast_node_id"),
    costly("function_key"),
    costly("cyclomatic_complexity"),
    costly("ast"),
    costly("calls"),
    costly("errors"),
    costly("runtime_insights"),
    costly("has_runtime_data"),
    costly("correlation_exists"),
    costly("has_performance_data"),
];

const CLAUSES: &[Column] = &[
    source("ast_node_id", Text),
    source("function", Text),
    source("module_name", Atom),
    source("function_name", Atom),
    source("arity", Int),
    source("clause", Int),
    source("file", Text),
    source("line", Int),
    source("end_line", Int),
    source("cyclomatic_complexity", Int),
    run("calls", Int),
    run("errors", Int),
    run("total_us", Float),
    run("self_us", Float),
    run("p95_us", Float),
];

const EVENTS: &[Column] = &[
    run("event_id", Int),
    run("event_type", Atom),
    run("time_ns", Int),
    run("process", Text),
    run("correlation_id", Int),
    run("function", Text),
    run("module_name", Atom),
    run("function_name", Atom),
    run("arity", Int),
    run("clause", Int),
    run("line", Int),
    run("duration_us", Float),
    run("reason", Atom),
    run("variable", Text),
    run("value", Text),
];

const ACTIVATIONS: &[Column] = &[
    run("correlation_id", Int),
    run("function", Text),
    run("module_name", Atom),
    run("function_name", Atom),
    run("arity", Int),
    run("clause", Int),
    run("line", Int),
    run("process", Text),
    run("started_ns", Int),
    run("duration_us", Float),
    run("outcome", Atom),
    run("reason", Atom),
];

const EDGES: &[Column] = &[
    run("caller", Text),
    run("callee", Text),
    run("caller_module", Atom),
    run("callee_module", Atom),
    run("kind", Atom),
    run("written", Bool),
    run("observed", Bool),
    run("calls", Int),
    run("file", Text),
    run("line", Int),
];

const PROCESSES: &[Column] = &[
    run("process", Text),
    run("events", Int),
    run("calls", Int),
    run("errors", Int),
    run("first_ns", Int),
    run("last_ns", Int),
    run("exited", Bool),
];

const FINDINGS: &[Column] = &[
    source("kind", Atom),
    source("ast_node_id", Text),
    source("file", Text),
    source("line", Int),
    source("column", Int),
    source("module_name", Atom),
    source("function", Text),
    source("what", Text),
    source("why", Text),
    source("instead", Text),
    source("measured", Float),
    source("threshold", Int),
    source("confidence", Float),
];

pub const TABLES: [TableInfo; 9] = [
    TableInfo {
        name: "modules",
        what: "a module of the source, or one that was stored",
        columns: MODULES,
        defaults: &[
            "module_name",
            "module_type",
            "source_file",
            "complexity_metrics",
            "calls",
            "errors",
        ],
    },
    TableInfo {
        name: "functions",
        what: "a function of the source, or one that was stored",
        columns: FUNCTIONS,
        defaults: &[
            "function_key",
            "ast_node_id",
            "file",
            "line",
            "cyclomatic_complexity",
            "calls",
            "errors",
            "average_duration",
        ],
    },
    TableInfo {
        name: "clauses",
        what: "a clause of a function",
        columns: CLAUSES,
        defaults: &[
            "ast_node_id",
            "file",
            "line",
            "cyclomatic_complexity",
            "calls",
            "errors",
        ],
    },
    TableInfo {
        name: "ast_nodes",
        what: "a node of the source",
        columns: NODES,
        defaults: &["ast_node_id", "kind", "name", "file", "line", "column"],
    },
    TableInfo {
        name: "events",
        what: "an event of the log, in the order of the log",
        columns: EVENTS,
        defaults: &[
            "event_id",
            "event_type",
            "time_ns",
            "process",
            "correlation_id",
            "function",
            "line",
            "duration_us",
        ],
    },
    TableInfo {
        name: "activations",
        what: "a call, from its beginning to its end",
        columns: ACTIVATIONS,
        defaults: &[
            "correlation_id",
            "function",
            "process",
            "started_ns",
            "duration_us",
            "outcome",
        ],
    },
    TableInfo {
        name: "edges",
        what: "who calls whom: as written, as observed, or both",
        columns: EDGES,
        defaults: &["caller", "callee", "kind", "written", "observed", "calls"],
    },
    TableInfo {
        name: "processes",
        what: "a process of which the log holds events",
        columns: PROCESSES,
        defaults: &[
            "process", "events", "calls", "errors", "first_ns", "last_ns", "exited",
        ],
    },
    TableInfo {
        name: "findings",
        what: "what is doubtful in the source",
        columns: FINDINGS,
        defaults: &["kind", "file", "line", "function", "what"],
    },
];

/// What stands inside of a field. Numbers, but for the last of each.
const INSIDE: [(&str, &[(&str, Type)]); 4] = [
    (
        "complexity_metrics",
        &[
            ("abc_assignments", Int),
            ("abc_branches", Int),
            ("abc_conditions", Int),
            ("abc_size", Float),
            ("cognitive_complexity", Int),
            ("crap", Float),
            ("credo_abc_size", Float),
            ("credo_cyclomatic", Int),
            ("cyclomatic_complexity", Int),
            ("halstead_difficulty", Float),
            ("halstead_distinct_operands", Int),
            ("halstead_distinct_operators", Int),
            ("halstead_effort", Float),
            ("halstead_operands", Int),
            ("halstead_operators", Int),
            ("halstead_volume", Float),
            ("lines_of_code", Int),
            ("maintainability_index", Float),
            ("nesting_depth", Int),
        ],
    ),
    (
        "execution_statistics",
        &[
            ("aborted", Int),
            ("average_duration", Float),
            ("call_frequency", Int),
            ("error_rate", Float),
            ("errors", Int),
            ("last_executed", Any),
            ("max_us", Float),
            ("min_us", Float),
            ("p50_us", Float),
            ("p95_us", Float),
            ("p99_us", Float),
            ("returned", Int),
            ("self_us", Float),
            ("tail_calls", Int),
            ("total_us", Float),
        ],
    ),
    (
        "performance_profile",
        &[
            ("cpu_usage", Float),
            ("p95_us", Float),
            ("self_share", Float),
            ("self_us", Float),
            ("total_us", Float),
        ],
    ),
    ("runtime_insights", INSIGHTS),
];

const INSIGHTS: &[(&str, Type)] = &[
    ("aggregation_period", Any),
    ("bug_correlation", Any),
    ("business_rule_usage", Any),
    ("call_patterns", Any),
    ("code_coverage", Any),
    ("cold_code", Any),
    ("concurrency_patterns", Any),
    ("confidence_level", Any),
    ("data_transformations", Any),
    ("error_frequencies", Any),
    ("exception_patterns", Any),
    ("execution_frequency", Any),
    ("failure_cascades", Any),
    ("feature_utilization", Any),
    ("gc_impact", Any),
    ("hotspots", Any),
    ("last_updated", Any),
    ("memory_allocations", Any),
    ("message_flows", Any),
    ("process_spawning", Any),
    ("sample_count", Any),
    ("state_mutations", Any),
    ("supervision_events", Any),
    ("temporal_patterns", Any),
    ("test_effectiveness", Any),
    ("unknown", Any),
    ("user_journey_mapping", Any),
    ("variable_lifecycles", Any),
];

/// Names in a path.
const PATH_MAX: usize = 8;

pub struct Schema;

pub fn table(name: &str) -> Result<&'static TableInfo> {
    let found = TABLES.iter().find(|table| table.name == name);
    found.ok_or_else(|| unknown("source", name, TABLES.iter().map(|table| table.name)))
}

impl TableInfo {
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether a column, or what it is a part of, changes with every event.
    pub fn is_of_run(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or(path);
        match self.column(path).or_else(|| self.column(first)) {
            Some(column) if first == "complexity_metrics" => {
                path == first || path.ends_with(".crap") || column.of == Of::Run
            }
            Some(column) => column.of != Of::Source,
            None => true,
        }
    }
}

impl Catalogue for Schema {
    fn table(&self, name: &str) -> Result<()> {
        table(name).map(|_| ())
    }

    fn column(&self, name: &str, path: &str) -> Result<ColumnInfo> {
        let table = table(name)?;
        let mut names = path.split('.');
        let first = names.next().unwrap_or_default();
        let Some(column) = table.column(first) else {
            return Err(unknown(
                field_of(table.name),
                path,
                table.columns.iter().map(|column| column.name),
            ));
        };
        let rest: Vec<&str> = names.collect();
        if rest.is_empty() {
            return Ok(ColumnInfo {
                kind: column.kind,
                costly: column.of == Of::Costly,
            });
        }
        if column.kind != Any || rest.len() >= PATH_MAX {
            return Err(unknown(field_of(table.name), path, std::iter::empty()));
        }
        let inside = INSIDE.iter().find(|(field, _)| *field == first);
        let kind = match inside {
            None => Any,
            Some((_, fields)) => match fields.iter().find(|(field, _)| *field == rest[0]) {
                Some((_, kind)) if rest.len() == 1 => *kind,
                Some((_, Any)) => Any,
                _ => {
                    let fields = fields.iter().map(|(field, _)| *field);
                    return Err(unknown(field_of(first), rest[0], fields));
                }
            },
        };
        Ok(ColumnInfo {
            kind,
            costly: kind == Any,
        })
    }

    fn default_columns(&self, name: &str) -> Vec<ColumnIx> {
        let defaults = table(name).map_or(&[][..], |table| table.defaults);
        defaults.iter().map(|name| (*name).into()).collect()
    }
}

/// For errors: they hold a name that lives as long as the program.
fn field_of(name: &str) -> &'static str {
    match name {
        "modules" => "field of modules",
        "functions" => "field of functions",
        "clauses" => "field of clauses",
        "ast_nodes" => "field of ast_nodes",
        "events" => "field of events",
        "activations" => "field of activations",
        "edges" => "field of edges",
        "processes" => "field of processes",
        "findings" => "field of findings",
        "complexity_metrics" => "field of complexity_metrics",
        "execution_statistics" => "field of execution_statistics",
        "performance_profile" => "field of performance_profile",
        "runtime_insights" => "field of runtime_insights",
        _ => "field",
    }
}

//! The fields of functions, by name.

use crate::store::columns::{COMPLEXITY, Same, fields};

fields! {
    /// What is computed of a function.
    FunctionField, same: FUNCTION_SAME, {
        Module = "module_name",
        Name = "function_name",
        Arity = "arity",
        Key = "function_key",
        NodeId = "ast_node_id",
        Ast = "ast",
        Location = "source_location",
        Visibility = "visibility",
        Signature = "signature",
        Documentation = "documentation",
        Metrics = "complexity_metrics",
        Cyclomatic = "cyclomatic_complexity" | "complexity_metrics.cyclomatic_complexity",
        Credo = "complexity_metrics.credo_cyclomatic",
        Cognitive = "cognitive_complexity" | "complexity_metrics.cognitive_complexity",
        Nesting = "nesting_depth" | "complexity_metrics.nesting_depth",
        Maintainability = "maintainability_index" | "complexity_metrics.maintainability_index",
        Lines = "lines_of_code" | "complexity_metrics.lines_of_code",
        Points = "instrumentation_points",
        Statistics = "execution_statistics",
        Calls = "calls" | "call_frequency" | "execution_frequency" | "execution_statistics.call_frequency",
        Average = "average_duration" | "execution_statistics.average_duration",
        ErrorRate = "error_rate" | "execution_statistics.error_rate",
        Errors = "errors",
        TotalUs = "total_us" | "execution_statistics.total_us",
        SelfUs = "self_us" | "execution_statistics.self_us",
        P50Us = "p50_us" | "execution_statistics.p50_us",
        P95Us = "p95_us" | "execution_statistics.p95_us",
        P99Us = "p99_us" | "execution_statistics.p99_us",
        LastExecuted = "last_executed" | "execution_statistics.last_executed",
        Profile = "performance_profile",
        CpuUsage = "performance_profile.cpu_usage",
        Memory = "memory_usage",
        VariablePoints = "variable_capture_points",
        ExpressionPoints = "expression_trace_points",
        CustomPoints = "custom_injection_points",
        Coverage = "test_coverage",
        Crap = "crap" | "complexity_metrics.crap",
        Smells = "code_smells",
        CallsMade = "calls_made",
        CalledBy = "called_by",
        Sends = "message_sends",
        Receives = "message_receives",
        Created = "creation_timestamp",
        Modified = "last_modified",
        Insights = "runtime_insights",
        Variables = "local_variables",
        Mutations = "variable_mutations",
        Scopes = "scope_analysis",
        Parameters = "parameter_analysis",
        Returns = "return_analysis",
        ModuleType = "module_type",
        Kind = "kind",
        File = "file" | "source_file",
        Line = "line",
        Col = "column",
        HasRuntime = "has_runtime_data",
        HasCorrelation = "correlation_exists",
        HasPerformance = "has_performance_data",
    }
}

/// Stored fields that say that it ran.
pub(super) const RUNTIME_FIELDS: [&str; 8] = [
    "execution_statistics",
    "call_frequency",
    "average_duration",
    "memory_usage",
    "error_rate",
    "performance_profile",
    "last_executed",
    "execution_history",
];

/// One figure under several names: what was stored under one answers for the others.
pub(super) const FUNCTION_SAME: [Same; 7] = [
    COMPLEXITY[0],
    COMPLEXITY[1],
    COMPLEXITY[2],
    COMPLEXITY[3],
    (
        &[
            "calls",
            "call_frequency",
            "execution_frequency",
            "execution_statistics.call_frequency",
        ],
        &[
            &["call_frequency"],
            &["execution_statistics", "call_frequency"],
        ],
    ),
    (
        &["average_duration", "execution_statistics.average_duration"],
        &[
            &["average_duration"],
            &["execution_statistics", "average_duration"],
        ],
    ),
    (
        &["error_rate", "execution_statistics.error_rate"],
        &[&["error_rate"], &["execution_statistics", "error_rate"]],
    ),
];

/// Stored under names of their own, these go into the statistics.
pub(super) const IN_STATISTICS: [&str; 4] = [
    "call_frequency",
    "average_duration",
    "error_rate",
    "last_executed",
];

//! The repository: source, stored data and what was observed, under one roof.
//!
//! Records are immutable and shared; a reader keeps what it has, a writer puts a new record in its place.

mod asking;
mod batch;
mod builds;
mod change;
mod columns;
mod complexity;
mod correlations;
mod coverage;
mod data_flow;
mod dependency_answer;
mod files;
mod findings;
mod function_fields;
mod function_row;
mod graph_answer;
mod graphs;
mod history;
mod import;
mod insights;
mod insights_between;
mod locate;
mod meaning;
mod module_row;
mod node_row;
mod points_at;
mod processes;
mod record;
mod relevance;
mod replace;
mod repository;
mod saved;
mod saved_history;
mod snapshot;
mod state;
mod stats;
mod structs;
mod tables;
mod view;
mod write;

pub use asking::{Asked, Asking, Mode as AskMode, Spec, Told, Written, answer};
pub use batch::{Applied, Operation, Rejected};
pub use builds::{AsOf, PointNode, Then, VersionEntry};
pub use change::{FileChange, Kind as ChangeKind};
pub use columns::{Cell, Code, Column};
pub use complexity::{clause_metrics, clauses_of, function_metrics, module_metrics};
pub use correlations::{CorrelationId, Correlations};
pub use coverage::{Coverage, coverage_by, crap, function_coverage};
pub use data_flow::data_flow_between;
pub use dependency_answer::{Level, Of, cycle_values, dependencies_of, dependency_graph};
pub use findings::{FindingsAsked, catalog, findings};
pub use function_row::FunctionRow;
pub use graph_answer::{CallOptions, call_graph, function_calls};
pub use history::{Gone, History, Version};
pub use import::{Imported, Parsed};
pub use locate::{Located, function_id, function_number, runtime_key};
pub use module_row::{ModuleRow, id_value};
pub use node_row::kind_word;
pub use points_at::PointsAt;
pub use processes::Processes;
pub use record::{Fields, FileRecord, FunctionRecord, ModuleRecord, Source};
pub use relevance::{ContextAsked, Seed, context};
pub use repository::{Limits, Repository};
#[cfg(fuzzing)]
pub use saved::with_head;
pub use snapshot::Snapshot;
pub use stats::{Health, Stats};
pub use structs::{date_time, structure, word};
pub use tables::{EVENT_TYPES, Schema, Sources, StoreTables, TABLES, TableInfo};
pub use view::{LivePoint, PointsOf, View};
pub use write::{FunctionWrite, Mode, ModuleWrite};

#[cfg(test)]
#[path = "store_test.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "files_test.rs"]
mod files_tests;

#[cfg(test)]
#[path = "history_test.rs"]
mod history_tests;

//! Complexity and size, per clause, function and module. Each metric's file names its source.

mod clause;
mod cognitive;
mod cyclomatic;
mod measure;
mod nesting;
mod recursion;

pub use clause::{ClauseMetrics, FunctionMetrics, ModuleMetrics};
pub(crate) use measure::measure;

//! Capture: from a probe in instrumented code to an ordered stream of records.

mod build_table;
mod flags;
pub mod points;

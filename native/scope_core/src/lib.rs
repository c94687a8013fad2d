//! The pure core of ElixirScope. A table of contents: one module per concern.
//!
//! No BEAM term, atom table or scheduler is known here, and nothing recurses over input.

pub mod ast;
pub mod atoms;
pub mod capture;
pub mod captured;
pub mod compiled;
pub mod context;
pub mod declare;
pub mod diff;
pub mod error;
pub mod export;
pub mod flow;
pub mod graph;
pub mod ingest;
pub mod insight;
pub mod limits;
pub mod metrics;
mod numbered;
pub mod otp;
pub mod query;
pub mod search;
pub mod semantics;
pub mod smells;
pub mod source;
pub mod store;
pub mod sync;
pub mod temporal;
pub mod value;
pub mod watch;

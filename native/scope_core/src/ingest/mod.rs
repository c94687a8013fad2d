//! Ingest: from ordered records to statistics, call edges, activations and the event log.

pub mod attribution;
mod branches;
mod bytes;
mod counted;
mod edges;
mod effect;
mod engine;
mod log;
mod log_stats;
mod process;
mod reading;
#[cfg(any(fuzzing, all(test, not(loom))))]
mod rereading;
mod saved;
mod saved_log;
mod side;
mod stats;
mod store;
mod tables;
mod told;
mod warmth;

pub use branches::Branch;
pub use bytes::{Names, split};
pub use counted::AllStats;
pub use edges::{Edge, EdgeKind};
pub use effect::EventKind;
pub use engine::{Engine, EngineCounts};
pub use log::{Blob, Directory, Disk, DiskFile, EventFilter};
pub(crate) use log::{Block, LONG, NO_POINT, POINT_BITS, POINT_MASK, Wanted};
pub use log_stats::LogStats;
pub use reading::{Activation, Event, Moment, Reading};
#[cfg(fuzzing)]
pub use rereading::{read_again, written};
pub use saved::SavedRuntime;
pub use side::{SideEvent, SideFilter};
pub use stats::CallStats;
pub use store::{ClauseStats, PointStats, RuntimeLimits, RuntimeStore, SharedStore, Spill, Totals};
pub use told::{Cursor, Question, Told};
pub use warmth::{Warm, Warmth};

#[cfg(all(test, not(loom)))]
pub(crate) mod engine_test;
#[cfg(all(test, not(loom)))]
mod foreign_test;
#[cfg(all(test, not(loom)))]
mod log_test;
#[cfg(all(test, not(loom)))]
mod model_test;
#[cfg(all(test, not(loom)))]
mod spill_test;
#[cfg(all(test, not(loom)))]
mod store_test;
#[cfg(all(test, not(loom)))]
mod threads_test;
#[cfg(all(test, not(loom)))]
mod within_test;

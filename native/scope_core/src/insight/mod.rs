//! What the events of a running program teach about its functions: where time goes, what fails and how far it spreads,
//! how many processes are in a function at once, who talks to whom.
//!
//! Events are taken once, in the order of the log, and only their sums are kept: an answer costs what was asked for, not
//! what happened. What a source would have to tell that was not on is left out, and said (`Sources`).

mod analysis;
mod bursts;
mod cascades;
mod confidence;
mod facts;
mod messages;
mod processes;
mod spread;
mod values;

pub use analysis::{Analysis, Gap, Sources};
pub use bursts::Buckets;
pub use cascades::{Cascade, Cascades, Seen};
pub use confidence::{confidence, wilson_half_width};
pub use facts::{Collections, Concurrency, FunctionFacts, Scheduling};
pub use messages::{Flow, FlowKey, Inbox, Replies};
pub use processes::{Exit, ProcessEvent, Spawns};
pub use spread::{How, Spread};

//! Causes and time: what led to an event, what came of it, and how a process stood at a moment.
//!
//! Everything here is a pure function of a *window*: a bounded piece of the event log, in order of time. A
//! window is made of `Happening`s (an event without its values), which names nothing of the log's own form.
//!
//! Two rules hold throughout. An edge that could be another one is never called exact: `Basis` says on what each stands.
//! And what a window does not hold (not captured, evicted, outside) is said, not guessed.

mod basis;
mod budget;
mod deaths;
#[cfg(all(test, not(loom)))]
mod deaths_test;
mod edges;
mod happening;
mod messages;
mod restarts;
mod search;
mod source;
mod state;
mod step;
mod view;
mod window;

pub use basis::Basis;
pub use budget::Budget;
pub use edges::{CausalEdge, Causality, EdgeKind};
pub use happening::{Ending, Happening, Tag, What};
pub use messages::{Message, Messages};
pub use search::{Direction, Found, Limits, Reached, Visit};
pub use source::{Fact, happening};
pub use state::{OpenCall, ProcessState, Status};
pub use step::{Motion, Sense, step};
pub use view::{Scope, View};
pub use window::Window;

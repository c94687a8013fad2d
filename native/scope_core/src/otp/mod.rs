//! Processes, from the source: who starts and supervises whom, who sends what to whom.
//!
//! * `shape`, `pattern` - what is known of a value, and whether it fits a pattern
//! * `eval` - code read as if it ran
//! * `facts` - of one file, kept with it: what is sent, taken, registered, started
//! * `tree` - the supervision tree of a project
//! * `flow` - the messages of a project: every place that sends, with the clauses that may take it

mod eval;
mod facts;
mod fit;
mod flow;
mod handlers;
mod message;
mod pattern;
mod project;
mod returns;
mod senders;
mod shape;
mod spec;
mod start;
mod syntax;
mod text;
mod tree;

pub use facts::Facts;
pub use fit::Fit;
pub use flow::{Edge, Flow, Reason, Resolution, Sent, flow};
pub use handlers::{Handler, Taker};
pub use message::{MessageKind, Send, Subscription, Target};
pub use project::Project;
pub use returns::{Return, Waits};
pub use shape::{Elem, Presence, Shape, Site};
pub use start::{ProcessKind, Started};
pub use tree::{Application, Basis, Node, Tree, tree};

//! What the engine hands to every subscribed store: activations as they begin and end.

use serde::{Deserialize, Serialize};

/// No edge, no reason.
pub(crate) const NONE: u32 = u32::MAX;

/// What happened to an activation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum EventKind {
    /// It began.
    Enter = 0,
    /// It gave a value.
    Return = 1,
    /// It jumped to another function.
    Tail = 2,
    /// An exception, throw or exit unwound it.
    Error = 3,
    /// Its process died.
    Aborted = 4,
    /// It ended, but the record of its end was dropped (a full ring), so nobody knows how or exactly when.
    Lost = 5,
}

impl EventKind {
    pub const ALL: [EventKind; 6] = [
        EventKind::Enter,
        EventKind::Return,
        EventKind::Tail,
        EventKind::Error,
        EventKind::Aborted,
        EventKind::Lost,
    ];
}

/// The beginning or the end of one activation. Its event id is its place in the stream of effects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    pub kind: EventKind,
    /// Whether no other activation of the function (of the clause) was open below this one.
    pub outermost_function: bool,
    pub outermost_clause: bool,
    /// Nanoseconds on the capture's clock.
    pub at_ns: u64,
    /// The engine's number of the process: reused after its death, so `process_word` tells them apart.
    pub process: u32,
    pub process_word: u64,
    pub token: u64,
    /// Dense number of the clause's point.
    pub point: u32,
    /// Enter: the engine's number of the edge that led here, or `NONE`.
    pub edge: u32,
    /// End: time since it began, and the part of it not spent in activations it called.
    pub inclusive_ns: u64,
    pub self_ns: u64,
    /// End: the event id of its beginning.
    pub opened: u64,
    /// Error: number of the reason's atom, or `NONE`.
    pub reason: u32,
}

//! What the engine hands to every subscribed store: activations as they begin and end.

use serde::{Deserialize, Serialize};

use crate::capture::points::{FunctionKey, Registered};
use crate::capture::record::RecordKind;
use crate::ingest::edges::EdgeTable;
use crate::numbered::numbered;

/// No edge, no reason.
pub(crate) const NONE: u32 = u32::MAX;

numbered! {
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

        // What happened within an activation.
        Binding = 6,
        Expression = 7,
        /// A branch was taken.
        Branch = 8,
        /// Instrumented code sends; a `receive` or a callback of OTP takes.
        Sent = 9,
        Received = 10,
        /// An exception was caught.
        Raised = 11,
        Custom = 12,
        /// What another source told.
        Note = 13,

        // What the VM's own tracing tells of a process.
        MessageSent = 14,
        MessageArrived = 15,
        SentToNone = 16,
        Spawn = 17,
        Spawned = 18,
        ProcessExit = 19,
        Link = 20,
        Unlink = 21,
        Register = 22,
        Unregister = 23,
        ScheduledIn = 24,
        ScheduledOut = 25,
        GcBegin = 26,
        GcEnd = 27,
        /// A traced function has ended; the value is the function that goes on.
        ReturnedTo = 28,
    }
}

/// `ALL` is indexed by number.
const _: () = {
    let mut at = 0;
    while at < EventKind::ALL.len() {
        assert!(EventKind::ALL[at] as usize == at);
        at += 1;
    }
};

impl EventKind {
    /// Whether it ends an activation.
    #[inline]
    pub fn is_end(self) -> bool {
        matches!(self as u8, 1..=5)
    }

    /// The event that a record is told as, of those that neither begin nor end anything.
    pub(crate) fn of_record(kind: RecordKind) -> Option<EventKind> {
        Some(match kind {
            RecordKind::Bind => EventKind::Binding,
            RecordKind::Value => EventKind::Expression,
            RecordKind::Choice => EventKind::Branch,
            RecordKind::Send => EventKind::Sent,
            RecordKind::Receive => EventKind::Received,
            RecordKind::Raise => EventKind::Raised,
            RecordKind::Custom => EventKind::Custom,
            RecordKind::Note => EventKind::Note,
            RecordKind::MessageSent => EventKind::MessageSent,
            RecordKind::MessageArrived => EventKind::MessageArrived,
            RecordKind::SentToNone => EventKind::SentToNone,
            RecordKind::Spawn => EventKind::Spawn,
            RecordKind::Spawned => EventKind::Spawned,
            RecordKind::ProcessExit => EventKind::ProcessExit,
            RecordKind::Link => EventKind::Link,
            RecordKind::Unlink => EventKind::Unlink,
            RecordKind::Register => EventKind::Register,
            RecordKind::Unregister => EventKind::Unregister,
            RecordKind::In => EventKind::ScheduledIn,
            RecordKind::Out => EventKind::ScheduledOut,
            RecordKind::GcBegin => EventKind::GcBegin,
            RecordKind::GcEnd => EventKind::GcEnd,
            RecordKind::ReturnedTo => EventKind::ReturnedTo,
            _ => return None,
        })
    }
}

/// The beginning or the end of one activation, or something that happened meanwhile. Its event id is its place in the stream of effects.
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
    /// The activation; of what happened within one, the one it belongs to, or 0.
    pub token: u64,
    /// Dense number of the point, or `NONE`.
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
    /// Where its bytes lie among the batch's: start and length.
    pub blob: (u32, u32),
}

/// What the engine hands over at a time.
pub(crate) struct Batch<'a> {
    pub effects: &'a [Effect],
    /// The bytes of all of them.
    pub bytes: &'a [u8],
    /// Event id of the first.
    pub first_event_id: u64,
    pub points: &'a [Option<Registered>],
    pub functions: &'a [Option<FunctionKey>],
    pub edges: &'a EdgeTable,
}

impl Batch<'_> {
    pub fn blob(&self, effect: &Effect) -> &[u8] {
        let (start, len) = (effect.blob.0 as usize, effect.blob.1 as usize);
        self.bytes.get(start..start + len).unwrap_or_default()
    }
}

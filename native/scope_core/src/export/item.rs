//! One event as exports and insights see it, and the log as pages of them.

use std::sync::Arc;

use crate::atoms::Atom;
use crate::capture::points::{FunctionKey, PointInfo};
use crate::captured::show;
use crate::error::Result;
use crate::ingest::{Event, EventFilter, EventKind, RuntimeStore, split};

/// Events read under one lock: some 100 µs of it.
const PAGE_ROWS: usize = 4096;

/// An event of the log.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: u64,
    pub kind: EventKind,
    /// Nanoseconds since 1970.
    pub at_ns: u64,
    /// The word of its process, and whether it names one of this VM.
    pub process: u64,
    pub local: bool,
    /// The activation: that begins or ends, or that the event belongs to.
    pub token: u64,
    pub point: Option<PointInfo>,
    /// Ends: inclusive time.
    pub duration_ns: Option<u64>,
    pub reason: Option<Atom>,
    /// What was captured, in the format of the log.
    pub blob: Option<Arc<[u8]>>,
}

impl Item {
    pub fn function(&self) -> Option<FunctionKey> {
        self.point.map(|point| point.function)
    }
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Item {
            id: event.event_id,
            kind: event.kind,
            at_ns: event.at_ns,
            process: event.process,
            local: event.process_is_local,
            token: event.token,
            point: event.point,
            duration_ns: event.duration_ns,
            reason: event.reason,
            blob: event.blob.map(|blob| Arc::from(&*blob)),
        }
    }
}

/// The words of kinds, by number.
const KINDS: [&str; 29] = [
    "enter",
    "return",
    "tail",
    "error",
    "aborted",
    "lost",
    "binding",
    "expression",
    "branch",
    "sent",
    "received",
    "raised",
    "custom",
    "note",
    "message_sent",
    "message_arrived",
    "sent_to_none",
    "spawn",
    "spawned",
    "process_exit",
    "link",
    "unlink",
    "register",
    "unregister",
    "scheduled_in",
    "scheduled_out",
    "gc_begin",
    "gc_end",
    "return_to",
];

/// The word of a kind, as every export writes it.
pub fn kind_name(kind: EventKind) -> &'static str {
    KINDS[kind as usize]
}

/// What stands before the value of an event about another process: who, the key of the message, how it is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    pub word: u64,
    pub key: u64,
    pub tag: u8,
}

fn word_at(blob: &[u8], at: usize) -> Option<u64> {
    let bytes = blob.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl Item {
    /// Of `Sent`, `Received`, `MessageSent`, `MessageArrived`, `SentToNone`.
    pub fn message(&self) -> Option<Peer> {
        let about_message = matches!(
            self.kind,
            EventKind::Sent
                | EventKind::Received
                | EventKind::MessageSent
                | EventKind::MessageArrived
                | EventKind::SentToNone
        );
        let blob = self.blob.as_deref().filter(|_| about_message)?;
        Some(Peer {
            word: word_at(blob, 0)?,
            key: word_at(blob, 8)?,
            tag: *blob.get(16)?,
        })
    }

    /// What stands behind the head of an event's bytes: the value, or nothing.
    pub fn value_bytes<'a>(&self, blob: &'a [u8]) -> &'a [u8] {
        split(self.kind, blob).1
    }

    /// Of `ProcessExit`: why, as text.
    pub fn reason_text(&self) -> Option<String> {
        let value = self.value_bytes(self.blob.as_deref().unwrap_or_default());
        if !value.is_empty() {
            return Some(show(value, &(), 200));
        }
        self.reason.map(|reason| format!(":{}", reason.text()))
    }

    /// Of `Spawn`, `Spawned`, `Link`, `Unlink`: the other process.
    pub fn other(&self) -> Option<u64> {
        let has_peer = matches!(
            self.kind,
            EventKind::Spawn | EventKind::Spawned | EventKind::Link | EventKind::Unlink
        );
        word_at(self.blob.as_deref().filter(|_| has_peer)?, 0)
    }

    /// Of `GcBegin` and `GcEnd`: words of the heap and of the old heap, and whether it was a minor collection.
    pub fn collection(&self) -> Option<(u64, u64, bool)> {
        let is_gc = matches!(self.kind, EventKind::GcBegin | EventKind::GcEnd);
        let blob = self.blob.as_deref().filter(|_| is_gc)?;
        Some((word_at(blob, 0)?, word_at(blob, 8)?, *blob.get(16)? != 0))
    }
}

/// Reads the log page by page. A filter that ends (`to_ns`) ends the reading, also while more is recorded.
#[derive(Clone)]
pub struct Pages {
    filter: EventFilter,
}

impl Pages {
    pub fn new(filter: EventFilter) -> Self {
        let filter = EventFilter {
            newest_first: false,
            ..filter
        };
        Pages { filter }
    }

    /// The next events; empty at the end. Errors: `Corrupt` when events on the disk cannot be read back.
    pub fn next(&mut self, store: &RuntimeStore) -> Result<Vec<Item>> {
        let events = store.events(&self.filter, PAGE_ROWS)?;
        let page: Vec<Item> = events.into_iter().map(Item::from).collect();
        if let Some(last) = page.last() {
            self.filter.after = Some(last.id);
        }
        Ok(page)
    }
}

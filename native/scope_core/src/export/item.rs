//! One event as exports and insights see it, and the log as pages of them.

use std::sync::Arc;

use crate::atoms::Atom;
use crate::capture::points::{FunctionKey, PointInfo};
use crate::ingest::{Event, EventFilter, EventKind, RuntimeStore};

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

    /// The end of an activation.
    pub fn is_end(&self) -> bool {
        matches!(
            self.kind,
            EventKind::Return
                | EventKind::Tail
                | EventKind::Error
                | EventKind::Aborted
                | EventKind::Lost
        )
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
            point: Some(event.point),
            duration_ns: event.duration_ns,
            reason: event.reason,
            blob: None,
        }
    }
}

/// The word of a kind, as every export writes it.
pub fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Enter => "enter",
        EventKind::Return => "return",
        EventKind::Tail => "tail",
        EventKind::Error => "error",
        EventKind::Aborted => "aborted",
        EventKind::Lost => "lost",
    }
}

/// Reads the log page by page, up to where it was when the reading began.
#[derive(Clone)]
pub struct Pages {
    filter: EventFilter,
    /// Events from here on came later.
    until: u64,
    after: Option<u64>,
}

impl Pages {
    /// `until`: the last event id that is read.
    pub fn new(filter: EventFilter, until: u64) -> Self {
        let after = filter.after;
        let filter = EventFilter {
            newest_first: false,
            ..filter
        };
        Pages {
            filter,
            until,
            after,
        }
    }

    /// The next events; empty at the end.
    pub fn next(&mut self, store: &RuntimeStore) -> Vec<Item> {
        if self.after.is_some_and(|after| after >= self.until) {
            return Vec::new();
        }
        self.filter.after = self.after;
        let events = store.events(&self.filter, PAGE_ROWS);
        let until = self.until;
        let page: Vec<Item> = events
            .into_iter()
            .take_while(|event| event.event_id <= until)
            .map(Item::from)
            .collect();
        match page.last() {
            Some(last) => self.after = Some(last.id),
            None => self.after = Some(until),
        }
        page
    }
}

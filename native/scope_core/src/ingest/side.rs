//! Events that callers bring, beside the log: put in by their time, in whatever order they come.
//!
//! They are few and carry anything, so they are kept as they were given. Bounded by bytes: the oldest go first, counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::ingest::store::RuntimeStore;
use crate::value::Value;

/// Bytes of the side log at least, and its part of a large event log.
const BYTES_MIN: usize = 1024 * 1024;
const PART: usize = 8;
/// Bytes of an entry without its fields.
const ENTRY_BYTES: usize = 128;

pub(crate) fn now_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_nanos() as u64
}

/// One event that a caller brought.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SideEvent {
    /// Nanoseconds since 1970.
    pub at_ns: i64,
    /// In the order of storing: among events of one time, the order of the answers.
    pub number: u64,
    /// The node it belongs to, when that is known.
    pub node: Option<String>,
    pub kind: Option<Atom>,
    /// Its fields.
    pub event: Value,
}

/// Which of them are asked for. What is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub struct SideFilter {
    /// Both included.
    pub from_ns: Option<i64>,
    pub to_ns: Option<i64>,
    pub nodes: Option<Vec<String>>,
    pub kinds: Option<Vec<Atom>>,
    /// A field of the event and the value it has.
    pub field: Option<(Atom, Value)>,
    pub newest_first: bool,
}

#[derive(Debug)]
pub(crate) struct SideLog {
    events: BTreeMap<(i64, u64), Arc<SideEvent>>,
    bytes: usize,
    bytes_max: usize,
    next: u64,
    evicted: u64,
}

impl SideLog {
    /// Beside an event log of so many bytes; of 0 it keeps nothing.
    pub fn new(log_bytes: usize) -> Self {
        SideLog {
            events: BTreeMap::new(),
            bytes: 0,
            bytes_max: if log_bytes == 0 {
                0
            } else {
                (log_bytes / PART).max(BYTES_MIN)
            },
            next: 0,
            evicted: 0,
        }
    }

    fn put(&mut self, mut event: SideEvent) -> Result<u64> {
        let bytes = bytes_of(&event);
        if bytes > self.bytes_max {
            return Err(Error::LimitExceeded {
                what: "bytes of a stored event",
                limit: self.bytes_max as u64,
            });
        }
        event.number = self.next;
        self.next += 1;
        self.bytes += bytes;
        let number = event.number;
        self.events.insert((event.at_ns, number), Arc::new(event));
        while self.bytes > self.bytes_max {
            self.evict_oldest();
        }
        Ok(number)
    }

    fn evict_oldest(&mut self) {
        if let Some((_, event)) = self.events.pop_first() {
            self.bytes = self.bytes.saturating_sub(bytes_of(&event));
            self.evicted += 1;
        }
    }

    pub fn expire(&mut self, oldest_ns: u64) {
        let oldest = i64::try_from(oldest_ns).unwrap_or(i64::MAX);
        while self
            .events
            .first_key_value()
            .is_some_and(|(key, _)| key.0 < oldest)
        {
            self.evict_oldest();
        }
    }

    pub fn all(&self) -> Vec<SideEvent> {
        self.events
            .values()
            .map(|event| SideEvent::clone(event))
            .collect()
    }

    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }

    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Times of the oldest and the newest.
    pub fn bounds_ns(&self) -> Option<(i64, i64)> {
        let first = self.events.first_key_value()?.0.0;
        Some((first, self.events.last_key_value()?.0.0))
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(event: &SideEvent) -> usize {
    ENTRY_BYTES + event.event.heap_bytes() + event.node.as_ref().map_or(0, String::len)
}

impl SideFilter {
    fn takes(&self, event: &SideEvent) -> bool {
        let field =
            |(name, value): &(Atom, Value)| event.event.get(*name).is_some_and(|own| own == value);
        self.nodes
            .as_ref()
            .is_none_or(|nodes| event.node.as_ref().is_some_and(|own| nodes.contains(own)))
            && self
                .kinds
                .as_ref()
                .is_none_or(|kinds| event.kind.is_some_and(|own| kinds.contains(&own)))
            && self.field.as_ref().is_none_or(field)
    }
}

impl RuntimeStore {
    /// Stores an event that a caller brought, and gives its number. Errors: `LimitExceeded` when it alone is too large, or
    /// when the store keeps no events.
    pub fn put_side_event(&self, event: SideEvent) -> Result<u64> {
        self.side.write().put(event)
    }

    /// Puts back what was saved; what there is no room for counts as evicted.
    pub(super) fn merge_side(&self, events: Vec<SideEvent>) {
        let mut side = self.side.write();
        for event in events {
            if side.put(event).is_err() {
                side.evicted += 1;
            }
        }
    }

    /// Up to `limit` of them.
    pub fn side_events(&self, filter: &SideFilter, limit: usize) -> Vec<Arc<SideEvent>> {
        let from = filter.from_ns.unwrap_or(i64::MIN);
        let to = filter.to_ns.unwrap_or(i64::MAX);
        if from > to {
            return Vec::new();
        }
        let side = self.side.read();
        let range = side
            .events
            .range((from, 0)..=(to, u64::MAX))
            .map(|(_, event)| event);
        let taken = |event: &&Arc<SideEvent>| filter.takes(event);
        match filter.newest_first {
            true => range.rev().filter(taken).take(limit).cloned().collect(),
            false => range.filter(taken).take(limit).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atoms::intern;
    use crate::ingest::RuntimeLimits;

    fn event(at_ns: i64, kind: &str) -> SideEvent {
        SideEvent {
            at_ns,
            number: 0,
            node: Some(format!("M.f/{}", at_ns % 3)),
            kind: Some(intern(kind)),
            event: Value::record(vec![(intern("timestamp"), Value::Int(at_ns))]),
        }
    }

    #[test]
    fn what_comes_in_any_order_is_read_in_the_order_of_time() {
        let store = RuntimeStore::new(RuntimeLimits::default());
        for at in [5, -7, 3, 5, 0, i64::MAX, i64::MIN] {
            store.put_side_event(event(at, "note")).unwrap();
        }
        let times = |filter: &SideFilter, limit| -> Vec<i64> {
            let found = store.side_events(filter, limit);
            found.iter().map(|event| event.at_ns).collect()
        };
        let all = SideFilter::default();
        assert_eq!(times(&all, 99), [i64::MIN, -7, 0, 3, 5, 5, i64::MAX]);
        let some = SideFilter {
            from_ns: Some(-7),
            to_ns: Some(5),
            newest_first: true,
            ..SideFilter::default()
        };
        assert_eq!(times(&some, 3), [5, 5, 3]);
        let node = SideFilter {
            nodes: Some(vec!["M.f/2".into()]),
            ..SideFilter::default()
        };
        assert_eq!(times(&node, 9), [5, 5]);
        let field = SideFilter {
            field: Some((intern("timestamp"), Value::Int(3))),
            ..SideFilter::default()
        };
        assert_eq!(times(&field, 9), [3]);
        let kind = SideFilter {
            kinds: Some(vec![intern("other")]),
            ..SideFilter::default()
        };
        assert_eq!(times(&kind, 9), []);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut log = SideLog::new(1);
        for at in 0..20_000 {
            log.put(event(at, "note")).unwrap();
        }
        assert!(log.bytes() <= BYTES_MIN);
        assert_eq!(log.len() + log.evicted(), 20_000);
        assert!(log.events.first_key_value().unwrap().0.0 > 0);
        assert!(SideLog::new(0).put(event(1, "note")).is_err());
    }
}

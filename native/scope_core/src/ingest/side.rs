//! Events that callers bring, beside the log: put in by their time, in whatever order they come.
//!
//! They are few and carry anything, so they are kept as they were given. Bounded by bytes and by number: the oldest go
//! first, counted. What they take is taken from the log's bounds, so that both together keep within them.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::ingest::store::RuntimeStore;
use crate::value::Value;

/// Bytes of the side log at least, and its part of a large event log.
const BYTES_MIN: usize = 1024 * 1024;
const PART: usize = 8;
/// Bytes of an entry without its fields, its place in the map included.
const ENTRY_BYTES: usize = 192;
/// Kinds that are remembered when no event of them is kept any more.
const KINDS_MAX: usize = 1024;

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

impl SideEvent {
    /// Its event id: below 0, so that it is none of the log's.
    pub fn event_id(&self) -> i64 {
        -1 - (self.number & i64::MAX as u64) as i64
    }

    fn key(&self) -> SideKey {
        (self.at_ns, self.number)
    }
}

/// A place in the order of the answers.
pub(crate) type SideKey = (i64, u64);

/// Which of them are asked for. What is not given does not restrict.
#[derive(Clone, Default)]
pub struct SideFilter<'a> {
    /// Both included.
    pub from_ns: Option<i64>,
    pub to_ns: Option<i64>,
    /// Whether a node is one of those that are asked for.
    pub nodes: Option<&'a dyn Fn(&str) -> bool>,
    pub kinds: Option<Vec<Atom>>,
    /// A field of the event and the value it has.
    pub field: Option<(Atom, Value)>,
    pub newest_first: bool,
}

#[derive(Debug)]
pub(crate) struct SideLog {
    events: OrdMap<SideKey, Arc<SideEvent>>,
    /// Where an event of a number stands.
    times: OrdMap<u64, i64>,
    kinds: Vec<Atom>,
    bytes: usize,
    bytes_max: usize,
    events_max: u64,
    next: u64,
    evicted: u64,
}

impl SideLog {
    /// Beside an event log of so many bytes and events; of 0 bytes it keeps nothing.
    pub fn new(log_bytes: usize, events_max: u64) -> Self {
        SideLog {
            events: OrdMap::new(),
            times: OrdMap::new(),
            kinds: Vec::new(),
            bytes: 0,
            bytes_max: match log_bytes {
                0 => 0,
                bytes => (bytes / PART).max(BYTES_MIN.min(bytes / 2)),
            },
            // The log keeps at least the other half.
            events_max: match events_max {
                u64::MAX => u64::MAX,
                events => events.div_ceil(2),
            },
            next: 0,
            evicted: 0,
        }
    }

    fn put(&mut self, mut event: SideEvent) -> Result<u64> {
        let bytes = bytes_of(&event);
        if bytes > self.bytes_max || self.events_max == 0 {
            return Err(Error::LimitExceeded {
                what: "bytes of a stored event",
                limit: self.bytes_max as u64,
            });
        }
        event.number = self.next;
        self.next += 1;
        self.bytes += bytes;
        if let Some(kind) = event.kind
            && self.kinds.len() < KINDS_MAX
            && !self.kinds.contains(&kind)
        {
            self.kinds.push(kind);
        }
        let (at_ns, number) = event.key();
        self.times.insert(number, at_ns);
        self.events.insert((at_ns, number), Arc::new(event));
        while self.bytes > self.bytes_max || self.len() > self.events_max {
            self.evict_oldest();
        }
        Ok(number)
    }

    fn evict_oldest(&mut self) {
        let oldest = self.events.get_min().map(|(key, _)| *key);
        if let Some(event) = oldest.and_then(|key| self.events.remove(&key)) {
            self.times.remove(&event.number);
            self.bytes = self.bytes.saturating_sub(bytes_of(&event));
            self.evicted += 1;
        }
    }

    pub fn expire(&mut self, oldest_ns: u64) {
        let oldest = i64::try_from(oldest_ns).unwrap_or(i64::MAX);
        while self
            .events
            .get_min()
            .is_some_and(|((at_ns, _), _)| *at_ns < oldest)
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
        let first = self.events.get_min()?.0.0;
        Some((first, self.events.get_max()?.0.0))
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The events of this moment: costs nothing, whatever there is.
    pub fn view(&self) -> SideView {
        SideView {
            events: self.events.clone(),
            times: self.times.clone(),
        }
    }
}

/// The events of one moment.
pub(crate) struct SideView {
    events: OrdMap<SideKey, Arc<SideEvent>>,
    times: OrdMap<u64, i64>,
}

impl SideView {
    /// Where the event of an id stands, while it is kept.
    pub fn key_of(&self, event_id: i64) -> Option<SideKey> {
        let number = u64::try_from(-1 - event_id).ok()?;
        Some((*self.times.get(&number)?, number))
    }

    /// Up to `limit` of the wanted ones that come after a place (oldest first), or before it (newest first).
    pub fn take(
        &self,
        filter: &SideFilter<'_>,
        (after, before): (Option<SideKey>, Option<SideKey>),
        limit: usize,
    ) -> Vec<Arc<SideEvent>> {
        let from = (filter.from_ns.unwrap_or(i64::MIN), 0);
        let to = (filter.to_ns.unwrap_or(i64::MAX), u64::MAX);
        let first = match after {
            Some(after) if after >= from => Bound::Excluded(after),
            _ => Bound::Included(from),
        };
        let last = match before {
            Some(before) if before <= to => Bound::Excluded(before),
            _ => Bound::Included(to),
        };
        let key = |bound: &Bound<SideKey>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => *key,
            Bound::Unbounded => from,
        };
        // Of one time all numbers lie between `from` and `to`, so only a bound that excludes can meet the other.
        if key(&first) >= key(&last) {
            return Vec::new();
        }
        let range = self.events.range((first, last)).map(|(_, event)| event);
        let taken = |event: &&Arc<SideEvent>| filter.takes(event);
        match filter.newest_first {
            true => range.rev().filter(taken).take(limit).cloned().collect(),
            false => range.filter(taken).take(limit).cloned().collect(),
        }
    }
}

fn bytes_of(event: &SideEvent) -> usize {
    ENTRY_BYTES + event.event.heap_bytes() + event.node.as_ref().map_or(0, String::len)
}

impl SideFilter<'_> {
    fn takes(&self, event: &SideEvent) -> bool {
        let field =
            |(name, value): &(Atom, Value)| event.event.get(*name).is_some_and(|own| own == value);
        self.kinds
            .as_ref()
            .is_none_or(|kinds| event.kind.is_some_and(|own| kinds.contains(&own)))
            && self.field.as_ref().is_none_or(field)
            && self
                .nodes
                .is_none_or(|nodes| event.node.as_deref().is_some_and(nodes))
    }
}

impl RuntimeStore {
    /// Stores an event that a caller brought, and gives its number. Errors: `LimitExceeded` when it alone is too large, or
    /// when the store keeps no events.
    pub fn put_side_event(&self, event: SideEvent) -> Result<u64> {
        let (number, beside) = {
            let mut side = self.side.write();
            let number = side.put(event)?;
            (number, (side.bytes(), side.len()))
        };
        self.write(|inner| inner.log.make_room_beside(beside));
        Ok(number)
    }

    /// Puts back what was saved; what there is no room for counts as evicted.
    pub(super) fn merge_side(&self, events: Vec<SideEvent>) {
        let mut side = self.side.write();
        for event in events {
            if side.put(event).is_err() {
                side.evicted += 1;
            }
        }
        let beside = (side.bytes(), side.len());
        drop(side);
        self.write(|inner| inner.log.make_room_beside(beside));
    }

    /// Up to `limit` of them.
    pub fn side_events(&self, filter: &SideFilter<'_>, limit: usize) -> Vec<Arc<SideEvent>> {
        let view = self.side.read().view();
        view.take(filter, (None, None), limit)
    }

    /// The kinds that callers' events have, or had.
    pub fn side_kinds(&self) -> Vec<Atom> {
        self.side.read().kinds.clone()
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
        let times = |filter: &SideFilter<'_>, limit| -> Vec<i64> {
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
        let is_2 = |node: &str| node == "M.f/2";
        let node = SideFilter {
            nodes: Some(&is_2),
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
        let mut log = SideLog::new(BYTES_MIN, u64::MAX);
        for at in 0..20_000 {
            log.put(event(at, "note")).unwrap();
        }
        assert!(log.bytes() <= BYTES_MIN / 2);
        assert_eq!(log.len() + log.evicted(), 20_000);
        assert!(log.bounds_ns().unwrap().0 > 0);
        assert_eq!(log.times.len() as u64, log.len());
        assert!(SideLog::new(0, u64::MAX).put(event(1, "note")).is_err());
        let mut few = SideLog::new(BYTES_MIN, 20);
        for at in 0..25 {
            few.put(event(at, "note")).unwrap();
        }
        assert_eq!((few.len(), few.bounds_ns()), (10, Some((15, 24))));
    }
}

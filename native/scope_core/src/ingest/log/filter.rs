//! Which events are asked for.

use crate::capture::points::FunctionKey;
use crate::ingest::effect::{EventKind, NONE};
use crate::ingest::log::block::{Kinds, Row, kind_bit};

/// Which events are asked for. What is not given does not restrict.
///
/// Answers are in the order of time; events of one nanosecond in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of any of these functions.
    pub functions: Option<Vec<FunctionKey>>,
    /// At any of these points: build and index.
    pub points: Option<Vec<(u64, u32)>>,
    /// Of this process of the running VM.
    pub process: Option<u64>,
    /// Of this activation: its beginning, its end, and what happened within it.
    pub token: Option<u64>,
    pub kinds: Option<Vec<EventKind>>,
    /// Nanoseconds since 1970, both included.
    pub from_ns: Option<u64>,
    pub to_ns: Option<u64>,
    /// Only what comes after this event, and only what comes before this one: how a reader continues in either
    /// direction. Of an event that the log does not hold (any more), those with a larger, or smaller, id.
    pub after: Option<u64>,
    pub before: Option<u64>,
    /// With ids between these, both included: what came to the log in that stretch, whenever it was.
    pub ids: Option<(u64, u64)>,
    /// The newest first, instead of the oldest.
    pub newest_first: bool,
}

/// Points by the store's numbers.
pub(crate) struct Points {
    set: Vec<bool>,
    pub list: Vec<u32>,
}

impl Points {
    pub fn new(set: Vec<bool>) -> Self {
        let taken = (0..set.len() as u32).filter(|number| set[*number as usize]);
        let list = taken.collect();
        Points { set, list }
    }

    #[inline]
    pub fn has(&self, point: u32) -> bool {
        self.set.get(point as usize).copied().unwrap_or(false)
    }
}

/// A place in the order of the answers.
pub(crate) type Key = (u64, u64);

/// The filter in the terms of one store, at one moment.
pub(crate) struct Wanted {
    pub points: Option<Points>,
    pub process: Option<u64>,
    pub token: Option<u64>,
    pub kinds: Kinds,
    /// Times, both included.
    pub from_ns: u64,
    pub to_ns: u64,
    /// Keys, both excluded.
    pub after: Option<Key>,
    pub before: Option<Key>,
    /// Event ids, both included.
    pub first_id: u64,
    pub last_id: u64,
    pub newest_first: bool,
}

impl Wanted {
    pub fn new(filter: &EventFilter, points: Option<Vec<bool>>) -> Self {
        let kinds = match &filter.kinds {
            None => Kinds::MAX,
            Some(kinds) => kinds.iter().fold(0, |bits, kind| bits | kind_bit(*kind)),
        };
        Wanted {
            points: points.map(Points::new),
            process: filter.process,
            token: filter.token,
            kinds,
            from_ns: filter.from_ns.unwrap_or(0),
            to_ns: filter.to_ns.unwrap_or(u64::MAX),
            after: None,
            before: None,
            first_id: filter.ids.map_or(0, |(first, _)| first),
            last_id: filter.ids.map_or(u64::MAX, |(_, last)| last),
            newest_first: filter.newest_first,
        }
    }

    #[inline]
    pub fn has_point(&self, point: u32) -> bool {
        self.points.as_ref().is_none_or(|points| points.has(point))
    }

    /// Whether the place is asked for, whatever is there.
    #[inline]
    pub fn has_place(&self, at_ns: u64, event_id: u64) -> bool {
        let key = (at_ns, event_id);
        at_ns >= self.from_ns
            && at_ns <= self.to_ns
            && event_id >= self.first_id
            && event_id <= self.last_id
            && self.after.is_none_or(|after| key > after)
            && self.before.is_none_or(|before| key < before)
    }

    pub fn takes(&self, row: &Row) -> bool {
        self.kinds & kind_bit(row.kind) != 0
            && (self.points.is_none() || row.point != NONE && self.has_point(row.point))
            && self
                .process
                .is_none_or(|word| !row.foreign && row.process_word == word)
            && self.token.is_none_or(|token| row.token == token)
            && self.has_place(row.at_ns, row.event_id)
    }
}

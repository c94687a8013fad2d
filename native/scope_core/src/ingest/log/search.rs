//! Searching the event log.

use crate::ingest::effect::EventKind;
use crate::ingest::log::{Log, Row, Segment};

/// Which events are asked for. What is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of any of these functions.
    pub functions: Option<Vec<crate::capture::points::FunctionKey>>,
    /// At any of these points: build and index.
    pub points: Option<Vec<(u64, u32)>>,
    /// Of this process of the running VM.
    pub process: Option<u64>,
    /// Of this activation.
    pub token: Option<u64>,
    pub kinds: Option<Vec<EventKind>>,
    /// Nanoseconds since 1970, both included.
    pub from_ns: Option<u64>,
    pub to_ns: Option<u64>,
    /// Only events with a larger id: how a reader continues.
    pub after: Option<u64>,
    /// The newest first, instead of the oldest.
    pub newest_first: bool,
}

/// The filter in the terms of one store: points by its numbers.
pub(crate) struct Search<'a> {
    pub filter: &'a EventFilter,
    /// By the store's number of the point; `None` takes all.
    pub points: Option<Vec<bool>>,
    kinds: u32,
}

impl<'a> Search<'a> {
    pub fn new(filter: &'a EventFilter, points: Option<Vec<bool>>) -> Self {
        let kinds = match &filter.kinds {
            None => u32::MAX,
            Some(kinds) => kinds.iter().fold(0, |bits, kind| bits | 1 << *kind as u32),
        };
        Search {
            filter,
            points,
            kinds,
        }
    }

    /// Up to `limit` rows in the asked-for order, with whether their process is one of this VM.
    pub fn run(&self, log: &Log, limit: usize) -> Vec<(Row, bool)> {
        let mut found = Vec::new();
        if let Some(token) = self.filter.token {
            self.of_token(log, token, limit, &mut found);
        } else if self.filter.newest_first {
            for segment in log.segments().rev() {
                if !self.in_segment(segment, limit, &mut found) {
                    break;
                }
            }
        } else {
            for segment in log.segments() {
                if !self.in_segment(segment, limit, &mut found) {
                    break;
                }
            }
        }
        found
    }

    fn of_token(&self, log: &Log, token: u64, limit: usize, found: &mut Vec<(Row, bool)>) {
        let Some((began, local)) = log.find_token(token) else {
            return;
        };
        let mut rows = vec![began];
        rows.extend(began.ended.and_then(|ended| log.row(ended)));
        if self.filter.newest_first {
            rows.reverse();
        }
        for row in rows {
            if found.len() < limit && self.takes(&row, local) {
                found.push((row, local));
            }
        }
    }

    /// Whether to go on with the next segment.
    fn in_segment(&self, segment: &Segment, limit: usize, found: &mut Vec<(Row, bool)>) -> bool {
        if found.len() >= limit {
            return false;
        }
        if !self.concerns(segment) {
            return true;
        }
        let local = !segment.is_foreign();
        let mut visit = |row: usize, point: u32, kind: EventKind| {
            if self.kinds >> kind as u32 & 1 == 0 || !self.has_point(point) {
                return true;
            }
            let row = segment.row_at(row);
            if self.takes(&row, local) {
                found.push((row, local));
            }
            found.len() < limit
        };
        if self.filter.newest_first {
            segment
                .points()
                .enumerate()
                .rev()
                .all(|(row, (point, kind))| visit(row, point, kind))
        } else {
            segment
                .points()
                .enumerate()
                .all(|(row, (point, kind))| visit(row, point, kind))
        }
    }

    fn concerns(&self, segment: &Segment) -> bool {
        let (min_ns, max_ns) = segment.bounds_ns();
        let filter = self.filter;
        filter.from_ns.is_none_or(|from| from <= max_ns)
            && filter.to_ns.is_none_or(|to| to >= min_ns)
            && filter
                .process
                .is_none_or(|word| !segment.is_foreign() && segment.has_process(word))
            && filter.after.is_none_or(|after| {
                segment.first_event_id() + segment.len() as u64 > after.saturating_add(1)
            })
    }

    fn has_point(&self, point: u32) -> bool {
        match &self.points {
            None => true,
            Some(points) => points.get(point as usize).copied().unwrap_or(false),
        }
    }

    fn takes(&self, row: &Row, local: bool) -> bool {
        let filter = self.filter;
        self.kinds >> row.kind as u32 & 1 != 0
            && self.has_point(row.point)
            && filter
                .process
                .is_none_or(|word| local && row.process_word == word)
            && filter.token.is_none_or(|token| row.token == token)
            && filter.from_ns.is_none_or(|from| row.at_ns >= from)
            && filter.to_ns.is_none_or(|to| row.at_ns <= to)
            && filter.after.is_none_or(|after| row.event_id > after)
    }
}

impl Log {
    /// The row where an activation began. Tokens of this VM are looked for first: those of an earlier one repeat.
    pub fn find_token(&self, token: u64) -> Option<(Row, bool)> {
        let find = |foreign: bool| {
            self.segments()
                .rev()
                .filter(|segment| segment.is_foreign() == foreign)
                .find_map(|segment| Some((segment.row_at(segment.find_token(token)?), !foreign)))
        };
        find(false).or_else(|| find(true))
    }
}

//! Reading the event log: one event, an activation, a process, whatever a filter asks for.
//!
//! A `Reading` is the log of one moment. It holds no lock, so it may be read for as long as it takes while ingest goes on.

use std::ops::ControlFlow;

use imbl::Vector;

use crate::atoms::Atom;
use crate::capture::points::PointInfo;
use crate::error::Result;
use crate::ingest::counted::AllStats;
use crate::ingest::edges::Edge;
use crate::ingest::effect::{EventKind, NONE};
use crate::ingest::log::{Blob, EventFilter, Row, Snapshot, Wanted};
use crate::ingest::side::{SideView, now_ns};
use crate::ingest::store::{Inner, RuntimeStore};

/// One event of the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Ordered by time; unique over all VMs of one machine.
    pub event_id: u64,
    pub kind: EventKind,
    /// Nanoseconds since 1970.
    pub at_ns: u64,
    /// The word of the pid; it names a process only while `process_is_local`.
    pub process: u64,
    /// Whether the event was recorded by this VM.
    pub process_is_local: bool,
    /// The activation: its `correlation_id`. Of what happened within one, the one it belongs to, or 0.
    pub token: u64,
    /// Where: of a beginning or an end the clause. Events of a process have none.
    pub point: Option<PointInfo>,
    /// Ends: inclusive time.
    pub duration_ns: Option<u64>,
    /// Beginnings: the event id of the end, where it is known.
    pub ended: Option<u64>,
    /// Errors: exception module, atom, or first atom of a tuple.
    pub reason: Option<Atom>,
    /// Its values, in the log's format; `None` when it has none.
    pub blob: Option<Blob>,
}

/// One activation, as far as the log still knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Activation {
    pub began: Event,
    /// `None` while it is open.
    pub ended: Option<Event>,
}

/// The log of one moment.
pub struct Reading<'a> {
    store: &'a RuntimeStore,
    log: Snapshot,
    infos: Vector<PointInfo>,
    /// What callers brought, a moment earlier.
    pub(super) brought: SideView,
    /// When the oldest kept event was.
    pub(super) oldest_ns: Option<u64>,
}

/// All that a store knows, at one moment.
pub struct Moment<'a> {
    pub reading: Reading<'a>,
    /// Of every function that was entered; empty when it was not asked for.
    pub functions: AllStats,
    /// The same of observed calls.
    pub edges: Vec<Edge>,
    /// Events so far: what tells one moment from another.
    pub events: u64,
}

impl RuntimeStore {
    /// The log as it is now. Costs the copy of one block, whatever the log holds.
    pub fn reading(&self) -> Reading<'_> {
        self.expire(now_ns());
        let brought = self.side.read().view();
        self.read(|inner| self.reading_of(inner, brought))
    }

    fn reading_of(&self, inner: &Inner, brought: SideView) -> Reading<'_> {
        Reading {
            store: self,
            log: inner.log.snapshot(),
            infos: inner.tables.infos.clone(),
            brought,
            oldest_ns: inner.log.bounds_ns().map(|(oldest, _)| oldest),
        }
    }

    /// The log and, when they are wanted, the figures of all functions and the observed calls, of one moment.
    pub fn moment(&self, functions: bool, edges: bool) -> Moment<'_> {
        self.expire(now_ns());
        let brought = self.side.read().view();
        self.read(|inner| Moment {
            reading: self.reading_of(inner, brought),
            functions: match functions {
                true => self.counted.lock().at(inner),
                false => AllStats::default(),
            },
            edges: match edges {
                true => inner.tables.edges(|_, _| true),
                false => Vec::new(),
            },
            events: inner.events,
        })
    }

    /// Gives the wanted events to `visit`, in order, until it breaks off. See `Reading::scan`.
    pub fn scan(
        &self,
        filter: &EventFilter,
        visit: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<()> {
        self.reading().scan(filter, visit)
    }

    /// Up to `limit` events. See `Reading::scan`.
    pub fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>> {
        self.reading().events(filter, limit)
    }

    /// The event of an id, while the log holds it.
    pub fn event(&self, event_id: u64) -> Result<Option<Event>> {
        self.reading().event(event_id)
    }

    /// Everything of one process of this VM between two times (both included), in the order in which it happened.
    pub fn events_of_process(
        &self,
        word: u64,
        (from_ns, to_ns): (u64, u64),
        visit: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<()> {
        self.reading()
            .events_of_process(word, (from_ns, to_ns), visit)
    }

    /// The activation of a token (a native `correlation_id`), while the log holds its beginning.
    pub fn activation(&self, token: u64) -> Result<Option<Activation>> {
        self.reading().activation(token)
    }

    /// The clause an activation entered: what correlating an event needs, without reading more.
    pub fn point_of(&self, token: u64) -> Result<Option<PointInfo>> {
        self.reading().point_of(token)
    }

    /// As `point_of`, where nothing has to be read from the disk: `None` when that is not known without.
    pub fn point_of_now(&self, token: u64) -> Option<Option<PointInfo>> {
        self.read(|inner| {
            let point = inner.log.find_begun_now(token)?;
            Some(point.and_then(|point| inner.tables.info(point)))
        })
    }
}

impl Reading<'_> {
    /// Gives the wanted events to `visit`, in order, until it breaks off.
    ///
    /// Errors: `Corrupt` when a part of the log that is wanted went to the disk and cannot be read back. What was given
    /// before that is right.
    pub fn scan(
        &self,
        filter: &EventFilter,
        mut visit: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<()> {
        let points = self.store.read(|inner| inner.tables.points_of(filter));
        let mut wanted = Wanted::new(filter, points);
        if let Some(after) = filter.after {
            match self.log.key(after)? {
                Some(key) => wanted.after = Some(key),
                None => wanted.first_id = wanted.first_id.max(after.saturating_add(1)),
            }
        }
        if let Some(before) = filter.before {
            match self.log.key(before)? {
                Some(key) => wanted.before = Some(key),
                None => match before.checked_sub(1) {
                    Some(last) => wanted.last_id = wanted.last_id.min(last),
                    None => return Ok(()),
                },
            }
        }
        self.log.scan(wanted, &mut |row| visit(&self.event_of(row)))
    }

    /// Up to `limit` events. Errors: as `scan`.
    pub fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        if limit == 0 {
            return Ok(events);
        }
        self.scan(filter, |event| {
            events.push(event.clone());
            match events.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(events)
    }

    /// The event of an id.
    pub fn event(&self, event_id: u64) -> Result<Option<Event>> {
        let row = self.log.row(event_id)?;
        Ok(row.map(|row| self.event_of(row)))
    }

    /// See `RuntimeStore::events_of_process`.
    pub fn events_of_process(
        &self,
        word: u64,
        (from_ns, to_ns): (u64, u64),
        visit: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<()> {
        let filter = EventFilter {
            process: Some(word),
            from_ns: Some(from_ns),
            to_ns: Some(to_ns),
            ..EventFilter::default()
        };
        self.scan(&filter, visit)
    }

    /// See `RuntimeStore::activation`.
    pub fn activation(&self, token: u64) -> Result<Option<Activation>> {
        let Some(began) = self.log.find_begun(token)? else {
            return Ok(None);
        };
        self.activation_at(self.event_of(began)).map(Some)
    }

    /// The activation that began with an event.
    pub fn activation_at(&self, began: Event) -> Result<Activation> {
        let ended = match began.ended {
            Some(ended) => self.event(ended)?,
            None => None,
        };
        Ok(Activation { began, ended })
    }

    /// See `RuntimeStore::point_of`.
    pub fn point_of(&self, token: u64) -> Result<Option<PointInfo>> {
        let began = self.log.find_begun(token)?;
        Ok(began.and_then(|row| self.info(row.point)))
    }

    /// The blocks, for those who read columns.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.log
    }

    /// What is known of the points, by the store's numbers.
    pub(crate) fn points(&self) -> &Vector<PointInfo> {
        &self.infos
    }

    fn info(&self, point: u32) -> Option<PointInfo> {
        match point {
            NONE => None,
            point => self.infos.get(point as usize).copied(),
        }
    }

    fn event_of(&self, row: Row) -> Event {
        Event {
            event_id: row.event_id,
            kind: row.kind,
            at_ns: row.at_ns,
            process: row.process_word,
            process_is_local: !row.foreign,
            token: row.token,
            point: self.info(row.point),
            duration_ns: row.inclusive_ns,
            ended: row.ended,
            reason: (row.reason != NONE).then_some(Atom(row.reason)),
            blob: row.blob,
        }
    }
}

//! Events of the log and those that callers brought, as one answer in the order of time.
//!
//! What was logged comes before what was brought for the same nanosecond; within each, event ids tell.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ingest::log::EventFilter;
use crate::ingest::reading::{Event, Reading};
use crate::ingest::side::{SideEvent, SideFilter, SideKey};
use crate::ingest::store::RuntimeStore;

/// One event of an answer.
#[derive(Clone, Debug)]
pub enum Told {
    Logged(Event),
    Brought(Arc<SideEvent>),
}

/// An event that a reader goes on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Of the log, or below 0: that of an event that was brought.
    pub event_id: i64,
    /// When it was, where the reader knows: then it need not be kept any more.
    pub at_ns: Option<i64>,
}

/// What is asked for. `after` and `before` of the two filters are given here, for both at once.
#[derive(Clone, Default)]
pub struct Question<'a> {
    /// `None`: nothing of the log.
    pub logged: Option<EventFilter>,
    /// Of what is logged, only what this takes.
    pub own: Option<&'a dyn Fn(&Event) -> bool>,
    /// `None`: nothing that was brought.
    pub brought: Option<SideFilter<'a>>,
    pub after: Option<Cursor>,
    pub before: Option<Cursor>,
    pub newest_first: bool,
}

impl Told {
    /// Its place in the order.
    fn key(&self) -> (i128, u8, u64) {
        match self {
            Told::Logged(event) => (i128::from(event.at_ns), 0, event.event_id),
            Told::Brought(event) => (i128::from(event.at_ns), 1, event.number),
        }
    }
}

impl RuntimeStore {
    /// Up to `limit` events, in the order of time.
    ///
    /// Errors: `Corrupt` as `scan`; `NotFound` for a cursor of a brought event that is not kept and whose time is not given.
    pub fn told(&self, question: Question<'_>, limit: usize) -> Result<Vec<Told>> {
        self.reading().told(question, limit)
    }
}

impl Reading<'_> {
    /// See `RuntimeStore::told`.
    pub fn told(&self, question: Question<'_>, limit: usize) -> Result<Vec<Told>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let newest_first = question.newest_first;
        let asked = (question.logged.is_some(), question.brought.is_some());
        let mut logged = question.logged.unwrap_or_default();
        let mut brought = question.brought.unwrap_or_default();
        (logged.newest_first, brought.newest_first) = (newest_first, newest_first);
        let (mut after, mut before) = (None, None);
        if let Some(cursor) = question.after {
            after = self.go_on_after(cursor, &mut logged, &mut brought)?;
        }
        if let Some(cursor) = question.before {
            before = self.go_on_before(cursor, &mut logged)?;
        }
        let mut others = Vec::new();
        if asked.1 {
            others = self.brought.take(&brought, (after, before), limit);
            others.reverse();
        }
        let mut told: Vec<Told> = Vec::new();
        let earlier = |one: &Told, other: &Told| match newest_first {
            true => one.key() > other.key(),
            false => one.key() < other.key(),
        };
        if asked.0 {
            self.scan(&logged, |event| {
                if question.own.is_some_and(|own| !own(event)) {
                    return ControlFlow::Continue(());
                }
                let event = Told::Logged(event.clone());
                while told.len() < limit
                    && let Some(next) =
                        others.pop_if(|other| earlier(&Told::Brought(Arc::clone(other)), &event))
                {
                    told.push(Told::Brought(next));
                }
                if told.len() < limit {
                    told.push(event);
                }
                match told.len() < limit {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
        }
        let left = limit - told.len();
        told.extend(others.into_iter().rev().take(left).map(Told::Brought));
        Ok(told)
    }

    /// Leaves what comes after a cursor; of what was brought, after which place.
    fn go_on_after(
        &self,
        cursor: Cursor,
        logged: &mut EventFilter,
        brought: &mut SideFilter<'_>,
    ) -> Result<Option<SideKey>> {
        if let Ok(event_id) = u64::try_from(cursor.event_id) {
            logged.after = Some(event_id);
            // What was brought for the same time comes after it.
            let at_ns = self.time_of_logged(event_id, cursor)?;
            brought.from_ns = at_ns.max(brought.from_ns);
            return Ok(None);
        }
        let (at_ns, number) = self.place_of_brought(cursor)?;
        // The log begins in 1970.
        if let Ok(at_ns) = u64::try_from(at_ns) {
            logged.from_ns = logged.from_ns.max(at_ns.checked_add(1));
        }
        Ok(Some((at_ns, number)))
    }

    fn go_on_before(&self, cursor: Cursor, logged: &mut EventFilter) -> Result<Option<SideKey>> {
        if let Ok(event_id) = u64::try_from(cursor.event_id) {
            logged.before = Some(event_id);
            let at_ns = self.time_of_logged(event_id, cursor)?;
            return Ok(at_ns.map(|at_ns| (at_ns, 0)));
        }
        let (at_ns, number) = self.place_of_brought(cursor)?;
        match u64::try_from(at_ns) {
            Ok(at_ns) => logged.to_ns = Some(logged.to_ns.map_or(at_ns, |to| to.min(at_ns))),
            Err(_) => (logged.from_ns, logged.to_ns) = (Some(1), Some(0)),
        }
        Ok(Some((at_ns, number)))
    }

    /// When an event of the log was: as it says itself, as the reader knows, or, of one that is not kept, not later than
    /// what is.
    fn time_of_logged(&self, event_id: u64, cursor: Cursor) -> Result<Option<i64>> {
        let kept = self.event(event_id)?.map(|event| event.at_ns as i64);
        let oldest = || self.oldest_ns.map(|oldest| oldest as i64);
        Ok(kept.or(cursor.at_ns).or_else(oldest))
    }

    fn place_of_brought(&self, cursor: Cursor) -> Result<SideKey> {
        let number = u64::try_from(-1 - cursor.event_id).unwrap_or(u64::MAX);
        let known = self.brought.key_of(cursor.event_id);
        let given = cursor.at_ns.map(|at_ns| (at_ns, number));
        known.or(given).ok_or(Error::NotFound {
            what: "the event to go on from (it is not kept any more; give the event itself)",
        })
    }
}

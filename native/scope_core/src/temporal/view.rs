//! A window of a store's log, with what was worked out over it.

use std::ops::ControlFlow;

use ahash::AHashMap;

use crate::error::{Error, Result};
use crate::ingest::{Event, EventFilter, RuntimeStore};
use crate::temporal::budget::Budget;
use crate::temporal::edges::Causality;
use crate::temporal::messages::Messages;
use crate::temporal::source::{happenings, jumps};
use crate::temporal::window::Window;

/// Events, and what they mean to each other.
pub struct View {
    pub window: Window,
    pub messages: Messages,
    pub causality: Causality,
    /// With their values, by id.
    events: AHashMap<u64, Event>,
    /// Whether the log holds more before, and after, what was read.
    pub more_before: bool,
    pub more_after: bool,
}

/// Which events a view is made of.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Of all processes.
    All,
    /// Of the process of this word.
    Process(u64),
}

impl View {
    /// Up to `before` events up to an event (with it), and `after` that follow it.
    ///
    /// Errors: `NotFound` when the log does not hold the event (any more), and those of reading the log.
    pub fn around(
        store: &RuntimeStore,
        id: u64,
        scope: Option<Scope>,
        before: usize,
        after: usize,
        budget: &Budget<'_>,
    ) -> Result<Self> {
        let event = store.event(id)?.ok_or(Error::NotFound { what: "event" })?;
        let scope = scope.unwrap_or(Scope::Process(event.process));
        Self::at(store, scope, event.at_ns, Some(id), (before, after), budget)
    }

    /// Up to `before` events up to a moment, and `after` that follow it.
    pub fn at(
        store: &RuntimeStore,
        scope: Scope,
        at_ns: u64,
        id: Option<u64>,
        (before, after): (usize, usize),
        budget: &Budget<'_>,
    ) -> Result<Self> {
        let mut filter = EventFilter {
            to_ns: Some(at_ns),
            newest_first: true,
            process: scope.process(),
            ..EventFilter::default()
        };
        let mut events = read(store, &filter, before, budget)?;
        let more_before = events.len() >= before;
        events.reverse();
        filter.newest_first = false;
        filter.to_ns = None;
        // Of the moment itself everything is in the first half, but for what did not fit.
        filter.from_ns = Some(at_ns.saturating_add(1));
        if let Some(id) = id.filter(|id| !events.iter().any(|event| event.event_id == *id)) {
            events.extend(store.event(id)?);
        }
        let later = read(store, &filter, after, budget)?;
        let more_after = later.len() >= after;
        events.extend(later);
        Self::of(store, events, (more_before, more_after), budget)
    }

    /// Up to `limit` events between two times, both included: the oldest.
    pub fn between(
        store: &RuntimeStore,
        scope: Scope,
        from_ns: u64,
        to_ns: u64,
        limit: usize,
        budget: &Budget<'_>,
    ) -> Result<Self> {
        let filter = EventFilter {
            from_ns: Some(from_ns),
            to_ns: Some(to_ns),
            process: scope.process(),
            ..EventFilter::default()
        };
        let events = read(store, &filter, limit, budget)?;
        let more_after = events.len() >= limit;
        Self::of(store, events, (false, more_after), budget)
    }

    fn of(
        store: &RuntimeStore,
        events: Vec<Event>,
        (more_before, more_after): (bool, bool),
        budget: &Budget<'_>,
    ) -> Result<Self> {
        let gaps = store.lost() > 0;
        let happened = happenings(&events, &jumps(store, &events), budget)?;
        let mut window = Window::new(happened, gaps);
        window.gated = budget.gated;
        budget.check()?;
        let messages = Messages::of(&window, budget)?;
        budget.check()?;
        let causality = Causality::of(&window, &messages, budget)?;
        budget.check()?;
        Ok(View {
            window,
            messages,
            causality,
            events: events
                .into_iter()
                .map(|event| (event.event_id, event))
                .collect(),
            more_before,
            more_after,
        })
    }

    /// The event at a place of the window, with its values.
    pub fn event(&self, at: u32) -> Option<&Event> {
        self.events.get(&self.window.event(at).id)
    }

    /// When the first and the last event happened, and how many there are.
    pub fn extent(&self) -> (u64, u64, u64) {
        let events = self.window.events();
        let ns = |event: Option<&crate::temporal::Happening>| event.map_or(0, |event| event.at_ns);
        (ns(events.first()), ns(events.last()), events.len() as u64)
    }
}

/// At most so many events, within the budget.
fn read(
    store: &RuntimeStore,
    filter: &EventFilter,
    limit: usize,
    budget: &Budget<'_>,
) -> Result<Vec<Event>> {
    let (mut events, mut held) = (Vec::new(), budget.check());
    if limit == 0 {
        return held.map(|()| events);
    }
    store.scan(filter, |event| {
        let bytes = event.blob.as_deref().map_or(0, <[u8]>::len);
        held = budget.hold(bytes + size_of::<Event>());
        events.push(event.clone());
        match held.is_ok() && events.len() < limit {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    held.map(|()| events)
}

impl Scope {
    fn process(self) -> Option<u64> {
        match self {
            Scope::All => None,
            Scope::Process(word) => Some(word),
        }
    }
}

//! A window of a store's log, with what was worked out over it.

use ahash::AHashMap;

use crate::error::{Error, Result};
use crate::ingest::{Event, EventFilter, RuntimeStore};
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
    ) -> Result<Self> {
        let event = store.event(id)?.ok_or(Error::NotFound { what: "event" })?;
        let scope = scope.unwrap_or(Scope::Process(event.process));
        Self::at(store, scope, event.at_ns, Some(id), before, after)
    }

    /// Up to `before` events up to a moment, and `after` that follow it.
    pub fn at(
        store: &RuntimeStore,
        scope: Scope,
        at_ns: u64,
        id: Option<u64>,
        before: usize,
        after: usize,
    ) -> Result<Self> {
        let mut filter = EventFilter {
            to_ns: Some(at_ns),
            newest_first: true,
            process: scope.process(),
            ..EventFilter::default()
        };
        let mut events = store.events(&filter, before)?;
        let more_before = events.len() >= before;
        events.reverse();
        filter.newest_first = false;
        filter.to_ns = None;
        // Of the moment itself everything is in the first half, but for what did not fit.
        filter.from_ns = Some(at_ns.saturating_add(1));
        if let Some(id) = id.filter(|id| !events.iter().any(|event| event.event_id == *id)) {
            events.extend(store.event(id)?);
        }
        let later = store.events(&filter, after)?;
        let more_after = later.len() >= after;
        events.extend(later);
        Ok(Self::of(store, events, more_before, more_after))
    }

    /// Up to `limit` events between two times, both included: the oldest.
    pub fn between(
        store: &RuntimeStore,
        scope: Scope,
        from_ns: u64,
        to_ns: u64,
        limit: usize,
    ) -> Result<Self> {
        let filter = EventFilter {
            from_ns: Some(from_ns),
            to_ns: Some(to_ns),
            process: scope.process(),
            ..EventFilter::default()
        };
        let events = store.events(&filter, limit)?;
        let more_after = events.len() >= limit;
        Ok(Self::of(store, events, false, more_after))
    }

    fn of(store: &RuntimeStore, events: Vec<Event>, more_before: bool, more_after: bool) -> Self {
        let gaps = store.lost() > 0;
        let window = Window::new(happenings(&events, &jumps(store)), gaps);
        let messages = Messages::of(&window);
        let causality = Causality::of(&window, &messages);
        View {
            window,
            messages,
            causality,
            events: events
                .into_iter()
                .map(|event| (event.event_id, event))
                .collect(),
            more_before,
            more_after,
        }
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

impl Scope {
    fn process(self) -> Option<u64> {
        match self {
            Scope::All => None,
            Scope::Process(word) => Some(word),
        }
    }
}

//! A bounded piece of the log, in order of time, with the stack that every event stood in.

use ahash::AHashMap;

use crate::temporal::happening::{Ending, Happening, What};

/// No event.
pub(super) const NONE: u32 = u32::MAX;

/// Events in order of time; within a process in the order in which they happened.
pub struct Window {
    events: Vec<Happening>,
    by_id: AHashMap<u64, u32>,
    /// The events of each process, in order.
    of_process: AHashMap<u64, Vec<u32>>,
    /// Where an event stands among those of its process.
    place: Vec<u32>,
    /// The beginning of the innermost activation around each event. Of a beginning: of its caller; of an end: its
    /// own beginning.
    around: Vec<u32>,
    /// Where each activation began and ended.
    began: AHashMap<u64, u32>,
    ended: AHashMap<u64, u32>,
    /// Where each activation's own code reported last.
    shown: AHashMap<u64, u32>,
    /// Records were dropped within the window, or may have been.
    pub gaps: bool,
    /// Gates held calls back, so not every activation is here.
    pub gated: bool,
}

impl Window {
    /// Of events in the order of the log (per process in order, otherwise nearly). `gaps`: whether any are missing between them.
    pub fn new(mut events: Vec<Happening>, gaps: bool) -> Self {
        events.sort_by_key(|event| event.id);
        events.dedup_by_key(|event| event.id);
        events.truncate(NONE as usize - 1);
        // The clocks of two threads differ by nanoseconds; the order within a process stays.
        let mut latest: AHashMap<u64, u64> = AHashMap::new();
        for event in &mut events {
            let last = latest.entry(event.process).or_default();
            event.at_ns = event.at_ns.max(*last);
            *last = event.at_ns;
        }
        events.sort_by_key(|event| (event.at_ns, event.id));
        let mut window = Window {
            by_id: AHashMap::with_capacity(events.len()),
            of_process: AHashMap::new(),
            place: Vec::with_capacity(events.len()),
            around: vec![NONE; events.len()],
            began: AHashMap::new(),
            ended: AHashMap::new(),
            shown: AHashMap::new(),
            events,
            gaps,
            gated: false,
        };
        window.index();
        window.replay();
        window
    }

    fn index(&mut self) {
        for (at, event) in (0..).zip(&self.events) {
            self.by_id.insert(event.id, at);
            let own = self.of_process.entry(event.process).or_default();
            self.place.push(own.len() as u32);
            own.push(at);
            // Other ends are found out from outside, when it may have been gone for long.
            let itself = matches!(
                event.what,
                What::Enter { .. }
                    | What::End(Ending::Return | Ending::Tail)
                    | What::Inside
                    | What::Raised
                    | What::Site
                    | What::Handled
            );
            if event.token != 0 && itself {
                self.shown.insert(event.token, at);
            }
            match event.what {
                What::Enter { .. } => {
                    self.began.insert(event.token, at);
                }
                What::End(_) => {
                    self.ended.insert(event.token, at);
                }
                _ => {}
            }
        }
    }

    fn replay(&mut self) {
        for own in self.of_process.values() {
            let mut stack: Vec<(u64, u32)> = Vec::new();
            for at in own {
                let event = &self.events[*at as usize];
                let top = stack.last().map_or(NONE, |(_, began)| *began);
                self.around[*at as usize] = match event.what {
                    What::Enter { .. } => {
                        stack.push((event.token, *at));
                        top
                    }
                    What::End(_) => {
                        match stack.iter().rposition(|(token, _)| *token == event.token) {
                            Some(below) => {
                                let began = stack[below].1;
                                stack.truncate(below);
                                began
                            }
                            None => NONE,
                        }
                    }
                    _ if event.token != 0 => self.began.get(&event.token).copied().unwrap_or(top),
                    _ => top,
                };
            }
        }
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn events(&self) -> &[Happening] {
        &self.events
    }

    pub fn event(&self, at: u32) -> &Happening {
        &self.events[at as usize]
    }

    /// Where the event of an id stands.
    pub fn find(&self, id: u64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub fn processes(&self) -> impl Iterator<Item = u64> + '_ {
        self.of_process.keys().copied()
    }

    /// The events of a process, in order.
    pub fn of_process(&self, process: u64) -> &[u32] {
        self.of_process.get(&process).map_or(&[], Vec::as_slice)
    }

    /// The events of its process that come after an event, and those before it, the nearest first.
    pub fn after(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let own = self.of_process(self.event(at).process);
        own[self.place[at as usize] as usize + 1..].iter().copied()
    }

    pub fn before(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let own = self.of_process(self.event(at).process);
        own[..self.place[at as usize] as usize]
            .iter()
            .rev()
            .copied()
    }

    /// The beginning of the activation around an event (of a beginning: its caller's; of an end: its own).
    pub fn around(&self, at: u32) -> Option<u32> {
        Some(self.around[at as usize]).filter(|around| *around != NONE)
    }

    /// Where an activation began.
    pub fn began(&self, token: u64) -> Option<u32> {
        self.began.get(&token).copied()
    }

    /// Whether an activation was there for certain when something happened: its own code reported later.
    pub fn outlived(&self, token: u64, at: u32) -> bool {
        self.shown.get(&token).is_some_and(|shown| *shown > at)
    }

    /// Where an activation ended.
    pub fn ended(&self, token: u64) -> Option<u32> {
        self.ended.get(&token).copied()
    }
}

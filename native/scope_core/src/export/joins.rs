//! What joins processes, found while the log is read: messages, spawns, restarts.
//!
//! The log is looked at in pieces that overlap, so memory does not grow with it. Both sides of what is joined lie within three
//! parts; what lies farther apart is not joined.

use std::ops::Range;

use ahash::AHashMap;

use crate::error::Result;
use crate::export::item::Item;
use crate::temporal::{
    Basis, Budget, Causality, EdgeKind, Fact, Happening, Message, Messages, Tag, What, Window,
    happening,
};

/// Events of one part.
const PART: usize = 20_000;

/// One side of what is joined.
#[derive(Clone, Copy, Debug)]
pub struct Side<T> {
    pub at_ns: u64,
    /// The activation that it happened in, 0 for none.
    pub token: u64,
    /// What the exporter noted of the event.
    pub note: T,
}

#[derive(Clone, Copy, Debug)]
pub enum Joined<T> {
    Message {
        kind: &'static str,
        basis: Basis,
        from: Side<T>,
        to: Side<T>,
        /// What took it began for it: nothing of its process called it.
        begins: bool,
    },
    Spawn {
        basis: Basis,
        from: Side<T>,
        to: Side<T>,
        /// The first activation of the new process.
        first: u64,
    },
    /// A supervisor started one for another: their first and their last activation.
    Restart { dead: u64, first: u64 },
}

pub struct Joins<T> {
    events: Vec<Happening>,
    notes: Vec<(u64, T)>,
    /// Where the events begin whose joins were not told.
    fresh: usize,
    gaps: bool,
}

impl<T: Copy> Joins<T> {
    /// `gaps`: whether records were dropped.
    pub fn new(gaps: bool) -> Self {
        Joins {
            events: Vec::new(),
            notes: Vec::new(),
            fresh: 0,
            gaps,
        }
    }

    /// Takes the next event; gives what is now known to be joined.
    pub fn take(&mut self, item: &Item, note: T) -> Result<Vec<Joined<T>>> {
        self.events.push(happening(&Fact {
            id: item.id,
            at_ns: item.at_ns,
            process: item.process,
            kind: item.kind,
            token: item.token,
            point: item.point,
            reason: item.reason,
            blob: item.blob.as_deref().unwrap_or_default(),
        }));
        self.notes.push((item.id, note));
        if self.events.len() < 3 * PART {
            return Ok(Vec::new());
        }
        let found = self.join(2 * PART)?;
        self.events.drain(..PART);
        self.notes.drain(..PART);
        self.fresh = PART;
        Ok(found)
    }

    /// The rest, at the end of the log.
    pub fn finish(&mut self) -> Result<Vec<Joined<T>>> {
        let found = self.join(self.events.len());
        self.events.clear();
        self.notes.clear();
        self.fresh = 0;
        found
    }

    /// What leads to an event of the fresh part, up to `until`.
    fn join(&self, until: usize) -> Result<Vec<Joined<T>>> {
        let budget = Budget::unlimited();
        let window = Window::new(self.events.clone(), self.gaps);
        let messages = Messages::of(&window, &budget)?;
        let causality = Causality::of(&window, &messages, &budget)?;
        let places = self.notes.iter().map(|note| note.0).zip(0..);
        let piece = Piece {
            notes: &self.notes,
            places: places.collect(),
            window: &window,
            fresh: self.fresh..until,
        };
        let mut found = Vec::new();
        for message in &messages.all {
            found.extend(piece.message(message));
        }
        for edge in causality.edges() {
            match edge.kind {
                EdgeKind::Spawn => found.extend(piece.spawn(edge.from, edge.to, edge.basis)),
                EdgeKind::Restart => found.extend(piece.restart(edge.from, edge.to)),
                _ => {}
            }
        }
        Ok(found)
    }
}

struct Piece<'a, T> {
    notes: &'a [(u64, T)],
    /// Where each event stands: not all of a log are in the order of their ids.
    places: AHashMap<u64, usize>,
    window: &'a Window,
    /// The events that are told of now.
    fresh: Range<usize>,
}

impl<T: Copy> Piece<'_, T> {
    fn side(&self, at: u32) -> Option<Side<T>> {
        let event = self.window.event(at);
        let place = *self.places.get(&event.id)?;
        let around = self.window.around(at);
        let around = around.map_or(0, |began| self.window.event(began).token);
        let own = matches!(event.what, What::Site | What::Handled) && event.token != 0;
        Some(Side {
            at_ns: event.at_ns,
            token: if own { event.token } else { around },
            note: self.notes[place].1,
        })
    }

    fn is_fresh(&self, at: u32) -> bool {
        let place = self.places.get(&self.window.event(at).id);
        place.is_some_and(|place| self.fresh.contains(place))
    }

    fn message(&self, message: &Message) -> Option<Joined<T>> {
        let (from, to) = (message.origin()?, message.target()?);
        if !self.is_fresh(to) {
            return None;
        }
        let kind = match message.tag {
            _ if message.timer => "timer",
            Tag::Plain => "message",
            Tag::Call => "call",
            Tag::Cast => "cast",
            Tag::Reply => "reply",
            Tag::Down => "down",
            Tag::Exit => "exit",
            Tag::System => "system",
        };
        let to = self.side(to)?;
        let began = self.window.began(to.token);
        Some(Joined::Message {
            kind,
            basis: message.basis()?,
            from: self.side(from)?,
            to,
            begins: message.handled.is_some()
                && began.is_some_and(|began| {
                    self.window.event(began).callback && self.window.around(began).is_none()
                }),
        })
    }

    fn spawn(&self, from: u32, to: u32, basis: Basis) -> Option<Joined<T>> {
        if !self.is_fresh(to) {
            return None;
        }
        Some(Joined::Spawn {
            basis,
            from: self.side(from)?,
            to: self.side(to)?,
            first: self.first(self.window.event(to).process),
        })
    }

    fn restart(&self, told: u32, spawn: u32) -> Option<Joined<T>> {
        if !self.is_fresh(spawn) {
            return None;
        }
        let window = self.window;
        let dead = window.of_process(window.event(told).peer).iter().rev();
        let last = dead
            .map(|at| window.event(*at))
            .find(|event| matches!(event.what, What::End(_)));
        let first = self.first(window.event(spawn).peer);
        Some(Joined::Restart {
            dead: last?.token,
            first,
        })
    }

    /// The first activation of a process, 0 for none.
    fn first(&self, process: u64) -> u64 {
        let own = self.window.of_process(process).iter();
        let mut own = own.map(|at| self.window.event(*at));
        own.find(|event| matches!(event.what, What::Enter { .. }))
            .map_or(0, |event| event.token)
    }
}

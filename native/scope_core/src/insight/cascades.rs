//! How far a failure spreads: the activations that one exception unwound, or one death ended, innermost first.

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::ingest::EventKind;

/// Cascades told apart; what comes later is counted only.
const CASCADES_MAX: usize = 4096;
/// Functions of a cascade that are kept; a recursion may unwind a million.
const PATH_MAX: usize = 32;

/// What unwound together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cascade {
    /// `Error`, or `Aborted` with its process.
    pub kind: EventKind,
    pub reason: Option<Atom>,
    /// Innermost first; equal neighbours (a recursion) are one.
    pub path: Vec<FunctionKey>,
    /// Whether there were more than are kept.
    pub cut: bool,
}

/// An unwinding under way in a process.
#[derive(Clone, Debug)]
pub struct Unwinding {
    cascade: Cascade,
    pub depth: u64,
    at_ns: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub count: u64,
    /// Activations that it ended at most.
    pub depth_max: u64,
    pub last_ns: u64,
}

#[derive(Default)]
pub struct Cascades {
    seen: AHashMap<Cascade, Seen>,
    /// Of more kinds than are told apart.
    pub untold: u64,
}

impl Unwinding {
    /// A failure that begins with this activation.
    pub fn begin(kind: EventKind, reason: Option<Atom>, function: FunctionKey, at_ns: u64) -> Self {
        Unwinding {
            cascade: Cascade {
                kind,
                reason,
                path: vec![function],
                cut: false,
            },
            depth: 1,
            at_ns,
        }
    }

    /// Whether the same failure goes on with this: nothing happened in the process between, it is of the same kind, and a reason that
    /// both have is the same.
    pub fn goes_on(&self, kind: EventKind, reason: Option<Atom>) -> bool {
        let own = self.cascade.reason;
        self.cascade.kind == kind && (own.is_none() || reason.is_none() || own == reason)
    }

    pub fn add(&mut self, reason: Option<Atom>, function: FunctionKey, at_ns: u64) {
        self.depth += 1;
        self.at_ns = at_ns;
        self.cascade.reason = self.cascade.reason.or(reason);
        let path = &mut self.cascade.path;
        if path.last() == Some(&function) {
            return;
        }
        if path.len() < PATH_MAX {
            path.push(function);
        } else {
            self.cascade.cut = true;
        }
    }
}

impl Cascades {
    pub fn end(&mut self, unwinding: Unwinding) {
        let full = self.seen.len() >= CASCADES_MAX;
        if full && !self.seen.contains_key(&unwinding.cascade) {
            self.untold += 1;
            return;
        }
        let seen = self.seen.entry(unwinding.cascade).or_default();
        seen.count += 1;
        seen.depth_max = seen.depth_max.max(unwinding.depth);
        seen.last_ns = seen.last_ns.max(unwinding.at_ns);
    }

    /// Those that touch a function that `of` takes, most frequent first.
    pub fn of(&self, of: impl Fn(&FunctionKey) -> bool) -> Vec<(&Cascade, Seen)> {
        let touching = self
            .seen
            .iter()
            .filter(|(cascade, _)| cascade.path.iter().any(&of));
        let mut found: Vec<_> = touching.map(|(cascade, seen)| (cascade, *seen)).collect();
        found.sort_by(|a, b| {
            let order = b.1.count.cmp(&a.1.count);
            order.then_with(|| a.0.path.cmp(&b.0.path))
        });
        found
    }
}

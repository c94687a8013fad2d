//! What happens within activations: it begins and ends none, but belongs to one.

use super::Engine;
use crate::capture::points::PointKind;
use crate::capture::record::Record;
use crate::ingest::effect::{Effect, EventKind, NONE};

impl Engine {
    pub(super) fn within(
        &mut self,
        record: &Record,
        at_ns: u64,
        kind: EventKind,
        blob: (u32, u32),
    ) {
        let point = record.point;
        if point != NONE && self.function_of(point).is_none() {
            self.counts.malformed += 1;
            return;
        }
        let Some(number) = self.process(record.process) else {
            self.counts.untracked += 1;
            return;
        };
        let token = match record.payload {
            0 => self.surrounding(number, point),
            token => {
                self.reveal(number, token, at_ns);
                token
            }
        };
        // It was heard of, even when nothing of it is open.
        self.processes[number as usize].clock_ns(at_ns);
        self.effects.push(Effect {
            kind,
            outermost_function: false,
            outermost_clause: false,
            at_ns,
            process: number,
            process_word: record.process,
            token,
            point,
            edge: NONE,
            inclusive_ns: 0,
            self_ns: 0,
            opened: 0,
            reason: NONE,
            blob,
        });
    }

    /// The code of an activation runs, so nothing is open above it: what the stack still holds there was unwound by an
    /// exception that uninstrumented code caught.
    fn reveal(&mut self, number: u32, token: u64, at_ns: u64) {
        let process = &self.processes[number as usize];
        // On top already, as nearly always; the marks of its own `try`s lie above it.
        let gone = process.find(token).and_then(|at| {
            let above = &process.frames[at + 1..];
            let first = above.iter().position(|frame| !frame.is_mark())?;
            Some(at + 1 + first)
        });
        if let Some(keep) = gone {
            self.unwind(number, keep, at_ns, None, NONE);
        }
    }

    /// The innermost open activation of the point's function; without a point, the innermost of all. 0 is none: the code of
    /// a function value may run in another process.
    fn surrounding(&self, number: u32, point: u32) -> u64 {
        let process = &self.processes[number as usize];
        let at = match self.function_of(point) {
            Some(function) => process.innermost(function),
            None => process.frames.iter().rposition(|frame| !frame.is_mark()),
        };
        at.map_or(0, |at| process.frames[at].token)
    }

    /// The registry's number of the function that a point is in.
    pub(super) fn function_of(&self, point: u32) -> Option<u32> {
        let registered = self.points.get(point as usize)?.as_ref()?;
        Some(registered.function)
    }

    /// Rare: once for each branch. So it goes to the stores at once.
    #[cold]
    pub(super) fn reach(&mut self, record: &Record) {
        match self.points.get(record.point as usize) {
            Some(Some(registered)) if registered.info.kind == PointKind::Branch => {
                for store in &self.stores {
                    store.reach(record.point, &self.points);
                }
            }
            _ => self.counts.malformed += 1,
        }
    }
}

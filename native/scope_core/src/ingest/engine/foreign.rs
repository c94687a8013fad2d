//! Functions without instrumentation, which the VM traces.
//!
//! Their beginnings carry the number of the trace (and whether ends are traced at all) where others carry a reason. Their
//! ends name the function, not the activation: the VM reports them innermost first, also when an exception
//! unwinds them, so the innermost open activation of that function and trace is the one that ended. What is
//! above it has ended without a word: its trace was taken away, or the record was dropped.
//!
//! A trace that is closed ends what it left open as `Lost`: nobody will report it.

use super::Engine;
use crate::capture::points::PointKind;
use crate::capture::record::{Record, foreign};
use crate::ingest::effect::{Effect, EventKind, NONE};
use crate::ingest::process::Frame;

impl Engine {
    /// Whether a record is of a function that the VM traces.
    #[inline]
    pub(super) fn is_foreign(&self, point: u32) -> bool {
        match self.points.get(point as usize) {
            Some(Some(registered)) => registered.info.kind == PointKind::Foreign,
            _ => false,
        }
    }

    pub(super) fn foreign_end(
        &mut self,
        record: &Record,
        at_ns: u64,
        kind: EventKind,
        reason: u32,
        blob: (u32, u32),
    ) {
        let found = self.known(record.process).and_then(|number| {
            let ended = |frame: &Frame| {
                frame.point == record.point && u64::from(frame.trace) == record.payload
            };
            let frames = &self.processes[number as usize].frames;
            Some((number, frames.iter().rposition(ended)?))
        });
        let Some((number, at)) = found else {
            self.orphan(record);
            return;
        };
        self.processes[number as usize].jump = None;
        self.unwind(number, at + 1, at_ns, None, NONE);
        self.close_top(number, at_ns, kind, reason, blob);
    }

    /// The activation that was just entered has no traced end: what is known of it is that it was called.
    #[cold]
    pub(super) fn foreign_endless(&mut self, number: u32, at_ns: u64) {
        self.counts.unended += 1;
        self.close_top(number, at_ns, EventKind::Lost, NONE, (0, 0));
    }

    /// Ends what a closed trace left open.
    #[cold]
    pub(super) fn trace_closed(&mut self, trace: u8, at_ns: u64) {
        for number in self.by_word.values() {
            let process = &mut self.processes[*number as usize];
            if !process.frames.iter().any(|frame| frame.trace == trace) {
                continue;
            }
            let gone = process.take_out(|frame| frame.trace == trace);
            let word = process.word;
            for (frame, inclusive_ns) in gone {
                self.counts.open -= 1;
                self.counts.ended += 1;
                self.counts.lost += 1;
                self.counts.unended += 1;
                self.effects.push(Effect {
                    kind: EventKind::Lost,
                    outermost_function: frame.outermost_function,
                    outermost_clause: frame.outermost_clause,
                    at_ns,
                    process: *number,
                    process_word: word,
                    token: frame.token,
                    point: frame.point,
                    edge: NONE,
                    inclusive_ns,
                    self_ns: inclusive_ns.saturating_sub(frame.children_ns),
                    opened: frame.opened,
                    reason: NONE,
                    blob: (0, 0),
                });
            }
        }
    }

    /// The trace of an entered point, and whether its end is traced; `(0, true)` of code with probes.
    #[inline]
    pub(super) fn trace_of(record: &Record) -> (u8, bool) {
        (
            foreign::trace(record.reason),
            !foreign::is_endless(record.reason),
        )
    }
}

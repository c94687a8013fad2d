//! Processes come and go: who is watched, who died unseen, whose frames are no longer real.

use super::Engine;
use crate::capture::points::FunctionKey;
use crate::ingest::effect::{Effect, EventKind, NONE};
use crate::ingest::process::Frame;

impl Engine {
    #[inline]
    pub(super) fn touch(&mut self, number: u32) {
        let process = &mut self.processes[number as usize];
        if !process.touched {
            process.touched = true;
            self.touched.push(number);
        }
    }

    pub(super) fn forget(&mut self, number: u32) {
        let process = &mut self.processes[number as usize];
        self.by_word.remove(&process.word);
        process.frames = Vec::new();
        process.jump = None;
        process.gone = true;
        self.last = None;
        // What is still in a list is given free when that list is gone through.
        if !process.touched && !process.dying {
            self.free.push(number);
        }
    }

    /// The round is over: everything stamped before `until_ns` was seen. Processes with something open are watched
    /// from now on; of those found dead, what is open ends when one more whole round has brought their last records.
    pub fn end_round(&mut self, until_ns: u64, mut monitor: impl FnMut(u64) -> bool) {
        self.last = None;
        for number in std::mem::take(&mut self.dying) {
            let process = &mut self.processes[number as usize];
            process.dying = false;
            if process.gone {
                if !process.touched {
                    self.free.push(number);
                }
                continue;
            }
            // Who was dead before it could be watched lived shorter than a round, and nobody saw it end: what is known is
            // when it last reported. Until now would make work of waiting for the consumer.
            let at_ns = if process.monitored {
                until_ns
            } else {
                process.heard_ns()
            };
            self.unwind(number, 0, at_ns, Some(EventKind::Aborted), NONE);
            self.forget(number);
        }
        for number in std::mem::take(&mut self.touched) {
            let process = &mut self.processes[number as usize];
            process.touched = false;
            process.trim();
            if process.gone {
                if !process.dying {
                    self.free.push(number);
                }
            } else if process.monitored || process.dying {
                // Watched already.
            } else if process.is_idle() {
                self.forget(number);
            } else if monitor(process.word) {
                process.monitored = true;
            } else {
                process.dying = true;
                self.dying.push(number);
            }
        }
    }

    /// Some deaths were not reported: whatever was watched is asked for again when the round ends.
    pub fn doubt_all_monitors(&mut self) {
        for number in self.by_word.values().copied().collect::<Vec<_>>() {
            self.processes[number as usize].monitored = false;
            self.touch(number);
        }
    }

    /// Asks of every watched process with something open whether it lives: its death may be about to be reported. Of
    /// those that do not, what is open ends when one more whole round has brought their last records.
    pub fn check_alive(&mut self, mut is_alive: impl FnMut(u64) -> bool) {
        for number in self.by_word.values() {
            let process = &mut self.processes[*number as usize];
            if !process.dying && !process.frames.is_empty() && !is_alive(process.word) {
                process.dying = true;
                self.dying.push(*number);
            }
        }
    }

    /// Processes that have something open and have been silent since `quiet_ns`: whether it is really open, a look at
    /// their stack can tell. Each is named once for a silence.
    pub fn suspects(&mut self, quiet_ns: u64, limit: usize) -> Vec<u64> {
        let mut found = Vec::new();
        for number in self.by_word.values() {
            let process = &mut self.processes[*number as usize];
            let heard_ns = process.heard_ns();
            if found.len() == limit {
                break;
            }
            if !process.frames.is_empty() && heard_ns < quiet_ns && process.asked_ns != heard_ns {
                process.asked_ns = heard_ns;
                found.push(process.word);
            }
        }
        found
    }

    /// Ends the activations of a process whose functions are not on its real stack, as it was at `seen_ns`: an exception
    /// unwound them, code that does not report caught it, and the process went on. Every record stamped before has been
    /// taken; when there are later ones, or the process is not known any more, nothing is done.
    pub fn retire(&mut self, word: u64, stack: &[FunctionKey], seen_ns: u64) -> usize {
        let Some(number) = self.by_word.get(&word).copied() else {
            return 0;
        };
        let functions = &self.functions;
        let process = &mut self.processes[number as usize];
        let at_ns = process.heard_ns();
        if process.dying || at_ns >= seen_ns {
            return 0;
        }
        // What the VM traces tells of its exceptions, and keeps a frame where it jumped: its name need not be there.
        let gone = process.take_out(|frame| match functions.get(frame.function as usize) {
            Some(Some(function)) => frame.trace == 0 && !stack.contains(function),
            _ => false,
        });
        if process.frames.iter().all(Frame::is_mark) {
            self.counts.marks -= process.frames.len() as u64;
            process.frames.clear();
        }
        for (frame, inclusive_ns) in &gone {
            let inclusive_ns = *inclusive_ns;
            self.counts.open -= 1;
            self.counts.ended += 1;
            self.counts.retired += 1;
            self.effects.push(Effect {
                kind: EventKind::Error,
                outermost_function: frame.outermost_function,
                outermost_clause: frame.outermost_clause,
                at_ns,
                process: number,
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
        gone.len()
    }
}

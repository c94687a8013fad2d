//! One observed process: the stack of its open activations, as far as probes tell.

use ahash::AHashSet;

use crate::capture::points::TailTarget;
use crate::ingest::effect::NONE;

/// An open activation, or the mark of an open `try` (then `point` is `NONE`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub token: u64,
    pub point: u32,
    pub function: u32,
    /// On the process's own clock, which stands still while the process is held back.
    pub began_ns: u64,
    /// Inclusive time of the activations it called.
    pub children_ns: u64,
    /// Event id of its beginning.
    pub opened: u64,
    pub outermost_function: bool,
    pub outermost_clause: bool,
    /// Number of the trace that told of it; 0 where a probe did.
    pub trace: u8,
}

impl Frame {
    pub fn is_mark(&self) -> bool {
        self.point == NONE
    }
}

/// A jump that has not arrived yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub from: u32,
    pub target: TailTarget,
}

#[derive(Debug)]
pub(super) struct Process {
    pub word: u64,
    pub frames: Vec<Frame>,
    pub jump: Option<Jump>,
    /// How long it was held back so far.
    pub paused_ns: u64,
    /// Its clock never goes back.
    last_ns: u64,
    /// Of the lowest `indexed` frames, what is open is in `open`; the rest is searched frame by frame.
    indexed: usize,
    open: AHashSet<u64>,
    /// Beginnings above the top frame that were not kept, for want of room.
    pub untracked: u64,
    pub monitored: bool,
    /// Forgotten; its place is given free when no list names it any more.
    pub gone: bool,
    /// In the engine's list of processes to look at when the round ends.
    pub touched: bool,
    /// Its time when it was last asked for its real stack: it is not asked again before it has reported anew.
    pub asked_ns: u64,
    /// Found dead: what is open is aborted when a whole round has passed.
    pub dying: bool,
}

/// Frames searched one by one before they are indexed.
const SEARCHED: usize = 48;

impl Process {
    pub fn new(word: u64) -> Self {
        Process {
            word,
            frames: Vec::new(),
            jump: None,
            paused_ns: 0,
            last_ns: 0,
            indexed: 0,
            open: AHashSet::new(),
            untracked: 0,
            monitored: false,
            gone: false,
            touched: false,
            asked_ns: 0,
            dying: false,
        }
    }

    /// The process's clock at a time of the capture's.
    #[inline]
    pub fn clock_ns(&mut self, at_ns: u64) -> u64 {
        self.last_ns = self.last_ns.max(at_ns.saturating_sub(self.paused_ns));
        self.last_ns
    }

    /// The innermost open activation: who calls what begins now.
    #[inline]
    pub fn caller(&self) -> Option<u32> {
        let frame = self.frames.iter().rev().find(|frame| !frame.is_mark())?;
        Some(frame.function)
    }

    /// Where the innermost open activation of a function is.
    pub fn innermost(&self, function: u32) -> Option<usize> {
        let found = |frame: &Frame| frame.function == function && !frame.is_mark();
        self.frames.iter().rposition(found)
    }

    /// When it last reported, on the capture's clock.
    pub fn heard_ns(&self) -> u64 {
        self.last_ns + self.paused_ns
    }

    /// Takes out activations wherever they lie, innermost first, with their inclusive times, which go to the
    /// account of what stays or goes below. What is gone was over before anything that stays above it began.
    pub fn take_out(&mut self, gone: impl Fn(&Frame) -> bool) -> Vec<(Frame, u64)> {
        let (mut taken, mut kept) = (Vec::new(), Vec::new());
        let (mut over_ns, mut charge_ns) = (self.last_ns, 0);
        for mut frame in std::mem::take(&mut self.frames).into_iter().rev() {
            if frame.is_mark() {
                kept.push(frame);
                continue;
            }
            frame.children_ns += std::mem::take(&mut charge_ns);
            if gone(&frame) {
                charge_ns = over_ns.saturating_sub(frame.began_ns);
                taken.push((frame, charge_ns));
            } else {
                over_ns = over_ns.min(frame.began_ns);
                kept.push(frame);
            }
        }
        kept.reverse();
        self.frames = kept;
        self.indexed = 0;
        self.open = AHashSet::new();
        taken
    }

    /// Whether no activation of the function, and none of the clause, is open.
    #[inline]
    pub fn outermost(&mut self, function: u32, point: u32) -> (bool, bool) {
        if self.frames.is_empty() {
            return (true, true);
        }
        if self.frames.len() - self.indexed > SEARCHED {
            self.index();
        }
        let (mut function_open, mut clause_open) = (false, false);
        for frame in self.frames[self.indexed..].iter().rev() {
            function_open |= frame.function == function && !frame.is_mark();
            if frame.point == point {
                return (false, false);
            }
        }
        if self.indexed > 0 {
            function_open |= self.open.contains(&function_key(function));
            clause_open = function_open && self.open.contains(&clause_key(point));
        }
        (!function_open, !clause_open)
    }

    #[cold]
    fn index(&mut self) {
        for frame in &self.frames[self.indexed..] {
            if frame.is_mark() {
                continue;
            }
            if frame.outermost_function {
                self.open.insert(function_key(frame.function));
            }
            if frame.outermost_clause {
                self.open.insert(clause_key(frame.point));
            }
        }
        self.indexed = self.frames.len();
    }

    #[inline]
    pub fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.untracked = 0;
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop()?;
        if self.indexed > self.frames.len() {
            self.unindex(&frame);
        }
        self.untracked = 0;
        Some(frame)
    }

    #[cold]
    fn unindex(&mut self, frame: &Frame) {
        self.indexed = self.frames.len();
        if frame.is_mark() {
            return;
        }
        if frame.outermost_function {
            self.open.remove(&function_key(frame.function));
        }
        if frame.outermost_clause {
            self.open.remove(&clause_key(frame.point));
        }
        if self.indexed == 0 {
            // A deep recursion is over: give its memory back.
            self.open = AHashSet::new();
        }
    }

    /// The time a called activation took, to the account of its caller.
    #[inline]
    pub fn charge_caller(&mut self, inclusive_ns: u64) {
        if let Some(caller) = self.frames.iter_mut().rev().find(|frame| !frame.is_mark()) {
            caller.children_ns += inclusive_ns;
        }
    }

    /// Where the frame of a token is. Almost always on top; below it only after an exception.
    #[inline]
    pub fn find(&self, token: u64) -> Option<usize> {
        let top = self.frames.len().checked_sub(1)?;
        if self.frames[top].token == token {
            return Some(top);
        }
        self.find_below(token)
    }

    /// What is found is unwound, so the steps are paid for by the frames that go. What is not found costs the
    /// whole stack, unless frames are missing: then a missing one is what is likely meant, and the search is short.
    #[cold]
    fn find_below(&self, token: u64) -> Option<usize> {
        let steps = if self.untracked > 0 {
            SEARCHED
        } else {
            usize::MAX
        };
        let mut found = self.frames.iter().enumerate().rev().take(steps);
        // Of one ring, a lower frame has a smaller token: past it, the token cannot come.
        let newer = |frame: &Frame| frame.token >> 48 == token >> 48 && frame.token < token;
        found
            .find(|(_, frame)| frame.token == token || newer(frame))
            .and_then(|(at, frame)| (frame.token == token).then_some(at))
    }

    /// Nothing left that a later record could need.
    pub fn is_idle(&self) -> bool {
        self.frames.is_empty() && self.jump.is_none()
    }

    /// A large stack that is over gives its memory back.
    pub fn trim(&mut self) {
        const KEPT: usize = 256;
        if self.frames.len() < KEPT / 2 && self.frames.capacity() > KEPT {
            self.frames.shrink_to(KEPT);
        }
    }
}

fn function_key(function: u32) -> u64 {
    u64::from(function)
}

fn clause_key(point: u32) -> u64 {
    1 << 32 | u64::from(point)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn push(process: &mut Process, token: u64, function: u32, point: u32) {
        let (outermost_function, outermost_clause) = process.outermost(function, point);
        process.push(Frame {
            token,
            point,
            function,
            began_ns: 0,
            children_ns: 0,
            opened: 0,
            outermost_function,
            outermost_clause,
            trace: 0,
        });
    }

    /// The index must never disagree with a plain search.
    #[test]
    fn outermost_agrees_with_a_plain_search_at_any_depth() {
        let mut process = Process::new(1);
        let mut seed = 7u64;
        for step in 0..if cfg!(miri) { 2_000 } else { 200_000u64 } {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let rising = step / 3000 % 2 == 0;
            if seed >> 60 < if rising { 10 } else { 6 } {
                let point = (seed >> 40 & 31) as u32;
                let function = point / 2;
                let plain = (
                    !process
                        .frames
                        .iter()
                        .any(|frame| frame.function == function),
                    !process.frames.iter().any(|frame| frame.point == point),
                );
                assert_eq!(process.outermost(function, point), plain, "step {step}");
                push(&mut process, step, function, point);
            } else {
                process.pop();
            }
        }
        while process.pop().is_some() {}
        assert!(process.open.is_empty());
    }

    #[test]
    fn a_token_is_found_wherever_it_is() {
        let mut process = Process::new(1);
        let tokens = [1 << 48 | 1, 1 << 48 | 4, 2 << 48 | 2, 1 << 48 | 9];
        tokens
            .iter()
            .for_each(|token| push(&mut process, *token, 0, 0));
        for (at, token) in tokens.iter().enumerate() {
            assert_eq!(process.find(*token), Some(at));
        }
        assert_eq!(process.find(1 << 48 | 5), None);
        assert_eq!(process.find(3 << 48), None);
    }
}

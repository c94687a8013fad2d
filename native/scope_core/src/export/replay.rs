//! The stacks of processes, as the log tells them.
//!
//! The engine closes activations from the top, so ends come in the order of a stack; only what was found gone
//! afterwards (`retire`) ends below others that stay.

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::PointInfo;
use crate::export::item::Item;
use crate::ingest::EventKind;

/// An open activation.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub token: u64,
    pub point: PointInfo,
    pub began_ns: u64,
    /// The event id of its beginning.
    pub opened: u64,
    /// Inclusive time of what it called.
    pub children_ns: u64,
    /// Room for who listens: a node of a tree, a flag.
    pub mark: u32,
}

/// What an event changed. `depth` counts the frames below.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Opened {
        process: u32,
        depth: usize,
    },
    Closed {
        process: u32,
        /// As it was.
        frame: Frame,
        depth: usize,
        kind: EventKind,
        at_ns: u64,
        inclusive_ns: u64,
        self_ns: u64,
        reason: Option<Atom>,
    },
    /// An end whose beginning is not in the log (any more).
    Unmatched,
    /// Neither a beginning nor an end; `process` is its number.
    Other {
        process: u32,
    },
}

/// One process.
pub struct Stack {
    pub word: u64,
    pub local: bool,
    pub frames: Vec<Frame>,
    /// When it reported last.
    pub last_ns: u64,
}

/// All processes of a log. Memory is bounded by what was open at a time, as it was in the engine.
#[derive(Default)]
pub struct Replay {
    numbers: AHashMap<(u64, bool), u32>,
    pub stacks: Vec<Stack>,
    pub unmatched: u64,
    free: Vec<u32>,
}

impl Replay {
    pub fn process(&mut self, item: &Item) -> u32 {
        let key = (item.process, item.local);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let stack = Stack {
            word: item.process,
            local: item.local,
            frames: Vec::new(),
            last_ns: 0,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.stacks[number as usize] = stack;
                number
            }
            None => {
                self.stacks.push(stack);
                self.stacks.len() as u32 - 1
            }
        };
        self.numbers.insert(key, number);
        number
    }

    /// For who does not need a process any more: its number goes to the next one.
    pub fn forget(&mut self, process: u32) {
        let stack = &mut self.stacks[process as usize];
        stack.frames = Vec::new();
        if self.numbers.remove(&(stack.word, stack.local)).is_some() {
            self.free.push(process);
        }
    }

    pub fn frames(&self, process: u32) -> &[Frame] {
        &self.stacks[process as usize].frames
    }

    /// The frame that was just opened.
    pub fn top(&mut self, process: u32) -> Option<&mut Frame> {
        self.stacks[process as usize].frames.last_mut()
    }

    pub fn take(&mut self, item: &Item) -> Change {
        let process = self.process(item);
        let stack = &mut self.stacks[process as usize];
        // Within a process time does not go back; a column's rounding must not say otherwise.
        let at_ns = item.at_ns.max(stack.last_ns);
        stack.last_ns = at_ns;
        if item.kind == EventKind::Enter {
            let Some(point) = item.point else {
                return Change::Other { process };
            };
            stack.frames.push(Frame {
                token: item.token,
                point,
                began_ns: at_ns,
                opened: item.id,
                children_ns: 0,
                mark: 0,
            });
            return Change::Opened {
                process,
                depth: stack.frames.len() - 1,
            };
        }
        if !item.kind.is_end() {
            return Change::Other { process };
        }
        let found = stack
            .frames
            .iter()
            .rposition(|frame| frame.token == item.token);
        let Some(depth) = found else {
            self.unmatched += 1;
            return Change::Unmatched;
        };
        let frame = stack.frames.remove(depth);
        let inclusive_ns = item
            .duration_ns
            .unwrap_or_else(|| at_ns.saturating_sub(frame.began_ns));
        if let Some(caller) = depth.checked_sub(1).map(|below| &mut stack.frames[below]) {
            caller.children_ns += inclusive_ns;
        }
        Change::Closed {
            process,
            frame,
            depth,
            kind: item.kind,
            at_ns,
            inclusive_ns,
            self_ns: inclusive_ns.saturating_sub(frame.children_ns),
            reason: item.reason,
        }
    }

    /// Activations that have not ended.
    pub fn open(&self) -> u64 {
        self.stacks
            .iter()
            .map(|stack| stack.frames.len() as u64)
            .sum()
    }
}

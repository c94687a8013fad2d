//! Where the time of activations went, and what they did again and again: one pass over a part of the log.
//!
//! Of each function: inclusive time, its own, that of what it called, that in which it waited, that of collections while it
//! was the innermost, and a sample of its durations, build by build. Of each pair of a function and one it called: how often
//! a single activation called it, and how often with equal arguments.
//!
//! A chain of tail calls of one function, and its recursion, are one activation here: `each([h | t])` that asks the database
//! for each element asks as often as there are elements.

use std::time::Instant;

use ahash::AHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::export::{Change, Item, Pages, Replay};
use crate::ingest::{EventFilter, EventKind, RuntimeStore};
use crate::insight::times::{Bounds, Ended, Repeats, Seen, Times};

/// Functions, and pairs, told apart.
const FUNCTIONS_MAX: usize = 64 * 1024;
const PAIRS_MAX: usize = 64 * 1024;
/// Callees of one activation, and their different arguments.
const CALLEES_MAX: usize = 256;
const ARGUMENTS_MAX: usize = 4096;
/// Durations sampled over all functions.
const SAMPLES_MAX: usize = 4 * 1024 * 1024;
/// Calls whose answer is waited for.
const WAITING_MAX: usize = 64 * 1024;
/// The tag of a `GenServer.call`'s message.
const TAG_CALL: u8 = 1;

#[derive(Default)]
struct Callee {
    calls: u64,
    ns: u64,
    valued: u64,
    equal: u64,
    equal_ns: u64,
    equal_most: u64,
}

/// What one activation did so far.
#[derive(Default)]
struct Doing {
    began: u64,
    callees: AHashMap<u32, Callee>,
    /// Callee and hash of its arguments, how often.
    arguments: AHashMap<(u32, u64), u64>,
}

/// Beside each frame.
#[derive(Default)]
struct Beside {
    doing: Option<Box<Doing>>,
    /// Its arguments were seen before in the same activation.
    repeated: bool,
    /// The call that it answers: process, frame, since when.
    serves: Option<Asked>,
}

#[derive(Clone, Copy)]
struct Asked {
    process: (u64, bool),
    token: u64,
    at_ns: u64,
    event: u64,
}

#[derive(Default)]
struct Seat {
    beside: Vec<Beside>,
    /// What a tail call hands on: its depth, and what was done.
    handed: Option<(usize, u32, Box<Doing>)>,
    out: Option<(u64, u64)>,
    collecting: Option<(u64, u64)>,
    /// The last event, when it may have been the beginning of a wait.
    last: Option<(u64, u64)>,
}

#[derive(Default)]
pub struct Causes {
    replay: Replay,
    seats: Vec<Seat>,
    numbers: AHashMap<FunctionKey, u32>,
    pub functions: Vec<Times>,
    pairs: AHashMap<(u32, u32), Repeats>,
    asked: AHashMap<u64, Asked>,
    pub seen: Seen,
    pub events: u64,
    pub first_ns: Option<u64>,
    pub last_ns: u64,
    /// What was not told apart, for want of room.
    pub untold: u64,
    sampled: usize,
}

impl Causes {
    /// Reads the log.
    ///
    /// Errors: `Timeout`, `Cancelled`; `Corrupt` when events on the disk cannot be read back.
    pub fn of(store: &RuntimeStore, bounds: &Bounds<'_>) -> Result<Causes> {
        let mut causes = Causes::default();
        let mut pages = Pages::new(EventFilter {
            from_ns: bounds.from_ns,
            to_ns: bounds.to_ns,
            ..EventFilter::default()
        });
        loop {
            let page = pages.next(store)?;
            if page.is_empty() {
                break;
            }
            for item in &page {
                causes.take(item, bounds.samples);
            }
            if Instant::now() >= bounds.until {
                return Err(Error::Timeout {
                    what: "analysis",
                    limit_ms: bounds.limit_ms,
                });
            }
            if !(bounds.wanted)() {
                return Err(Error::Cancelled { what: "analysis" });
            }
        }
        causes.end();
        Ok(causes)
    }

    pub fn pairs(&self) -> impl Iterator<Item = (FunctionKey, FunctionKey, Repeats)> {
        self.pairs.iter().map(|((caller, callee), repeats)| {
            let key = |number: &u32| self.functions[*number as usize].key;
            (key(caller), key(callee), *repeats)
        })
    }

    pub fn unmatched(&self) -> u64 {
        self.replay.unmatched
    }

    fn number(&mut self, key: FunctionKey) -> Option<u32> {
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        if self.functions.len() >= FUNCTIONS_MAX {
            self.untold += 1;
            return None;
        }
        let number = self.functions.len() as u32;
        self.numbers.insert(key, number);
        self.functions.push(Times::new(key));
        Some(number)
    }

    pub fn take(&mut self, item: &Item, samples: usize) {
        self.events += 1;
        self.first_ns.get_or_insert(item.at_ns);
        self.last_ns = self.last_ns.max(item.at_ns);
        let change = self.replay.take(item);
        if self.seats.len() < self.replay.stacks.len() {
            self.seats
                .resize_with(self.replay.stacks.len(), Seat::default);
        }
        match change {
            Change::Opened { process, depth } => {
                self.opened(item, process, depth);
                self.seats[process as usize].last = Some((item.at_ns, item.id));
            }
            Change::Closed {
                process,
                frame,
                depth,
                kind,
                at_ns,
                inclusive_ns,
                self_ns,
                ..
            } => {
                let ended = Ended {
                    function: frame.point.function,
                    build: frame.point.build,
                    opened: frame.opened,
                    kind,
                    at_ns,
                    inclusive_ns,
                    self_ns,
                };
                self.closed(process, depth, &ended, samples);
                self.seats[process as usize].last = Some((at_ns, item.id));
                self.release(process);
            }
            Change::Other { process } => {
                self.within(item, process);
                self.release(process);
            }
            Change::Unmatched => {}
        }
    }

    fn opened(&mut self, item: &Item, process: u32, depth: usize) {
        self.seen.calls = true;
        let function = self.replay.frames(process)[depth].point.function;
        let Some(number) = self.number(function) else {
            return;
        };
        let seat = &mut self.seats[process as usize];
        seat.beside.resize_with(depth, Beside::default);
        let mut beside = Beside::default();
        // What a tail call of its own goes on with is one activation.
        match seat.handed.take() {
            Some((at, own, doing)) if at == depth && own == number => beside.doing = Some(doing),
            Some((_, own, doing)) => self.settle(own, *doing),
            None => {}
        }
        self.seats[process as usize].beside.push(beside);
        let Some(owner) = self.owner(process, depth, function) else {
            return;
        };
        let hash = item
            .blob
            .as_deref()
            .filter(|blob| !blob.is_empty())
            .map(xxh3_64);
        self.seen.values |= hash.is_some();
        let opened = self.replay.frames(process)[owner].opened;
        let seat = &mut self.seats[process as usize];
        let doing = seat.beside[owner].doing.get_or_insert_with(Box::default);
        if doing.began == 0 {
            doing.began = opened;
        }
        if doing.callees.len() >= CALLEES_MAX && !doing.callees.contains_key(&number) {
            self.untold += 1;
            return;
        }
        let callee = doing.callees.entry(number).or_default();
        callee.calls += 1;
        let Some(hash) = hash else { return };
        callee.valued += 1;
        if doing.arguments.len() < ARGUMENTS_MAX || doing.arguments.contains_key(&(number, hash)) {
            let times = doing.arguments.entry((number, hash)).or_default();
            *times += 1;
            if *times > 1 {
                callee.equal += 1;
                callee.equal_most = callee.equal_most.max(*times);
                seat.beside[depth].repeated = true;
            }
        } else {
            self.untold += 1;
        }
    }

    /// The frame that called: the outermost of a run of one function. `None` for what nobody called, and for recursion.
    fn owner(&self, process: u32, depth: usize, function: FunctionKey) -> Option<usize> {
        let frames = self.replay.frames(process);
        let mut owner = depth.checked_sub(1)?;
        let caller = frames[owner].point.function;
        if caller == function {
            return None;
        }
        while owner > 0 && frames[owner - 1].point.function == caller {
            owner -= 1;
        }
        (owner < self.seats[process as usize].beside.len()).then_some(owner)
    }

    fn closed(&mut self, process: u32, depth: usize, ended: &Ended, samples: usize) {
        let seat = &mut self.seats[process as usize];
        let beside = match depth < seat.beside.len() {
            true => seat.beside.remove(depth),
            false => Beside::default(),
        };
        if let Some((_, own, doing)) = seat.handed.take() {
            self.settle(own, *doing);
        }
        let Some(number) = self.number(ended.function) else {
            return;
        };
        if let Some(owner) = self.owner(process, depth, ended.function) {
            let doing = self.seats[process as usize].beside[owner].doing.as_mut();
            if let Some(callee) = doing.and_then(|doing| doing.callees.get_mut(&number)) {
                callee.ns += ended.inclusive_ns;
                if beside.repeated {
                    callee.equal_ns += ended.inclusive_ns;
                }
            }
        }
        if let Some(asked) = beside.serves {
            self.answered(asked, ended.at_ns);
        }
        if let Some(doing) = beside.doing {
            match ended.kind == EventKind::Tail {
                true => self.seats[process as usize].handed = Some((depth, number, doing)),
                false => self.settle(number, *doing),
            }
        }
        let room = self.sampled < SAMPLES_MAX;
        let times = &mut self.functions[number as usize];
        times.ended += 1;
        times.inclusive_ns += ended.inclusive_ns;
        times.self_ns += ended.self_ns;
        times.slowest.note(ended.inclusive_ns, ended.opened);
        times.slowest_self.note(ended.self_ns, ended.opened);
        if ended.kind == EventKind::Error {
            times.errors += 1;
            if times.failed == 0 {
                times.failed = ended.opened;
            }
        }
        if samples > 0 && matches!(ended.kind, EventKind::Return | EventKind::Tail) {
            self.sampled += usize::from(times.sample(ended, samples, room));
        }
    }

    /// Adds what an activation did to the sums.
    fn settle(&mut self, caller: u32, doing: Doing) {
        for (callee, one) in doing.callees {
            if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&(caller, callee)) {
                self.untold += 1;
                continue;
            }
            let pair = self.pairs.entry((caller, callee)).or_default();
            pair.activations += 1;
            pair.calls += one.calls;
            pair.ns += one.ns;
            pair.valued += one.valued;
            pair.equal += one.equal;
            pair.equal_ns += one.equal_ns;
            if one.calls > pair.most {
                pair.most = one.calls;
                pair.most_ns = one.ns;
                pair.most_event = doing.began;
            }
            if one.equal_most > pair.equal_most {
                pair.equal_most = one.equal_most;
                pair.equal_most_event = doing.began;
            }
        }
    }

    fn within(&mut self, item: &Item, process: u32) {
        let top = self
            .replay
            .frames(process)
            .last()
            .map(|frame| frame.point.function);
        let number = top.and_then(|top| self.number(top));
        let seat = &mut self.seats[process as usize];
        match item.kind {
            EventKind::ScheduledOut => {
                self.seen.scheduling = true;
                seat.out = Some((item.at_ns, item.id));
            }
            EventKind::ScheduledIn => {
                if let (Some((at_ns, event)), Some(number)) = (seat.out.take(), number) {
                    let ns = item.at_ns.saturating_sub(at_ns);
                    let times = &mut self.functions[number as usize];
                    times.off_ns += ns;
                    times.offs += 1;
                    times.longest_wait.note(ns, event);
                }
            }
            EventKind::GcBegin => {
                self.seen.collections = true;
                seat.collecting = Some((item.at_ns, item.id));
            }
            EventKind::GcEnd => {
                if let (Some((at_ns, event)), Some(number)) = (seat.collecting.take(), number) {
                    let ns = item.at_ns.saturating_sub(at_ns);
                    let times = &mut self.functions[number as usize];
                    times.gc_ns += ns;
                    times.collections += 1;
                    times.longest_gc.note(ns, event);
                }
            }
            EventKind::Sent | EventKind::MessageSent => {
                self.seen.messages = true;
                self.sent(item, process);
                self.seats[process as usize].last = Some((item.at_ns, item.id));
            }
            EventKind::Received => {
                self.seen.messages = true;
                self.received(item, process, number);
                self.seats[process as usize].last = Some((item.at_ns, item.id));
            }
            _ => {}
        }
    }

    fn sent(&mut self, item: &Item, process: u32) {
        let Some(peer) = item.message().filter(|peer| peer.tag == TAG_CALL) else {
            return;
        };
        let Some(frame) = self.replay.frames(process).last() else {
            return;
        };
        if self.asked.len() >= WAITING_MAX {
            // Calls that were never answered stay for ever.
            self.untold += self.asked.len() as u64;
            self.asked.clear();
        }
        self.asked.entry(peer.key).or_insert(Asked {
            process: (item.process, item.local),
            token: frame.token,
            at_ns: item.at_ns,
            event: item.id,
        });
    }

    fn received(&mut self, item: &Item, process: u32, number: Option<u32>) {
        let peer = item.message();
        if let Some(asked) = peer.and_then(|peer| self.asked.remove(&peer.key)) {
            // Its answer comes when the activation that took it ends.
            let depth = self.replay.frames(process).len();
            let seat = &mut self.seats[process as usize];
            if let Some(beside) = depth.checked_sub(1).and_then(|at| seat.beside.get_mut(at)) {
                beside.serves = Some(asked);
            }
            return;
        }
        // A `receive`: it waited since the process did something last.
        let seat = &self.seats[process as usize];
        if let (Some((at_ns, event)), Some(number)) = (seat.last, number) {
            let ns = item.at_ns.saturating_sub(at_ns);
            let times = &mut self.functions[number as usize];
            times.message_ns += ns;
            times.messages += 1;
            times.longest_wait.note(ns, event);
        }
    }

    /// The one who asked has waited until now.
    fn answered(&mut self, asked: Asked, at_ns: u64) {
        let stacks = &self.replay.stacks;
        let stack = stacks
            .iter()
            .find(|stack| (stack.word, stack.local) == asked.process);
        let frame = stack.and_then(|stack| {
            let frames = stack.frames.iter();
            frames.rev().find(|frame| frame.token == asked.token)
        });
        let Some(number) = frame.and_then(|frame| self.numbers.get(&frame.point.function)) else {
            return;
        };
        let ns = at_ns.saturating_sub(asked.at_ns);
        let times = &mut self.functions[*number as usize];
        times.message_ns += ns;
        times.messages += 1;
        times.longest_wait.note(ns, asked.event);
    }

    fn release(&mut self, process: u32) {
        let seat = &self.seats[process as usize];
        if self.replay.frames(process).is_empty() && seat.out.is_none() && seat.handed.is_none() {
            self.seats[process as usize] = Seat::default();
            self.replay.forget(process);
        }
    }

    /// What is still open counts as far as it came.
    fn end(&mut self) {
        for process in 0..self.seats.len() {
            let seat = std::mem::take(&mut self.seats[process]);
            if let Some((_, own, doing)) = seat.handed {
                self.settle(own, *doing);
            }
            let functions: Vec<FunctionKey> = self.replay.stacks[process]
                .frames
                .iter()
                .map(|frame| frame.point.function)
                .collect();
            for (function, beside) in functions.into_iter().zip(seat.beside) {
                if let (Some(doing), Some(number)) = (beside.doing, self.numbers.get(&function)) {
                    self.settle(*number, *doing);
                }
            }
        }
    }
}

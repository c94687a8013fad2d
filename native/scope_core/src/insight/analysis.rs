//! Events taken in, one after the other.

use std::time::{Duration, Instant};

use ahash::AHashMap;

use crate::capture::points::FunctionKey;
use crate::export::{Change, Item, Pages, Peer, Replay};
use crate::ingest::{EventFilter, EventKind, RuntimeStore};
use crate::insight::cascades::{Cascades, Unwinding};
use crate::insight::facts::FunctionFacts;
use crate::insight::messages::{End, Messages};
use crate::insight::processes::{Exit, Processes};
use crate::insight::spread::{Ended, Spreads};
use crate::insight::values::{Element, elements, new_state, outer};

/// Which kinds of events were seen at all: what was off cannot have told anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    pub calls: bool,
    pub values: bool,
    pub scheduling: bool,
    pub collections: bool,
    pub sends: bool,
    pub receives: bool,
    pub spawns: bool,
    pub exits: bool,
    /// Messages are told where they arrive: how many lie in a mailbox is known.
    pub arrivals: bool,
}

/// A call of OTP, as messages are numbered.
const CALL: u8 = 1;

/// What keeps an answer from being whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gap {
    /// Events that the log dropped before they could be read.
    pub missed: u64,
    /// Events that are in the log and were not read before the deadline.
    pub behind: bool,
}

/// What is known of a process besides its stack.
#[derive(Default)]
struct Seat {
    unwinding: Option<Unwinding>,
    /// Whether its scheduling is traced, since when it runs, and how long it ran until then.
    scheduled: bool,
    in_ns: Option<u64>,
    out_ns: Option<u64>,
    ran_ns: u64,
    /// By frame, what had run when it began; only of frames that began while scheduling was traced.
    began_ran: Vec<Option<u64>>,
    collecting: Option<(u64, u64, bool)>,
    /// Words in use after the last collection.
    live_words: Option<u64>,
    /// What its code was just about to send: the receiver (0: not known) and the key.
    sent: Option<(u64, u64)>,
    /// By frame, what its captured arguments told.
    arguments: Vec<Option<Vec<Element>>>,
}

impl Seat {
    fn ran(&self, at_ns: u64) -> u64 {
        self.ran_ns + self.in_ns.map_or(0, |since| at_ns.saturating_sub(since))
    }
}

/// A stretch of events that is being read: by their ids, so that what comes late is in it too, whatever its time.
#[derive(Clone, Copy, Debug)]
struct Pass {
    ids: (u64, u64),
    /// The last one that was taken.
    after: Option<u64>,
    /// How many events the log had ever been given when it began.
    appended: u64,
}

/// The sums over all events so far.
#[derive(Default)]
pub struct Analysis {
    /// Every event with a smaller id was taken, or is gone.
    next_id: u64,
    pass: Option<Pass>,
    replay: Replay,
    seats: Vec<Seat>,
    numbers: AHashMap<FunctionKey, u32>,
    functions: Vec<FunctionFacts>,
    pub cascades: Cascades,
    pub messages: Messages,
    pub processes: Processes,
    pub spreads: Spreads,
    pub sources: Sources,
    pub gap: Gap,
    pub events: u64,
    pub first_ns: Option<u64>,
    pub last_ns: u64,
}

impl Analysis {
    /// Reads what is new in the log, for so long at most. Each event is taken once: within a pass in the order of time, and what came
    /// to the log after the pass began, however early it was stamped, in the next.
    pub fn catch_up(&mut self, store: &RuntimeStore, budget: Duration) {
        let until = Instant::now() + budget;
        self.gap.behind = false;
        while !self.gap.behind {
            let began = self.pass.is_none();
            let Some(pass) = self.pass.or_else(|| self.next_pass(store)) else {
                break;
            };
            self.pass = Some(pass);
            self.read(store, pass, until);
            if began {
                break;
            }
        }
    }

    fn next_pass(&self, store: &RuntimeStore) -> Option<Pass> {
        let (end, appended) = store.log_end();
        let last = end.checked_sub(1)?;
        (last >= self.next_id).then_some(Pass {
            ids: (self.next_id, last),
            after: None,
            appended,
        })
    }

    fn read(&mut self, store: &RuntimeStore, mut pass: Pass, until: Instant) {
        let filter = EventFilter {
            ids: Some(pass.ids),
            after: pass.after,
            ..EventFilter::default()
        };
        let mut pages = Pages::new(filter);
        loop {
            let Ok(page) = pages.next(store) else {
                // Some of it cannot be read back from the disk: what is told is of the rest, and says so.
                self.gap.behind = true;
                return;
            };
            let Some(last) = page.last() else { break };
            pass.after = Some(last.id);
            self.pass = Some(pass);
            for item in &page {
                self.take(item);
            }
            if Instant::now() >= until {
                self.gap.behind = true;
                return;
            }
        }
        self.pass = None;
        self.next_id = pass.ids.1 + 1;
        self.gap.missed = pass.appended.saturating_sub(self.events);
    }

    pub fn function(&self, key: &FunctionKey) -> Option<&FunctionFacts> {
        Some(&self.functions[*self.numbers.get(key)? as usize])
    }

    pub fn functions(&self) -> &[FunctionFacts] {
        &self.functions
    }

    fn facts(&mut self, key: FunctionKey, at_ns: u64) -> &mut FunctionFacts {
        let next = self.functions.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.functions.push(FunctionFacts::new(key, at_ns));
        }
        &mut self.functions[number as usize]
    }

    pub fn take(&mut self, item: &Item) {
        self.events += 1;
        self.first_ns = Some(
            self.first_ns
                .map_or(item.at_ns, |first| first.min(item.at_ns)),
        );
        self.last_ns = self.last_ns.max(item.at_ns);
        let change = self.replay.take(item);
        if self.seats.len() < self.replay.stacks.len() {
            self.seats
                .resize_with(self.replay.stacks.len(), Seat::default);
        }
        match change {
            Change::Opened { process, depth } => self.opened(item, process, depth),
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
                let function = frame.point.function;
                self.closed(item, process, function, (kind, at_ns));
                self.valued(item, process, function, depth);
                self.timed(process, function, depth, at_ns, inclusive_ns, self_ns);
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
        self.sources.calls = true;
        self.sources.values |= item.blob.is_some();
        self.settle(process);
        let frames = self.replay.frames(process);
        let function = frames[depth].point.function;
        if depth == 0 {
            self.processes.ran(item.process, function);
        }
        let frames = self.replay.frames(process);
        let outermost = !frames[..depth]
            .iter()
            .any(|frame| frame.point.function == function);
        let facts = self.facts(function, item.at_ns);
        facts.began += 1;
        facts.last_ns = facts.last_ns.max(item.at_ns);
        facts.buckets.add(item.at_ns);
        if outermost {
            facts.concurrency.enter(item.process, item.at_ns);
        }
        if let Some(top) = self.replay.top(process) {
            top.mark = u32::from(outermost);
        }
        let seat = &mut self.seats[process as usize];
        let ran = seat.scheduled.then(|| seat.ran(item.at_ns));
        seat.began_ran.truncate(depth);
        seat.began_ran.resize(depth, None);
        seat.began_ran.push(ran);
        seat.arguments.truncate(depth);
        seat.arguments.resize(depth, None);
        let arguments = item.blob.as_deref().and_then(elements);
        seat.arguments.push(arguments);
    }

    /// The end of an activation: errors, and how far they spread.
    fn closed(
        &mut self,
        item: &Item,
        process: u32,
        function: FunctionKey,
        (kind, at_ns): (EventKind, u64),
    ) {
        self.sources.values |= item.blob.is_some();
        if !matches!(kind, EventKind::Error | EventKind::Aborted) {
            self.settle(process);
            return;
        }
        let seat = &mut self.seats[process as usize];
        let goes_on = seat
            .unwinding
            .as_ref()
            .is_some_and(|it| it.goes_on(kind, item.reason));
        if goes_on {
            if let Some(unwinding) = &mut seat.unwinding {
                unwinding.add(item.reason, function, at_ns);
            }
        } else {
            self.settle(process);
            let begun = Unwinding::begin(kind, item.reason, function, at_ns);
            self.seats[process as usize].unwinding = Some(begun);
        }
        let facts = self.facts(function, at_ns);
        match kind {
            EventKind::Error => {
                facts.errors += 1;
                facts.originated += u64::from(!goes_on);
                facts.failed(item.reason);
            }
            _ => facts.aborted += 1,
        }
    }

    /// What the captured arguments and result of an activation tell.
    fn valued(&mut self, item: &Item, process: u32, function: FunctionKey, depth: usize) {
        let seat = &mut self.seats[process as usize];
        let arguments = match depth < seat.arguments.len() {
            true => seat.arguments.remove(depth),
            false => None,
        };
        let (Some(arguments), Some(result)) = (arguments, item.blob.as_deref()) else {
            return;
        };
        let name = function.name.text();
        let callback = matches!(
            name,
            "handle_call" | "handle_cast" | "handle_info" | "handle_continue"
        );
        let to = outer(result);
        let from: Vec<&str> = arguments.iter().map(|it| it.shape.as_str()).collect();
        let from = from.join(", ");
        let result = callback.then(|| elements(result)).flatten();
        let facts = self.facts(function, item.at_ns);
        facts.shaped(from, to);
        if let (Some(old), Some(new)) = (arguments.last(), result.as_deref().and_then(new_state)) {
            if old.hash == new.hash {
                facts.state.same += 1;
            } else {
                facts.state.changed += 1;
            }
        }
    }

    fn timed(
        &mut self,
        process: u32,
        function: FunctionKey,
        depth: usize,
        at_ns: u64,
        inclusive_ns: u64,
        self_ns: u64,
    ) {
        let frames = self.replay.frames(process);
        let still = frames.iter().any(|frame| frame.point.function == function);
        let seat = &mut self.seats[process as usize];
        let began_ran = match depth < seat.began_ran.len() {
            true => seat.began_ran.remove(depth),
            false => None,
        };
        let ran = began_ran.map(|began| seat.ran(at_ns).saturating_sub(began));
        let facts = self.facts(function, at_ns);
        facts.ended += 1;
        facts.self_ns += self_ns;
        if let Some(ran_ns) = ran {
            facts.scheduling.wall_ns += inclusive_ns;
            facts.scheduling.ran_ns += ran_ns.min(inclusive_ns);
        }
        if !still {
            facts.concurrency.leave(at_ns);
        }
    }

    /// An unwinding ends when anything else happens in the process.
    fn settle(&mut self, process: u32) {
        if let Some(unwinding) = self.seats[process as usize].unwinding.take() {
            self.cascades.end(unwinding);
        }
    }

    /// Of a process with nothing open nothing need be kept, once it is dead or nothing is traced of it.
    fn release(&mut self, process: u32) {
        let seat = &self.seats[process as usize];
        let plain = !seat.scheduled && seat.live_words.is_none() && seat.collecting.is_none();
        if plain && self.replay.frames(process).is_empty() {
            self.settle(process);
            self.seats[process as usize] = Seat::default();
            self.replay.forget(process);
        }
    }

    fn top(&self, process: u32) -> Option<FunctionKey> {
        let frame = self.replay.frames(process).last()?;
        Some(frame.point.function)
    }

    /// The function that an event belongs to: that of its activation, or the innermost.
    fn owner(&self, item: &Item, process: u32) -> Option<FunctionKey> {
        let frames = self.replay.frames(process);
        let own = frames.iter().rev().find(|frame| frame.token == item.token);
        own.map(|frame| frame.point.function)
            .or_else(|| item.function())
            .or_else(|| self.top(process))
    }

    fn within(&mut self, item: &Item, process: u32) {
        match item.kind {
            EventKind::ScheduledIn | EventKind::ScheduledOut => self.scheduled(item, process),
            EventKind::GcBegin | EventKind::GcEnd => self.collected(item, process),
            EventKind::Sent | EventKind::MessageSent | EventKind::SentToNone => {
                self.sent(item, process);
            }
            EventKind::Received => self.received(item, process),
            EventKind::MessageArrived => self.arrived(item, process),
            EventKind::Link | EventKind::Unlink => {
                if let Some(other) = item.other() {
                    match item.kind {
                        EventKind::Link => self.spreads.linked(item.process, other),
                        _ => self.spreads.unlinked(item.process, other),
                    }
                }
            }
            EventKind::Spawn => self.spawn(item, process),
            EventKind::ProcessExit => self.exit(item, process),
            EventKind::Binding | EventKind::Expression => self.sources.values = true,
            _ => {}
        }
    }

    fn scheduled(&mut self, item: &Item, process: u32) {
        self.sources.scheduling = true;
        let top = self.top(process);
        let seat = &mut self.seats[process as usize];
        let first = !seat.scheduled;
        seat.scheduled = true;
        if item.kind == EventKind::ScheduledOut {
            if !first {
                seat.ran_ns = seat.ran(item.at_ns);
            }
            seat.in_ns = None;
            seat.out_ns = Some(item.at_ns);
            return;
        }
        let waited = seat.out_ns.take().map(|out| item.at_ns.saturating_sub(out));
        seat.in_ns = Some(item.at_ns);
        if let (Some(waited), Some(top)) = (waited, top) {
            let facts = self.facts(top, item.at_ns);
            facts.scheduling.waits += 1;
            facts.scheduling.wait_ns += waited;
        }
    }

    fn collected(&mut self, item: &Item, process: u32) {
        self.sources.collections = true;
        let Some((heap, old, minor)) = item.collection() else {
            return;
        };
        let words = heap + old;
        let top = self.top(process);
        let seat = &mut self.seats[process as usize];
        if item.kind == EventKind::GcBegin {
            seat.collecting = Some((item.at_ns, words, minor));
            return;
        }
        let live = seat.live_words.replace(words);
        let Some((began_ns, before, minor)) = seat.collecting.take() else {
            return;
        };
        let Some(top) = top else { return };
        let facts = &mut self.facts(top, item.at_ns).collections;
        facts.ns += item.at_ns.saturating_sub(began_ns);
        facts.freed_words += before.saturating_sub(words);
        facts.allocated_words += live.map_or(0, |live| before.saturating_sub(live));
        if minor {
            facts.minor += 1;
        } else {
            facts.major += 1;
        }
    }

    fn end_of(&self, item: &Item, process: u32, peer: Peer) -> End {
        End {
            function: self.owner(item, process),
            process: item.process,
            peer: peer.word,
            key: peer.key,
            tag: peer.tag,
            at_ns: item.at_ns,
        }
    }

    fn sent(&mut self, item: &Item, process: u32) {
        self.sources.sends = true;
        let Some(peer) = item.message() else { return };
        // A send in instrumented code is told by its probe and by the VM's tracing: once is enough. Of a call the probe knows
        // the request only; what the VM sends has the reference by which it is known where it is taken.
        let seat = &mut self.seats[process as usize];
        let told = seat.sent.take();
        let mut again = false;
        if item.kind == EventKind::Sent {
            seat.sent = Some((peer.word, peer.key));
        } else if let Some((word, key)) = told {
            if key == peer.key {
                return;
            }
            if peer.tag == CALL && (word == peer.word || word == 0) {
                self.messages.unsent(word, key);
                again = true;
            }
        }
        let end = self.end_of(item, process, peer);
        if let Some(from) = end.function
            && !again
        {
            self.facts(from, item.at_ns).sent += 1;
        }
        self.messages.sent(end);
    }

    fn arrived(&mut self, item: &Item, process: u32) {
        self.sources.arrivals = true;
        if let Some(peer) = item.message() {
            let end = self.end_of(item, process, peer);
            self.messages.arrived(end);
        }
    }

    fn received(&mut self, item: &Item, process: u32) {
        self.sources.receives = true;
        let Some(peer) = item.message() else { return };
        let end = self.end_of(item, process, peer);
        if let Some(to) = end.function {
            self.facts(to, item.at_ns).received += 1;
        }
        self.messages.received(end);
    }

    fn spawn(&mut self, item: &Item, process: u32) {
        self.sources.spawns = true;
        let by = self.owner(item, process);
        if let Some(by) = by {
            self.facts(by, item.at_ns).spawned += 1;
        }
        if let Some(child) = item.other() {
            self.processes.spawned(item.process, by, child, item.at_ns);
            self.spreads.spawned(item.process, item.at_ns);
        }
    }

    fn exit(&mut self, item: &Item, process: u32) {
        self.sources.exits = true;
        let reason = item.reason_text();
        let normal = reason.as_deref().is_none_or(|text| {
            matches!(text, ":normal" | ":shutdown") || text.starts_with("{:shutdown,")
        });
        let exit = if normal { Exit::Normal } else { Exit::Failed };
        let (parent, known) = self.processes.known(item.process);
        let function = self.top(process).or(known);
        let minded = parent.is_some_and(|parent| self.spreads.is_linked(item.process, parent));
        self.spreads.ended(&Ended {
            process: item.process,
            parent,
            function,
            reason: reason.as_deref(),
            failed: !normal,
            at_ns: item.at_ns,
        });
        self.messages.ended(item.process);
        self.processes
            .ended(item.process, exit, reason, minded, item.at_ns);
        self.settle(process);
        if self.replay.frames(process).is_empty() {
            self.seats[process as usize] = Seat::default();
            self.replay.forget(process);
        }
    }
}

#[cfg(all(test, not(loom)))]
#[path = "analysis_test.rs"]
mod tests;

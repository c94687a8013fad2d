//! Where the time of activations went, and what they did again and again: one pass over a part of the log.
//!
//! Of each function: inclusive time, its own, that of what it called, that in which it waited, that of collections while it
//! was the innermost, and a sample of its durations, build by build. Of each pair of a function and one it called: how often
//! a single activation called it, and how often with equal arguments.
//!
//! The log closes an activation where it makes a tail call: `def page(n), do: Enum.map(1..n, &item/1)` is over before the first
//! item. Here it goes on, as its author sees it, for as long as what follows is what its source calls (`Calls`), or a chain of
//! tail calls of its own: `each([h | t])` that asks the database for each element is one activation, however long the list.

use std::time::Instant;

use ahash::{AHashMap, AHashSet};
use xxhash_rust::xxh3::xxh3_64;

use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::export::{Item, Pages};
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
/// The tags of a `GenServer.call`'s message, and of its answer, which has the same key.
const TAG_CALL: u8 = 1;
const TAG_REPLY: u8 = 3;

/// Processes with nothing but what tail calls left, before these are counted.
const IDLE_MAX: usize = 64 * 1024;
/// Activations of one process that are followed.
const NODES_MAX: usize = 64 * 1024;

/// What the source says that functions call.
#[derive(Default)]
pub struct Calls {
    known: AHashSet<FunctionKey>,
    pairs: AHashSet<(FunctionKey, FunctionKey)>,
}

impl Calls {
    pub fn add(&mut self, caller: FunctionKey, callee: FunctionKey) {
        self.known.insert(caller);
        self.pairs.insert((caller, callee));
    }

    fn has(&self, caller: FunctionKey, callee: FunctionKey) -> bool {
        match self.known.contains(&caller) {
            true => self.pairs.contains(&(caller, callee)),
            false => caller == callee,
        }
    }
}

#[derive(Default)]
struct Callee {
    calls: u64,
    ns: u64,
    valued: u64,
    equal: u64,
    equal_ns: u64,
    equal_most: u64,
}

/// One activation, as its author sees it.
struct Node {
    number: u32,
    token: u64,
    build: u64,
    began_ns: u64,
    opened: u64,
    last_ns: u64,
    children_ns: u64,
    /// The log has closed it with a tail call; nothing was called since.
    left: bool,
    fresh: bool,
    /// It went on after a tail call: then its length is from its beginning to what came of it last.
    went_on: bool,
    /// Its arguments were seen before in the same activation.
    repeated: bool,
    /// The call that it answers.
    serves: Option<Asked>,
    callees: AHashMap<u32, Callee>,
    /// Callee and hash of its arguments, how often.
    arguments: AHashMap<(u32, u64), u64>,
}

type Process = (u64, bool);

#[derive(Clone, Copy)]
struct Asked {
    process: Process,
    token: u64,
    at_ns: u64,
    event: u64,
}

#[derive(Default)]
struct Seat {
    nodes: Vec<Node>,
    out: Option<(u64, u64)>,
    collecting: Option<(u64, u64)>,
    /// The last event, when it may have been the beginning of a wait.
    last: Option<(u64, u64)>,
    last_ns: u64,
}

#[derive(Default)]
pub struct Causes {
    calls: Calls,
    seats: AHashMap<Process, Seat>,
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
    /// Ends whose beginning is not in the log.
    pub unmatched: u64,
    sampled: usize,
    samples: usize,
}

impl Causes {
    /// Reads the log.
    ///
    /// Errors: `Timeout`, `Cancelled`; `Corrupt` when events on the disk cannot be read back.
    pub fn of(store: &RuntimeStore, calls: Calls, bounds: &Bounds<'_>) -> Result<Causes> {
        let mut causes = Causes {
            calls,
            samples: bounds.samples,
            ..Causes::default()
        };
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
                causes.take(item);
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
        causes.end(|_| true);
        Ok(causes)
    }

    pub fn pairs(&self) -> impl Iterator<Item = (FunctionKey, FunctionKey, Repeats)> {
        self.pairs.iter().map(|((caller, callee), repeats)| {
            let key = |number: &u32| self.functions[*number as usize].key;
            (key(caller), key(callee), *repeats)
        })
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

    pub fn take(&mut self, item: &Item) {
        self.events += 1;
        self.first_ns.get_or_insert(item.at_ns);
        self.last_ns = self.last_ns.max(item.at_ns);
        let process = (item.process, item.local);
        if self.seats.len() >= IDLE_MAX && !self.seats.contains_key(&process) {
            self.end(|seat| seat.nodes.iter().all(|node| node.left));
        }
        let mut seat = self.seats.remove(&process).unwrap_or_default();
        // Within a process time does not go back; a column's rounding must not say otherwise.
        let at_ns = item.at_ns.max(seat.last_ns);
        seat.last_ns = at_ns;
        match item.kind {
            EventKind::Enter => {
                self.opened(item, &mut seat, at_ns);
                seat.last = Some((at_ns, item.id));
            }
            kind if kind.is_end() => {
                self.closed(item, &mut seat, at_ns);
                seat.last = Some((at_ns, item.id));
            }
            EventKind::ProcessExit => self.settle_down_to(&mut seat, 0),
            _ => self.within(item, &mut seat, at_ns),
        }
        if !seat.nodes.is_empty() || seat.out.is_some() || seat.collecting.is_some() {
            self.seats.insert(process, seat);
        }
    }

    fn opened(&mut self, item: &Item, seat: &mut Seat, at_ns: u64) {
        self.seen.calls = true;
        let Some(point) = item.point else { return };
        let Some(number) = self.number(point.function) else {
            return;
        };
        if seat.nodes.len() >= NODES_MAX {
            self.untold += 1;
            return;
        }
        let open = seat.nodes.iter().rposition(|node| !node.left);
        let base = open.map_or(0, |at| at + 1);
        let key = |node: &Node| self.functions[node.number as usize].key;
        // Among what tail calls left open: whose source calls it, the innermost first.
        let caller = (base..seat.nodes.len())
            .rev()
            .find(|at| self.calls.has(key(&seat.nodes[*at]), point.function));
        if let Some(caller) = caller {
            let jumped = caller + 1 == seat.nodes.len() && seat.nodes[caller].fresh;
            let same = (base..=caller).find(|at| seat.nodes[*at].number == number);
            if let Some(same) = same.filter(|_| jumped) {
                // Round and round by tail calls: it goes on.
                self.settle_down_to(seat, same + 1);
                let node = &mut seat.nodes[same];
                node.left = false;
                node.went_on = true;
                node.token = item.token;
                return;
            }
            self.settle_down_to(seat, caller + 1);
        } else {
            self.settle_down_to(seat, base);
        }
        let hash = item
            .blob
            .as_deref()
            .filter(|blob| !blob.is_empty())
            .map(xxh3_64);
        self.seen.values |= hash.is_some();
        let repeated = self.called(seat, number, hash);
        seat.nodes.push(Node {
            number,
            token: item.token,
            build: point.build,
            began_ns: at_ns,
            opened: item.id,
            last_ns: at_ns,
            children_ns: 0,
            left: false,
            fresh: false,
            went_on: false,
            repeated,
            serves: None,
            callees: AHashMap::new(),
            arguments: AHashMap::new(),
        });
    }

    /// Counts a call by who stands uppermost. Says whether its arguments were there before.
    fn called(&mut self, seat: &mut Seat, number: u32, hash: Option<u64>) -> bool {
        if let Some(top) = seat.nodes.last_mut() {
            top.fresh = false;
        }
        let Some(owner) = owner(&seat.nodes, seat.nodes.len(), number) else {
            return false;
        };
        let node = &mut seat.nodes[owner];
        if node.callees.len() >= CALLEES_MAX && !node.callees.contains_key(&number) {
            self.untold += 1;
            return false;
        }
        let callee = node.callees.entry(number).or_default();
        callee.calls += 1;
        let Some(hash) = hash else { return false };
        callee.valued += 1;
        let known = node.arguments.contains_key(&(number, hash));
        if !known && node.arguments.len() >= ARGUMENTS_MAX {
            self.untold += 1;
            return false;
        }
        let times = node.arguments.entry((number, hash)).or_default();
        *times += 1;
        if *times > 1 {
            callee.equal += 1;
            callee.equal_most = callee.equal_most.max(*times);
        }
        *times > 1
    }

    fn closed(&mut self, item: &Item, seat: &mut Seat, at_ns: u64) {
        let found = seat
            .nodes
            .iter()
            .rposition(|node| node.token == item.token && !node.left);
        let Some(at) = found else {
            self.unmatched += 1;
            return;
        };
        self.settle_down_to(seat, at + 1);
        let node = &mut seat.nodes[at];
        node.last_ns = at_ns;
        if item.kind == EventKind::Tail {
            node.left = true;
            node.fresh = true;
            node.went_on = true;
            return;
        }
        let exact = item.duration_ns.filter(|_| !node.went_on);
        self.settle(seat, item.kind, exact);
    }

    /// Ends what stands from `until` on, the uppermost first.
    fn settle_down_to(&mut self, seat: &mut Seat, until: usize) {
        while seat.nodes.len() > until {
            self.settle(seat, EventKind::Tail, None);
        }
    }

    /// Ends the uppermost activation.
    fn settle(&mut self, seat: &mut Seat, kind: EventKind, exact_ns: Option<u64>) {
        let Some(node) = seat.nodes.pop() else { return };
        let ns = exact_ns.unwrap_or_else(|| node.last_ns.saturating_sub(node.began_ns));
        if let Some(below) = seat.nodes.last_mut() {
            below.children_ns += ns;
            below.last_ns = below.last_ns.max(node.last_ns);
        }
        if let Some(owner) = owner(&seat.nodes, seat.nodes.len(), node.number)
            && let Some(callee) = seat.nodes[owner].callees.get_mut(&node.number)
        {
            callee.ns += ns;
            if node.repeated {
                callee.equal_ns += ns;
            }
        }
        if let Some(asked) = node.serves {
            self.answered(asked, node.last_ns);
        }
        for (callee, one) in node.callees {
            let pair = (node.number, callee);
            if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
                self.untold += 1;
                continue;
            }
            let pair = self.pairs.entry(pair).or_default();
            pair.activations += 1;
            pair.calls += one.calls;
            pair.ns += one.ns;
            pair.valued += one.valued;
            pair.equal += one.equal;
            pair.equal_ns += one.equal_ns;
            if one.calls > pair.most {
                pair.most = one.calls;
                pair.most_ns = one.ns;
                pair.most_event = node.opened;
            }
            if one.equal_most > pair.equal_most {
                pair.equal_most = one.equal_most;
                pair.equal_most_event = node.opened;
            }
        }
        let ended = Ended {
            build: node.build,
            opened: node.opened,
            inclusive_ns: ns,
            self_ns: ns.saturating_sub(node.children_ns),
        };
        let room = self.sampled < SAMPLES_MAX;
        let times = &mut self.functions[node.number as usize];
        times.ended(&ended, kind);
        if self.samples > 0 && matches!(kind, EventKind::Return | EventKind::Tail) {
            self.sampled += usize::from(times.sample(&ended, self.samples, room));
        }
    }

    fn within(&mut self, item: &Item, seat: &mut Seat, at_ns: u64) {
        let number = seat.nodes.last().map(|node| node.number as usize);
        match item.kind {
            EventKind::ScheduledOut => {
                self.seen.scheduling = true;
                seat.out = Some((at_ns, item.id));
            }
            EventKind::ScheduledIn => {
                if let (Some((since_ns, event)), Some(number)) = (seat.out.take(), number) {
                    let ns = at_ns.saturating_sub(since_ns);
                    let times = &mut self.functions[number];
                    times.off_ns += ns;
                    times.offs += 1;
                    times.longest_wait.note(ns, event);
                }
            }
            EventKind::GcBegin => {
                self.seen.collections = true;
                seat.collecting = Some((at_ns, item.id));
            }
            EventKind::GcEnd => {
                if let (Some((since_ns, event)), Some(number)) = (seat.collecting.take(), number) {
                    let ns = at_ns.saturating_sub(since_ns);
                    let times = &mut self.functions[number];
                    times.gc_ns += ns;
                    times.collections += 1;
                    times.longest_gc.note(ns, event);
                }
            }
            EventKind::Sent | EventKind::MessageSent => {
                self.seen.messages = true;
                self.sent(item, seat, at_ns);
                self.replied(item, seat, at_ns);
                seat.last = Some((at_ns, item.id));
            }
            EventKind::MessageArrived => self.replied(item, seat, at_ns),
            EventKind::Received => {
                self.seen.messages = true;
                self.received(item, seat, at_ns);
                seat.last = Some((at_ns, item.id));
            }
            _ => {}
        }
    }

    fn sent(&mut self, item: &Item, seat: &Seat, at_ns: u64) {
        let Some(peer) = item.message().filter(|peer| peer.tag == TAG_CALL) else {
            return;
        };
        let Some(node) = seat.nodes.last() else {
            return;
        };
        if self.asked.len() >= WAITING_MAX {
            // Calls that were never answered stay for ever.
            self.untold += self.asked.len() as u64;
            self.asked.clear();
        }
        self.asked.entry(peer.key).or_insert(Asked {
            process: (item.process, item.local),
            token: node.token,
            at_ns,
            event: item.id,
        });
    }

    /// An answer, on its way or there.
    fn replied(&mut self, item: &Item, seat: &mut Seat, at_ns: u64) {
        let Some(peer) = item.message().filter(|peer| peer.tag == TAG_REPLY) else {
            return;
        };
        let Some(asked) = self.asked.remove(&peer.key) else {
            return;
        };
        match asked.process == (item.process, item.local) {
            true => waited(&mut self.functions, seat, asked, at_ns),
            false => self.answered(asked, at_ns),
        }
    }

    fn received(&mut self, item: &Item, seat: &mut Seat, at_ns: u64) {
        let asked = item.message().and_then(|peer| self.asked.remove(&peer.key));
        let Some(node) = seat.nodes.last_mut() else {
            return;
        };
        if asked.is_some() {
            // Its answer comes when the activation that took it ends.
            node.serves = asked;
            return;
        }
        // A `receive`: it waited since the process did something last.
        let Some((since_ns, event)) = seat.last else {
            return;
        };
        let ns = at_ns.saturating_sub(since_ns);
        let times = &mut self.functions[node.number as usize];
        times.message_ns += ns;
        times.messages += 1;
        times.longest_wait.note(ns, event);
    }

    /// Somebody else has waited until now.
    fn answered(&mut self, asked: Asked, at_ns: u64) {
        if let Some(seat) = self.seats.get_mut(&asked.process) {
            waited(&mut self.functions, seat, asked, at_ns);
        }
    }

    /// What is still open counts as far as it came, of those processes.
    fn end(&mut self, of: impl Fn(&Seat) -> bool) {
        let ending = self.seats.iter().filter(|(_, seat)| of(seat));
        let ending: Vec<Process> = ending.map(|(process, _)| *process).collect();
        for process in ending {
            if let Some(mut seat) = self.seats.remove(&process) {
                self.settle_down_to(&mut seat, 0);
            }
        }
    }
}

/// The activation that asked has waited until now.
fn waited(functions: &mut [Times], seat: &mut Seat, asked: Asked, at_ns: u64) {
    let node = seat
        .nodes
        .iter_mut()
        .rfind(|node| node.token == asked.token);
    let Some(node) = node else { return };
    node.last_ns = node.last_ns.max(at_ns);
    let ns = at_ns.saturating_sub(asked.at_ns);
    let times = &mut functions[node.number as usize];
    times.message_ns += ns;
    times.messages += 1;
    times.longest_wait.note(ns, asked.event);
}

/// Who calls a function that would stand at `at`: the outermost of a run of one function. `None` for what nobody called, and for
/// recursion.
fn owner(nodes: &[Node], at: usize, number: u32) -> Option<usize> {
    let mut owner = at.checked_sub(1)?;
    let caller = nodes[owner].number;
    if caller == number {
        return None;
    }
    while owner > 0 && nodes[owner - 1].number == caller {
        owner -= 1;
    }
    Some(owner)
}

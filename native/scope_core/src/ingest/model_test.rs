//! Random programs, run twice: through rings, drain and engine, and by a plain simulation of what a
//! process does. The simulation knows the program, not the records: it keeps whole intervals, and gets inclusive
//! times as the union of a function's intervals and self times by subtracting callees, in a second pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::atoms::{Atom, intern};
use crate::capture::clock::Clock;
use crate::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry, TailTarget};
use crate::capture::record::RecordKind;
use crate::capture::ring::Ring;
use crate::capture::{Capture, Closing, Host, Overflow, Work};
use crate::ingest::{EdgeKind, EventFilter, EventKind, RuntimeLimits, RuntimeStore};
use crate::sync::{Arc, Ordering};

const BUILD: u64 = 99;
const FUNCTIONS: u32 = 6;
const CLAUSES: u32 = 2;
const PROCESSES: usize = 5;
const THREADS: usize = 3;

fn function(number: u32) -> FunctionKey {
    FunctionKey {
        module: intern("Model"),
        name: intern(&format!("f{number}")),
        arity: 0,
    }
}

/// Clause points come first; then for each function a jump to it, one to "any module", and one to anything.
fn points() -> Vec<PointInfo> {
    let point = |index, function, kind, clause| PointInfo {
        build: BUILD,
        index,
        function,
        kind,
        clause,
        line: index + 1,
        column: None,
    };
    let mut points = Vec::new();
    for index in 0..FUNCTIONS * CLAUSES {
        points.push(point(
            index,
            function(index / CLAUSES),
            PointKind::Clause,
            index % CLAUSES,
        ));
    }
    for target in 0..FUNCTIONS {
        let key = function(target);
        for kind in [
            TailTarget::Function(key),
            TailTarget::AnyModule {
                name: key.name,
                arity: key.arity,
            },
            TailTarget::Unknown,
        ] {
            points.push(point(
                points.len() as u32,
                function(0),
                PointKind::Tail(kind),
                0,
            ));
        }
    }
    points
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One activation as the simulation knows it.
#[derive(Clone, Debug)]
struct Truth {
    process: u64,
    clause: u32,
    token: u64,
    parent: Option<usize>,
    began: u64,
    ended: Option<(EventKind, u64)>,
    reason: Option<Atom>,
}

enum Item {
    Call(usize),
    Try(u64),
}

struct Simulated {
    pid: u64,
    stack: Vec<Item>,
    /// Frames from here upwards were unwound by code that does not report.
    unwound: Option<usize>,
    jumping: Option<(u32, u32)>,
}

struct World {
    capture: Capture,
    rings: Vec<Arc<Ring>>,
    store: Arc<RuntimeStore>,
    host: TestHost,
    random: Random,
    truth: Vec<Truth>,
    edges: BTreeMap<(u32, u32, EdgeKind), u64>,
    written: u64,
    next_pid: u64,
}

#[derive(Default)]
struct TestHost {
    dead: BTreeSet<u64>,
    monitored: BTreeSet<u64>,
}

impl Host for TestHost {
    fn monitor(&mut self, process: u64) -> bool {
        let alive = !self.dead.contains(&process);
        if alive {
            assert!(self.monitored.insert(process), "monitored twice");
        }
        alive
    }

    fn is_alive(&mut self, process: u64) -> bool {
        !self.dead.contains(&process)
    }

    fn atom(&mut self, word: u64) -> Option<Atom> {
        Some(intern(&format!("Reason{word}")))
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let registry = PointRegistry::with_capacity(4, 256);
        registry.register(BUILD, &points()).unwrap();
        let capture = Capture::with(Clock::counter(), registry, 1 << 12);
        let store = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&store);
        capture.start(Overflow::Drop);
        World {
            rings: (0..THREADS)
                .map(|_| capture.threads.claim().unwrap())
                .collect(),
            capture,
            store,
            host: TestHost::default(),
            random: Random(seed),
            truth: Vec::new(),
            edges: BTreeMap::new(),
            written: 0,
            next_pid: 1,
        }
    }

    /// Time passes, and a thread is picked: processes move freely.
    fn tick(&mut self) -> Arc<Ring> {
        if let Clock::Counter(count) = &self.capture.clock {
            count.fetch_add(self.random.below(50), Ordering::Relaxed);
        }
        self.written += 1;
        self.rings[self.random.below(THREADS as u64) as usize].clone()
    }

    fn now(&self) -> u64 {
        match &self.capture.clock {
            Clock::Counter(count) => count.load(Ordering::Relaxed),
            _ => unreachable!(),
        }
    }

    fn ingest(&mut self) {
        let budget = Duration::from_nanos(self.random.below(2) * 1_000_000);
        let thorough = self.random.below(4) == 0;
        self.capture
            .ingest(&mut self.host, Work { budget, thorough })
            .unwrap();
    }

    fn ingest_all(&mut self) {
        let work = Work {
            budget: Duration::from_secs(1),
            thorough: false,
        };
        for _ in 0..3 {
            while self.capture.ingest(&mut self.host, work).unwrap().more {}
        }
    }

    fn spawn(&mut self) -> Simulated {
        self.next_pid += 1;
        Simulated {
            pid: self.next_pid,
            stack: Vec::new(),
            unwound: None,
            jumping: None,
        }
    }

    fn call(&mut self, process: &mut Simulated, clause: u32) {
        let ring = self.tick();
        let began = self.now();
        let token = self
            .capture
            .open(&ring, RecordKind::Enter, process.pid, clause)
            .unwrap();
        let parent = process.stack.iter().rev().find_map(|item| match item {
            Item::Call(at) => Some(*at),
            Item::Try(_) => None,
        });
        let callee = clause / CLAUSES;
        if let Some((from, target)) = process.jumping.take() {
            assert_eq!(target, clause);
            *self
                .edges
                .entry((from, callee, EdgeKind::Tail))
                .or_default() += 1;
        } else if let Some(parent) = parent {
            let caller = self.truth[parent].clause / CLAUSES;
            *self
                .edges
                .entry((caller, callee, EdgeKind::Call))
                .or_default() += 1;
        }
        let pid = process.pid;
        let ended = None;
        self.truth.push(Truth {
            process: pid,
            clause,
            token,
            parent,
            began,
            ended,
            reason: None,
        });
        process.stack.push(Item::Call(self.truth.len() - 1));
    }

    fn close(
        &mut self,
        process: &Simulated,
        kind: RecordKind,
        token: u64,
        point: u32,
        reason: u32,
    ) -> u64 {
        let ring = self.tick();
        let at = self.now();
        let closing = Closing {
            kind,
            process: process.pid,
            token,
            point,
            reason,
        };
        self.capture.close(&ring, closing).unwrap();
        at
    }

    /// What lies above `keep` is over.
    fn end_above(
        &mut self,
        process: &mut Simulated,
        keep: usize,
        at: u64,
        kind: EventKind,
        reason: Option<Atom>,
    ) {
        for item in process.stack.drain(keep..) {
            if let Item::Call(call) = item {
                self.truth[call].ended = Some((kind, at));
                self.truth[call].reason = reason;
            }
        }
        process.unwound = None;
    }

    /// The top that the process itself still sees.
    fn top(process: &Simulated) -> Option<usize> {
        process
            .unwound
            .unwrap_or(process.stack.len())
            .checked_sub(1)
    }

    /// The innermost activation or `try` ends normally, or jumps.
    fn leave(&mut self, process: &mut Simulated, jump: bool) {
        let Some(top) = Self::top(process) else {
            return;
        };
        match process.stack[top] {
            Item::Try(token) => {
                let at = self.close(process, RecordKind::TryLeave, token, 0, 0);
                self.end_above(process, top, at, EventKind::Error, None);
            }
            Item::Call(call) => {
                let (token, from) = (self.truth[call].token, self.truth[call].clause / CLAUSES);
                let target = self.random.below(u64::from(FUNCTIONS * CLAUSES)) as u32;
                let jump_point =
                    FUNCTIONS * CLAUSES + target / CLAUSES * 3 + self.random.below(3) as u32;
                let (kind, event, point) = match jump {
                    true => (RecordKind::Tail, EventKind::Tail, jump_point),
                    false => (RecordKind::Exit, EventKind::Return, self.truth[call].clause),
                };
                let at = self.close(process, kind, token, point, 0);
                self.end_above(process, top + 1, at, EventKind::Error, None);
                self.end_above(process, top, at, event, None);
                if jump {
                    process.jumping = Some((from, target));
                }
            }
        }
    }

    /// An exception: to the nearest `try`, or into code that does not report, or through everything.
    fn raise(&mut self, process: &mut Simulated) {
        let silent = self.random.below(3) == 0;
        if silent && process.stack.len() >= 2 && process.unwound.is_none() {
            let keep = 1 + self.random.below(process.stack.len() as u64 - 1) as usize;
            process.unwound = Some(keep);
            // What reports next is what lies below: the rule's condition for exactness.
            self.leave(process, false);
            return;
        }
        let catcher = process
            .stack
            .iter()
            .rposition(|item| matches!(item, Item::Try(_)));
        match catcher {
            Some(at_item) => {
                let Item::Try(token) = process.stack[at_item] else {
                    unreachable!()
                };
                let word = 1 + self.random.below(3);
                let class = self.capture.reasons.class(word);
                let at = self.close(process, RecordKind::Caught, token, 0, class);
                let reason = intern(&format!("Reason{word}"));
                self.end_above(process, at_item, at, EventKind::Error, Some(reason));
            }
            None => self.kill(process),
        }
    }

    /// A death. It is reported if the process is watched; found out otherwise.
    fn kill(&mut self, process: &mut Simulated) {
        self.host.dead.insert(process.pid);
        if self.host.monitored.contains(&process.pid) {
            let at = self.close(process, RecordKind::Down, 0, 0, 0);
            self.end_above(process, 0, at, EventKind::Aborted, None);
        } else {
            // When it is found out is the engine's choice: the time is taken from its answer.
            self.end_above(process, 0, u64::MAX, EventKind::Aborted, None);
        }
        *process = self.spawn();
    }

    fn step(&mut self, process: &mut Simulated) {
        if let Some((_, target)) = process.jumping {
            self.call(process, target);
            return;
        }
        match self.random.below(100) {
            0..=37 if process.stack.len() < 300 => {
                let clause = self.random.below(u64::from(FUNCTIONS * CLAUSES)) as u32;
                self.call(process, clause);
            }
            38..=69 => self.leave(process, false),
            70..=81 => {
                if matches!(process.stack.last(), Some(Item::Call(_))) {
                    self.leave(process, true);
                }
            }
            82..=89 => {
                let ring = self.tick();
                let token = self
                    .capture
                    .open(&ring, RecordKind::TryEnter, process.pid, 0)
                    .unwrap();
                process.stack.push(Item::Try(token));
            }
            90..=97 => self.raise(process),
            _ => {
                if self.random.below(4) == 0 {
                    self.kill(process);
                }
            }
        }
    }
}

fn run(seed: u64, steps: usize) -> World {
    let mut world = World::new(seed);
    let mut processes: Vec<Simulated> = (0..PROCESSES).map(|_| world.spawn()).collect();
    for _ in 0..steps {
        let at = world.random.below(PROCESSES as u64) as usize;
        world.step(&mut processes[at]);
        if world.random.below(40) == 0 {
            world.ingest();
        }
    }
    for process in &mut processes {
        if process.jumping.is_some() {
            world.step(process);
        }
        world.kill(process);
    }
    world.ingest_all();
    world
}

/// Length of the union of intervals.
fn union(mut intervals: Vec<(u64, u64)>) -> u64 {
    intervals.sort();
    let (mut total, mut reached) = (0, 0);
    for (from, to) in intervals {
        total += to.max(reached) - from.max(reached).min(to.max(reached));
        reached = reached.max(to);
    }
    total
}

fn check(world: World) {
    let World {
        capture,
        store,
        mut truth,
        edges,
        written,
        ..
    } = world;
    let accounts = capture.accounts();
    assert_eq!((accounts.offered, accounts.stored), (written, written));
    assert_eq!(accounts.engine.open, 0, "something is still open");
    assert_eq!(accounts.engine.marks, 0);
    assert_eq!(accounts.engine.processes, 0);
    assert_eq!(
        (
            accounts.engine.orphans,
            accounts.engine.malformed,
            accounts.engine.lost
        ),
        (0, 0, 0)
    );
    assert_eq!(
        (accounts.engine.began, accounts.engine.ended),
        (truth.len() as u64, truth.len() as u64)
    );

    // Every activation: found by its token, ended once, as the program had it.
    let ends = |event: &crate::ingest::Event| event.kind != EventKind::Enter;
    let all = store.events(&EventFilter::default(), usize::MAX).unwrap();
    let ended: BTreeSet<u64> = all.iter().filter(|e| ends(e)).map(|e| e.token).collect();
    assert_eq!(ended.len(), truth.len());
    assert_eq!(all.iter().filter(|e| ends(e)).count(), truth.len());
    assert!(
        all.windows(2)
            .all(|pair| (pair[0].at_ns, pair[0].event_id) < (pair[1].at_ns, pair[1].event_id))
    );
    let tokens: BTreeMap<u64, usize> = truth
        .iter()
        .enumerate()
        .map(|(at, t)| (t.token, at))
        .collect();
    // Where a death was found out, the engine says when; it must be the same moment for the whole stack.
    let mut found_out: BTreeMap<u64, u64> = BTreeMap::new();
    for event in all.iter().filter(|e| ends(e)) {
        let known = &mut truth[tokens[&event.token]];
        let (kind, at) = known
            .ended
            .as_mut()
            .expect("an end that the program does not have");
        assert_eq!((event.kind, event.process), (*kind, known.process));
        assert_eq!(event.reason, known.reason);
        let duration = event.duration_ns.unwrap();
        if *at == u64::MAX {
            *at = known.began + duration;
            assert_eq!(*found_out.entry(known.process).or_insert(*at), *at);
        }
        assert_eq!(duration, *at - known.began, "{known:?}");
        let activation = store.activation(event.token).unwrap().unwrap();
        assert_eq!(activation.ended.unwrap(), *event);
        assert_eq!(
            activation.began.point.unwrap().index,
            truth[tokens[&event.token]].clause
        );
    }

    // Clauses and functions.
    let end = |t: &Truth| t.ended.unwrap().1;
    let mut self_ns: Vec<u64> = truth.iter().map(|t| end(t) - t.began).collect();
    for t in &truth {
        if let Some(parent) = t.parent {
            self_ns[parent] -= end(t) - t.began;
        }
    }
    let by = |takes: &dyn Fn(&Truth) -> bool| {
        let mut processes: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        let mut own = 0;
        let mut kinds = BTreeMap::<EventKind, u64>::new();
        for (t, own_ns) in truth.iter().zip(&self_ns).filter(|(t, _)| takes(t)) {
            processes
                .entry(t.process)
                .or_default()
                .push((t.began, end(t)));
            *kinds.entry(t.ended.unwrap().0).or_default() += 1;
            own += own_ns;
        }
        let longest = processes
            .values()
            .flatten()
            .map(|(from, to)| to - from)
            .max();
        let shortest = processes
            .values()
            .flatten()
            .map(|(from, to)| to - from)
            .min();
        (
            processes.into_values().map(union).sum::<u64>(),
            own,
            kinds,
            shortest,
            longest,
        )
    };
    for number in 0..FUNCTIONS {
        let (total, own, kinds, shortest, longest) = by(&|t| t.clause / CLAUSES == number);
        let stats = store.function_stats(&function(number)).unwrap();
        let count = |kind| kinds.get(&kind).copied().unwrap_or(0);
        assert_eq!(stats.calls, kinds.values().sum::<u64>());
        assert_eq!(stats.returned, count(EventKind::Return));
        assert_eq!(stats.tailed, count(EventKind::Tail));
        assert_eq!(stats.errors, count(EventKind::Error));
        assert_eq!(stats.aborted, count(EventKind::Aborted));
        assert_eq!(
            (stats.total_ns, stats.self_ns),
            (total, own),
            "function {number}"
        );
        assert_eq!((stats.min_ns, stats.max_ns), (shortest, longest));
        assert_eq!(stats.open(), 0);
        for clause in store.clause_stats(&function(number)) {
            let (total, own, ..) = by(&|t| t.clause == clause.point.index);
            assert_eq!(
                (clause.stats.total_ns, clause.stats.self_ns),
                (total, own),
                "{clause:?}"
            );
        }
    }

    // Self times sum up to the inclusive times of what nobody called.
    let roots: u64 = truth
        .iter()
        .filter(|t| t.parent.is_none())
        .map(|t| end(t) - t.began)
        .sum();
    assert_eq!(store.totals().self_ns, roots);

    let mut seen = BTreeMap::new();
    for edge in store.edges() {
        let number = |key: FunctionKey| key.name.text()[1..].parse::<u32>().unwrap();
        seen.insert(
            (number(edge.caller), number(edge.callee), edge.kind),
            edge.count,
        );
    }
    assert_eq!(seen, edges);
}

#[test]
fn random_programs_are_seen_as_they_ran() {
    // Under Miri a step takes some thousand times longer.
    let (seeds, steps) = if cfg!(miri) { (2, 200) } else { (60, 4_000) };
    for seed in 0..seeds {
        check(run(seed, steps));
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn one_long_program_is_seen_as_it_ran() {
    check(run(4711, 150_000));
}

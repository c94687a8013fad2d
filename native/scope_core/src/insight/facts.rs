//! What is summed of one function.

use ahash::{AHashMap, AHashSet};

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::insight::bursts::Buckets;

/// Processes told apart; beyond, the number is a lower bound.
pub const PROCESSES_TOLD_MAX: usize = 4096;
/// Reasons told apart; the rest is under `None`.
const REASONS_MAX: usize = 256;

/// How many processes were in the function at once.
#[derive(Clone, Debug, Default)]
pub struct Concurrency {
    /// Processes in it now.
    pub open: u64,
    /// Most at once.
    pub most: u64,
    /// Nanoseconds with at least one in it, and with at least two.
    pub busy_ns: u64,
    pub shared_ns: u64,
    changed_ns: u64,
    /// Which processes were ever in it.
    processes: AHashSet<u64>,
}

impl Concurrency {
    fn pass(&mut self, at_ns: u64) {
        let span = at_ns.saturating_sub(self.changed_ns);
        if self.open >= 1 {
            self.busy_ns += span;
        }
        if self.open >= 2 {
            self.shared_ns += span;
        }
        self.changed_ns = self.changed_ns.max(at_ns);
    }

    pub fn enter(&mut self, process: u64, at_ns: u64) {
        self.pass(at_ns);
        self.open += 1;
        self.most = self.most.max(self.open);
        if self.processes.len() < PROCESSES_TOLD_MAX {
            self.processes.insert(process);
        }
    }

    pub fn leave(&mut self, at_ns: u64) {
        self.pass(at_ns);
        self.open = self.open.saturating_sub(1);
    }

    /// How many processes were ever in it, and whether that is only a lower bound.
    pub fn processes(&self) -> (u64, bool) {
        let told = self.processes.len();
        (told as u64, told >= PROCESSES_TOLD_MAX)
    }
}

/// What the scheduler did while it ran. Of activations of processes whose scheduling was traced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheduling {
    /// Inclusive time of those activations, and the part of it in which a scheduler ran the process. Recursion counts each time.
    pub wall_ns: u64,
    pub ran_ns: u64,
    /// How often and how long its process was off the schedulers while this function was the innermost.
    pub waits: u64,
    pub wait_ns: u64,
}

/// Collections that began while this function was the innermost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collections {
    pub minor: u64,
    pub major: u64,
    pub ns: u64,
    /// Words that were given free, and words that had been allocated since the collection before.
    pub freed_words: u64,
    pub allocated_words: u64,
}

#[derive(Clone, Debug)]
pub struct FunctionFacts {
    pub key: FunctionKey,
    pub began: u64,
    pub ended: u64,
    pub errors: u64,
    pub aborted: u64,
    /// Errors that began here: no instrumented function below failed with them.
    pub originated: u64,
    pub reasons: AHashMap<Option<Atom>, u64>,
    pub self_ns: u64,
    pub first_ns: u64,
    pub last_ns: u64,
    pub concurrency: Concurrency,
    pub buckets: Buckets,
    pub scheduling: Scheduling,
    pub collections: Collections,
    pub sent: u64,
    pub received: u64,
    pub spawned: u64,
    pub state: StateChanges,
    /// Shapes of arguments and of the result, with how often.
    pub shapes: AHashMap<(String, String), u64>,
}

/// Of a server's callback, whose arguments and results were captured: whether the state it gave back was the one it got.
#[derive(Clone, Copy, Debug, Default)]
pub struct StateChanges {
    pub changed: u64,
    pub same: u64,
}

/// Pairs of shapes told apart of one function.
const SHAPES_MAX: usize = 64;

impl FunctionFacts {
    pub fn shaped(&mut self, from: String, to: String) {
        let key = (from, to);
        if self.shapes.len() < SHAPES_MAX || self.shapes.contains_key(&key) {
            *self.shapes.entry(key).or_default() += 1;
        }
    }
}

impl FunctionFacts {
    pub fn new(key: FunctionKey, at_ns: u64) -> Self {
        FunctionFacts {
            key,
            began: 0,
            ended: 0,
            errors: 0,
            aborted: 0,
            originated: 0,
            reasons: AHashMap::new(),
            self_ns: 0,
            first_ns: at_ns,
            last_ns: at_ns,
            concurrency: Concurrency::default(),
            buckets: Buckets::new(at_ns),
            scheduling: Scheduling::default(),
            collections: Collections::default(),
            sent: 0,
            received: 0,
            spawned: 0,
            state: StateChanges::default(),
            shapes: AHashMap::new(),
        }
    }

    pub fn failed(&mut self, reason: Option<Atom>) {
        let full = self.reasons.len() >= REASONS_MAX && !self.reasons.contains_key(&reason);
        let reason = if full { None } else { reason };
        *self.reasons.entry(reason).or_default() += 1;
    }
}

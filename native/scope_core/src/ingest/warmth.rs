//! What every function did, without its percentiles: cheap enough to be read for each question.

use super::edges::Edge;
use super::effect::EventKind;
use super::store::RuntimeStore;
use crate::capture::points::FunctionKey;

/// Counts and times of a function. Nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Warmth {
    pub calls: u64,
    /// Ended by an exception, or by the death of the process.
    pub failed: u64,
    pub total_ns: u64,
    pub self_ns: u64,
    /// 0: never.
    pub last_unix_ns: u64,
}

impl Warmth {
    pub fn add(&mut self, other: Warmth) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.total_ns += other.total_ns;
        self.self_ns += other.self_ns;
        self.last_unix_ns = self.last_unix_ns.max(other.last_unix_ns);
    }
}

/// Functions that were called and who called whom, of one moment.
#[derive(Clone, Debug, Default)]
pub struct Warm {
    pub functions: Vec<(FunctionKey, Warmth)>,
    pub edges: Vec<Edge>,
    /// Events so far.
    pub events: u64,
}

impl RuntimeStore {
    /// What functions did, and the observed edges. Reads one record of counters a clause.
    pub fn warm(&self) -> Warm {
        let (error, aborted) = (
            EventKind::Error as usize - 1,
            EventKind::Aborted as usize - 1,
        );
        self.read(|inner| {
            let of = |clauses: &[u32], total_ns: u64| {
                let mut warmth = Warmth {
                    total_ns,
                    ..Warmth::default()
                };
                for slot in clauses {
                    let counters = &inner.tables.points[*slot as usize].counters;
                    warmth.calls += counters.calls;
                    warmth.failed += counters.ends[error] + counters.ends[aborted];
                    warmth.self_ns += counters.self_ns;
                    warmth.last_unix_ns = warmth.last_unix_ns.max(counters.last_unix_ns);
                }
                warmth
            };
            let functions = inner.tables.functions.iter();
            Warm {
                functions: functions
                    .map(|one| (one.key, of(&one.clauses, one.total_ns)))
                    .filter(|(_, warmth)| warmth.calls > 0)
                    .collect(),
                edges: inner.tables.edges(|_, _| true),
                events: inner.events,
            }
        })
    }
}

//! The sums of a pass over the log for causes, and its bounds.

use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;

use crate::capture::points::FunctionKey;
use crate::ingest::EventKind;

/// Bounds of a pass.
pub struct Bounds<'a> {
    pub from_ns: Option<u64>,
    pub to_ns: Option<u64>,
    pub until: Instant,
    pub limit_ms: u64,
    /// Durations kept of each function and build.
    pub samples: usize,
    pub wanted: &'a dyn Fn() -> bool,
}

/// A figure of one event, with its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst {
    pub ns: u64,
    pub event: u64,
}

impl Worst {
    pub(super) fn note(&mut self, ns: u64, event: u64) {
        if ns > self.ns || self.event == 0 {
            *self = Worst { ns, event };
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub seen: u64,
    pub ns: Vec<u64>,
}

#[derive(Clone, Debug)]
pub struct Times {
    pub key: FunctionKey,
    pub ended: u64,
    pub errors: u64,
    pub inclusive_ns: u64,
    pub self_ns: u64,
    /// Off the schedulers while it was the innermost, where scheduling was traced.
    pub off_ns: u64,
    pub offs: u64,
    /// Waiting for answers and messages, as its messages tell.
    pub message_ns: u64,
    pub messages: u64,
    pub gc_ns: u64,
    pub collections: u64,
    pub slowest: Worst,
    pub slowest_self: Worst,
    pub longest_wait: Worst,
    pub longest_gc: Worst,
    /// The first failure.
    pub failed: u64,
    pub samples: Vec<(u64, Sample)>,
}

/// What a function did with another in single activations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeats {
    /// Activations of the caller that called it, and calls.
    pub activations: u64,
    pub calls: u64,
    pub ns: u64,
    /// Of the activation that called it most often: how often, how long together, and the event of its beginning.
    pub most: u64,
    pub most_ns: u64,
    pub most_event: u64,
    /// The same of calls with equal arguments: calls beyond the first of each, over all activations, and in the worst one.
    pub equal: u64,
    pub equal_ns: u64,
    pub equal_most: u64,
    pub equal_most_event: u64,
    /// Calls whose arguments were recorded.
    pub valued: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub calls: bool,
    pub values: bool,
    pub scheduling: bool,
    pub collections: bool,
    pub messages: bool,
}

/// An activation that is over.
pub(super) struct Ended {
    pub build: u64,
    pub opened: u64,
    pub inclusive_ns: u64,
    pub self_ns: u64,
}

impl Times {
    pub(super) fn new(key: FunctionKey) -> Self {
        Times {
            key,
            ended: 0,
            errors: 0,
            inclusive_ns: 0,
            self_ns: 0,
            off_ns: 0,
            offs: 0,
            message_ns: 0,
            messages: 0,
            gc_ns: 0,
            collections: 0,
            slowest: Worst::default(),
            slowest_self: Worst::default(),
            longest_wait: Worst::default(),
            longest_gc: Worst::default(),
            failed: 0,
            samples: Vec::new(),
        }
    }

    pub(super) fn ended(&mut self, ended: &Ended, kind: EventKind) {
        self.ended += 1;
        self.inclusive_ns += ended.inclusive_ns;
        self.self_ns += ended.self_ns;
        self.slowest.note(ended.inclusive_ns, ended.opened);
        self.slowest_self.note(ended.self_ns, ended.opened);
        if kind == EventKind::Error {
            self.errors += 1;
            if self.failed == 0 {
                self.failed = ended.opened;
            }
        }
    }

    /// Algorithm R (Vitter 1985), with a random sequence that is the same every time. Says whether one more is held.
    pub(super) fn sample(&mut self, ended: &Ended, most: usize, room: bool) -> bool {
        let found = self
            .samples
            .iter()
            .position(|(build, _)| *build == ended.build);
        let at = found.unwrap_or_else(|| {
            self.samples.push((ended.build, Sample::default()));
            self.samples.len() - 1
        });
        let sample = &mut self.samples[at].1;
        sample.seen += 1;
        if sample.ns.len() < most && room {
            sample.ns.push(ended.inclusive_ns);
            return true;
        }
        let place = xxh3_64(&sample.seen.to_le_bytes()) % sample.seen;
        if let Some(slot) = sample.ns.get_mut(place as usize) {
            *slot = ended.inclusive_ns;
        }
        false
    }
}

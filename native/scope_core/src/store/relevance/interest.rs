//! What draws attention to a function, whatever is asked: failures, time, repetition, change.

use ahash::{AHashMap, AHashSet};

use crate::ingest::{Warm, Warmth};
use crate::store::repository::Repository;
use crate::store::write::now_ns;

use super::web::{Change, Of, Tie, Web};

/// A change is half as interesting after a week.
const CHANGE_HALF_LIFE_NS: f64 = 7.0 * 86_400.0 * 1e9;
/// Calls of one function out of one activation of another that count as repetition.
pub const REPEATED: f64 = 4.0;
/// Going back to a caller, against going on to the called. A caller of many (a test, a script) says little of each: it counts by the
/// root of their number.
const BACKWARDS: f64 = 0.6;
/// Of a module's body: what its tests call beside this has little to do with it.
const BODIES: f64 = 0.2;

/// Each from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interest {
    /// The share of its calls that failed; half of it for failing at all.
    pub failing: f64,
    /// The share of its calls whose failure came from no function that it called.
    pub origin: f64,
    /// The root of its share of all time spent in functions themselves.
    pub heat: f64,
    /// How often it is called from one activation of a caller, or calls another: 1 for 32 times and more.
    pub repeated: f64,
    pub change: f64,
    /// 1 when it sends what the receiver takes in no clause.
    pub unheard: f64,
    /// The share of its calls that went on after a function that it called failed; half of it for going on at all.
    pub swallowed: f64,
    /// 1 when there is a finding in it.
    pub finding: f64,
    /// 1 when its module was seen to run, and it was not.
    pub idle: f64,
}

/// What did not run is worth so much less where the rest of its module did.
const IDLE: f64 = 0.6;

impl Interest {
    pub fn value(&self) -> f64 {
        let drawn = 1.0
            + 2.0 * self.failing
            + 2.0 * self.origin
            + 2.0 * self.swallowed
            + 2.0 * self.heat
            + self.repeated
            + self.change
            + 2.0 * self.unheard
            + 0.5 * self.finding;
        drawn * (1.0 - IDLE * self.idle)
    }
}

/// What ran, by the web's numbers.
pub struct Lively {
    pub warmth: AHashMap<u32, Warmth>,
    /// Observed calls by caller and callee.
    pub out: AHashMap<u32, Vec<(u32, u64)>>,
    pub into: AHashMap<u32, Vec<(u32, u64)>>,
    interests: AHashMap<u32, Interest>,
    edges: usize,
}

impl Lively {
    pub fn new(repository: &Repository, web: &Web, warm: Warm) -> Lively {
        let mut lively = Lively {
            warmth: AHashMap::with_capacity(warm.functions.len()),
            out: AHashMap::new(),
            into: AHashMap::new(),
            interests: AHashMap::new(),
            edges: 0,
        };
        let number = |key| {
            web.number_of_running(key).or_else(|| {
                let present = repository.present_name(key)?;
                web.number_of_running(&present)
            })
        };
        let mut self_ns = 0u64;
        for (key, warmth) in &warm.functions {
            self_ns += warmth.self_ns;
            if let Some(node) = number(key) {
                lively.warmth.entry(node).or_default().add(*warmth);
            }
        }
        let mut calls: AHashMap<(u32, u32), u64> = AHashMap::with_capacity(warm.edges.len());
        for edge in &warm.edges {
            if let (Some(from), Some(to)) = (number(&edge.caller), number(&edge.callee))
                && from != to
            {
                *calls.entry((from, to)).or_default() += edge.count;
            }
        }
        lively.edges = calls.len();
        for ((from, to), count) in calls {
            lively.out.entry(from).or_default().push((to, count));
            lively.into.entry(to).or_default().push((from, count));
        }
        lively.judge(web, self_ns);
        lively
    }

    pub fn observed(&self) -> usize {
        self.edges
    }

    pub fn interest(&self, node: u32) -> Interest {
        self.interests.get(&node).copied().unwrap_or_default()
    }

    fn judge(&mut self, web: &Web, self_ns: u64) {
        let mut all: AHashMap<u32, Interest> = AHashMap::with_capacity(self.warmth.len());
        for (node, warmth) in &self.warmth {
            let interest = all.entry(*node).or_default();
            let calls = warmth.calls.max(1) as f64;
            let share = |failed: u64| match failed {
                0 => 0.0,
                failed => 0.5 + 0.5 * (failed as f64 / calls).min(1.0),
            };
            let below: u64 = self
                .out
                .get(node)
                .into_iter()
                .flatten()
                .map(|(to, count)| self.warmth.get(to).map_or(0, |to| to.failed.min(*count)))
                .sum();
            interest.failing = share(warmth.failed);
            interest.origin = share(warmth.failed.saturating_sub(below));
            interest.swallowed = share(below.saturating_sub(warmth.failed));
            if self_ns > 0 {
                interest.heat = (warmth.self_ns as f64 / self_ns as f64).min(1.0).sqrt();
            }
        }
        for (from, calls) in &self.out {
            for (to, count) in calls {
                let repeated = repetition(self.per_call(*from, *count));
                for node in [from, to] {
                    let interest = all.entry(*node).or_default();
                    interest.repeated = interest.repeated.max(repeated);
                }
            }
        }
        let now = now_ns();
        for (node, Change { at_ns, .. }) in &web.changed {
            let age = now.saturating_sub(*at_ns) as f64;
            all.entry(*node).or_default().change = 0.5f64.powf(age / CHANGE_HALF_LIFE_NS);
        }
        for node in &web.unheard {
            all.entry(*node).or_default().unheard = 1.0;
        }
        for node in &web.doubtful {
            all.entry(*node).or_default().finding = 1.0;
        }
        let ran: AHashSet<u32> = self
            .warmth
            .keys()
            .filter_map(|node| {
                web.by_module
                    .get(&web.nodes[*node as usize].key.module)
                    .copied()
            })
            .collect();
        for module in ran {
            for (node, tie) in web.out.of(module) {
                if *tie == Tie::Within && !self.warmth.contains_key(node) {
                    all.entry(*node).or_default().idle = 1.0;
                }
            }
        }
        self.interests = all;
    }

    /// How often something happens in one activation of a function.
    pub fn per_call(&self, from: u32, count: u64) -> f64 {
        let calls = self.warmth.get(&from).map_or(0, |warmth| warmth.calls);
        count as f64 / calls.max(1) as f64
    }

    /// The edges of a node, both ways, each as strong as it is tied and as its other end is interesting.
    pub fn neighbours(&self, web: &Web, node: u32, into: &mut Vec<(u32, f64)>) {
        let none: &[(u32, u64)] = &[];
        let out = self.out.get(&node).map_or(none, Vec::as_slice);
        let from = self.into.get(&node).map_or(none, Vec::as_slice);
        for (to, tie) in web.out.of(node) {
            into.push((*to, tie.weight()));
        }
        for (to, count) in out {
            let often = self.per_call(node, *count).max(1.0).log2();
            into.push((*to, 1.0 + (often / 5.0).min(1.0)));
        }
        let called = |caller: u32| {
            let seen = self.out.get(&caller).map_or(0, Vec::len);
            (web.out.of(caller).len().max(seen).max(1) as f64).sqrt()
        };
        for (to, tie) in web.into.of(node) {
            let back = match tie {
                Tie::Within => 1.0,
                _ if matches!(web.nodes[*to as usize].of, Of::Module(_)) => {
                    BODIES * BACKWARDS / called(*to)
                }
                _ => BACKWARDS / called(*to),
            };
            into.push((*to, back * tie.weight()));
        }
        for (to, count) in from {
            let often = self.per_call(*to, *count).max(1.0).log2();
            let back = BACKWARDS / called(*to);
            into.push((*to, back * (1.0 + (often / 5.0).min(1.0))));
        }
        for (to, weight) in into.iter_mut() {
            *weight *= self.interest(*to).value();
        }
    }
}

fn repetition(per_call: f64) -> f64 {
    match per_call >= REPEATED {
        true => (per_call.log2() / 5.0).min(1.0),
        false => 0.0,
    }
}

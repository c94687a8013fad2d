//! What a gate let through and what it refused, by reason, exactly.
//!
//! Several threads count at a time: each adds to one of a few lanes, so that they seldom want the same cache line. A
//! reader adds the lanes up.

use crate::capture::clock::Ticks;
use crate::sync::{AtomicU64, Ordering};

/// Why a gate refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Refusal {
    SampledOut = 1,
    RateLimited = 2,
    HitLimit = 3,
    Expired = 4,
    LowPriority = 5,
    Disabled = 6,
}

impl Refusal {
    /// Whether the gate will never let anything through again, as it is set.
    #[inline(always)]
    pub fn closes(self) -> bool {
        matches!(self, Refusal::HitLimit | Refusal::Expired)
    }
}

/// Lanes of a tally: a power of two.
const LANES: usize = 4;

pub struct Tally([Lane; LANES]);

#[repr(align(64))]
struct Lane {
    /// Passed, then refused by reason.
    counts: [AtomicU64; 7],
    last_passed_at: AtomicU64,
}

/// A tally, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub passed: u64,
    pub sampled_out: u64,
    pub rate_limited: u64,
    pub hit_limit: u64,
    pub expired: u64,
    pub low_priority: u64,
    pub disabled: u64,
    /// When the last one passed; 0 when none has.
    pub last_passed_at: Ticks,
}

impl Counts {
    pub fn refused(&self) -> u64 {
        self.sampled_out
            + self.rate_limited
            + self.hit_limit
            + self.expired
            + self.low_priority
            + self.disabled
    }

    /// Everything that came to the gate.
    pub fn seen(&self) -> u64 {
        self.passed + self.refused()
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally(std::array::from_fn(|_| Lane {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            last_passed_at: AtomicU64::new(0),
        }))
    }

    #[inline(always)]
    pub(super) fn pass(&self, lane: usize, now: Ticks) {
        let lane = &self.0[lane & (LANES - 1)];
        lane.counts[0].fetch_add(1, Ordering::Relaxed);
        lane.last_passed_at.store(now, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn refuse(&self, lane: usize, why: Refusal) {
        self.0[lane & (LANES - 1)].counts[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        let sum = |at: usize| {
            self.0
                .iter()
                .map(|lane| lane.counts[at].load(Ordering::Relaxed))
                .sum()
        };
        Counts {
            passed: sum(0),
            sampled_out: sum(Refusal::SampledOut as usize),
            rate_limited: sum(Refusal::RateLimited as usize),
            hit_limit: sum(Refusal::HitLimit as usize),
            expired: sum(Refusal::Expired as usize),
            low_priority: sum(Refusal::LowPriority as usize),
            disabled: sum(Refusal::Disabled as usize),
            last_passed_at: self
                .0
                .iter()
                .map(|lane| lane.last_passed_at.load(Ordering::Relaxed))
                .max()
                .unwrap_or(0),
        }
    }

    /// For a gate that is made anew in an old one's place.
    pub(super) fn clear(&self) {
        for lane in &self.0 {
            lane.counts
                .iter()
                .for_each(|count| count.store(0, Ordering::Relaxed));
            lane.last_passed_at.store(0, Ordering::Relaxed);
        }
    }
}

//! Counts and times of a clause or a function.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::ingest::effect::EventKind;

/// Decimal digits that percentiles are exact to: 10 % is what a percentile of latencies is read for.
const DIGITS: u8 = 1;

/// What is known of the calls of a function or clause. Times are nanoseconds.
///
/// `calls` counts entries, so an activation that is still open is in `calls` and in nothing else:
/// `calls - returned - tailed - errors - aborted - lost` are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CallStats {
    pub calls: u64,
    pub returned: u64,
    /// Ended by a jump to another function.
    pub tailed: u64,
    pub errors: u64,
    /// The process died meanwhile.
    pub aborted: u64,
    /// The record of the end was dropped.
    pub lost: u64,
    /// Inclusive time, recursion counted once.
    pub total_ns: u64,
    /// Time not spent in instrumented functions that it called.
    pub self_ns: u64,
    pub min_ns: Option<u64>,
    pub max_ns: Option<u64>,
    /// Percentiles of inclusive time, to one decimal digit.
    pub p50_ns: Option<u64>,
    pub p95_ns: Option<u64>,
    pub p99_ns: Option<u64>,
    /// When it last began: nanoseconds since 1970.
    pub last_executed: Option<u64>,
}

impl CallStats {
    /// Activations that have begun and not ended.
    pub fn open(&self) -> u64 {
        self.calls.saturating_sub(self.ended())
    }

    pub fn ended(&self) -> u64 {
        self.returned + self.tailed + self.errors + self.aborted + self.lost
    }
}

/// The counters behind `CallStats`, for one clause. Addition of two is a merge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub calls: u64,
    /// By `EventKind`, without `Enter`.
    pub ends: [u64; 5],
    pub total_ns: u64,
    pub self_ns: u64,
    /// `u64::MAX` until something ended.
    pub min_ns: u64,
    pub max_ns: u64,
    /// Unix time, 0 when never.
    pub last_unix_ns: u64,
    pub histogram: Option<Box<Histogram<u32>>>,
}

impl Counters {
    pub fn new() -> Self {
        Counters {
            min_ns: u64::MAX,
            ..Counters::default()
        }
    }

    #[inline]
    pub fn end(&mut self, kind: EventKind, inclusive_ns: u64, self_ns: u64, outermost: bool) {
        self.ends[kind as usize - 1] += 1;
        self.self_ns += self_ns;
        if outermost {
            self.total_ns += inclusive_ns;
        }
        // Of a lost end only the bound is known: it would bend the distribution.
        if kind != EventKind::Lost {
            self.min_ns = self.min_ns.min(inclusive_ns);
            self.max_ns = self.max_ns.max(inclusive_ns);
            if let Some(histogram) = &mut self.histogram {
                // It grows by itself, so a value is never out of range; a count stops at its maximum.
                let _ = histogram.record(inclusive_ns);
            }
        }
    }

    pub fn add(&mut self, other: &Counters) {
        self.calls = self.calls.saturating_add(other.calls);
        for (mine, theirs) in self.ends.iter_mut().zip(other.ends) {
            *mine = mine.saturating_add(theirs);
        }
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.self_ns = self.self_ns.saturating_add(other.self_ns);
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.last_unix_ns = self.last_unix_ns.max(other.last_unix_ns);
        if let Some(theirs) = &other.histogram {
            match &mut self.histogram {
                // The same digits and automatic growth: adding cannot fail.
                Some(mine) => mine.add(&**theirs).unwrap_or(()),
                None => self.histogram = Some(theirs.clone()),
            }
        }
    }

    pub fn stats(&self) -> CallStats {
        let [returned, tailed, errors, aborted, lost] = self.ends;
        let ended = self.min_ns != u64::MAX;
        let percentile = |quantile: f64| {
            let histogram = self
                .histogram
                .as_ref()
                .filter(|histogram| !histogram.is_empty())?;
            // A bucket's upper end may lie above the largest value: never claim more than was seen.
            Some(
                histogram
                    .value_at_quantile(quantile)
                    .clamp(self.min_ns, self.max_ns),
            )
        };
        CallStats {
            calls: self.calls,
            returned,
            tailed,
            errors,
            aborted,
            lost,
            total_ns: self.total_ns,
            self_ns: self.self_ns,
            min_ns: ended.then_some(self.min_ns),
            max_ns: ended.then_some(self.max_ns),
            p50_ns: percentile(0.50),
            p95_ns: percentile(0.95),
            p99_ns: percentile(0.99),
            last_executed: (self.last_unix_ns != 0).then_some(self.last_unix_ns),
        }
    }
}

/// An empty histogram: one per clause that ever ended, grown as larger values come.
pub(crate) fn new_histogram() -> Option<Box<Histogram<u32>>> {
    Histogram::new(DIGITS).ok().map(Box::new)
}

//! A store in a file: values by what they mean (functions, points), never by this VM's numbers.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::capture::points::{FunctionKey, PointInfo};
use crate::error::{Error, Result};
use crate::ingest::edges::EdgeKind;
use crate::ingest::saved_log::{Events, SavedLog};
use crate::ingest::side::SideEvent;
use crate::ingest::stats::{Counters, new_histogram};
use crate::ingest::store::{Inner, RuntimeLimits, RuntimeStore};
use crate::ingest::tables::{PointSlot, Tables};
use crate::limits;

/// Everything a `RuntimeStore` knows, ready for serde. Reading it back checks every number in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedRuntime {
    points: Vec<SavedPoint>,
    /// Instrumented functions; their branches, and whether each was reached.
    instrumented: Vec<FunctionKey>,
    branches: Vec<(PointInfo, bool)>,
    functions: Vec<(FunctionKey, u64)>,
    edges: Vec<(FunctionKey, FunctionKey, EdgeKind, u64)>,
    events: u64,
    evicted: u64,
    dropped: u64,
    log: SavedLog,
    /// Events that callers brought.
    side: Vec<SideEvent>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedPoint {
    info: PointInfo,
    calls: u64,
    ends: [u64; 5],
    total_ns: u64,
    self_ns: u64,
    min_ns: u64,
    max_ns: u64,
    last_unix_ns: u64,
    hits: u64,
    last_hit_ns: u64,
    /// `(value, count)` of the histogram's used buckets.
    histogram: Vec<(u64, u32)>,
}

impl RuntimeStore {
    /// A copy to be saved, with the events of the log or without.
    ///
    /// Errors: `Corrupt` when events that went to the disk cannot be read back.
    pub fn to_saved(&self, with_events: bool) -> Result<SavedRuntime> {
        let (mut saved, log) = self.read(|inner| (self.save_counts(inner), inner.log.snapshot()));
        // No lock is held while events are packed.
        let events = if with_events {
            Events::Newest
        } else {
            Events::Without
        };
        saved.log = SavedLog::new(&log, events)?;
        saved.evicted += saved.log.left_out;
        if with_events {
            saved.side = self.side.read().all();
        }
        Ok(saved)
    }

    fn save_counts(&self, inner: &Inner) -> SavedRuntime {
        SavedRuntime {
            points: inner.tables.points.iter().map(save_point).collect(),
            instrumented: inner.branches.functions().map(|(key, _)| *key).collect(),
            branches: inner
                .branches
                .functions()
                .flat_map(|(_, branches)| branches)
                .map(|branch| (branch.point, branch.reached))
                .collect(),
            functions: inner
                .tables
                .functions
                .iter()
                .map(|slot| (slot.key, slot.total_ns))
                .collect(),
            edges: inner
                .tables
                .edges(|_, _| true)
                .into_iter()
                .map(|edge| (edge.caller, edge.callee, edge.kind, edge.count))
                .collect(),
            events: inner.events,
            evicted: inner.log.evicted(),
            dropped: inner.dropped,
            log: SavedLog::default(),
            side: Vec::new(),
        }
    }

    /// A store with what was saved. `Corrupt` when the numbers in it cannot belong together.
    pub fn from_saved(saved: SavedRuntime, limits: RuntimeLimits) -> Result<RuntimeStore> {
        let store = RuntimeStore::new(limits);
        store.merge(saved)?;
        Ok(store)
    }

    /// Adds what another run saw: counts and times add up, percentiles are over both. Its events are
    /// taken only into an empty log (events of two runs have no common order); otherwise they count as evicted.
    pub fn merge(&self, saved: SavedRuntime) -> Result<()> {
        let corrupt = |detail: &str| Error::Corrupt {
            detail: detail.to_owned(),
        };
        if saved.points.len() > limits::POINTS_MAX
            || saved.branches.len() > limits::POINTS_MAX
            || saved.instrumented.len() > limits::POINTS_MAX
            || saved.edges.len() > limits::EDGES_MAX
        {
            return Err(corrupt("more points or edges than any run can have"));
        }
        let histograms = saved
            .points
            .iter()
            .map(restore_counters)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(corrupt)?;
        // Events are checked before anything is changed: a refused file leaves no trace.
        let rows = saved.log.check(saved.points.len())?;
        self.write(|inner| {
            let first = inner.tables.points.len() as u32;
            let fresh = first == 0 && inner.log.len() == 0;
            if fresh && !distinct(&saved.points) {
                return Err(corrupt("a point is listed twice"));
            }
            merge_tables(
                &mut inner.tables,
                &saved.points,
                histograms,
                &saved.functions,
                &saved.edges,
            );
            match fresh {
                true => {
                    let numbers: Vec<u32> = (0..saved.points.len() as u32).collect();
                    // What memory has no room for goes to the disk, if there is one.
                    let spill = |log: &mut _| self.keep_up_with(log);
                    saved.log.restore(&mut inner.log, &numbers, spill)?;
                    inner.log.count_evicted(saved.evicted);
                }
                false => inner.log.count_evicted(saved.evicted.saturating_add(rows)),
            }
            for function in saved.instrumented {
                inner.branches.instrumented(function);
            }
            for (point, reached) in saved.branches {
                inner.branches.add(point, reached);
            }
            inner.events = inner.events.saturating_add(saved.events);
            inner.dropped = inner.dropped.saturating_add(saved.dropped);
            Ok(())
        })?;
        self.merge_side(saved.side);
        Ok(())
    }
}

/// In a fresh store the saved order gives the numbers, which holds only without repetition.
fn distinct(points: &[SavedPoint]) -> bool {
    let mut seen = ahash::AHashSet::new();
    points.iter().all(|point| seen.insert(point.info))
}

fn merge_tables(
    tables: &mut Tables,
    points: &[SavedPoint],
    counters: Vec<Counters>,
    functions: &[(FunctionKey, u64)],
    edges: &[(FunctionKey, FunctionKey, EdgeKind, u64)],
) {
    for (point, counters) in points.iter().zip(counters) {
        let number = tables.number_point(point.info);
        if counters.histogram.is_some() {
            tables.ensure_histogram(number);
        }
        let slot = &mut tables.points[number as usize];
        slot.counters.add(&counters);
        slot.hits = slot.hits.saturating_add(point.hits);
        slot.last_hit_ns = slot.last_hit_ns.max(point.last_hit_ns);
    }
    for (key, total_ns) in functions {
        let number = tables.number_function(*key) as usize;
        let function = &mut tables.functions[number];
        function.total_ns = function.total_ns.saturating_add(*total_ns);
    }
    for (caller, callee, kind, count) in edges {
        let (caller, callee) = (
            tables.number_function(*caller),
            tables.number_function(*callee),
        );
        let number = tables.number_edge(caller, callee, *kind) as usize;
        let edge = &mut tables.edges[number];
        edge.count = edge.count.saturating_add(*count);
    }
}

fn save_point(slot: &PointSlot) -> SavedPoint {
    let counters = &slot.counters;
    let histogram = counters
        .histogram
        .as_ref()
        .map_or_else(Vec::new, |histogram| {
            histogram
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect()
        });
    SavedPoint {
        info: slot.info,
        hits: slot.hits,
        last_hit_ns: slot.last_hit_ns,
        calls: counters.calls,
        ends: counters.ends,
        total_ns: counters.total_ns,
        self_ns: counters.self_ns,
        min_ns: counters.min_ns,
        max_ns: counters.max_ns,
        last_unix_ns: counters.last_unix_ns,
        histogram,
    }
}

fn restore_counters(saved: &SavedPoint) -> std::result::Result<Counters, &'static str> {
    if saved.histogram.len() > 4096 {
        return Err("a histogram with more buckets than there are");
    }
    let mut histogram: Option<Box<Histogram<u32>>> = None;
    if !saved.histogram.is_empty() {
        histogram = new_histogram();
        for (value, count) in &saved.histogram {
            let Some(histogram) = &mut histogram else {
                break;
            };
            histogram
                .record_n(*value, *count)
                .map_err(|_| "a histogram value out of range")?;
        }
    }
    if saved.min_ns != u64::MAX && saved.min_ns > saved.max_ns {
        return Err("a shortest time above the longest");
    }
    let ended = saved
        .ends
        .iter()
        .try_fold(0u64, |sum, count| sum.checked_add(*count));
    if ended.is_none_or(|ended| ended > saved.calls) {
        return Err("more ends than calls");
    }
    Ok(Counters {
        calls: saved.calls,
        ends: saved.ends,
        total_ns: saved.total_ns,
        self_ns: saved.self_ns,
        min_ns: saved.min_ns,
        max_ns: saved.max_ns,
        last_unix_ns: saved.last_unix_ns,
        histogram,
    })
}

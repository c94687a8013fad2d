//! What a repository knows of the running system.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::capture::points::{FunctionKey, PointInfo, PointKind, Registered};
use crate::ingest::branches::{Branch, Branches};
use crate::ingest::counted::Counted;
use crate::ingest::edges::{Edge, EdgeKind};
use crate::ingest::effect::{Batch, Effect, EventKind, NONE};
use crate::ingest::log::{Bounds, Disk, Entry, Log, SpillCounts, Spiller};
use crate::ingest::side::SideLog;
use crate::ingest::stats::CallStats;
use crate::ingest::tables::Tables;
use crate::limits;
use crate::sync::{Mutex, RwLock};

/// Bounds of one store.
#[derive(Clone, Debug)]
pub struct RuntimeLimits {
    /// Bytes of the event log in memory; 0 keeps no events, only counts and times.
    pub event_log_bytes: usize,
    /// Events it keeps, in memory and on the disk, and how old they may grow; `u64::MAX` is without bound.
    pub event_log_events: u64,
    pub event_log_age_ns: u64,
    /// Where events go that memory has no room for; without, they are dropped.
    pub spill: Option<Spill>,
}

/// Room on a disk.
#[derive(Clone, Debug)]
pub struct Spill {
    pub disk: Arc<dyn Disk>,
    pub bytes: u64,
}

impl Default for RuntimeLimits {
    fn default() -> Self {
        RuntimeLimits {
            event_log_bytes: limits::EVENT_LOG_BYTES,
            event_log_events: u64::MAX,
            event_log_age_ns: u64::MAX,
            spill: None,
        }
    }
}

/// What the clauses of a function did, clause by clause and build by build.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClauseStats {
    /// The clause's point: build, ordinal, line, column.
    pub point: PointInfo,
    pub stats: CallStats,
}

/// What one point told a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PointStats {
    pub literal: u64,
    /// Events: of a clause its activations.
    pub hits: u64,
    pub last_ns: u64,
    /// Bytes of values: of a clause those of arguments, and of results.
    pub value_bytes: u64,
    pub end_bytes: u64,
}

/// Sums over a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Functions and clauses that were entered at least once.
    pub functions: u64,
    pub clauses: u64,
    pub edges: u64,
    /// Activations begun, ended, and ended by an error.
    pub calls: u64,
    pub ended: u64,
    pub errors: u64,
    /// Events seen (beginnings and ends), kept in the log, dropped from it.
    pub events: u64,
    pub events_kept: u64,
    pub events_evicted: u64,
    /// Self time of all: equals the inclusive time of those with no instrumented caller.
    pub self_ns: u64,
    pub log_bytes: u64,
}

/// Statistics, call edges and the event log of one repository.
///
/// The capture's ingest writes, in batches of some tens of microseconds; readers get copies and never wait longer
/// than for one batch.
pub struct RuntimeStore {
    inner: RwLock<Inner>,
    /// Events that callers brought.
    pub(super) side: RwLock<SideLog>,
    spiller: Option<Mutex<Spiller>>,
    pub(super) spill: Arc<SpillCounts>,
    /// What the last question computed.
    pub(super) counted: Mutex<Counted>,
}

pub(crate) struct Inner {
    pub tables: Tables,
    pub log: Log,
    pub branches: Branches,
    pub events: u64,
    /// Activations that began before this event are not counted: the store did not see them begin.
    /// `u64::MAX` until the first events come after subscribing.
    pub since: u64,
    /// Records that the capture dropped while this store was subscribed.
    pub dropped: u64,
    /// The capture's own count when it was last told.
    dropped_seen: u64,
}

impl RuntimeStore {
    pub fn new(limits: RuntimeLimits) -> Self {
        let inner = Inner {
            tables: Tables::default(),
            log: Log::new(Bounds {
                bytes: limits.event_log_bytes,
                events: limits.event_log_events,
                age_ns: limits.event_log_age_ns,
                spills: limits.spill.is_some(),
            }),
            branches: Branches::default(),
            events: 0,
            since: u64::MAX,
            dropped: 0,
            dropped_seen: 0,
        };
        let spill = Arc::new(SpillCounts::new(limits.event_log_bytes));
        let spiller = |to: Spill| Mutex::new(Spiller::new(to.disk, to.bytes, Arc::clone(&spill)));
        RuntimeStore {
            inner: RwLock::new(inner),
            side: RwLock::new(SideLog::new(
                limits.event_log_bytes,
                limits.event_log_events,
            )),
            spiller: limits.spill.map(spiller),
            spill,
            counted: Mutex::default(),
        }
    }

    /// The store is subscribed (again): what is open already does not concern it.
    pub(crate) fn begin_anew(&self, dropped: u64) {
        let mut inner = self.inner.write();
        inner.since = u64::MAX;
        inner.dropped_seen = dropped;
    }

    /// The capture has dropped so many records since the VM started. Which activations they belonged to
    /// nobody knows, so every store that was subscribed meanwhile may miss them.
    pub(crate) fn note_dropped(&self, dropped: u64) {
        let mut inner = self.inner.write();
        inner.dropped += dropped.saturating_sub(inner.dropped_seen);
        inner.dropped_seen = dropped;
    }

    /// Takes a batch of the engine's effects.
    pub(crate) fn apply(&self, batch: &Batch<'_>) {
        let mut done = 0;
        while done < batch.effects.len() {
            done = self.apply_locked(batch, done);
            self.keep_up();
        }
    }

    /// From the `done`th effect on; where it ended, because memory is short while there is a disk, or at the end.
    fn apply_locked(&self, batch: &Batch<'_>, done: usize) -> usize {
        let mut inner = self.inner.write();
        if inner.since == u64::MAX {
            inner.since = batch.first_event_id;
        }
        inner.branches.catch_up(batch.points);
        for (at, effect) in batch.effects.iter().enumerate().skip(done) {
            let registered = batch.points.get(effect.point as usize);
            let info = registered
                .and_then(Option::as_ref)
                .map(|registered| &registered.info);
            let event_id = batch.first_event_id + at as u64;
            inner.apply(event_id, effect, info, batch.blob(effect), |edge| {
                let key = batch.edges.key(edge);
                let function =
                    |number: u32| batch.functions.get(number as usize).copied().flatten();
                Some((function(key.caller)?, function(key.callee)?, key.kind))
            });
            if inner.log.takes_wish_for_disk() {
                return at + 1;
            }
        }
        batch.effects.len()
    }

    /// A branch was reached. `points` are all that the VM has registered, by dense number.
    pub(crate) fn reach(&self, point: u32, points: &[Option<Registered>]) {
        let mut inner = self.inner.write();
        inner.branches.catch_up(points);
        if let Some(Some(registered)) = points.get(point as usize) {
            inner.branches.add(registered.info, true);
        }
    }

    /// Whether one of these functions would have reported, had it been called.
    pub fn was_instrumented(&self, mut functions: impl Iterator<Item = FunctionKey>) -> bool {
        self.read(|inner| functions.any(|function| inner.branches.was_instrumented(&function)))
    }

    /// By their literals, the clauses (of these) whose tail calls name one function only, and which. What is known of
    /// points of this VM; nothing where the store was read from a file.
    pub fn only_jumps(&self, clauses: &[PointInfo]) -> AHashMap<u64, FunctionKey> {
        self.read(|inner| {
            let known = clauses
                .iter()
                .map(|clause| (clause.literal(), inner.branches.only_jump(clause)));
            known
                .filter_map(|(clause, to)| Some((clause, to?)))
                .collect()
        })
    }

    /// The branches of a function in one build, with whether each was reached. Empty when it was instrumented without
    /// branches.
    pub fn branches(&self, function: &FunctionKey, build: u64) -> Vec<Branch> {
        self.read(|inner| inner.branches.of_function(function, build))
    }

    /// A step towards the disk, when memory is short. Whoever ingests does it, without the store's lock.
    pub(super) fn keep_up(&self) {
        if let Some(mut spiller) = self.spiller.as_ref().and_then(Mutex::try_lock) {
            spiller.turn(|work| work(&mut self.inner.write().log));
        }
    }

    /// The same for whoever has the log already.
    pub(super) fn keep_up_with(&self, log: &mut Log) {
        if let Some(mut spiller) = self.spiller.as_ref().and_then(Mutex::try_lock) {
            let log = std::cell::RefCell::new(log);
            spiller.turn(|work| work(&mut log.borrow_mut()));
        }
    }

    /// Drops events that are too old at `now_ns`, also while nothing happens.
    pub(crate) fn expire(&self, now_ns: u64) {
        let age_ns = self.read(|inner| inner.log.age_ns());
        if age_ns != u64::MAX {
            let oldest_ns = now_ns.saturating_sub(age_ns);
            self.write(|inner| inner.log.expire(oldest_ns));
            self.side.write().expire(oldest_ns);
        }
    }

    /// Forgets all events and gives back what they took, on the disk too. Counts and times stay.
    pub fn clear_events(&self) {
        self.write(|inner| inner.log.clear());
        *self.side.write() = SideLog::new(0, 0);
        if let Some(spiller) = &self.spiller {
            spiller.lock().clear();
        }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Inner) -> T) -> T {
        read(&self.inner.read())
    }

    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut Inner) -> T) -> T {
        write(&mut self.inner.write())
    }

    /// Sums over all clauses and builds; `None` when it was never entered.
    pub fn function_stats(&self, function: &FunctionKey) -> Option<CallStats> {
        self.read(|inner| {
            let number = inner.tables.function_number(function)?;
            inner.tables.function_stats(number)
        })
    }

    /// As `function_stats`, of functions that are one: it had other names before.
    pub fn stats_of_all(&self, functions: &[FunctionKey]) -> Option<CallStats> {
        self.read(|inner| {
            let numbers = functions.iter();
            let numbers = numbers.filter_map(|function| inner.tables.function_number(function));
            inner.tables.sum(&numbers.collect::<Vec<_>>())
        })
    }

    /// The clauses of a module that a build entered: where they stood when it was compiled.
    pub fn points_of_build(&self, module: Atom, build: u64) -> Vec<PointInfo> {
        self.read(|inner| {
            let functions = inner.tables.functions.iter();
            let own = functions.filter(|function| function.key.module == module);
            let slots = own.flat_map(|function| &function.clauses);
            let points = slots.map(|slot| inner.tables.points[*slot as usize].info);
            let clauses = points.filter(|point| point.kind == PointKind::Clause);
            clauses.filter(|point| point.build == build).collect()
        })
    }

    /// The points of functions that were met, those of all builds.
    pub fn points_of_functions(&self, functions: &[FunctionKey]) -> Vec<PointInfo> {
        self.read(|inner| {
            let numbers = functions.iter();
            let numbers = numbers.filter_map(|key| inner.tables.function_number(key));
            let slots = numbers.flat_map(|number| &inner.tables.functions[number as usize].clauses);
            slots
                .map(|slot| inner.tables.points[*slot as usize].info)
                .collect()
        })
    }

    /// Every function that was entered, with its sums.
    pub fn functions(&self) -> Vec<(FunctionKey, CallStats)> {
        self.read(Inner::functions)
    }

    /// Events so far: grows with every one.
    pub fn events_so_far(&self) -> u64 {
        self.read(|inner| inner.events)
    }

    /// The clauses of a function that were entered, in order of ordinal and build.
    pub fn clause_stats(&self, function: &FunctionKey) -> Vec<ClauseStats> {
        self.read(|inner| {
            let Some(number) = inner.tables.function_number(function) else {
                return Vec::new();
            };
            let clauses = &inner.tables.functions[number as usize].clauses;
            let mut found: Vec<ClauseStats> = clauses
                .iter()
                .map(|slot| &inner.tables.points[*slot as usize])
                .filter(|slot| slot.counters.calls > 0)
                .map(|slot| ClauseStats {
                    point: slot.info,
                    stats: slot.counters.stats(),
                })
                .collect();
            found.sort_by_key(|clause| (clause.point.clause, clause.point.build));
            found
        })
    }

    /// Where the log ends: one more than the newest event's id, and how many events were ever appended.
    pub fn log_end(&self) -> (u64, u64) {
        self.read(|inner| (inner.log.end_event_id(), inner.events))
    }

    /// What became of points, by their literals; of those that never reported, nothing.
    pub fn point_stats(&self, literals: &[u64]) -> Vec<PointStats> {
        let wanted: AHashSet<u64> = literals.iter().copied().collect();
        self.read(|inner| {
            let slots = inner.tables.points.iter();
            let own = slots.filter(|slot| wanted.contains(&slot.info.literal()));
            own.map(|slot| PointStats {
                literal: slot.info.literal(),
                hits: slot.hits + slot.counters.calls,
                last_ns: slot.last_hit_ns.max(slot.counters.last_unix_ns),
                value_bytes: slot.value_bytes,
                end_bytes: slot.end_bytes,
            })
            .collect()
        })
    }

    /// Every observed edge.
    pub fn edges(&self) -> Vec<Edge> {
        self.read(|inner| inner.tables.edges(|_, _| true))
    }

    /// Edges that start at `caller`.
    pub fn callees(&self, caller: &FunctionKey) -> Vec<Edge> {
        self.read(|inner| match inner.tables.function_number(caller) {
            Some(number) => inner.tables.edges(|from, _| from == number),
            None => Vec::new(),
        })
    }

    /// Edges that end at `callee`.
    pub fn callers(&self, callee: &FunctionKey) -> Vec<Edge> {
        self.read(|inner| match inner.tables.function_number(callee) {
            Some(number) => inner.tables.edges(|_, to| to == number),
            None => Vec::new(),
        })
    }

    pub fn totals(&self) -> Totals {
        self.read(|inner| inner.totals())
    }

    /// Events that figures of this store may miss: records that were dropped while it was subscribed, or, if these
    /// are more, activations whose end was lost. Reads one counter a clause.
    pub fn lost(&self) -> u64 {
        let lost = EventKind::Lost as usize - 1;
        self.read(|inner| {
            inner
                .tables
                .points
                .iter()
                .map(|slot| slot.counters.ends[lost])
                .sum::<u64>()
                .max(inner.dropped)
        })
    }
}

impl Inner {
    #[inline]
    fn apply(
        &mut self,
        event_id: u64,
        effect: &Effect,
        info: Option<&PointInfo>,
        blob: &[u8],
        edge: impl Fn(u32) -> Option<(FunctionKey, FunctionKey, EdgeKind)>,
    ) {
        let tables = &mut self.tables;
        let point = match info {
            Some(info) => tables.point_of(effect.point, || *info),
            None => NONE,
        };
        if point == NONE {
            // An event of a process: no counters.
        } else if effect.kind == EventKind::Enter {
            let counters = &mut tables.points[point as usize].counters;
            counters.calls += 1;
            counters.last_unix_ns = effect.at_ns;
            if effect.edge != NONE {
                tables.count_edge(effect.edge, edge);
            }
        } else if !effect.kind.is_end() {
            tables.points[point as usize].hit(effect.at_ns);
        } else if effect.opened >= self.since {
            tables.ensure_histogram(point);
            let slot = &mut tables.points[point as usize];
            slot.counters.end(
                effect.kind,
                effect.inclusive_ns,
                effect.self_ns,
                effect.outermost_clause,
            );
            if effect.outermost_function {
                tables.functions[slot.function as usize].total_ns += effect.inclusive_ns;
            }
        }
        if point != NONE && !blob.is_empty() {
            let slot = &mut tables.points[point as usize];
            let bytes = if effect.kind.is_end() {
                &mut slot.end_bytes
            } else {
                &mut slot.value_bytes
            };
            *bytes += blob.len() as u64;
        }
        // The log takes every event, also the end of what began before the store looked: ids stay consecutive.
        self.events += 1;
        self.log.append(&Entry {
            event_id,
            at_ns: effect.at_ns,
            process: effect.process,
            process_word: effect.process_word,
            token: effect.token,
            point,
            kind: effect.kind,
            inclusive_ns: effect.inclusive_ns,
            opened: effect.opened,
            reason: effect.reason,
            blob,
        });
    }

    pub(crate) fn functions(&self) -> Vec<(FunctionKey, CallStats)> {
        let all = 0..self.tables.functions.len() as u32;
        all.filter_map(|number| {
            let key = self.tables.functions[number as usize].key;
            Some((key, self.tables.function_stats(number)?))
        })
        .collect()
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            events: self.events,
            events_kept: self.log.len(),
            events_evicted: self.log.evicted(),
            log_bytes: self.log.memory_bytes() as u64,
            edges: self
                .tables
                .edges
                .iter()
                .filter(|edge| edge.count > 0)
                .count() as u64,
            ..Totals::default()
        };
        for slot in self
            .tables
            .points
            .iter()
            .filter(|slot| slot.counters.calls > 0)
        {
            totals.clauses += 1;
            totals.calls += slot.counters.calls;
            totals.ended += slot.counters.ends.iter().sum::<u64>();
            totals.errors += slot.counters.ends[EventKind::Error as usize - 1];
            totals.self_ns += slot.counters.self_ns;
        }
        totals.functions = self
            .tables
            .functions
            .iter()
            .filter(|function| self.tables.calls_of(function) > 0)
            .count() as u64;
        totals
    }
}

#[cfg(all(test, not(loom)))]
impl RuntimeStore {
    /// An event of one process, as it would be ingested.
    pub(crate) fn append_for_test(&self, event_id: u64, at_ns: u64) {
        self.write(|inner| {
            inner.events += 1;
            inner.log.append(&Entry {
                event_id,
                at_ns,
                process: 1,
                process_word: 1,
                token: 0,
                point: NONE,
                kind: EventKind::ScheduledIn,
                inclusive_ns: 0,
                opened: 0,
                reason: NONE,
                blob: &[],
            });
        });
    }
}

/// A handle to a store that many may hold.
pub type SharedStore = Arc<RuntimeStore>;

//! What was learnt of functions by observing them, as the structs of the Elixir side.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::ingest::CallStats;
use crate::insight::{FunctionFacts, Sources, confidence};
use crate::store::coverage::function_coverage;
use crate::store::insights_between::{cascades, flows, spawned, supervised};
use crate::store::locate::runtime_key;
use crate::store::record::ModuleRecord;
use crate::store::structs::{date_time, key_value, structure, us, word};
use crate::store::view::{Shares, View};
use crate::value::Value;

/// What one reader may spend on events that came since the last one; the rest is for the next.
const CATCH_UP: Duration = Duration::from_secs(2);
const HOTSPOTS: usize = 10;
pub(super) const LIST_MAX: usize = 50;
/// A function that ran less than once for so many calls of its module's busiest ran rarely.
const RARELY: u64 = 1_000;
const WORD_BYTES: u64 = size_of::<usize>() as u64;

type Stats = [(FunctionKey, CallStats)];

/// An observed insight, by the name of its field.
pub struct Insights {
    fields: Vec<(&'static str, Value)>,
    unknown: Vec<(&'static str, &'static str)>,
}

impl Insights {
    pub fn get(&self, name: &str) -> Option<Value> {
        if name == "unknown" {
            let told = self.unknown.iter();
            let told = told.map(|(name, why)| (word(name), Value::text(why)));
            return Some(Value::Map(told.collect()));
        }
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone())
    }

    fn put(
        &mut self,
        name: &'static str,
        known: bool,
        value: impl FnOnce() -> Value,
        else_on: &'static str,
    ) {
        if known {
            let value = value();
            self.fields.push((name, value));
        } else {
            self.unknown.push((name, else_on));
        }
    }
}

const CALLS: &str = "observe calls of its functions with an event log: ElixirScope.observe/2, or ElixirScope.Capture.start/1";
const GC: &str = "trace garbage collection: ElixirScope.trace/2 with :garbage_collection";
const MESSAGES: &str = "record message_send and message_receive points, or trace :send and :receive: ElixirScope.trace/2";
const SPAWNS: &str = "trace :procs: ElixirScope.trace/2";
const VALUES: &str = "record arguments and results of its functions: a plan with function_entry and function_exit capture";
const VARIABLES: &str =
    "record bindings (variable_capture points) and ask ElixirScope.ASTRepository.TemporalBridge";
const CALLER: &str =
    "only people know: store it with ElixirScope.ASTRepository.update_runtime_insights/3";
const COVERAGE: &str = "the repository does not hold its source, or it was not instrumented";

pub(super) fn atom_or_nil(atom: Option<Atom>) -> Value {
    atom.map_or_else(Value::nil, Value::Atom)
}

pub(super) fn list<T>(items: impl IntoIterator<Item = T>, value: impl FnMut(T) -> Value) -> Value {
    Value::List(items.into_iter().map(value).collect())
}

pub(super) fn made(name: &str, fields: Vec<(&str, Value)>) -> Value {
    structure(&format!("ElixirScope.ASTRepository.{name}"), fields)
}

pub(super) fn maybe_key(key: Option<FunctionKey>) -> Value {
    key.map_or_else(Value::nil, |key| key_value(&key))
}

/// Of functions (of one module, or one alone) that ran. `record` is their module, when it is known.
pub fn insights(
    view: &View<'_>,
    stats: &Stats,
    record: Option<(&ModuleRecord, Option<u32>)>,
) -> Insights {
    let runtime = view.repository.runtime();
    let whole: u64 = runtime.totals().self_ns;
    let lost = runtime.lost();
    view.repository.analysis(CATCH_UP, |analysis| {
        let own = |key: &FunctionKey| stats.iter().any(|(own, _)| own == key);
        let facts: Vec<&FunctionFacts> = stats
            .iter()
            .filter_map(|(key, _)| analysis.function(key))
            .collect();
        let Sources {
            values,
            collections,
            sends,
            receives,
            spawns,
            exits,
            arrivals,
            ..
        } = analysis.sources;
        let calls = !facts.is_empty();
        let mut all = Insights {
            fields: Vec::new(),
            unknown: Vec::new(),
        };
        let sampled = Sampled::of(view, stats);
        all.put("hotspots", !stats.is_empty(), || hotspots(stats, whole, &sampled), CALLS);
        let cold = record.map(|(record, function)| cold(view, stats, record, function));
        all.put("cold_code", cold.is_some(), || cold.unwrap_or_else(Value::nil), COVERAGE);
        all.put("temporal_patterns", calls, || list(&facts, |facts| temporal(facts, analysis.last_ns)), CALLS);
        all.put("concurrency_patterns", calls, || list(&facts, |facts| concurrent(facts)), CALLS);
        all.put("exception_patterns", calls, || exceptions(&facts), CALLS);
        all.put("failure_cascades", calls, || cascades(analysis, &own, spawns && exits), CALLS);
        if calls && !(spawns && exits) {
            all.unknown.push(("cascades_of_processes", SPAWNS));
        }
        all.put("memory_allocations", collections, || memory(&facts), GC);
        all.put("gc_impact", collections, || gc(&facts), GC);
        all.put("message_flows", sends && receives, || flows(analysis, &own, arrivals), MESSAGES);
        all.put("process_spawning", spawns, || spawned(analysis, &own), SPAWNS);
        all.put("supervision_events", spawns && exits, || supervised(analysis, &own), SPAWNS);
        all.put("state_mutations", values, || mutations(&facts), VALUES);
        all.put("data_transformations", values, || transformations(&facts), VALUES);
        all.put("variable_lifecycles", false, Value::nil, VARIABLES);
        let coverage = record.and_then(|(record, function)| coverage(view, record, function));
        all.put("code_coverage", coverage.is_some(), || coverage.unwrap_or_else(Value::nil), COVERAGE);
        for name in ["test_effectiveness", "bug_correlation", "business_rule_usage", "feature_utilization", "user_journey_mapping"] {
            all.put(name, false, Value::nil, CALLER);
        }
        let period = facts.iter().map(|it| it.first_ns).min().zip(facts.iter().map(|it| it.last_ns).max());
        all.put(
            "aggregation_period",
            period.is_some(),
            || period.map_or_else(Value::nil, |(from, to)| Value::Tuple(vec![date_time(from), date_time(to)])),
            CALLS,
        );
        let sum = |read: fn(&CallStats) -> u64| stats.iter().map(|(_, one)| read(one)).sum::<u64>();
        let (failed, ended) = (sum(|one| one.errors + one.aborted), sum(CallStats::ended));
        let sure = confidence(failed, ended, sum(|one| one.calls) + ended, lost);
        all.put("confidence_level", ended > 0, || Value::Float(sure), CALLS);
        if analysis.gap.behind {
            all.unknown.push(("newest_events", "events came faster than they were read: ask again"));
        }
        if analysis.gap.missed > 0 {
            all.unknown.push(("evicted_events", "the log dropped events before they were read: give it more bytes, or ask more often"));
        }
        all
    })
}

/// Of functions whose gates refused calls: how many passed and how many came.
struct Sampled(AHashMap<Atom, Arc<Shares>>);

impl Sampled {
    fn of(view: &View<'_>, stats: &Stats) -> Self {
        let mut modules: Vec<Atom> = stats.iter().map(|(key, _)| key.module).collect();
        modules.sort_unstable();
        modules.dedup();
        let all = modules
            .into_iter()
            .map(|module| (module, view.sampled(module)));
        Sampled(all.collect())
    }

    fn get(&self, key: &FunctionKey) -> Option<(u64, u64)> {
        self.0.get(&key.module)?.get(key).copied()
    }

    /// What recorded figures are to be multiplied with; 1 where all is recorded.
    fn scale(&self, key: &FunctionKey) -> f64 {
        match self.get(key) {
            Some((passed, seen)) if passed > 0 => seen as f64 / passed as f64,
            _ => 1.0,
        }
    }

    /// How often a function was called, of which so many were recorded.
    fn calls(&self, key: &FunctionKey, recorded: u64) -> u64 {
        match self.get(key) {
            Some((0, seen)) => seen,
            _ => (recorded as f64 * self.scale(key)).round() as u64,
        }
    }
}

fn hotspots(stats: &Stats, whole: u64, sampled: &Sampled) -> Value {
    let scaled = |(key, one): &(FunctionKey, CallStats)| {
        let scale = sampled.scale(key);
        (*key, *one, scale, one.self_ns as f64 * scale)
    };
    let mut hot: Vec<_> = stats
        .iter()
        .filter(|(_, one)| one.self_ns > 0)
        .map(scaled)
        .collect();
    hot.sort_by(|a, b| b.3.total_cmp(&a.3).then_with(|| a.0.cmp(&b.0)));
    // What of these was not recorded is in the whole, too.
    let more: f64 = hot
        .iter()
        .map(|(_, one, _, self_ns)| self_ns - one.self_ns as f64)
        .sum();
    let whole = (whole as f64 + more).max(1.0);
    list(
        hot.into_iter().take(HOTSPOTS),
        |(key, one, scale, self_ns)| {
            made(
                "Hotspot",
                vec![
                    ("function", key_value(&key)),
                    ("calls", Value::count(sampled.calls(&key, one.calls))),
                    ("self_us", Value::Float(self_ns / 1e3)),
                    ("total_us", Value::Float(one.total_ns as f64 * scale / 1e3)),
                    ("self_share", Value::Float(self_ns / whole)),
                    ("p95_us", one.p95_ns.map_or_else(Value::nil, us)),
                    ("recorded", Value::count(one.calls)),
                    ("estimated", Value::bool(sampled.get(&key).is_some())),
                ],
            )
        },
    )
}

/// Instrumented functions of the module that never ran, or next to never.
fn cold(view: &View<'_>, stats: &Stats, record: &ModuleRecord, only: Option<u32>) -> Value {
    let Some((unit, _, module)) = record.definition() else {
        return Value::nil();
    };
    let mut sampled = Sampled::of(view, stats);
    sampled.0.insert(record.name, view.sampled(record.name));
    let busiest = stats
        .iter()
        .map(|(key, one)| sampled.calls(key, one.calls))
        .max();
    let busiest = busiest.unwrap_or(0);
    let runtime = view.repository.runtime();
    let mut cold = Vec::new();
    for function in module.functions.clone() {
        let Some(key) =
            runtime_key(unit, function).filter(|_| only.is_none_or(|it| it == function))
        else {
            continue;
        };
        if !runtime.was_instrumented(std::iter::once(key)) {
            continue;
        }
        let calls = stats
            .iter()
            .find(|(own, _)| *own == key)
            .map_or(0, |(_, one)| one.calls);
        let calls = sampled.calls(&key, calls);
        if calls.saturating_mul(RARELY) < busiest.max(1) {
            let how = if calls == 0 { "never" } else { "rarely" };
            cold.push(made(
                "ColdCode",
                vec![
                    ("function", key_value(&key)),
                    ("ast_node_id", Value::text(&unit.function_id(function))),
                    ("calls", Value::count(calls)),
                    ("ran", word(how)),
                ],
            ));
        }
    }
    Value::List(cold)
}

fn temporal(facts: &FunctionFacts, now_ns: u64) -> Value {
    let buckets = &facts.buckets;
    let peak = buckets.peak();
    let burstiness = buckets.burstiness(now_ns);
    made(
        "TemporalPattern",
        vec![
            ("function", key_value(&facts.key)),
            ("from", date_time(buckets.from_ns)),
            ("bucket_us", us(buckets.width_ns)),
            (
                "counts",
                list(&buckets.counts, |count| Value::count(*count)),
            ),
            (
                "peak_at",
                peak.map_or_else(Value::nil, |(at, _)| date_time(at)),
            ),
            (
                "peak_count",
                peak.map_or_else(Value::nil, |(_, count)| Value::count(count)),
            ),
            (
                "burstiness",
                burstiness.map_or_else(Value::nil, Value::Float),
            ),
        ],
    )
}

fn concurrent(facts: &FunctionFacts) -> Value {
    let it = &facts.concurrency;
    let (processes, at_least) = it.processes();
    made(
        "ConcurrencyPattern",
        vec![
            ("function", key_value(&facts.key)),
            ("most_at_once", Value::count(it.most)),
            ("open", Value::count(it.open)),
            ("processes", Value::count(processes)),
            ("processes_exact", Value::bool(!at_least)),
            ("busy_us", us(it.busy_ns)),
            ("shared_us", us(it.shared_ns)),
            (
                "waits",
                if facts.scheduling.waits > 0 {
                    Value::count(facts.scheduling.waits)
                } else {
                    Value::nil()
                },
            ),
            (
                "wait_us",
                if facts.scheduling.waits > 0 {
                    us(facts.scheduling.wait_ns)
                } else {
                    Value::nil()
                },
            ),
        ],
    )
}

/// By reason: how often, and where.
fn exceptions(facts: &[&FunctionFacts]) -> Value {
    let mut reasons: Vec<Option<Atom>> = facts
        .iter()
        .flat_map(|it| it.reasons.keys().copied())
        .collect();
    reasons.sort_by_key(|reason| reason.map(|reason| reason.text()));
    reasons.dedup();
    list(reasons, |reason| {
        let here = facts
            .iter()
            .filter_map(|it| Some((it, *it.reasons.get(&reason)?)));
        let places: Vec<_> = here.collect();
        made(
            "ExceptionPattern",
            vec![
                ("reason", atom_or_nil(reason)),
                (
                    "count",
                    Value::count(places.iter().map(|(_, count)| count).sum()),
                ),
                (
                    "functions",
                    Value::Map(
                        places
                            .iter()
                            .map(|(it, count)| (key_value(&it.key), Value::count(*count)))
                            .collect(),
                    ),
                ),
                (
                    "origins",
                    Value::List(
                        places
                            .iter()
                            .filter(|(it, _)| it.originated > 0)
                            .map(|(it, _)| key_value(&it.key))
                            .collect(),
                    ),
                ),
            ],
        )
    })
}

/// The same, for `ModuleData.error_patterns`.
pub fn error_patterns(view: &View<'_>, stats: &Stats) -> Value {
    view.repository.analysis(CATCH_UP, |analysis| {
        let facts: Vec<_> = stats
            .iter()
            .filter_map(|(key, _)| analysis.function(key))
            .collect();
        if facts.is_empty() {
            Value::nil()
        } else {
            exceptions(&facts)
        }
    })
}

fn bytes(words: u64) -> Value {
    Value::count(words.saturating_mul(WORD_BYTES))
}

fn memory(facts: &[&FunctionFacts]) -> Value {
    let with = facts
        .iter()
        .filter(|it| it.collections.minor + it.collections.major > 0);
    list(with, |it| {
        made(
            "MemoryAllocation",
            vec![
                ("function", key_value(&it.key)),
                ("source", word("garbage_collections")),
                ("allocated_bytes", bytes(it.collections.allocated_words)),
                ("freed_bytes", bytes(it.collections.freed_words)),
                (
                    "samples",
                    Value::count(it.collections.minor + it.collections.major),
                ),
            ],
        )
    })
}

/// `FunctionData.memory_usage`; `nil` when no collection was traced while it was the innermost.
pub fn memory_usage(view: &View<'_>, key: &FunctionKey) -> Value {
    view.repository.analysis(CATCH_UP, |analysis| {
        let Some(it) = analysis.function(key).map(|facts| facts.collections) else {
            return Value::nil();
        };
        if it.minor + it.major == 0 {
            return Value::nil();
        }
        made(
            "MemoryUsage",
            vec![
                ("source", word("garbage_collections")),
                ("allocated_bytes", bytes(it.allocated_words)),
                ("freed_bytes", bytes(it.freed_words)),
                ("minor_collections", Value::count(it.minor)),
                ("major_collections", Value::count(it.major)),
                ("collection_us", us(it.ns)),
            ],
        )
    })
}

/// The share of a function's inclusive time in which a scheduler ran its process; `None` without a trace of scheduling.
pub fn cpu_usage(view: &View<'_>, key: &FunctionKey) -> Option<f64> {
    view.repository.analysis(CATCH_UP, |analysis| {
        let it = analysis.function(key)?.scheduling;
        (it.wall_ns > 0).then(|| it.ran_ns as f64 / it.wall_ns as f64)
    })
}

fn gc(facts: &[&FunctionFacts]) -> Value {
    let with = facts
        .iter()
        .filter(|it| it.collections.minor + it.collections.major > 0);
    list(with, |it| {
        let share = it.collections.ns as f64 / it.self_ns.max(1) as f64;
        made(
            "GCImpact",
            vec![
                ("function", key_value(&it.key)),
                ("minor", Value::count(it.collections.minor)),
                ("major", Value::count(it.collections.major)),
                ("total_us", us(it.collections.ns)),
                ("share_of_self_time", Value::Float(share.min(1.0))),
            ],
        )
    })
}

fn mutations(facts: &[&FunctionFacts]) -> Value {
    let with = facts
        .iter()
        .filter(|it| it.state.changed + it.state.same > 0);
    list(with, |it| {
        made(
            "StateMutation",
            vec![
                ("function", key_value(&it.key)),
                ("changed", Value::count(it.state.changed)),
                ("unchanged", Value::count(it.state.same)),
            ],
        )
    })
}

fn transformations(facts: &[&FunctionFacts]) -> Value {
    let mut all: Vec<_> = facts
        .iter()
        .flat_map(|it| {
            it.shapes
                .iter()
                .map(move |(shape, count)| (it.key, shape, *count))
        })
        .collect();
    all.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
    list(
        all.into_iter().take(LIST_MAX),
        |(key, (from, to), count)| {
            made(
                "DataTransformation",
                vec![
                    ("function", key_value(&key)),
                    ("from", Value::text(from)),
                    ("to", Value::text(to)),
                    ("count", Value::count(count)),
                ],
            )
        },
    )
}

/// By node: the share of each function, and 0.0 for where what did not run begins.
fn coverage(view: &View<'_>, record: &ModuleRecord, only: Option<u32>) -> Option<Value> {
    let (unit, _, module) = record.definition()?;
    let runtime = view.repository.runtime();
    let mut all = Vec::new();
    for function in module
        .functions
        .clone()
        .filter(|it| only.is_none_or(|only| only == *it))
    {
        let observed = runtime_key(unit, function)
            .is_some_and(|key| runtime.was_instrumented(std::iter::once(key)));
        let Some(coverage) = function_coverage(unit, function, runtime).filter(|_| observed) else {
            continue;
        };
        all.push((
            Value::text(&unit.function_id(function)),
            Value::Float(coverage.share()),
        ));
        for node in &coverage.missed {
            let id = Value::text(&unit.node_id(*node));
            if all.iter().all(|(own, _)| *own != id) {
                all.push((id, Value::Float(0.0)));
            }
        }
    }
    (!all.is_empty()).then_some(Value::Map(all))
}

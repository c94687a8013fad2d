//! The structs of the Elixir side, as values.

use std::sync::LazyLock;

use crate::atoms::{Atom, intern};
use crate::capture::points::FunctionKey;
use crate::ingest::CallStats;
use crate::value::Value;

/// A `%module{}`.
pub fn structure(module: &str, fields: Vec<(&str, Value)>) -> Value {
    let head = [(
        "__struct__",
        Value::Atom(intern(&format!("Elixir.{module}"))),
    )];
    Value::record(
        head.into_iter()
            .chain(fields)
            .map(|(name, value)| (intern(name), value))
            .collect(),
    )
}

pub fn word(text: &str) -> Value {
    Value::Atom(intern(text))
}

pub fn key_value(key: &FunctionKey) -> Value {
    Value::Tuple(vec![
        Value::Atom(key.module),
        Value::Atom(key.name),
        Value::Int(i64::from(key.arity)),
    ])
}

/// Nanoseconds as microseconds.
pub fn us(ns: u64) -> Value {
    Value::Float(ns as f64 / 1e3)
}

fn maybe_us(ns: Option<u64>) -> Value {
    ns.map_or(Value::nil(), us)
}

/// Mean inclusive time of the activations that ended, in milliseconds; a recursion counts once.
pub fn average_ms(stats: &CallStats) -> Value {
    match stats.ended() {
        0 => Value::nil(),
        ended => Value::Float(stats.total_ns as f64 / ended as f64 / 1e6),
    }
}

pub fn error_rate(stats: &CallStats) -> Value {
    match stats.ended() {
        0 => Value::nil(),
        ended => Value::Float((stats.errors + stats.aborted) as f64 / ended as f64),
    }
}

pub fn last_executed(stats: &CallStats) -> Value {
    stats.last_executed.map_or(Value::nil(), date_time)
}

pub fn execution_statistics(stats: &CallStats) -> Value {
    structure(
        "ElixirScope.ASTRepository.ExecutionStatistics",
        vec![
            ("call_frequency", Value::count(stats.calls)),
            ("average_duration", average_ms(stats)),
            ("returned", Value::count(stats.returned)),
            ("tail_calls", Value::count(stats.tailed)),
            ("errors", Value::count(stats.errors)),
            ("aborted", Value::count(stats.aborted)),
            ("error_rate", error_rate(stats)),
            ("total_us", us(stats.total_ns)),
            ("self_us", us(stats.self_ns)),
            ("min_us", maybe_us(stats.min_ns)),
            ("max_us", maybe_us(stats.max_ns)),
            ("p50_us", maybe_us(stats.p50_ns)),
            ("p95_us", maybe_us(stats.p95_ns)),
            ("p99_us", maybe_us(stats.p99_ns)),
            ("last_executed", last_executed(stats)),
            // What gates hold back is known where the gates are: in the running VM.
            ("sampled", Value::Atom(intern("false"))),
            ("sampling_rate", Value::nil()),
            ("calls_seen", Value::nil()),
        ],
    )
}

pub fn performance_profile(stats: &CallStats, cpu_usage: Option<f64>) -> Value {
    let share = match stats.total_ns {
        0 => Value::nil(),
        // Of a recursion the total counts once and the self time of every activation.
        total => Value::Float((stats.self_ns as f64 / total as f64).min(1.0)),
    };
    structure(
        "ElixirScope.ASTRepository.PerformanceProfile",
        vec![
            ("cpu_usage", cpu_usage.map_or_else(Value::nil, Value::Float)),
            ("self_share", share),
            ("total_us", us(stats.total_ns)),
            ("self_us", us(stats.self_ns)),
            ("p95_us", maybe_us(stats.p95_ns)),
        ],
    )
}

/// Every field of `RuntimeInsights`: one that is missing would not be there on the Elixir side either.
const INSIGHT_FIELDS: [&str; 28] = [
    "call_patterns",
    "execution_frequency",
    "temporal_patterns",
    "concurrency_patterns",
    "hotspots",
    "cold_code",
    "memory_allocations",
    "gc_impact",
    "error_frequencies",
    "exception_patterns",
    "failure_cascades",
    "message_flows",
    "process_spawning",
    "supervision_events",
    "data_transformations",
    "state_mutations",
    "variable_lifecycles",
    "code_coverage",
    "test_effectiveness",
    "bug_correlation",
    "business_rule_usage",
    "feature_utilization",
    "user_journey_mapping",
    "aggregation_period",
    "sample_count",
    "confidence_level",
    "last_updated",
    "unknown",
];

static INSIGHT_ATOMS: LazyLock<Vec<Atom>> =
    LazyLock::new(|| INSIGHT_FIELDS.iter().map(|name| intern(name)).collect());

/// A `%RuntimeInsights{}` of what is known; the rest is `nil`.
pub fn runtime_insights(known: impl Fn(Atom) -> Option<Value>) -> Value {
    let head = (
        intern("__struct__"),
        word("Elixir.ElixirScope.ASTRepository.RuntimeInsights"),
    );
    let fields = INSIGHT_ATOMS
        .iter()
        .map(|name| (*name, known(*name).unwrap_or_else(Value::nil)));
    Value::record(std::iter::once(head).chain(fields).collect())
}

/// A `DateTime` in UTC, with microseconds.
pub fn date_time(unix_ns: u64) -> Value {
    let (seconds, micros) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000 / 1_000);
    let (year, month, day) = civil((seconds / 86_400) as i64);
    let int = |n: u64| Value::Int(n as i64);
    structure(
        "DateTime",
        vec![
            ("calendar", word("Elixir.Calendar.ISO")),
            ("year", Value::Int(year)),
            ("month", int(month)),
            ("day", int(day)),
            ("hour", int(seconds / 3_600 % 24)),
            ("minute", int(seconds / 60 % 60)),
            ("second", int(seconds % 60)),
            (
                "microsecond",
                Value::Tuple(vec![int(micros), Value::Int(6)]),
            ),
            ("std_offset", Value::Int(0)),
            ("utc_offset", Value::Int(0)),
            ("time_zone", Value::text("Etc/UTC")),
            ("zone_abbr", Value::text("UTC")),
        ],
    )
}

/// Year, month and day of a day since 1970-01-01: the proleptic Gregorian calendar counted in 400-year eras that begin in March.
fn civil(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (
        year_of_era + era * 400 + i64::from(month <= 2),
        month as u64,
        day as u64,
    )
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (789, (1972, 2, 29)),
            (11_016, (2000, 2, 29)),
            (20_778, (2026, 11, 21)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }
}

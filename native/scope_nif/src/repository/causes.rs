//! Where time went, and what was done again and again, as records.

use std::time::{Duration, Instant};

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::FunctionKey;
use scope_core::insight::{CauseBounds, Causes, Repeats, Times, Worst};
use scope_core::query::QUERIES;
use scope_core::value::Value;

use super::args;
use super::asks::wanted;
use super::repository_of;
use crate::error::reply;
use crate::terms::value_to_term;

/// `analysis_causes(ref, {from_ns | nil, to_ns | nil, timeout_ms, samples, running_max})`: `{:ok, %{functions:, repeats:, ...}}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn analysis_causes<'a>(env: Env<'a>, handle: Term<'a>, bounds: Term<'a>) -> Term<'a> {
    let told = || {
        let repository = repository_of(handle)?;
        let parts = args::tuple(bounds, "bounds")?;
        let [from, to, timeout_ms, samples, running_max] = parts[..] else {
            return Err(args::invalid("bounds", "there are not five"));
        };
        let limit_ms = args::count(timeout_ms, "timeout")?;
        let bounds = CauseBounds {
            from_ns: args::maybe(from, |from| args::count(from, "from"))?,
            to_ns: args::maybe(to, |to| args::count(to, "to"))?,
            until: Instant::now() + Duration::from_millis(limit_ms.min(u64::from(u32::MAX))),
            limit_ms,
            samples: args::count(samples, "samples")? as usize,
            wanted: &|| wanted(env),
        };
        let _seat = QUERIES.admit(args::count(running_max, "running")? as usize)?;
        let causes = Causes::of(repository.runtime(), repository.written_calls(), &bounds)?;
        value_to_term(env, &record(&causes))
    };
    reply(env, told())
}

fn record(causes: &Causes) -> Value {
    let functions = causes.functions.iter().map(times).collect();
    let repeats = causes
        .pairs()
        .map(|(caller, callee, repeats)| pair(&caller, &callee, &repeats))
        .collect();
    let seen = causes.seen;
    let seen = [
        ("calls", seen.calls),
        ("values", seen.values),
        ("scheduling", seen.scheduling),
        ("collections", seen.collections),
        ("messages", seen.messages),
    ];
    let seen = seen.map(|(name, yes)| (intern(name), Value::bool(yes)));
    Value::record(vec![
        (intern("functions"), Value::List(functions)),
        (intern("repeats"), Value::List(repeats)),
        (intern("sources"), Value::record(seen.into())),
        (intern("events"), Value::count(causes.events)),
        (intern("untold"), Value::count(causes.untold)),
        (intern("unmatched"), Value::count(causes.unmatched)),
        (
            intern("first_ns"),
            causes.first_ns.map_or_else(Value::nil, Value::count),
        ),
        (intern("last_ns"), Value::count(causes.last_ns)),
    ])
}

fn key(key: &FunctionKey) -> Value {
    Value::Tuple(vec![
        Value::Atom(key.module),
        Value::Atom(key.name),
        Value::Int(i64::from(key.arity)),
    ])
}

fn worst(worst: &Worst) -> Value {
    Value::Tuple(vec![Value::count(worst.ns), Value::count(worst.event)])
}

fn times(times: &Times) -> Value {
    let counts = [
        ("ended", times.ended),
        ("errors", times.errors),
        ("inclusive_ns", times.inclusive_ns),
        ("self_ns", times.self_ns),
        ("off_ns", times.off_ns),
        ("offs", times.offs),
        ("message_ns", times.message_ns),
        ("messages", times.messages),
        ("gc_ns", times.gc_ns),
        ("collections", times.collections),
        ("failed", times.failed),
    ];
    let mut fields = vec![(intern("function"), key(&times.key))];
    fields.extend(counts.map(|(name, count)| (intern(name), Value::count(count))));
    fields.extend(
        [
            ("slowest", &times.slowest),
            ("slowest_self", &times.slowest_self),
            ("longest_wait", &times.longest_wait),
            ("longest_gc", &times.longest_gc),
        ]
        .map(|(name, one)| (intern(name), worst(one))),
    );
    let samples = times.samples.iter().map(|(build, sample)| {
        Value::Tuple(vec![
            Value::count(*build),
            Value::count(sample.seen),
            Value::List(sample.ns.iter().map(|ns| Value::count(*ns)).collect()),
        ])
    });
    fields.push((intern("samples"), Value::List(samples.collect())));
    Value::record(fields)
}

fn pair(caller: &FunctionKey, callee: &FunctionKey, repeats: &Repeats) -> Value {
    let counts = [
        ("activations", repeats.activations),
        ("calls", repeats.calls),
        ("ns", repeats.ns),
        ("most", repeats.most),
        ("most_ns", repeats.most_ns),
        ("most_event", repeats.most_event),
        ("equal", repeats.equal),
        ("equal_ns", repeats.equal_ns),
        ("equal_most", repeats.equal_most),
        ("equal_most_event", repeats.equal_most_event),
        ("valued", repeats.valued),
    ];
    let mut fields = vec![
        (intern("caller"), key(caller)),
        (intern("callee"), key(callee)),
    ];
    fields.extend(counts.map(|(name, count)| (intern(name), Value::count(count))));
    Value::record(fields)
}

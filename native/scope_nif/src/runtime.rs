//! Reading a runtime store: statistics, edges, events as terms. A handle is whatever resource holds a store.

use std::sync::Arc;

use ahash::AHashMap;
use rustler::{Encoder, Env, NifResult, Resource, ResourceArc, Term};
use scope_core::atoms::{self as names, Atom};
use scope_core::capture::gate::kind_name;
use scope_core::capture::points::{FunctionKey, PointKind};
use scope_core::error::{Error, Result};
use scope_core::ingest::{
    CallStats, EdgeKind, Event, EventFilter, EventKind, PointStats, RuntimeLimits, RuntimeStore,
    split,
};

use crate::capture::word_pid;
use crate::repository::repository_of;
use crate::{atoms, error, values};

/// A store of its own, without a repository: counts, times and events of what runs.
struct Recording(Arc<RuntimeStore>);

#[rustler::resource_impl]
impl Resource for Recording {}

/// The store behind a handle.
pub fn store_of(handle: Term<'_>) -> Result<Arc<RuntimeStore>> {
    if let Ok(recording) = handle.decode::<ResourceArc<Recording>>() {
        return Ok(Arc::clone(&recording.0));
    }
    if let Ok(repository) = repository_of(handle) {
        return Ok(Arc::clone(repository.runtime()));
    }
    let detail = "it is a repository or a recording".to_owned();
    Err(Error::Invalid {
        what: "handle",
        detail,
    })
}

#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_new(env: Env<'_>, event_log_bytes: usize) -> Term<'_> {
    let store = RuntimeStore::new(RuntimeLimits {
        event_log_bytes,
        ..RuntimeLimits::default()
    });
    ResourceArc::new(Recording(Arc::new(store))).encode(env)
}

/// `{:ok, %{calls: ..}}` or `{:ok, nil}` when it never ran.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_function_stats<'a>(env: Env<'a>, handle: Term<'a>, function: Term<'a>) -> Term<'a> {
    let stats = store_of(handle).and_then(|store| {
        let detail = "it is {module, name, arity}".to_owned();
        let key = function_key(function).ok_or(Error::Invalid {
            what: "function",
            detail,
        })?;
        Ok(store.function_stats(&key))
    });
    reply(env, stats, |env, stats| match stats {
        Some(stats) => encode_stats(env, &stats),
        None => Ok(rustler::types::atom::nil().encode(env)),
    })
}

/// `{:ok, [{{m, f, a}, stats}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_functions<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    reply(
        env,
        store_of(handle).map(|store| store.functions()),
        |env, functions| {
            let rows: NifResult<Vec<_>> = functions
                .iter()
                .map(|(key, stats)| Ok((encode_key(env, key)?, encode_stats(env, stats)?)))
                .collect();
            Ok(rows?.encode(env))
        },
    )
}

/// `{:ok, [{clause, line, column, stats}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_clauses<'a>(env: Env<'a>, handle: Term<'a>, function: Term<'a>) -> Term<'a> {
    let clauses = store_of(handle).map(|store| match function_key(function) {
        Some(key) => store.clause_stats(&key),
        None => Vec::new(),
    });
    reply(env, clauses, |env, clauses| {
        let rows: NifResult<Vec<_>> = clauses
            .iter()
            .map(|it| {
                let point = it.point;
                Ok((
                    point.clause,
                    point.line,
                    point.column,
                    encode_stats(env, &it.stats)?,
                ))
            })
            .collect();
        Ok(rows?.encode(env))
    })
}

/// `{:ok, [{caller, callee, :call | :tail, count}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_edges<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    reply(
        env,
        store_of(handle).map(|store| store.edges()),
        |env, edges| {
            let rows: NifResult<Vec<_>> = edges
                .iter()
                .map(|edge| {
                    let kind = match edge.kind {
                        EdgeKind::Call => atoms::call(),
                        EdgeKind::Tail => atoms::tail(),
                    };
                    Ok((
                        encode_key(env, &edge.caller)?,
                        encode_key(env, &edge.callee)?,
                        kind,
                        edge.count,
                    ))
                })
                .collect();
            Ok(rows?.encode(env))
        },
    )
}

/// The newest `limit` events, oldest first: `{:ok, [map]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_events<'a>(env: Env<'a>, handle: Term<'a>, limit: usize) -> Term<'a> {
    let filter = EventFilter {
        newest_first: true,
        ..EventFilter::default()
    };
    reply(
        env,
        store_of(handle).and_then(|store| store.events(&filter, limit)),
        |env, events| {
            let rows: NifResult<Vec<_>> = events
                .iter()
                .rev()
                .map(|event| encode_event(env, event))
                .collect();
            Ok(rows?.encode(env))
        },
    )
}

/// `runtime_points(handle, [point])`: `{:ok, [{point, events, last_ns, value_bytes, end_bytes}]}` of those that reported.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_points<'a>(env: Env<'a>, handle: Term<'a>, points: Term<'a>) -> Term<'a> {
    let stats = store_of(handle).and_then(|store| {
        let detail = "it is a list of points".to_owned();
        let points: Vec<u64> = points.decode().map_err(|_| Error::Invalid {
            what: "points",
            detail,
        })?;
        Ok(store.point_stats(&points))
    });
    reply(env, stats, |env, stats| {
        let rows = stats.iter();
        let rows = rows.map(|it| {
            let bytes = (it.value_bytes, it.end_bytes);
            (it.literal, it.hits, it.last_ns, bytes.0, bytes.1)
        });
        Ok(rows.collect::<Vec<_>>().encode(env))
    })
}

/// The points that were met of functions, of all builds:
/// `{:ok, [{point, kind, {m, f, a}, clause, line, column | nil, {variable, version} | nil, events, value_bytes, end_bytes}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_points_of<'a>(env: Env<'a>, handle: Term<'a>, functions: Vec<Term<'a>>) -> Term<'a> {
    let points = store_of(handle).map(|store| {
        let keys: Vec<FunctionKey> = functions.into_iter().filter_map(function_key).collect();
        let infos = store.points_of_functions(&keys);
        let literals: Vec<u64> = infos.iter().map(|info| info.literal()).collect();
        let stats: AHashMap<u64, PointStats> = store
            .point_stats(&literals)
            .into_iter()
            .map(|it| (it.literal, it))
            .collect();
        (infos, stats)
    });
    reply(env, points, |env, (infos, stats)| {
        let rows = infos.iter().map(|info| {
            let told = stats.get(&info.literal());
            let count = |read: fn(&PointStats) -> u64| told.map_or(0, read);
            let nil = rustler::types::atom::nil().encode(env);
            let variable = match info.kind {
                PointKind::Binding { name, version } => {
                    (encode_atom(env, name)?, version).encode(env)
                }
                _ => nil,
            };
            let place = (
                info.literal().encode(env),
                rustler::Atom::from_str(env, kind_name(&info.kind))?.encode(env),
                encode_key(env, &info.function)?,
                info.clause.encode(env),
                info.line.encode(env),
            );
            let counts = (
                info.column.encode(env),
                variable,
                count(|it| it.hits).encode(env),
                count(|it| it.value_bytes).encode(env),
                count(|it| it.end_bytes).encode(env),
            );
            Ok((place, counts).encode(env))
        });
        Ok(rows.collect::<NifResult<Vec<_>>>()?.encode(env))
    })
}

#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_totals<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    reply(
        env,
        store_of(handle).map(|store| store.totals()),
        |env, totals| {
            Term::map_from_pairs(
                env,
                &[
                    (atoms::functions(), totals.functions),
                    (atoms::clauses(), totals.clauses),
                    (atoms::edges(), totals.edges),
                    (atoms::calls(), totals.calls),
                    (atoms::ended(), totals.ended),
                    (atoms::errors(), totals.errors),
                    (atoms::events(), totals.events),
                    (atoms::events_kept(), totals.events_kept),
                    (atoms::events_evicted(), totals.events_evicted),
                    (atoms::self_ns(), totals.self_ns),
                    (atoms::log_bytes(), totals.log_bytes),
                ],
            )
        },
    )
}

pub fn reply<'a, T>(
    env: Env<'a>,
    result: Result<T>,
    encode: impl FnOnce(Env<'a>, T) -> NifResult<Term<'a>>,
) -> Term<'a> {
    match result.map(|value| encode(env, value)) {
        Ok(Ok(term)) => (atoms::ok(), term).encode(env),
        Ok(Err(_)) => {
            let detail = "a term that cannot be built".to_owned();
            error::encode(
                env,
                &Error::Invalid {
                    what: "answer",
                    detail,
                },
            )
        }
        Err(error) => error::encode(env, &error),
    }
}

// Terms, also for others.

/// The core's atom of an atom.
pub fn core_atom(term: Term<'_>) -> Option<Atom> {
    term.atom_to_string().ok().map(|text| names::intern(&text))
}

pub fn is_nil(term: Term<'_>) -> bool {
    term.decode::<rustler::Atom>()
        .is_ok_and(|atom| atom == rustler::types::atom::nil())
}

/// `{module, name, arity}`.
pub fn function_key(term: Term<'_>) -> Option<FunctionKey> {
    let (module, name, arity): (Term<'_>, Term<'_>, u32) = term.decode().ok()?;
    Some(FunctionKey {
        module: core_atom(module)?,
        name: core_atom(name)?,
        arity,
    })
}

pub fn encode_atom<'a>(env: Env<'a>, atom: Atom) -> NifResult<Term<'a>> {
    Ok(rustler::Atom::from_str(env, atom.text())?.encode(env))
}

pub fn encode_key<'a>(env: Env<'a>, key: &FunctionKey) -> NifResult<Term<'a>> {
    Ok((
        encode_atom(env, key.module)?,
        encode_atom(env, key.name)?,
        key.arity,
    )
        .encode(env))
}

pub fn encode_stats<'a>(env: Env<'a>, stats: &CallStats) -> NifResult<Term<'a>> {
    let counts = [
        (atoms::calls(), Some(stats.calls)),
        (atoms::returned(), Some(stats.returned)),
        (atoms::tailed(), Some(stats.tailed)),
        (atoms::errors(), Some(stats.errors)),
        (atoms::aborted(), Some(stats.aborted)),
        (atoms::lost(), Some(stats.lost)),
        (atoms::open(), Some(stats.open())),
        (atoms::total_ns(), Some(stats.total_ns)),
        (atoms::self_ns(), Some(stats.self_ns)),
        (atoms::min_ns(), stats.min_ns),
        (atoms::max_ns(), stats.max_ns),
        (atoms::p50_ns(), stats.p50_ns),
        (atoms::p95_ns(), stats.p95_ns),
        (atoms::p99_ns(), stats.p99_ns),
        (atoms::last_executed(), stats.last_executed),
    ];
    Term::map_from_pairs(env, &counts)
}

pub fn encode_event_kind(kind: EventKind) -> rustler::Atom {
    match kind {
        EventKind::Enter => atoms::enter(),
        EventKind::Return => atoms::return_(),
        EventKind::Tail => atoms::tail(),
        EventKind::Error => atoms::error(),
        EventKind::Aborted => atoms::aborted(),
        EventKind::Lost => atoms::lost(),
        EventKind::Binding => atoms::binding(),
        EventKind::Expression => atoms::expression(),
        EventKind::Branch => atoms::branch(),
        EventKind::Sent => atoms::sent(),
        EventKind::Received => atoms::received(),
        EventKind::Raised => atoms::raised(),
        EventKind::Custom => atoms::custom(),
        EventKind::Note => atoms::note(),
        EventKind::MessageSent => atoms::message_sent(),
        EventKind::MessageArrived => atoms::message_arrived(),
        EventKind::SentToNone => atoms::sent_to_none(),
        EventKind::Spawn => atoms::spawn(),
        EventKind::Spawned => atoms::spawned(),
        EventKind::ProcessExit => atoms::process_exit(),
        EventKind::Link => atoms::link(),
        EventKind::Unlink => atoms::unlink(),
        EventKind::Register => atoms::register(),
        EventKind::Unregister => atoms::unregister(),
        EventKind::ScheduledIn => atoms::scheduled_in(),
        EventKind::ScheduledOut => atoms::scheduled_out(),
        EventKind::GcBegin => atoms::gc_begin(),
        EventKind::GcEnd => atoms::gc_end(),
        EventKind::ReturnedTo => atoms::return_to(),
    }
}

pub fn encode_event<'a>(env: Env<'a>, event: &Event) -> NifResult<Term<'a>> {
    let nil = rustler::types::atom::nil().encode(env);
    let process = match event.process_is_local {
        true => word_pid(event.process).encode(env),
        false => nil,
    };
    let reason = match event.reason {
        Some(reason) => encode_atom(env, reason)?,
        None => nil,
    };
    let mfa = match &event.point {
        Some(point) => encode_key(env, &point.function)?,
        None => nil,
    };
    // What a binding binds, as the compiler numbers it.
    let (variable, version) = match event.point.map(|point| point.kind) {
        Some(PointKind::Binding { name, version }) => {
            (encode_atom(env, name)?, version.encode(env))
        }
        _ => (nil, nil),
    };
    let (_, value) = split(event.kind, event.blob.as_deref().unwrap_or_default());
    let value = match value {
        [] => nil,
        // An event is told even when its value cannot be.
        value => (atoms::value(), values::decode(env, value).unwrap_or(nil)).encode(env),
    };
    let pairs: [(rustler::Atom, Term<'a>); 14] = [
        (atoms::value(), value),
        (atoms::variable(), variable),
        (atoms::version(), version),
        (
            atoms::column(),
            event.point.and_then(|point| point.column).encode(env),
        ),
        (atoms::event_id(), event.event_id.encode(env)),
        (atoms::kind(), encode_event_kind(event.kind).encode(env)),
        (atoms::at_ns(), event.at_ns.encode(env)),
        (atoms::pid(), process),
        (atoms::correlation_id(), event.token.encode(env)),
        (atoms::mfa(), mfa),
        (
            atoms::clause(),
            event.point.map(|point| point.clause).encode(env),
        ),
        (
            atoms::line(),
            event.point.map(|point| point.line).encode(env),
        ),
        (atoms::duration_ns(), event.duration_ns.encode(env)),
        (atoms::reason(), reason),
    ];
    Term::map_from_pairs(env, &pairs)
}

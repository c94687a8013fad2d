//! The event log and the events that callers brought, as terms.

use std::cell::RefCell;

use ahash::AHashMap;
use rustler::{Env, LocalPid, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::ingest::{
    Cursor, Event, EventFilter, EventKind, Question, SideEvent, SideFilter, Told,
};
use scope_core::store::function_id;
use scope_core::value::Value;

use super::teller::{Teller, kind_of, odd, past_pid};
use super::{args, repository_of};
use crate::capture::pid_word;
use crate::error::{reply, reply_ok};
use crate::runtime::function_key;
use crate::terms::{value_from_term, value_to_term};

/// `events_read(ref, {node | mfa, within, pid | text, correlation, types, from_ns, to_ns, after, before, newest_first}, limit)`: events of
/// the log and those that callers brought, in the order of time. nil does not restrict; `after` and `before` are
/// `{event_id, timestamp | nil}`. Without types: everything but ends, which are told with their calls.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_read<'a>(env: Env<'a>, handle: Term<'a>, wanted: Term<'a>, limit: Term<'a>) -> Term<'a> {
    let events = || {
        let repository = repository_of(handle)?;
        let limit = args::count(limit, "limit")? as usize;
        let parts = args::tuple(wanted, "filter")?;
        let [
            node,
            within,
            pid,
            correlation,
            types,
            from,
            to,
            after,
            before,
            newest,
        ] = parts[..]
        else {
            return Err(args::invalid("filter", "it has not ten parts"));
        };
        let within = within.decode().unwrap_or(false);
        // A function may run without its source being known.
        let key = function_key(node);
        let of_key = key.map(|key| function_id(&key));
        let node = match &of_key {
            Some(id) => Some(id.as_str()),
            None => args::maybe(node, |node| args::text(node, "ast_node_id"))?,
        };
        let (from_ns, to_ns) = (time(from, "from")?, time(to, "to")?);
        let types = args::maybe(types, args::path)?;
        let newest_first = newest.decode().unwrap_or(false);
        let located = node.and_then(|node| repository.locate(node).ok());
        let belongs = located
            .as_ref()
            .map(|located| repository.belongs(located, within));
        let is_there =
            |id: &str| node == Some(id) || belongs.as_ref().is_some_and(|belongs| belongs(id));
        let field = match (args::is_nil(pid), args::is_nil(correlation)) {
            // A process of another VM has no pid here, and brought events no other.
            (false, _) if pid.is_binary() => Some((intern("pid"), Value::Atom(intern("none")))),
            (false, _) => Some((intern("pid"), value_from_term(pid)?)),
            (_, false) => Some((intern("correlation_id"), value_from_term(correlation)?)),
            _ => None,
        };
        let brought = SideFilter {
            from_ns,
            to_ns,
            nodes: node.is_some().then_some(&is_there),
            kinds: types.clone(),
            field,
            newest_first,
        };
        let past = match pid.is_binary() {
            true => Some(args::text(pid, "pid")?),
            false => None,
        };
        let named: RefCell<AHashMap<u64, bool>> = RefCell::default();
        let is_past = |event: &Event| {
            let mut named = named.borrow_mut();
            let is_it = || past == Some(&*past_pid(event.process));
            !event.process_is_local && *named.entry(event.process).or_insert_with(is_it)
        };
        let mut logged = EventFilter {
            kinds: Some(kinds_of(types.as_deref())),
            process: match past {
                Some(_) => None,
                None => args::maybe(pid, local)?,
            },
            // The log begins in 1970.
            from_ns: from_ns.map(|ns| u64::try_from(ns).unwrap_or(0)),
            to_ns: to_ns.map(|ns| u64::try_from(ns).unwrap_or(0)),
            ..EventFilter::default()
        };
        if let Some(key) = key {
            logged.functions = Some(repository.points_of_function(key).functions);
        } else if let Some(node) = node {
            let at = repository.points_at(node, within)?;
            (logged.functions, logged.points) = (Some(at.functions), at.points);
        }
        let mut has_some = to_ns.is_none_or(|to| to >= 0);
        if !args::is_nil(correlation) {
            // What a caller chose is no activation.
            match correlation.decode::<u64>() {
                Ok(token) if token > 0 => logged.token = Some(token),
                _ => has_some = false,
            }
        }
        let question = Question {
            logged: has_some.then_some(logged),
            own: past.is_some().then_some(&is_past),
            brought: Some(brought),
            after: args::maybe(after, |term| cursor(term, "after"))?,
            before: args::maybe(before, |term| cursor(term, "before"))?,
            newest_first,
        };
        let runtime = repository.runtime();
        let reading = runtime.reading();
        let told = reading.told(question, limit)?;
        let mut teller = Teller::new(env, &repository, &reading)?;
        let encode = |event: &Told| match event {
            Told::Logged(event) => teller.tell(event),
            Told::Brought(event) => {
                let id = rustler::Atom::from_str(env, "event_id").map_err(odd)?;
                let fields = value_to_term(env, &event.event)?;
                fields.map_put(id, event.event_id()).map_err(odd)
            }
        };
        told.iter().map(encode).collect::<Result<Vec<_>>>()
    };
    reply(env, events())
}

fn local(pid: Term<'_>) -> Result<u64> {
    let pid: LocalPid = pid
        .decode()
        .map_err(|_| args::invalid("pid", "it is no local pid"))?;
    Ok(pid_word(&pid))
}

fn time(term: Term<'_>, what: &'static str) -> Result<Option<i64>> {
    args::maybe(term, |term| {
        term.decode()
            .map_err(|_| args::invalid(what, "it is no 64-bit integer"))
    })
}

fn cursor(term: Term<'_>, what: &'static str) -> Result<Cursor> {
    let parts = args::tuple(term, what)?;
    let [event_id, at_ns] = parts[..] else {
        return Err(args::invalid(what, "it is not {event_id, timestamp}"));
    };
    Ok(Cursor {
        event_id: event_id
            .decode()
            .map_err(|_| args::invalid(what, "it is no event id"))?,
        at_ns: time(at_ns, what)?,
    })
}

/// Of types that only callers' events have, the log has none.
fn kinds_of(types: Option<&[scope_core::atoms::Atom]>) -> Vec<EventKind> {
    let Some(types) = types else {
        let all = EventKind::ALL.into_iter();
        return all.filter(|kind| !kind.is_end()).collect();
    };
    let named = types.iter().filter_map(|name| kind_of(name.text()));
    named.collect()
}

/// `events_types(ref)`: the types that callers' events have, or had.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_types<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let types = || {
        let kinds = repository_of(handle)?.runtime().side_kinds();
        let all = kinds.into_iter().map(Value::Atom).collect();
        value_to_term(env, &Value::List(all))
    };
    reply(env, types())
}

/// What happened at a node and inside of it, oldest first; the newest `limit` of that. Types as of `events_read`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_node_events<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    id: Term<'a>,
    types: Term<'a>,
    limit: Term<'a>,
) -> Term<'a> {
    let events = || {
        let repository = repository_of(handle)?;
        let id = args::text(id, "ast_node_id")?;
        let limit = args::count(limit, "limit")? as usize;
        let types = args::maybe(types, args::path)?;
        let at = repository.points_at(id, true)?;
        let filter = EventFilter {
            functions: Some(at.functions),
            points: at.points,
            kinds: Some(kinds_of(types.as_deref())),
            newest_first: true,
            ..EventFilter::default()
        };
        let runtime = repository.runtime();
        let reading = runtime.reading();
        let newest = reading.events(&filter, limit)?;
        let mut teller = Teller::new(env, &repository, &reading)?;
        let events = newest.iter().rev().map(|event| teller.tell(event));
        events.collect::<Result<Vec<_>>>()
    };
    reply(env, events())
}

/// Stores an event that a caller brought: `events_store(ref, at_ns, node | nil, type | nil, fields)`.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_store<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    at_ns: Term<'a>,
    node: Term<'a>,
    kind: Term<'a>,
    event: Term<'a>,
) -> Term<'a> {
    let stored = || {
        let repository = repository_of(handle)?;
        let at_ns = at_ns.decode();
        let event = SideEvent {
            at_ns: at_ns.map_err(|_| args::invalid("timestamp", "it is no 64-bit integer"))?,
            number: 0,
            node: args::maybe(node, |node| args::text(node, "ast_node_id"))?.map(str::to_owned),
            kind: args::maybe(kind, |kind| args::atom(kind, "event_type"))?,
            event: value_from_term(event)?,
        };
        repository.runtime().put_side_event(event).map(drop)
    };
    reply_ok(env, stored())
}

/// What is kept, where, and what is not.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_stats<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let stats = || {
        let stats = repository_of(handle)?.runtime().log_stats();
        let maybe = |ns: Option<u64>| ns.map_or_else(Value::nil, Value::count);
        let fields = [
            ("seen", Value::count(stats.seen)),
            ("kept", Value::count(stats.kept)),
            ("evicted", Value::count(stats.evicted)),
            ("on_disk", Value::count(stats.on_disk)),
            ("late", Value::count(stats.late)),
            ("values_left_out", Value::count(stats.values_left_out)),
            ("segments", Value::count(stats.segments)),
            ("memory_bytes", Value::count(stats.memory_bytes)),
            ("disk_bytes", Value::count(stats.disk_bytes)),
            ("blocks_read", Value::count(stats.blocks_read)),
            ("blocks_damaged", Value::count(stats.blocks_damaged)),
            ("spill_failures", Value::count(stats.spill_failures)),
            (
                "spill_error",
                stats
                    .spill_error
                    .map_or_else(Value::nil, |text| Value::text(&text)),
            ),
            ("oldest_ns", maybe(stats.oldest_ns)),
            ("newest_ns", maybe(stats.newest_ns)),
            ("brought", Value::count(stats.brought)),
            ("brought_evicted", Value::count(stats.brought_evicted)),
            ("brought_bytes", Value::count(stats.brought_bytes)),
        ];
        let named = fields
            .into_iter()
            .map(|(name, value)| (intern(name), value));
        value_to_term(env, &Value::record(named.collect()))
    };
    reply(env, stats())
}

//! The event log and the events that callers brought, as terms.

use std::ops::ControlFlow;

use ahash::AHashMap;
use rustler::{Encoder, Env, LocalPid, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::PointKind;
use scope_core::error::Result;
use scope_core::ingest::{Event, EventFilter, EventKind, SideEvent, SideFilter, split};
use scope_core::source::Found;
use scope_core::store::{Located, Repository};
use scope_core::value::Value;

use super::nodes::{encode_event, functions_of, past_pid, with_former_names};
use super::{args, repository_of};
use crate::capture::{pid_word, word_pid};
use crate::error::{reply, reply_ok};
use crate::runtime::function_key;
use crate::terms::{value_from_term, value_to_term};
use crate::values::decode;

/// Events by their word in `RuntimeEvent.event_type`. What the VM's own tracing tells of messages begins with `vm_`.
const TYPES: [(&str, EventKind); 28] = [
    ("call", EventKind::Enter),
    ("return", EventKind::Return),
    ("tail", EventKind::Tail),
    ("error", EventKind::Error),
    ("aborted", EventKind::Aborted),
    ("lost", EventKind::Lost),
    ("binding", EventKind::Binding),
    ("expression", EventKind::Expression),
    ("branch", EventKind::Branch),
    ("message_sent", EventKind::Sent),
    ("message_received", EventKind::Received),
    ("exception", EventKind::Raised),
    ("custom", EventKind::Custom),
    ("note", EventKind::Note),
    ("vm_message_sent", EventKind::MessageSent),
    ("vm_message_arrived", EventKind::MessageArrived),
    ("vm_sent_to_none", EventKind::SentToNone),
    ("spawn", EventKind::Spawn),
    ("spawned", EventKind::Spawned),
    ("process_exit", EventKind::ProcessExit),
    ("link", EventKind::Link),
    ("unlink", EventKind::Unlink),
    ("register", EventKind::Register),
    ("unregister", EventKind::Unregister),
    ("scheduled_in", EventKind::ScheduledIn),
    ("scheduled_out", EventKind::ScheduledOut),
    ("gc_begin", EventKind::GcBegin),
    ("gc_end", EventKind::GcEnd),
];

/// `events_read(ref, {node | mfa, pid | text, token, types, from_ns, to_ns, after, before, newest_first}, limit)`; nil does not restrict.
/// Without types: everything but ends, which are told with their calls.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_read<'a>(env: Env<'a>, handle: Term<'a>, wanted: Term<'a>, limit: Term<'a>) -> Term<'a> {
    let events = || {
        let repository = repository_of(handle)?;
        let (filter, past) = read_filter(&repository, wanted)?;
        let limit = args::count(limit, "limit")? as usize;
        let events = match past {
            None => repository.runtime().events(&filter, limit)?,
            Some(process) => {
                let own =
                    |event: &Event| !event.process_is_local && past_pid(event.process) == process;
                wanted_events(&repository, &filter, limit, own)?
            }
        };
        let encode = |event: &Event| encode(env, &repository, event);
        events.iter().map(encode).collect::<Result<Vec<_>>>()
    };
    reply(env, events())
}

/// Up to `limit` events that a filter lets through and `own` takes.
fn wanted_events(
    repository: &Repository,
    filter: &EventFilter,
    limit: usize,
    mut own: impl FnMut(&Event) -> bool,
) -> Result<Vec<Event>> {
    let mut found = Vec::new();
    if limit > 0 {
        repository.runtime().scan(filter, |event| {
            if own(event) {
                found.push(event.clone());
            }
            match found.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
    }
    Ok(found)
}

fn kinds_of(types: Term<'_>) -> Result<Vec<EventKind>> {
    let named = args::maybe(types, |types| args::path(types))?;
    Ok(match named {
        Some(names) => {
            let kind = |name: &scope_core::atoms::Atom| {
                let found = TYPES.iter().find(|(known, _)| *known == name.text());
                found.map(|(_, kind)| *kind)
            };
            names.iter().filter_map(kind).collect()
        }
        None => EventKind::ALL
            .into_iter()
            .filter(|kind| !kind.is_end())
            .collect(),
    })
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
        let functions = with_former_names(&repository, functions_of(&repository, id)?);
        let filter = EventFilter {
            functions: Some(functions),
            kinds: Some(kinds_of(types)?),
            newest_first: true,
            ..EventFilter::default()
        };
        let located = repository.locate(id).ok();
        let inner = located.filter(|located| located.clause().is_some());
        // By what became of the node of then: the event may be of an older version of the code.
        let mut known: AHashMap<u64, bool> = AHashMap::new();
        let own = |event: &Event| match (&inner, &event.point) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(located), Some(point)) => *known.entry(point.literal()).or_insert_with(|| {
                let node = repository.node_of_point(point.literal(), point);
                node.is_ok_and(|node| holds(&repository, located, &node))
            }),
        };
        let newest = wanted_events(&repository, &filter, limit, own)?;
        newest
            .iter()
            .rev()
            .map(|event| encode(env, &repository, event))
            .collect::<Result<Vec<_>>>()
    };
    reply(env, events())
}

/// Whether a node is another one, or inside of it.
fn holds(repository: &Repository, outer: &Located, node: &str) -> bool {
    let Ok(inner) = repository.locate(node) else {
        return false;
    };
    match (&outer.found, &inner.found) {
        (Found::Clause(_), _) => outer.clause() == inner.clause(),
        (Found::Node(outer_ix), Found::Node(ix)) => outer.unit.ast().contains(*outer_ix, *ix),
        _ => false,
    }
}

/// The filter, and the process of another VM that is meant, as it was written there.
fn read_filter(repository: &Repository, wanted: Term<'_>) -> Result<(EventFilter, Option<String>)> {
    let parts = args::tuple(wanted, "filter")?;
    let [node, pid, token, types, from, to, after, before, newest] = parts[..] else {
        return Err(args::invalid("filter", "it has not nine parts"));
    };
    let functions = args::maybe(node, |node| match function_key(node) {
        // A function may run without its source being known.
        Some(key) => Ok(vec![key]),
        None => functions_of(repository, args::text(node, "ast_node_id")?),
    })?;
    let functions = functions.map(|functions| with_former_names(repository, functions));
    let past = match pid.is_binary() {
        true => Some(args::text(pid, "pid")?.to_owned()),
        false => None,
    };
    let local = |pid: Term<'_>| {
        let pid: LocalPid = pid
            .decode()
            .map_err(|_| args::invalid("pid", "it is no local pid"))?;
        Ok(pid_word(&pid))
    };
    let process = match past {
        Some(_) => None,
        None => args::maybe(pid, local)?,
    };
    let count = |term, what| args::maybe(term, |term| args::count(term, what));
    let filter = EventFilter {
        functions,
        points: None,
        process,
        token: count(token, "correlation_id")?,
        kinds: Some(kinds_of(types)?),
        from_ns: count(from, "from")?,
        to_ns: count(to, "to")?,
        after: count(after, "after")?,
        before: count(before, "before")?,
        newest_first: newest.decode().unwrap_or(false),
    };
    Ok((filter, past))
}

/// A `RuntimeEvent` with its values, and in its metadata which of them were recorded: `nil` may be a value too.
fn encode<'a>(env: Env<'a>, repository: &Repository, event: &Event) -> Result<Term<'a>> {
    let odd = |_| args::invalid("event", "it cannot be built");
    let atom = |name: &str| rustler::Atom::from_str(env, name).map_err(odd);
    let mut term = match event.point {
        Some(_) => encode_event(env, repository, event)?,
        None => Term::map_new(env),
    };
    let mut told: Vec<(&str, Term<'a>)> = Vec::new();
    let mut put = |name: &str, value: Term<'a>| {
        term = term.map_put(atom(name)?, value).map_err(odd)?;
        Ok::<(), scope_core::error::Error>(())
    };
    let nil = rustler::types::atom::nil().encode(env);
    if event.point.is_none() {
        put("event_id", event.event_id.encode(env))?;
        put("timestamp", event.at_ns.encode(env))?;
        put("correlation_id", event.token.encode(env))?;
        let pid = match event.process_is_local {
            true => word_pid(event.process).encode(env),
            false => nil,
        };
        put("pid", pid)?;
        put("metadata", Term::map_new(env))?;
        if !event.process_is_local && event.process != 0 {
            told.push(("process", past_pid(event.process).encode(env)));
        }
    }
    if event.kind != EventKind::Enter {
        put("duration_ns", event.duration_ns.encode(env))?;
        put("result", nil)?;
    }
    let word = TYPES.iter().find(|(_, kind)| *kind == event.kind);
    let word = word.map_or("note", |(word, _)| *word);
    put("event_type", atom(word)?.encode(env))?;
    if let Some(PointKind::Binding { name, .. }) = event.point.map(|point| point.kind) {
        put("variable", atom(name.text())?.encode(env))?;
    }
    let mut recorded: Vec<rustler::Atom> = Vec::new();
    let (head, value) = split(event.kind, event.blob.as_deref().unwrap_or_default());
    let peer = head
        .first_chunk::<8>()
        .map(|word| u64::from_le_bytes(*word));
    let has_peer = !matches!(event.kind, EventKind::GcBegin | EventKind::GcEnd);
    match peer.filter(|peer| has_peer && *peer != 0) {
        Some(peer) if event.process_is_local => put("peer", word_pid(peer).encode(env))?,
        Some(peer) => told.push(("peer", past_pid(peer).encode(env))),
        None => {}
    }
    if !value.is_empty() {
        let field = match event.kind {
            EventKind::Enter => "arguments",
            kind if kind.is_end() => "result_value",
            _ => "value",
        };
        put(field, decode(env, value)?)?;
        recorded.push(atom(field)?);
    }
    if event.kind == EventKind::Enter {
        let ended = match event.ended {
            Some(ended) => repository.runtime().event(ended)?,
            None => None,
        };
        if let Some(blob) = ended.and_then(|ended| ended.blob) {
            put("result_value", decode(env, &blob)?)?;
            recorded.push(atom("result_value")?);
        }
    }
    if !recorded.is_empty() {
        told.push(("recorded", recorded.encode(env)));
    }
    if !told.is_empty() {
        let mut metadata = term.map_get(atom("metadata")?).map_err(odd)?;
        for (name, value) in told {
            metadata = metadata.map_put(atom(name)?, value).map_err(odd)?;
        }
        term = term.map_put(atom("metadata")?, metadata).map_err(odd)?;
    }
    Ok(term)
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

/// `events_brought(ref, {node, types, from_ns, to_ns, {field, value} | nil, newest_first}, limit)`.
#[rustler::nif(schedule = "DirtyCpu")]
fn events_brought<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    wanted: Term<'a>,
    limit: Term<'a>,
) -> Term<'a> {
    let events = || {
        let repository = repository_of(handle)?;
        let parts = args::tuple(wanted, "filter")?;
        let [node, types, from, to, field, newest] = parts[..] else {
            return Err(args::invalid("filter", "it has not six parts"));
        };
        let time = |term: Term<'a>| {
            args::maybe(term, |term| {
                term.decode()
                    .map_err(|_| args::invalid("time", "it is no 64-bit integer"))
            })
        };
        let filter = SideFilter {
            from_ns: time(from)?,
            to_ns: time(to)?,
            nodes: args::maybe(node, |node| args::text(node, "ast_node_id"))?
                .map(|node| vec![node.to_owned()]),
            kinds: args::maybe(types, |types| args::path(types))?,
            field: args::maybe(field, |field| {
                let pair = args::tuple(field, "field")?;
                match pair[..] {
                    [name, value] => Ok((args::atom(name, "field")?, value_from_term(value)?)),
                    _ => Err(args::invalid("field", "it is no pair")),
                }
            })?,
            newest_first: newest.decode().unwrap_or(false),
        };
        let limit = args::count(limit, "limit")? as usize;
        let found = repository.runtime().side_events(&filter, limit);
        let encode = |event: &std::sync::Arc<SideEvent>| value_to_term(env, &event.event);
        found.iter().map(encode).collect::<Result<Vec<_>>>()
    };
    reply(env, events())
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
        ];
        let named = fields
            .into_iter()
            .map(|(name, value)| (intern(name), value));
        value_to_term(env, &Value::record(named.collect()))
    };
    reply(env, stats())
}

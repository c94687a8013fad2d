//! Nodes: their code, their place, their points, what happened there.

use rustler::{Encoder, Env, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::{PointInfo, PointKind};
use scope_core::error::{Error, Result};
use scope_core::ingest::{Event, EventKind, Reading};
use scope_core::source::{Found, Position};
use scope_core::store::{Located, Repository, View, kind_word, runtime_key, structure, word};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::versions::then_value;
use super::{points_of, repository_of};
use crate::error::{reply, reply_ok};
use crate::terms::value_to_term;

/// The code of a node that is too large to be built on a normal scheduler.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_node_large<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>) -> Term<'a> {
    let node = || {
        let located = repository_of(handle)?.locate(args::text(id, "ast_node_id")?)?;
        cells::nodes(env, &located.unit, &located.nodes())
    };
    reply(env, node())
}

/// `%{ast_node_id:, kind:, file:, line:, column:}`. On a dirty scheduler: older versions may have to be asked.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_node_place<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>) -> Term<'a> {
    let place = || {
        let repository = repository_of(handle)?;
        let id = args::text(id, "ast_node_id")?;
        let value = match repository.locate(id) {
            // The id as it is now: the one that was asked for may be of an older version.
            Ok(located) => place_of(&located.unit.id_of(located.found), &located),
            Err(error) => return Err(error),
        };
        value_to_term(env, &value)
    };
    reply(env, place())
}

fn place_of(id: &str, located: &Located) -> Value {
    let unit = &located.unit;
    let (kind, at) = match located.found {
        Found::File => (word("file"), Position { line: 1, column: 1 }),
        Found::Module(module) => (word("module"), unit.modules()[module as usize].position),
        Found::Function(function) => (
            word("function"),
            unit.functions()[function as usize].position,
        ),
        Found::Clause(clause) => (word("clause"), unit.clauses()[clause as usize].position),
        Found::Node(ix) => {
            let (line, column) = unit.ast().position(ix);
            let at = Position {
                line: line.unwrap_or(0),
                column: column.unwrap_or(0),
            };
            (kind_word(unit.ast().kind(ix)), at)
        }
    };
    let number = |n: u32| {
        if n == 0 {
            Value::nil()
        } else {
            Value::Int(i64::from(n))
        }
    };
    Value::record(vec![
        (intern("ast_node_id"), Value::text(id)),
        (intern("kind"), kind),
        (intern("file"), Value::text(unit.file())),
        (intern("line"), number(at.line)),
        (intern("column"), number(at.column)),
    ])
}

/// The points of a module, a function, a clause or a node, as maps of `InstrumentationPoint`'s fields.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_node_points<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>) -> Term<'a> {
    let points = || {
        let repository = repository_of(handle)?;
        let located = repository.locate(args::text(id, "ast_node_id")?)?;
        let view = View::of_one(&repository, &points_of);
        let Some(module) = located.module() else {
            return value_to_term(env, &Value::List(Vec::new()));
        };
        let Some(record) = repository.module_by_id(&located.unit.module_id(module)) else {
            return Err(Error::NotFound { what: "node" });
        };
        let wanted = |point: &PointInfo| is_at(&located, point);
        value_to_term(env, &Value::List(view.point_values(&record, wanted)))
    };
    reply(env, points())
}

/// Whether a point is in what was located.
fn is_at(located: &Located, point: &PointInfo) -> bool {
    let unit = &located.unit;
    let Some(function) = located.function() else {
        return true;
    };
    if runtime_key(unit, function) != Some(point.function) {
        return false;
    }
    let Some(clause) = located.clause() else {
        return true;
    };
    let ordinal = Some(point.clause);
    // A call or `try` is in the clause that its ordinal says, wherever its line is.
    let own = match point.kind {
        PointKind::Clause => unit.clause_at(function, point.line, point.column, ordinal),
        _ => {
            let mut runs = unit.functions()[function as usize]
                .clauses
                .clone()
                .filter(|clause| !unit.clauses()[*clause as usize].bodiless);
            runs.nth(point.clause as usize)
        }
    };
    own == Some(clause)
}

/// An activation: its beginning, with its end if the log has it.
pub(super) fn encode_event<'a>(
    env: Env<'a>,
    repository: &Repository,
    reading: &Reading<'_>,
    began: &Event,
) -> Result<Term<'a>> {
    // What is no beginning has no end of its own.
    let ended = match (began.kind, began.ended) {
        (EventKind::Enter, Some(ended)) => reading.event(ended)?,
        _ => None,
    };
    let result = match ended.as_ref().map(|event| event.kind) {
        Some(EventKind::Return) => word("return"),
        Some(EventKind::Tail) => word("tail"),
        Some(EventKind::Error) => word("error"),
        Some(EventKind::Aborted) => word("aborted"),
        _ => Value::nil(),
    };
    let reason = ended.as_ref().map_or(began.reason, |event| event.reason);
    let point = began.point.as_ref().ok_or(Error::NotFound {
        what: "the point of an event",
    })?;
    let literal = point.literal();
    let place = repository.place_of_point(literal, point);
    let then = place.as_ref().ok().and_then(|node| node.then.clone());
    let mut metadata = Vec::new();
    metadata.extend(reason.map(|reason| (intern("reason"), Value::Atom(reason))));
    if let PointKind::Binding { version, .. } = point.kind {
        metadata.push((intern("version"), Value::Int(i64::from(version))));
    }
    metadata.extend(then.as_ref().map(|then| (intern("then"), then_value(then))));
    if !began.process_is_local {
        metadata.push((intern("process"), Value::text(&past_pid(began.process))));
    }
    let metadata = Value::record(metadata);
    let node = place.map(|node| node.id.clone());
    let unit = repository.definition(point.function.module);
    // Where the line of an older version is.
    let file = then.map(|then| Value::text(&then.file));
    let event = structure(
        "ElixirScope.ASTRepository.RuntimeEvent",
        vec![
            ("event_id", Value::count(began.event_id)),
            ("event_type", word("call")),
            ("timestamp", Value::count(began.at_ns)),
            (
                "duration_ns",
                ended
                    .and_then(|event| event.duration_ns)
                    .map_or(Value::nil(), Value::count),
            ),
            ("result", result),
            ("correlation_id", Value::count(began.token)),
            ("point", Value::count(literal)),
            ("build", Value::count(point.build)),
            ("module", Value::Atom(point.function.module)),
            ("function", Value::Atom(point.function.name)),
            ("arity", Value::Int(i64::from(point.function.arity))),
            (
                "file",
                file.unwrap_or_else(|| {
                    unit.map_or(Value::nil(), |(unit, _)| Value::text(unit.file()))
                }),
            ),
            (
                "line",
                if point.line == 0 {
                    Value::nil()
                } else {
                    Value::Int(i64::from(point.line))
                },
            ),
            (
                "column",
                point
                    .column
                    .map_or(Value::nil(), |column| Value::Int(i64::from(column))),
            ),
            (
                "ast_node_id",
                node.map_or(Value::nil(), |id| Value::text(&id)),
            ),
            ("metadata", metadata),
        ],
    );
    let event = value_to_term(env, &event)?;
    let pid = match began.process_is_local {
        true => crate::capture::word_pid(began.process).encode(env),
        false => rustler::types::atom::nil().encode(env),
    };
    event
        .map_put(crate::atoms::pid(), pid)
        .map_err(|_| args::invalid("event", "it cannot be built"))
}

/// How a process of another VM was written there: `#PID<0.123.0>`, if that VM and this one are of one release.
pub(crate) fn past_pid(word: u64) -> String {
    // The word is written, never used: whatever a file says, the tag of a local pid makes it a harmless one.
    crate::export::pid_text(word & !0xF | 0x3)
}

// Insights

#[rustler::nif(schedule = "DirtyCpu")]
fn insight_put<'a>(env: Env<'a>, handle: Term<'a>, node: Term<'a>, fields: Term<'a>) -> Term<'a> {
    let put = || {
        let repository = repository_of(handle)?;
        repository.put_insight(args::text(node, "ast_node_id")?, args::fields(fields)?)
    };
    reply_ok(env, put())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn insight_get<'a>(env: Env<'a>, handle: Term<'a>, node: Term<'a>) -> Term<'a> {
    let get = || {
        let repository = repository_of(handle)?;
        let node = args::text(node, "ast_node_id")?;
        let fields = repository
            .insight(node)
            .ok_or(Error::NotFound { what: "insights" })?;
        value_to_term(env, &Value::record(fields.iter().cloned().collect()))
    };
    reply(env, get())
}

//! Nodes: their code, their place, their points, what happened there.

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::{PointInfo, PointKind};
use scope_core::error::Error;
use scope_core::source::{Found, Position};
use scope_core::store::{Located, View, kind_word, runtime_key, word};
use scope_core::value::Value;

use super::args;
use super::cells;
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

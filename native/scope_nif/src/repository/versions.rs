//! Code as of a version, and what older versions became.

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::PointInfo;
use scope_core::error::{Error, Result};
use scope_core::store::{AsOf, Repository, Then};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::repository_of;
use crate::atoms;
use crate::error::reply;
use crate::terms::value_to_term;

/// The code of a node as of `{:build, text}`, `{:instrumented, integer}` or `{:at, ns}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_node_as_of<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    id: Term<'a>,
    as_of: Term<'a>,
) -> Term<'a> {
    let node = || {
        let repository = repository_of(handle)?;
        let located =
            repository.locate_as_of(args::text(id, "ast_node_id")?, &read_as_of(as_of)?)?;
        cells::nodes(env, &located.unit, &located.nodes())
    };
    reply(env, node())
}

fn read_as_of(term: Term<'_>) -> Result<AsOf> {
    let pair = args::tuple(term, "build")?;
    match pair[..] {
        [kind, value] if atoms::build() == kind => {
            Ok(AsOf::Build(args::text(value, "build")?.to_owned()))
        }
        [kind, value] if atoms::instrumented() == kind => {
            Ok(AsOf::Instrumented(args::count(value, "build")?))
        }
        [kind, value] if atoms::at() == kind => Ok(AsOf::At(args::count(value, "time")?)),
        _ => Err(args::invalid("build", "it is no version")),
    }
}

/// What stood under an id in the newest version that had it, and what became of it: the present id.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_present_id<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>) -> Term<'a> {
    let present = || {
        let located = repository_of(handle)?.locate(args::text(id, "ast_node_id")?)?;
        Ok(located.unit.id_of(located.found))
    };
    reply(env, present())
}

/// As `correlate_point`, with what the node was then: `%{ast_node_id:, then:}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn correlate_point_then<'a>(env: Env<'a>, handle: Term<'a>, point: Term<'a>) -> Term<'a> {
    let node = || {
        let repository = repository_of(handle)?;
        let literal = args::count(point, "point")?;
        let info = super::point_info(literal).ok_or(Error::NotFound { what: "point" })?;
        place(env, &repository, literal, &info)
    };
    reply(env, node())
}

/// As `correlate_activation`, likewise.
#[rustler::nif(schedule = "DirtyCpu")]
fn correlate_activation_then<'a>(env: Env<'a>, handle: Term<'a>, token: Term<'a>) -> Term<'a> {
    let node = || {
        let repository = repository_of(handle)?;
        let token = args::count(token, "correlation_id")?;
        let info = repository.runtime().point_of(token)?;
        let info = info.ok_or(Error::NotFound { what: "activation" })?;
        place(env, &repository, info.literal(), &info)
    };
    reply(env, node())
}

fn place<'a>(
    env: Env<'a>,
    repository: &Repository,
    literal: u64,
    point: &PointInfo,
) -> Result<Term<'a>> {
    let node = repository.place_of_point(literal, point)?;
    let then = node.then.as_ref().map_or_else(Value::nil, then_value);
    let fields = vec![
        (intern("ast_node_id"), Value::text(&node.id)),
        (intern("then"), then),
    ];
    value_to_term(env, &Value::record(fields))
}

/// `%{ast_node_id:, build:, file:, gone:}`.
pub fn then_value(then: &Then) -> Value {
    Value::record(vec![
        (intern("ast_node_id"), Value::text(&then.id)),
        (intern("build"), Value::text(&then.build)),
        (intern("file"), Value::text(&then.file)),
        (intern("gone"), Value::bool(then.gone)),
    ])
}

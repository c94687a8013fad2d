//! `flow_*`: variables, control flow and data flow, of a parsed source or of what a repository holds.

use rustler::{Env, Term};
use scope_core::error::{Error, Result};
use scope_core::flow;
use scope_core::source::NodeId;
use scope_core::store::{Located, data_flow_between};
use scope_core::value::Value;

use crate::error::reply;
use crate::repository::{repository_of, text};
use crate::sources::unit;
use crate::terms::value_to_term;

/// Every place where a variable stands, by region.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_occurrences<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let found = unit(source).and_then(|unit| value_to_term(env, &flow::occurrences(&unit)));
    reply(env, found)
}

/// `ScopeAnalysis` of everything in a node: of a parsed source, or of a repository. `nil` is the whole source.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_scopes<'a>(env: Env<'a>, holder: Term<'a>, id: Term<'a>) -> Term<'a> {
    let found = located(holder, id).and_then(|located| {
        let scopes: Value = flow::scope_analyses(&located.unit, &located.nodes());
        value_to_term(env, &scopes)
    });
    reply(env, found)
}

/// Nodes, edges and figures of the control flow graph of a function.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_control<'a>(env: Env<'a>, holder: Term<'a>, id: Term<'a>) -> Term<'a> {
    let found = function(holder, id).and_then(|(located, function)| {
        value_to_term(env, &flow::control_flow(&located.unit, function))
    });
    reply(env, found)
}

/// Nodes and edges of the data flow of a function.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_data<'a>(env: Env<'a>, holder: Term<'a>, id: Term<'a>) -> Term<'a> {
    let found = function(holder, id).and_then(|(located, function)| {
        value_to_term(env, &flow::data_flow(&located.unit, function))
    });
    reply(env, found)
}

/// Nodes and edges of the data flow between all functions of a repository.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_between<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let found = repository_of(handle)
        .and_then(|repository| value_to_term(env, &data_flow_between(&repository)));
    reply(env, found)
}

/// Computes everything for a parsed source: `%{variables:, summaries:, control:}` in bytes.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_bytes<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let found = unit(source).and_then(|unit| value_to_term(env, &flow::bytes(&unit)));
    reply(env, found)
}

/// McCabe's figure of every function, from the graph and from `metrics`.
#[rustler::nif(schedule = "DirtyCpu")]
fn flow_complexities<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let found = unit(source).and_then(|unit| value_to_term(env, &flow::complexities(&unit)));
    reply(env, found)
}

fn function<'a>(holder: Term<'a>, id: Term<'a>) -> Result<(Located, u32)> {
    let located = located(holder, id)?;
    let function = located.function().ok_or_else(|| Error::Invalid {
        what: "ast_node_id",
        detail: "it is not in a function".to_string(),
    })?;
    Ok((located, function))
}

/// A node of a parsed source, or of a repository.
fn located<'a>(holder: Term<'a>, id: Term<'a>) -> Result<Located> {
    let Ok(unit) = unit(holder) else {
        return repository_of(holder)?.locate(text(id, "ast_node_id")?);
    };
    let found = match id.is_atom() && rustler::types::atom::nil() == id {
        true => scope_core::source::Found::File,
        false => {
            let id = NodeId::parse(text(id, "ast_node_id")?)?;
            let missing = Error::NotFound { what: "node" };
            unit.resolve(&id).ok_or(missing)?
        }
    };
    Ok(Located { unit, found })
}

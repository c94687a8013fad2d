//! `source_*`.

use std::sync::Arc;

use rustler::{Binary, Env, NewBinary, ResourceArc, Term};
use scope_core::atoms::intern;
use scope_core::error::{Error, Result};
use scope_core::source::{NodeId, Unit};
use scope_core::value::Value;

use crate::error::reply;
use crate::terms::{ast_from_term, read_ast, value_from_term, value_to_term};

use super::SourceUnit;
use super::calls::calls;
use super::outline::outline;

/// Encodes a quoted expression. `file` and `text` are binaries or `nil`.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_build<'a>(env: Env<'a>, file: Term<'a>, text: Term<'a>, quoted: Term<'a>) -> Term<'a> {
    reply(
        env,
        build(file, text, quoted).map(|unit| ResourceArc::new(SourceUnit { unit })),
    )
}

fn build(file: Term<'_>, text: Term<'_>, quoted: Term<'_>) -> Result<Arc<Unit>> {
    let file = binary_or_nil(file, "file")?;
    let file = file
        .as_ref()
        .map(|file| std::str::from_utf8(file))
        .transpose()
        .map_err(|_| Error::Invalid {
            what: "file",
            detail: "it is not UTF-8".to_string(),
        })?;
    let text = binary_or_nil(text, "source text")?;
    let ast = ast_from_term(quoted)?;
    Unit::build(file, text.as_ref().map(|text| text.as_slice()), ast).map(Arc::new)
}

fn binary_or_nil<'a>(term: Term<'a>, what: &'static str) -> Result<Option<Binary<'a>>> {
    if term.is_atom() && rustler::types::atom::nil() == term {
        return Ok(None);
    }
    Binary::from_term(term)
        .map(Some)
        .map_err(|_| Error::Invalid {
            what,
            detail: "it is neither a binary nor nil".to_string(),
        })
}

/// The quoted code of a node (of everything, when `id` is `nil`).
#[rustler::nif(schedule = "DirtyCpu")]
fn source_quoted<'a>(env: Env<'a>, source: Term<'a>, id: Term<'a>) -> Term<'a> {
    let quoted = unit(source).and_then(|unit| {
        let ix = match binary_or_nil(id, "ast_node_id")? {
            None => unit.ast().root(),
            Some(id) => find(&unit, &id)?,
        };
        read_ast(env, unit.ast(), ix)
    });
    reply(env, quoted)
}

fn find(unit: &Unit, id: &[u8]) -> Result<scope_core::ast::NodeIx> {
    let id = std::str::from_utf8(id).map_err(|_| Error::Invalid {
        what: "ast_node_id",
        detail: "it is not UTF-8".to_string(),
    })?;
    unit.find(&NodeId::parse(id)?).ok_or(Error::NotFound {
        what: "ast_node_id",
    })
}

/// Modules, functions and clauses as maps.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_outline<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    reply(
        env,
        unit(source).and_then(|unit| value_to_term(env, &outline(&unit))),
    )
}

/// Every call with what it calls, as maps.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_calls<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    reply(
        env,
        unit(source).and_then(|unit| value_to_term(env, &calls(&unit))),
    )
}

/// Every id, in preorder of each scope.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_ids<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let ids = unit(source).map(|unit| {
        let mut ids: Vec<Term<'a>> = Vec::new();
        unit.each_id(|_, id| {
            let mut binary = NewBinary::new(env, id.len());
            binary.as_mut_slice().copy_from_slice(id.as_bytes());
            ids.push(binary.into());
        });
        ids
    });
    reply(env, ids)
}

/// Counts and bytes.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_stats<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let stats = unit(source).and_then(|unit| {
        let stats = [
            ("entries", unit.ast().len()),
            ("ast_bytes", unit.ast().memory_bytes()),
            ("bytes", unit.memory_bytes()),
            ("modules", unit.modules().len()),
            ("functions", unit.functions().len()),
            ("clauses", unit.clauses().len()),
        ];
        let fields = stats.map(|(name, count)| (intern(name), Value::count(count as u64)));
        value_to_term(env, &Value::record(fields.to_vec()))
    });
    reply(env, stats)
}

/// How many derived facts of files were computed in this VM so far.
#[rustler::nif]
fn source_computed() -> u64 {
    scope_core::source::computed()
}

pub(crate) fn unit(term: Term<'_>) -> Result<Arc<Unit>> {
    let source = term
        .decode::<ResourceArc<SourceUnit>>()
        .map_err(|_| Error::Invalid {
            what: "source unit",
            detail: "it is no unit of this library".to_string(),
        })?;
    Ok(source.unit.clone())
}

/// What a stored field becomes: the term as a value, and back. Equal to what came in.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_copy<'a>(env: Env<'a>, term: Term<'a>) -> Term<'a> {
    reply(
        env,
        value_from_term(term).and_then(|value| value_to_term(env, &value)),
    )
}

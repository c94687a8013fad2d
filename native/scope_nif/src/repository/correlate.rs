//! Correlations that callers store, and places that events come from.

use rustler::{Encoder, Env, Term};
use scope_core::error::Result;
use scope_core::store::id_value;

use super::args;
use super::repository_of;
use crate::error::{reply, reply_ok};
use crate::terms::value_to_term;

/// On a dirty scheduler: it may wait for another writer, or for someone who reads all of them.
#[rustler::nif(schedule = "DirtyCpu")]
fn correlation_put<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>, node: Term<'a>) -> Term<'a> {
    let put = || {
        let repository = repository_of(handle)?;
        repository.put_correlation(args::correlation_id(id)?, args::text(node, "ast_node_id")?)
    };
    reply_ok(env, put())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn correlation_ids<'a>(env: Env<'a>, handle: Term<'a>, node: Term<'a>) -> Term<'a> {
    let ids = || {
        let ids = repository_of(handle)?.correlation_ids(args::text(node, "ast_node_id")?);
        ids.iter()
            .map(|id| value_to_term(env, &id_value(id)))
            .collect::<Result<Vec<_>>>()
    };
    reply(env, ids())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn correlation_all<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let all = || {
        let all = repository_of(handle)?.correlations().all();
        let pair = |(id, node): &(_, std::sync::Arc<str>)| {
            Ok((value_to_term(env, &id_value(id))?, (**node).encode(env)))
        };
        all.iter().map(pair).collect::<Result<Vec<_>>>()
    };
    reply(env, all())
}

/// Walks the source around the line.
#[rustler::nif(schedule = "DirtyCpu")]
fn correlate_line<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    file: Term<'a>,
    line: Term<'a>,
    column: Term<'a>,
) -> Term<'a> {
    let node = || {
        let repository = repository_of(handle)?;
        let small =
            |n: u64| u32::try_from(n).map_err(|_| args::invalid("line", "it is above 2^32"));
        let line = small(args::count(line, "line")?)?;
        let column = args::maybe(column, |term| small(args::count(term, "column")?))?;
        repository.node_at(args::text(file, "file")?, line, column)
    };
    reply(env, node())
}

#[rustler::nif]
fn correlate_function<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    module: Term<'a>,
    name: Term<'a>,
    arity: Term<'a>,
) -> Term<'a> {
    let node = || {
        let repository = repository_of(handle)?;
        let arity = args::maybe(arity, |term| args::count(term, "arity"))?;
        repository.node_of_function(
            args::atom(module, "module")?,
            args::maybe(name, |term| args::atom(term, "function"))?,
            arity.map(|arity| u32::try_from(arity).unwrap_or(u32::MAX)),
        )
    };
    reply(env, node())
}

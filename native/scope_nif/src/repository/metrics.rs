//! Metrics of what is smaller than a function.

use rustler::{Env, Term};
use scope_core::store::clauses_of;

use super::args;
use super::repository_of;
use crate::error::reply;
use crate::terms::value_to_term;

/// `{:ok, [%ClauseMetrics{}]}` of a module, function, clause or node.
#[rustler::nif(schedule = "DirtyCpu")]
fn metrics_of_clauses<'a>(env: Env<'a>, handle: Term<'a>, id: Term<'a>) -> Term<'a> {
    let metrics = || {
        let repository = repository_of(handle)?;
        let located = repository.locate(args::text(id, "ast_node_id")?)?;
        value_to_term(env, &clauses_of(&located))
    };
    reply(env, metrics())
}

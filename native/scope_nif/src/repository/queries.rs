//! Counts and health.

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::store::View;
use scope_core::value::Value;

use super::{points_of, repository_of};
use crate::error::reply;
use crate::terms::value_to_term;

/// Counts and bytes, as `RepositoryStats` names them.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_stats<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let stats = || {
        let repository = repository_of(handle)?;
        let stats = repository.stats();
        let per_node = match stats.nodes {
            0 => Value::nil(),
            nodes => Value::Float(stats.ast_bytes as f64 / nodes as f64),
        };
        let counts = [
            ("version", stats.version),
            ("module_count", stats.modules),
            ("function_count", stats.functions),
            ("clause_count", stats.clauses),
            ("node_count", stats.nodes),
            ("file_count", stats.files),
            ("correlation_count", stats.correlations),
            ("insight_count", stats.insights),
            ("event_count", stats.events),
            ("ast_memory_bytes", stats.ast_bytes),
            ("record_memory_bytes", stats.record_bytes),
            ("correlation_memory_bytes", stats.correlation_bytes),
            ("index_memory_bytes", stats.index_bytes),
            ("runtime_memory_bytes", stats.runtime_bytes),
            ("total_memory_bytes", stats.total_bytes()),
        ];
        let mut fields: Vec<_> = counts
            .iter()
            .map(|(name, count)| (intern(name), Value::count(*count)))
            .collect();
        fields.push((intern("bytes_per_node"), per_node));
        fields.push((intern("repository_id"), Value::text(repository.id())));
        value_to_term(env, &Value::record(fields))
    };
    reply(env, stats())
}

/// What `health_check` looks at.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_health<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let health = || {
        let repository = repository_of(handle)?;
        let view = View::of_many(&repository, &points_of);
        let health = repository.health(view.lost());
        let stats = repository.stats();
        let broken = health
            .broken_records
            .iter()
            .map(|id| Value::text(id))
            .collect();
        value_to_term(
            env,
            &Value::record(vec![
                (intern("broken_records"), Value::List(broken)),
                (
                    intern("correlations_agree"),
                    Value::bool(health.correlations_agree),
                ),
                (
                    intern("correlated_nodes"),
                    Value::count(health.correlated_nodes),
                ),
                (
                    intern("dangling_nodes"),
                    Value::count(health.dangling_nodes),
                ),
                (intern("events_lost"), Value::count(health.events_lost)),
                (intern("module_count"), Value::count(stats.modules)),
                (
                    intern("correlation_count"),
                    Value::count(stats.correlations),
                ),
                (
                    intern("total_memory_bytes"),
                    Value::count(stats.total_bytes()),
                ),
            ]),
        )
    };
    reply(env, health())
}

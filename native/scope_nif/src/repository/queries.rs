//! Queries, counts and health.

use std::time::{Duration, Instant};

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::query::{Comparison, Direction, Op};
use scope_core::store::{From, Path, Question, View, ask};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::{points_of, repository_of};
use crate::atoms;
use crate::error::reply;
use crate::terms::{value_from_term, value_to_term};

/// `plan` is `{source, fields, program, order, limit, offset}`. Gives `{rows, total, scanned, lost, microseconds}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_query<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    plan: Term<'a>,
    timeout_ms: Term<'a>,
) -> Term<'a> {
    reply(env, query(env, handle, plan, timeout_ms))
}

type Answer<'a> = (Vec<Vec<Term<'a>>>, usize, usize, u64, u64);

fn query<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    plan: Term<'a>,
    timeout_ms: Term<'a>,
) -> Result<Answer<'a>> {
    let started = Instant::now();
    let repository = repository_of(handle)?;
    let question = question(plan, args::count(timeout_ms, "timeout")?)?;
    let view = View::of_many(&repository, &points_of);
    let reply = ask(&view, question)?;
    let rows = reply
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| cells::cell(env, cell)).collect());
    let rows = rows.collect::<Result<Vec<Vec<_>>>>()?;
    Ok((
        rows,
        reply.total,
        reply.scanned,
        view.lost(),
        started.elapsed().as_micros() as u64,
    ))
}

fn question(plan: Term<'_>, timeout_ms: u64) -> Result<Question> {
    let parts = args::tuple(plan, "plan")?;
    let [from, select, program, order, limit, offset] = parts[..] else {
        return Err(args::invalid("plan", "it has not six parts"));
    };
    Ok(Question {
        from: source(from)?,
        select: args::list(select, "fields")?
            .map(args::path)
            .collect::<Result<_>>()?,
        condition: args::list(program, "conditions")?
            .map(operation)
            .collect::<Result<_>>()?,
        order: args::list(order, "order")?
            .map(key)
            .collect::<Result<_>>()?,
        limit: args::maybe(limit, |term| args::count(term, "limit"))?.map(|n| n as usize),
        offset: args::count(offset, "offset")? as usize,
        timeout: Duration::from_millis(timeout_ms),
    })
}

fn source(term: Term<'_>) -> Result<From> {
    let sources = [
        (atoms::modules(), From::Modules),
        (atoms::functions(), From::Functions),
        (atoms::ast_nodes(), From::Nodes),
    ];
    let found = sources.into_iter().find(|(name, _)| *name == term);
    found
        .map(|(_, source)| source)
        .ok_or_else(|| args::invalid("source", "it is none of the three"))
}

fn key(term: Term<'_>) -> Result<(Path, Direction)> {
    let pair = args::tuple(term, "order")?;
    match pair[..] {
        [path, direction] if atoms::asc() == direction => {
            Ok((args::path(path)?, Direction::Ascending))
        }
        [path, direction] if atoms::desc() == direction => {
            Ok((args::path(path)?, Direction::Descending))
        }
        _ => Err(args::invalid("order", "it is not {path, :asc | :desc}")),
    }
}

/// `{:compare, operator, path, value}`, `{:in, path, values}`, `{:like, path, pattern}`, `{:and | :or, n}` or `:not`.
fn operation(term: Term<'_>) -> Result<Op<Path>> {
    if atoms::not() == term {
        return Ok(Op::Not);
    }
    let parts = args::tuple(term, "condition")?;
    match parts[..] {
        [tag, operator, path, value] if atoms::compare() == tag => Ok(Op::Compare {
            comparison: comparison(operator)?,
            column: args::path(path)?,
            value: value_from_term(value)?,
        }),
        [tag, path, values] if atoms::in_() == tag => Ok(Op::In {
            column: args::path(path)?,
            values: args::list(values, "values")?
                .map(value_from_term)
                .collect::<Result<_>>()?,
        }),
        [tag, path, pattern] if atoms::like() == tag => Ok(Op::Like {
            column: args::path(path)?,
            pattern: args::bytes(pattern, "pattern")?.to_vec(),
        }),
        [tag, n] if atoms::and() == tag => Ok(Op::And(operands(n)?)),
        [tag, n] if atoms::or() == tag => Ok(Op::Or(operands(n)?)),
        _ => Err(args::invalid("condition", "it is no step of a program")),
    }
}

fn operands(term: Term<'_>) -> Result<u32> {
    u32::try_from(args::count(term, "condition")?)
        .map_err(|_| args::invalid("condition", "too many operands"))
}

fn comparison(term: Term<'_>) -> Result<Comparison> {
    let all = [
        (atoms::eq(), Comparison::Eq),
        (atoms::ne(), Comparison::Ne),
        (atoms::gt(), Comparison::Gt),
        (atoms::gte(), Comparison::Gte),
        (atoms::lt(), Comparison::Lt),
        (atoms::lte(), Comparison::Lte),
    ];
    let found = all.into_iter().find(|(name, _)| *name == term);
    found
        .map(|(_, comparison)| comparison)
        .ok_or_else(|| args::invalid("operator", "it compares nothing"))
}

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

//! Questions: the DSL's and SQL's.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustler::{Encoder, Env, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::query::{AggregateKind, Comparison, ExprOp, Step};
use scope_core::store::{AskMode, Asked, Asking, Spec, TABLES, Told, Written, answer};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::{points_of, repository_of};
use crate::atoms;
use crate::error::reply;
use crate::export::pid_text;
use crate::terms::{value_from_term, value_to_term};

/// `repository_ask(ref, question, {mode, timeout_ms, bytes_max})`: `question` is SQL as text, or
/// `{from, items, condition, group, having, order, limit, offset, distinct, count_all}`. Gives
/// `{names, rows, total, scanned, lost, {version, events}, steps, peak_bytes, microseconds}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_ask<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    question: Term<'a>,
    bounds: Term<'a>,
) -> Term<'a> {
    reply(env, ask(env, handle, question, bounds))
}

fn ask<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    question: Term<'a>,
    bounds: Term<'a>,
) -> Result<Term<'a>> {
    let started = Instant::now();
    let repository = repository_of(handle)?;
    let asked = asked(question)?;
    let parts = args::tuple(bounds, "bounds")?;
    let [mode, timeout_ms, bytes_max] = parts[..] else {
        return Err(args::invalid("bounds", "there are not three"));
    };
    // SAFETY: the environment is that of the running call.
    let wanted = || unsafe { rustler::sys::enif_is_current_process_alive(env.as_c_arg()) } != 0;
    let pids = RefCell::new(ahash::AHashMap::<u64, Arc<str>>::new());
    let pid = |word: u64| {
        let mut pids = pids.borrow_mut();
        pids.entry(word)
            .or_insert_with(|| pid_text(word).into())
            .to_string()
    };
    let asking = Asking {
        mode: match atoms::plan() == mode {
            true => AskMode::Plan,
            false => AskMode::Answer,
        },
        timeout: Duration::from_millis(args::count(timeout_ms, "timeout")?),
        bytes_max: args::count(bytes_max, "bytes")? as usize,
        wanted: &wanted,
        pid_text: &pid,
        points: &points_of,
    };
    let told = answer(&repository, asked, &asking)?;
    encode(env, &told, started)
}

fn encode<'a>(env: Env<'a>, told: &Told, started: Instant) -> Result<Term<'a>> {
    let mut columns = Vec::with_capacity(told.columns.len());
    for column in &told.columns {
        let column = column.iter().map(|cell| cells::cell(env, cell));
        columns.push(column.collect::<Result<Vec<_>>>()?);
    }
    let rows: Vec<Vec<Term<'a>>> = (0..told.rows)
        .map(|row| columns.iter().map(|column| column[row]).collect())
        .collect();
    let steps = Value::List(told.steps.iter().map(step).collect());
    let parts = [
        told.names.encode(env),
        rows.encode(env),
        told.total.encode(env),
        told.scanned.encode(env),
        told.lost.encode(env),
        (told.version, told.events).encode(env),
        value_to_term(env, &steps)?,
        (told.peak_bytes as u64).encode(env),
        (started.elapsed().as_micros() as u64).encode(env),
    ];
    Ok(rustler::types::tuple::make_tuple(env, &parts))
}

fn step(step: &Step) -> Value {
    let count = |n: Option<u64>| n.map_or_else(Value::nil, Value::count);
    Value::record(vec![
        (intern("depth"), Value::count(step.depth as u64)),
        (intern("name"), Value::text(&step.name)),
        (intern("detail"), Value::text(&step.detail)),
        (
            intern("estimated_rows"),
            step.estimated_rows
                .map_or_else(Value::nil, |n| Value::Int(n.round() as i64)),
        ),
        (intern("rows"), count(step.rows)),
        (intern("duration_ns"), count(step.nanoseconds)),
    ])
}

fn asked(question: Term<'_>) -> Result<Asked> {
    if question.is_binary() {
        let bytes = args::bytes(question, "SQL")?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| args::invalid("SQL", "it is not UTF-8"))?;
        return Ok(Asked::Sql(text.to_owned()));
    }
    let parts = args::tuple(question, "question")?;
    let [
        from,
        items,
        condition,
        group,
        having,
        order,
        limit,
        offset,
        distinct,
        count_all,
    ] = parts[..]
    else {
        return Err(args::invalid("question", "it has not ten parts"));
    };
    let paths = |term| {
        args::list(term, "fields")?
            .map(|path| args::text(path, "field").map(str::to_owned))
            .collect::<Result<Vec<_>>>()
    };
    let yes = |term: Term<'_>| rustler::types::atom::true_() == term;
    let item = |term: Term<'_>| {
        let pair = args::tuple(term, "field")?;
        match pair[..] {
            [name, ops] => Ok((args::text(name, "field")?.to_owned(), program(ops)?)),
            _ => Err(args::invalid("field", "it is not {name, steps}")),
        }
    };
    let key = |term: Term<'_>| {
        let pair = args::tuple(term, "order")?;
        match pair[..] {
            [ops, direction] if atoms::asc() == direction => Ok((program(ops)?, false)),
            [ops, direction] if atoms::desc() == direction => Ok((program(ops)?, true)),
            _ => Err(args::invalid("order", "it is not {steps, :asc | :desc}")),
        }
    };
    Ok(Asked::Spec(Box::new(Spec {
        from: args::atom(from, "source")?.text().to_owned(),
        items: args::list(items, "fields")?
            .map(item)
            .collect::<Result<_>>()?,
        condition: program(condition)?,
        group: paths(group)?,
        having: program(having)?,
        order: args::list(order, "order")?
            .map(key)
            .collect::<Result<_>>()?,
        limit: args::maybe(limit, |term| args::count(term, "limit"))?.map(|n| n as usize),
        offset: args::count(offset, "offset")? as usize,
        distinct: yes(distinct),
        count_all: yes(count_all),
    })))
}

fn program(term: Term<'_>) -> Result<Vec<Written>> {
    args::list(term, "steps")?.map(written).collect()
}

/// `{:column, path}`, `{:literal, value}`, `{:compare, operator}`, `{:in, values}`, `{:like, pattern}`,
/// `{:aggregate, kind, part, path | nil, distinct}`, `:and`, `:or`, `:not`, `:is_null`, `:is_true`.
fn written(term: Term<'_>) -> Result<Written> {
    let plain = [
        (atoms::and(), ExprOp::And),
        (atoms::or(), ExprOp::Or),
        (atoms::not(), ExprOp::Not),
        (atoms::is_null(), ExprOp::IsNull),
        (atoms::is_true(), ExprOp::IsTrue),
    ];
    if let Some((_, op)) = plain.into_iter().find(|(name, _)| *name == term) {
        return Ok(Written::Op(op));
    }
    let parts = args::tuple(term, "step")?;
    Ok(match parts[..] {
        [tag, path] if atoms::column() == tag => {
            Written::Column(args::text(path, "field")?.to_owned())
        }
        [tag, value] if atoms::literal() == tag => {
            Written::Op(ExprOp::Literal(value_from_term(value)?))
        }
        [tag, operator] if atoms::compare() == tag => {
            Written::Op(ExprOp::Compare(comparison(operator)?))
        }
        [tag, values] if atoms::in_() == tag => Written::Op(ExprOp::In(Arc::new(
            args::list(values, "values")?
                .map(value_from_term)
                .collect::<Result<_>>()?,
        ))),
        [tag, pattern] if atoms::like() == tag => Written::Op(ExprOp::Like {
            pattern: args::bytes(pattern, "pattern")?.into(),
            ignore_case: false,
        }),
        [tag, kind, part, path, distinct] if atoms::aggregate() == tag => {
            let path = args::maybe(path, |path| args::text(path, "field"))?;
            let distinct = rustler::types::atom::true_() == distinct;
            Written::Aggregate(aggregate(kind, part)?, path.map(str::to_owned), distinct)
        }
        _ => return Err(args::invalid("condition", "it is no step of a program")),
    })
}

fn aggregate(kind: Term<'_>, part: Term<'_>) -> Result<AggregateKind> {
    let kind = args::atom(kind, "aggregate")?;
    Ok(match kind.text() {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Average,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "stddev" => AggregateKind::Deviation,
        "percentile" => AggregateKind::Percentile(
            part.decode()
                .map_err(|_| args::invalid("percentile", "its part is no float"))?,
        ),
        _ => return Err(args::invalid("aggregate", "it counts nothing")),
    })
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

/// `[{table, what, [{column, type, changes_with}], defaults}]`: all that can be asked.
#[rustler::nif]
fn query_schema(env: Env<'_>) -> Term<'_> {
    let tables: Vec<Term<'_>> = TABLES
        .iter()
        .map(|table| {
            let columns: Vec<(&str, &str, &str)> = table
                .columns
                .iter()
                .map(|column| (column.name, column.kind.name(), column.of.name()))
                .collect();
            (table.name, table.what, columns, table.defaults.to_vec()).encode(env)
        })
        .collect();
    tables.encode(env)
}

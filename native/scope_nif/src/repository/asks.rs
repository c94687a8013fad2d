//! Questions: the DSL's and SQL's.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustler::{Encoder, Env, Term};
use scope_core::atoms::intern;
use scope_core::error::{Error, Result};
use scope_core::query::{AggregateKind, Comparison, ExprOp, Permit, QUERIES, Step};
use scope_core::store::{AskMode, Asked, Asking, Spec, Stamp, TABLES, Told, Written, answer};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::{points_of, repository_of};
use crate::atoms;
use crate::error::reply;
use crate::export::pid_text;
use crate::terms::{value_from_term, value_to_term};

/// `repository_ask(ref, question, {mode, timeout_ms, bytes_max, running_max, keep})`: `question` is SQL as text, or
/// `{from, items, condition, group, having, order, limit, offset, distinct, count_all}`; `keep` is `nil`, or
/// `{key, :always | :auto, bytes_max, expensive_us}`. Gives `{names, rows, total, scanned, lost, {version, events}, steps,
/// peak_bytes, microseconds, kept?}`. Busy when `running_max` questions are being answered in this VM.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_ask<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    question: Term<'a>,
    bounds: Term<'a>,
) -> Term<'a> {
    let asked = || {
        let started = Instant::now();
        let obtained = obtain(env, handle, question, bounds)?;
        let told = &obtained.told;
        let rows = rows_of(env, told, 0, told.rows)?;
        let parts = [
            told.names.encode(env),
            rows.encode(env),
            told.total.encode(env),
            told.scanned.encode(env),
            told.lost.encode(env),
            (told.version, told.events).encode(env),
            steps_of(env, told)?,
            (told.peak_bytes as u64).encode(env),
            (started.elapsed().as_micros() as u64).encode(env),
            obtained.kept.encode(env),
        ];
        Ok(rustler::types::tuple::make_tuple(env, &parts))
    };
    reply(env, asked())
}

/// An answer, and the seat that it takes until it is told.
pub struct Obtained {
    pub told: Arc<Told>,
    /// Whether it was kept from before.
    pub kept: bool,
    _permit: Option<Permit<'static>>,
}

/// Whether to keep an answer.
struct Keep<'a> {
    key: &'a [u8],
    always: bool,
    bytes_max: usize,
    expensive: Duration,
}

fn keep_of(term: Term<'_>) -> Result<Option<Keep<'_>>> {
    args::maybe(term, |term| {
        let parts = args::tuple(term, "keep")?;
        let [key, when, bytes_max, expensive_us] = parts[..] else {
            return Err(args::invalid("keep", "there are not four"));
        };
        Ok(Keep {
            key: args::bytes(key, "key")?,
            always: atoms::always() == when,
            bytes_max: args::count(bytes_max, "bytes")? as usize,
            expensive: Duration::from_micros(args::count(expensive_us, "microseconds")?),
        })
    })
}

/// Whether the process that called still lives.
pub fn wanted(env: Env<'_>) -> bool {
    // SAFETY: the environment is that of the running call.
    unsafe { rustler::sys::enif_is_current_process_alive(env.as_c_arg()) != 0 }
}

pub fn obtain<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    question: Term<'a>,
    bounds: Term<'a>,
) -> Result<Obtained> {
    let repository = repository_of(handle)?;
    let asked = asked(question)?;
    let parts = args::tuple(bounds, "bounds")?;
    let [mode, timeout_ms, bytes_max, running_max, keep] = parts[..] else {
        return Err(args::invalid("bounds", "there are not five"));
    };
    let keep = keep_of(keep)?;
    let counts = repository.query_counts();
    if let Some(keep) = &keep {
        let stamp = Stamp::of(&repository);
        if let Some(told) = repository.answers().lock().get(keep.key, &stamp) {
            counts.asked.fetch_add(1, Ordering::Relaxed);
            counts.note(&Ok(()));
            return Ok(Obtained {
                told,
                kept: true,
                _permit: None,
            });
        }
    }
    let permit = QUERIES.admit(args::count(running_max, "running")? as usize);
    let permit = permit.inspect_err(|_| {
        counts.refused.fetch_add(1, Ordering::Relaxed);
    })?;
    counts.asked.fetch_add(1, Ordering::Relaxed);
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
        wanted: &|| wanted(env),
        pid_text: &pid,
        points: &points_of,
    };
    let (before, started) = (Stamp::of(&repository), Instant::now());
    let told = answer(&repository, asked, &asking);
    counts.note(&told);
    let told = Arc::new(told?);
    if let Some(keep) = keep
        && told.keepable
        && (keep.always || started.elapsed() >= keep.expensive)
    {
        let mut answers = repository.answers().lock();
        // What changed meanwhile may be in the answer, or not: then it is told, and not kept.
        if (keep.always || answers.seen_before(keep.key)) && Stamp::of(&repository) == before {
            answers.put(keep.key, before, &told, keep.bytes_max);
        }
    }
    Ok(Obtained {
        told,
        kept: false,
        _permit: Some(permit),
    })
}

/// Rows made before somebody looks whether they are still wanted.
const ROWS_UNASKED: usize = 4096;

/// Rows as lists. Errors: `Cancelled`.
pub fn rows_of<'a>(
    env: Env<'a>,
    told: &Told,
    from: usize,
    count: usize,
) -> Result<Vec<Vec<Term<'a>>>> {
    let until = told.rows.min(from.saturating_add(count));
    let mut rows = Vec::new();
    for row in from..until {
        if (row - from) % ROWS_UNASKED == ROWS_UNASKED - 1 && !wanted(env) {
            return Err(Error::Cancelled { what: "query" });
        }
        let cells = told.columns.iter();
        rows.push(
            cells
                .map(|column| cells::cell(env, &column.cell(row)))
                .collect::<Result<Vec<_>>>()?,
        );
    }
    Ok(rows)
}

pub fn steps_of<'a>(env: Env<'a>, told: &Told) -> Result<Term<'a>> {
    value_to_term(env, &Value::List(told.steps.iter().map(step).collect()))
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

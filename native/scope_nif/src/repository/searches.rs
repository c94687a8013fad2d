//! Structural search.

use std::time::{Duration, Instant};

use rustler::{Encoder, Env, Term};
use scope_core::error::Result;
use scope_core::search::{Captured, Match, Pattern, Wanted, place, prepare, search, start};
use scope_core::source::{Position, Unit};

use super::args;
use super::repository_of;
use crate::atoms;
use crate::error::reply;
use crate::terms::{atom_to_term, read_ast, value_from_term};

/// Ids of the nodes that a pattern matches.
#[rustler::nif(schedule = "DirtyCpu")]
fn search_ids<'a>(env: Env<'a>, handle: Term<'a>, pattern: Term<'a>, wanted: Term<'a>) -> Term<'a> {
    let found = run(handle, pattern, wanted, |unit, found| {
        Ok(unit.node_id(found.node).encode(env))
    });
    reply(env, found.map(|found| found.matches))
}

/// Matches with their places and captures: `{matches, more, files, candidates, microseconds}`, a match being
/// `{id, file, line, column, {line, column}, captures}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn search_matches<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    pattern: Term<'a>,
    wanted: Term<'a>,
) -> Term<'a> {
    let began = Instant::now();
    let found = run(handle, pattern, wanted, |unit, found| one(env, unit, found));
    let answer = found.map(|found| {
        let microseconds = began.elapsed().as_micros() as u64;
        (
            found.matches,
            found.more,
            found.files,
            found.candidates,
            microseconds,
        )
    });
    reply(env, answer)
}

struct Answer<'a> {
    matches: Vec<Term<'a>>,
    more: bool,
    files: usize,
    candidates: usize,
}

/// `wanted` is `{limit, offset, timeout_ms}`.
fn run<'a>(
    handle: Term<'a>,
    pattern: Term<'a>,
    wanted: Term<'a>,
    encode: impl Fn(&Unit, &Match) -> Result<Term<'a>>,
) -> Result<Answer<'a>> {
    let repository = repository_of(handle)?;
    let units = repository.units();
    prepare(&units);
    // Names become atoms here, so that a pattern may be older than what it finds.
    let pattern = Pattern::from_value(&value_from_term(pattern)?)?;
    let parts = args::tuple(wanted, "limits of a search")?;
    let [limit, offset, timeout] = parts[..] else {
        return Err(args::invalid("limits of a search", "they are not three"));
    };
    let wanted = Wanted {
        limit: args::maybe(limit, |term| args::count(term, "limit"))?.map(|n| n as usize),
        offset: args::count(offset, "offset")? as usize,
        timeout: Duration::from_millis(args::count(timeout, "timeout")?),
    };
    let found = search(&units, &pattern, wanted)?;
    let matches = found
        .matches
        .iter()
        .map(|one| encode(&units[one.unit], one));
    Ok(Answer {
        matches: matches.collect::<Result<_>>()?,
        more: found.more,
        files: found.files,
        candidates: found.candidates,
    })
}

fn one<'a>(env: Env<'a>, unit: &Unit, found: &Match) -> Result<Term<'a>> {
    let at = place(unit.ast(), found.node);
    let Position { line, column } = start(unit.ast(), found.node);
    let captures = found
        .captures
        .iter()
        .map(|(slot, what)| Ok((*slot, captured(env, unit, what)?)))
        .collect::<Result<Vec<_>>>()?;
    let id = unit.node_id(found.node);
    Ok((
        id,
        unit.file(),
        at.line,
        at.column,
        (line, column),
        captures,
    )
        .encode(env))
}

/// `{:node, id, code}`, `{:key, id, atom}`, `{:run, [captured]}` or `:hole`.
fn captured<'a>(env: Env<'a>, unit: &Unit, what: &Captured) -> Result<Term<'a>> {
    let single = |what: &Captured| {
        Ok(match what {
            Captured::Node(ix) => {
                let code = read_ast(env, unit.ast(), *ix)?;
                (atoms::node(), unit.node_id(*ix), code).encode(env)
            }
            Captured::Key(ix, key) => {
                let key = atom_to_term(env, *key)?;
                (atoms::key(), unit.node_id(*ix), key).encode(env)
            }
            _ => atoms::hole().encode(env),
        })
    };
    match what {
        Captured::Run(items) => {
            let items = items
                .iter()
                .map(single)
                .collect::<Result<Vec<Term<'a>>>>()?;
            Ok((atoms::run(), items).encode(env))
        }
        one => single(one),
    }
}

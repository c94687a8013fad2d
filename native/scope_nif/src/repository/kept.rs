//! What is kept of questions: columns, indexes, answers; and how many are asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustler::{Encoder, Env, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::query::QUERIES;
use scope_core::store::{KeptColumnNames, Stamp, prepare};
use scope_core::value::Value;

use super::args;
use super::{points_of, repository_of};
use crate::atoms;
use crate::error::{reply, reply_ok};
use crate::terms::value_to_term;

fn counts<'a>(env: Env<'a>, counts: &[(&str, u64)]) -> Result<Term<'a>> {
    let fields = counts
        .iter()
        .map(|(name, count)| (intern(name), Value::count(*count)));
    value_to_term(env, &Value::record(fields.collect()))
}

/// Questions of this VM: `%{running:, most:, admitted:, refused:}`.
#[rustler::nif]
fn query_admissions(env: Env<'_>) -> Term<'_> {
    let now = QUERIES.counts();
    let told = counts(
        env,
        &[
            ("running", now.running as u64),
            ("most", now.most as u64),
            ("admitted", now.admitted),
            ("refused", now.refused),
        ],
    );
    reply(env, told)
}

/// What was asked of a repository, and what is kept for it, as counts.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_query_counts<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let told = || {
        let repository = repository_of(handle)?;
        let asked = repository.query_counts();
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let answers = repository.answers().lock().counts();
        let (found, made, bytes, kept, indexed) = {
            let kept = repository.kept_columns().lock();
            let indexed = kept.asked().map(|(_, _, asked)| asked.indexed).sum();
            let about = kept.about();
            let indexes = about.iter().filter(|one| one.index).count();
            let columns = about.len() - indexes;
            (
                kept.found,
                kept.made,
                kept.bytes(),
                (columns, indexes),
                indexed,
            )
        };
        counts(
            env,
            &[
                ("asked", of(&asked.asked)),
                ("answered", of(&asked.answered)),
                ("timed_out", of(&asked.timed_out)),
                ("cancelled", of(&asked.cancelled)),
                ("refused", of(&asked.refused)),
                ("failed", of(&asked.failed)),
                ("cache_entries", answers.entries),
                ("cache_bytes", answers.bytes),
                ("cache_hits", answers.hits),
                ("cache_misses", answers.misses),
                ("cache_stale", answers.stale),
                ("cache_evicted", answers.evicted),
                ("cache_stored", answers.stored),
                ("columns_found", found),
                ("columns_made", made),
                ("columns_kept", kept.0 as u64),
                ("indexes_kept", kept.1 as u64),
                ("indexed_scans", indexed),
                ("kept_bytes", bytes as u64),
            ],
        )
    };
    reply(env, told())
}

/// `{:ok, {[{table, columns, index?, bytes, rows, keys, uses}], [{table, columns, times, indexed, wanted?}]}}`: what is
/// kept, and which equalities were asked.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_kept<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let told = || {
        let repository = repository_of(handle)?;
        let kept = repository.kept_columns().lock();
        let about: Vec<Term<'a>> = kept
            .about()
            .into_iter()
            .map(|one| {
                let size = (one.bytes as u64, one.rows as u64, one.keys as u64);
                (
                    one.table,
                    one.columns,
                    one.index,
                    size.0,
                    size.1,
                    size.2,
                    one.uses,
                )
                    .encode(env)
            })
            .collect();
        let asked: Vec<Term<'a>> = kept
            .asked()
            .map(|(table, columns, asked)| {
                let columns: Vec<&str> = columns.iter().map(|column| &**column).collect();
                let wanted = match (asked.wanted, asked.unwanted) {
                    (true, _) => atoms::always().encode(env),
                    (_, true) => rustler::types::atom::false_().encode(env),
                    _ => rustler::types::atom::nil().encode(env),
                };
                (table, columns, asked.times, asked.indexed, wanted).encode(env)
            })
            .collect();
        Ok((about, asked).encode(env))
    };
    reply(env, told())
}

fn names(term: Term<'_>) -> Result<KeptColumnNames> {
    let mut names = args::list(term, "columns")?
        .map(|name| Ok(Arc::from(args::text(name, "column")?)))
        .collect::<Result<Vec<Arc<str>>>>()?;
    names.sort();
    names.dedup();
    match names.is_empty() {
        true => Err(args::invalid("columns", "there are none")),
        false => Ok(names.into()),
    }
}

/// `repository_prepare(ref, table, columns, how)`: keeps columns (`:columns`), or an index of them together (`:index`), or
/// wants no index of them (`:none`).
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_prepare<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    table: Term<'a>,
    columns: Term<'a>,
    how: Term<'a>,
) -> Term<'a> {
    let done = || {
        let repository = repository_of(handle)?;
        let (table, columns) = (args::text(table, "table")?, names(columns)?);
        let how = args::atom(how, "how")?;
        if how.text() == "none" {
            let known = scope_core::store::TABLES.iter();
            let Some(table) = known.map(|table| table.name).find(|name| *name == table) else {
                return Err(args::invalid("table", "there is no such one"));
            };
            repository
                .kept_columns()
                .lock()
                .want(table, &columns, false);
            return Ok(());
        }
        prepare(
            &repository,
            table,
            &columns,
            how.text() == "index",
            &points_of,
        )
    };
    reply_ok(env, done())
}

/// `repository_release(ref, what)`: gives memory back. `:stale` answers, all `:answers`, `:columns`, or what is computed of
/// the source and of points (`:computed`). Gives `{:ok, {things, bytes}}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_release<'a>(env: Env<'a>, handle: Term<'a>, what: Term<'a>) -> Term<'a> {
    let done = || {
        let repository = repository_of(handle)?;
        let what = args::atom(what, "what")?;
        Ok(match what.text() {
            "stale" => {
                let stamp = Stamp::of(&repository);
                repository.answers().lock().drop_all(Some(&stamp))
            }
            "answers" => repository.answers().lock().drop_all(None),
            "columns" => {
                let mut kept = repository.kept_columns().lock();
                let things = kept.about().len() as u64;
                (things, kept.drop_all() as u64)
            }
            "computed" => repository.drop_computed(),
            _ => return Err(args::invalid("what", "there is no such one")),
        })
    };
    reply(env, done())
}

//! Answers that are taken piece by piece, by a process or into a file.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rustler::{Encoder, Env, Resource, ResourceArc, Term};
use scope_core::error::{Error, Result};
use scope_core::export::{RowFormat, RowsFile};
use scope_core::store::Told;

use super::args;
use super::asks::{obtain, rows_of};
use crate::error::{self, reply};

/// Rows given at a time, at most.
const CHUNK_MAX: u64 = 64 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

struct Answer(Arc<Told>);

#[rustler::resource_impl]
impl Resource for Answer {}

struct AnswerFile(Arc<Told>, Mutex<RowsFile<BufWriter<File>>>);

#[rustler::resource_impl]
impl Resource for AnswerFile {}

fn answer_of(term: Term<'_>) -> Result<ResourceArc<Answer>> {
    term.decode()
        .map_err(|_| args::invalid("answer", "it is no handle of one"))
}

/// As `repository_ask`, with a handle in the place of rows: `{answer, names, rows, scanned, lost, {version, events},
/// peak_bytes, microseconds}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn answer_open<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    question: Term<'a>,
    bounds: Term<'a>,
) -> Term<'a> {
    let opened = || {
        let started = Instant::now();
        let told = obtain(env, handle, question, bounds)?.told;
        let parts = [
            ResourceArc::new(Answer(told.clone())).encode(env),
            told.names.encode(env),
            told.rows.encode(env),
            told.scanned.encode(env),
            told.lost.encode(env),
            (told.version, told.events).encode(env),
            (told.peak_bytes as u64).encode(env),
            (started.elapsed().as_micros() as u64).encode(env),
        ];
        Ok(rustler::types::tuple::make_tuple(env, &parts))
    };
    reply(env, opened())
}

/// `answer_rows(answer, from, count)`: `{:ok, rows}`, fewer at the end.
#[rustler::nif(schedule = "DirtyCpu")]
fn answer_rows<'a>(env: Env<'a>, answer: Term<'a>, from: u64, count: u64) -> Term<'a> {
    let rows = || {
        let answer = answer_of(answer)?;
        rows_of(env, &answer.0, from as usize, count.min(CHUNK_MAX) as usize)
    };
    reply(env, rows())
}

/// `answer_file(answer, format, path)`: `{:ok, file}`. The file is made.
#[rustler::nif(schedule = "DirtyIo")]
fn answer_file<'a>(env: Env<'a>, answer: Term<'a>, format: Term<'a>, path: Term<'a>) -> Term<'a> {
    let opened = || {
        let told = answer_of(answer)?.0.clone();
        let format = args::atom(format, "format")?;
        let format = RowFormat::named(format.text())
            .ok_or_else(|| args::invalid("format", "there is no such one"))?;
        let failed = |error: std::io::Error| Error::Write {
            detail: error.to_string(),
        };
        let file = File::create(args::text(path, "path")?).map_err(failed)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let rows = RowsFile::new(format, &told, file)?;
        Ok(ResourceArc::new(AnswerFile(told, Mutex::new(rows))).encode(env))
    };
    reply(env, opened())
}

/// `answer_file_step(file, rows)`: `{:ok, {done?, rows_written, bytes}}`.
#[rustler::nif(schedule = "DirtyIo")]
fn answer_file_step<'a>(env: Env<'a>, file: Term<'a>, rows: u64) -> Term<'a> {
    let Ok(file) = file.decode::<ResourceArc<AnswerFile>>() else {
        return error::encode(env, &args::invalid("file", "it is no handle of one"));
    };
    let Some(mut writer) = file.1.try_lock() else {
        return error::encode(env, &Error::Busy { what: "export" });
    };
    let done = writer.step(&file.0, rows.min(CHUNK_MAX) as usize);
    reply(
        env,
        done.map(|done| (done, writer.rows() as u64, writer.bytes())),
    )
}

//! Repositories themselves: made, closed, copied, written to bytes and read from them.

use std::sync::Arc;

use rustler::{Encoder, Env, NewBinary, ResourceArc, Term};
use scope_core::error::Result;
use scope_core::ingest::{Directory, RuntimeLimits, Spill};
use scope_core::limits::LOAD_STACK_BYTES;
use scope_core::store::{Limits, Repository};

use super::args;
use super::{RepositoryHandle, SnapshotHandle, repository_of};
use crate::error::{reply, reply_ok};
use crate::runtime::is_nil;

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_new<'a>(env: Env<'a>, id: Term<'a>, limits: Term<'a>) -> Term<'a> {
    let made = || {
        let repository = Repository::new(args::text(id, "repository_id")?, read_limits(limits)?);
        Ok(RepositoryHandle(Arc::new(repository)).term(env))
    };
    reply(env, made())
}

/// `{max_modules, max_correlations, {bytes, events, age_ms, spill}}` of the event log: no events or age is no bound, spill is
/// nil or `{directory, bytes}`.
fn read_limits(term: Term<'_>) -> Result<Limits> {
    let parts = args::tuple(term, "limits")?;
    let [modules, correlations, log] = parts[..] else {
        return Err(args::invalid("limits", "they are not three"));
    };
    Ok(Limits {
        modules_max: args::count(modules, "limits")? as usize,
        correlations_max: args::count(correlations, "limits")? as usize,
        event_log: read_log_limits(log)?,
    })
}

fn read_log_limits(term: Term<'_>) -> Result<RuntimeLimits> {
    let parts = args::tuple(term, "limits")?;
    let [bytes, events, age_ms, spill] = parts[..] else {
        return Err(args::invalid(
            "limits",
            "those of the event log are not four",
        ));
    };
    let bound = |term: Term<'_>, scale: u64| -> Result<u64> {
        Ok(match is_nil(term) {
            true => u64::MAX,
            false => args::count(term, "limits")?.saturating_mul(scale),
        })
    };
    let spill = match is_nil(spill) {
        true => None,
        false => match args::tuple(spill, "limits")?[..] {
            [directory, bytes] => Some(Spill {
                disk: Arc::new(Directory::new(args::text(directory, "limits")?.into())),
                bytes: args::count(bytes, "limits")?,
            }),
            _ => return Err(args::invalid("limits", "spilling is {directory, bytes}")),
        },
    };
    Ok(RuntimeLimits {
        event_log_bytes: args::count(bytes, "limits")? as usize,
        event_log_events: bound(events, 1)?,
        event_log_age_ns: bound(age_ms, 1_000_000)?,
        spill,
    })
}

/// Closing twice is closing.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_close<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let closed = match handle.decode::<ResourceArc<RepositoryHandle>>() {
        Ok(handle) => {
            handle.0.close();
            Ok(())
        }
        Err(_) => Err(args::invalid(
            "repository",
            "it is no handle of this library",
        )),
    };
    reply_ok(env, closed)
}

/// `{:ok, {snapshot, version}}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_snapshot<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let snapshot = || {
        let snapshot = repository_of(handle)?.snapshot()?;
        let version = snapshot.version();
        Ok((
            ResourceArc::new(SnapshotHandle(snapshot)).encode(env),
            version,
        ))
    };
    reply(env, snapshot())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_restore<'a>(env: Env<'a>, handle: Term<'a>, snapshot: Term<'a>) -> Term<'a> {
    let restored = || {
        let repository = repository_of(handle)?;
        let snapshot = snapshot
            .decode::<ResourceArc<SnapshotHandle>>()
            .map_err(|_| args::invalid("snapshot", "it is no snapshot of this library"))?;
        repository.restore(&snapshot.0)
    };
    reply_ok(env, restored())
}

/// Everything, as one binary.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_dump<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let dumped = || {
        let bytes = repository_of(handle)?.to_bytes()?;
        let mut binary = NewBinary::new(env, bytes.len());
        binary.as_mut_slice().copy_from_slice(&bytes);
        Ok(Term::from(binary))
    };
    reply(env, dumped())
}

/// `{:ok, {id, handle}}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_load<'a>(env: Env<'a>, bytes: Term<'a>, limits: Term<'a>) -> Term<'a> {
    let loaded = || {
        let bytes = args::bytes(bytes, "file")?;
        let limits = read_limits(limits)?;
        let repository = load(bytes, limits)?;
        let id = repository.id().to_owned();
        Ok((id, RepositoryHandle(Arc::new(repository)).term(env)))
    };
    reply(env, loaded())
}

/// Reading recurses as deep as values may nest, which is more than a dirty scheduler's stack holds. The thread ends
/// before this call does.
fn load(bytes: &[u8], limits: Limits) -> Result<Repository> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .stack_size(LOAD_STACK_BYTES)
            .spawn_scoped(scope, || Repository::from_bytes(bytes, limits))
            .map_err(|error| args::invalid("thread", &error.to_string()))?;
        reader.join().unwrap_or_else(|_| {
            Err(scope_core::error::Error::Corrupt {
                detail: "reading it failed".into(),
            })
        })
    })
}

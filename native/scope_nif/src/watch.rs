//! `watch_*`: source files that change on the disk.
//!
//! Looking whether anything happened is one load, on a normal scheduler; all else is file work on dirty ones.

use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use rustler::{Encoder, Env, Resource, ResourceArc, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::value::Value;
use scope_core::watch::{Backend, Settings, Watch};

use crate::error::{reply, reply_ok};
use crate::repository::args;
use crate::terms::value_to_term;

/// Dropping tells the thread behind it to end, and waits for nothing.
pub struct WatchHandle(Mutex<Watch>);

#[rustler::resource_impl]
impl Resource for WatchHandle {}

/// `backend` is `:auto` or `:poll`.
#[rustler::nif(schedule = "DirtyIo")]
fn watch_start<'a>(
    env: Env<'a>,
    roots: Term<'a>,
    exclude: Term<'a>,
    backend: Term<'a>,
    native_max: Term<'a>,
    poll_ms: Term<'a>,
) -> Term<'a> {
    let start = || {
        let texts = |term, what| {
            args::list(term, what)?
                .map(|item| Ok(args::text(item, what)?.to_owned()))
                .collect::<Result<Vec<String>>>()
        };
        let settings = Settings {
            roots: texts(roots, "directories")?
                .into_iter()
                .map(PathBuf::from)
                .collect(),
            exclude: texts(exclude, "exclude")?,
            backend: match args::atom(backend, "backend")?.text() {
                "auto" => Backend::Native,
                "poll" => Backend::Poll,
                _ => return Err(args::invalid("backend", "it is neither :auto nor :poll")),
            },
            native_max: args::count(native_max, "native_max")? as usize,
            poll_interval: Duration::from_millis(args::count(poll_ms, "poll_ms")?.max(10)),
        };
        Ok(ResourceArc::new(WatchHandle(Mutex::new(Watch::start(settings)?))).encode(env))
    };
    reply(env, start())
}

fn of(term: Term<'_>) -> Result<ResourceArc<WatchHandle>> {
    term.decode()
        .map_err(|_| args::invalid("watch", "it is no handle of this library"))
}

/// Whether there is anything to take. Somebody who takes just now has it all.
#[rustler::nif]
fn watch_pending<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let pending = of(handle).map(|watch| watch.0.try_lock().is_some_and(|watch| watch.pending()));
    reply(env, pending)
}

/// `%{files:, removed:, overflow:}`.
#[rustler::nif(schedule = "DirtyIo")]
fn watch_take<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let take = || {
        let taken = of(handle)?.0.lock().take()?;
        let files = taken.files.iter().filter_map(|path| path.to_str());
        value_to_term(
            env,
            &Value::record(vec![
                (
                    intern("files"),
                    Value::List(files.map(Value::text).collect()),
                ),
                (intern("removed"), Value::bool(taken.removed)),
                (intern("overflow"), Value::bool(taken.overflow)),
            ]),
        )
    };
    reply(env, take())
}

/// `%{backend:, directories:, note:}`.
#[rustler::nif(schedule = "DirtyIo")]
fn watch_status<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let status = || {
        let watch = of(handle)?;
        let watch = watch.0.lock();
        let backend = match watch.backend() {
            Backend::Native => "native",
            Backend::Poll => "poll",
        };
        value_to_term(
            env,
            &Value::record(vec![
                (intern("backend"), Value::Atom(intern(backend))),
                (
                    intern("directories"),
                    Value::count(watch.directories() as u64),
                ),
                (
                    intern("note"),
                    watch.note().map_or(Value::nil(), Value::text),
                ),
            ]),
        )
    };
    reply(env, status())
}

/// Waits until the thread behind the watch has ended.
#[rustler::nif(schedule = "DirtyIo")]
fn watch_stop<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    reply_ok(
        env,
        of(handle).map(|watch| {
            watch.0.lock().stop();
        }),
    )
}

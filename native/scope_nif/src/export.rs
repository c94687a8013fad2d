//! Exports on their way. The file is opened here, because the core does no I/O of its own.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use parking_lot::Mutex;
use rustler::{Encoder, Env, OwnedEnv, Resource, ResourceArc, Term};
use scope_core::capture::points::FunctionKey;
use scope_core::error::{Error, Result};
use scope_core::export::{Format, Job, Options, Place};
use scope_core::ingest::{EventFilter, RuntimeStore};
use scope_core::store::{Repository, function_number};

use crate::capture::{pid_word, word_pid};
use crate::error::{self, reply};
use crate::repository::{args, repository_of};
use crate::runtime::store_of;

/// Bytes written to the file at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// Names of pids remembered by one export.
const PIDS_MAX: usize = 64 * 1024;
/// The longest step: a dirty scheduler is not kept for longer.
const STEP_MS_MAX: u64 = 200;

struct Export(Mutex<Job<BufWriter<File>>>);

#[rustler::resource_impl]
impl Resource for Export {}

/// `export_open(handle, format, path, options)`: `{:ok, export}`. Options are `{title, sampling, modules | nil,
/// functions | nil, pid | nil, from_ns | nil, to_ns | nil, processes_max, memory_bytes}`. The file is made.
#[rustler::nif(schedule = "DirtyIo")]
fn export_open<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    format: Term<'a>,
    path: Term<'a>,
    options: Term<'a>,
) -> Term<'a> {
    let opened = || {
        let store = store_of(handle)?;
        let format = args::atom(format, "format")?;
        let format = Format::named(format.text()).ok_or_else(|| Error::Unknown {
            what: "format",
            name: format.text().to_owned(),
            nearest: None,
        })?;
        let repository = repository_of(handle).ok();
        let options = read_options(&store, repository, options)?;
        let path = args::text(path, "path")?;
        let file = File::create(path).map_err(|error| Error::Write {
            detail: error.to_string(),
        })?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let job = Job::new(store, format, options, file);
        Ok(ResourceArc::new(Export(Mutex::new(job))).encode(env))
    };
    reply(env, opened())
}

/// `export_step(export, budget_ms)`: `{:ok, {done?, events_read, events, passes, bytes}}`.
#[rustler::nif(schedule = "DirtyIo")]
fn export_step<'a>(env: Env<'a>, export: Term<'a>, budget_ms: u64) -> Term<'a> {
    let Ok(export) = export.decode::<ResourceArc<Export>>() else {
        return error::encode(env, &args::invalid("export", "it is no handle of one"));
    };
    let Some(mut job) = export.0.try_lock() else {
        return error::encode(env, &Error::Busy { what: "export" });
    };
    let step = job.step(Duration::from_millis(budget_ms.min(STEP_MS_MAX)));
    let step = step.map(|it| (it.done, it.read, it.of, it.passes, it.bytes));
    reply(env, step)
}

/// `export_about(export)`: `{:ok, [{name, text}]}`, what the file says of itself.
#[rustler::nif(schedule = "DirtyCpu")]
fn export_about<'a>(env: Env<'a>, export: Term<'a>) -> Term<'a> {
    let about = || {
        let export = export
            .decode::<ResourceArc<Export>>()
            .map_err(|_| args::invalid("export", "it is no handle of one"))?;
        Ok(export.0.lock().about().pairs())
    };
    reply(env, about())
}

fn read_options(
    store: &Arc<RuntimeStore>,
    repository: Option<Arc<Repository>>,
    term: Term<'_>,
) -> Result<Options> {
    let parts = args::tuple(term, "options")?;
    let [
        title,
        sampling,
        modules,
        functions,
        pid,
        from,
        to,
        processes,
        memory,
    ] = parts[..]
    else {
        return Err(args::invalid("options", "they are not nine"));
    };
    let wanted = wanted(store, modules, functions)?;
    let process = args::maybe(pid, |pid| {
        let pid = pid.decode();
        pid.map(|pid| pid_word(&pid))
            .map_err(|_| args::invalid("pid", "it is no pid of this node"))
    })?;
    let names: Mutex<AHashMap<u64, String>> = Mutex::default();
    Ok(Options {
        filter: EventFilter {
            functions: wanted,
            process,
            from_ns: args::maybe(from, |from| args::count(from, "from"))?,
            to_ns: args::maybe(to, |to| args::count(to, "to"))?,
            ..EventFilter::default()
        },
        title: args::text(title, "title")?.to_owned(),
        sampling: args::text(sampling, "sampling")?.to_owned(),
        processes_max: args::count(processes, "processes")? as usize,
        memory_bytes: args::count(memory, "memory_bytes")? as usize,
        place: Arc::new(move |key| place(repository.as_deref()?, key)),
        pid: Arc::new(move |word| {
            let mut names = names.lock();
            if let Some(name) = names.get(&word) {
                return name.clone();
            }
            let name = pid_text(word);
            if names.len() < PIDS_MAX {
                names.insert(word, name.clone());
            }
            name
        }),
    })
}

/// The functions that a selection means, of those that ran.
fn wanted(
    store: &RuntimeStore,
    modules: Term<'_>,
    functions: Term<'_>,
) -> Result<Option<Vec<FunctionKey>>> {
    let modules = args::maybe(modules, |list| {
        let modules = args::list(list, "modules")?;
        modules
            .map(|module| args::atom(module, "module"))
            .collect::<Result<Vec<_>>>()
    })?;
    let functions = args::maybe(functions, |list| {
        let functions = args::list(list, "functions")?;
        functions
            .map(args::function_key)
            .collect::<Result<Vec<_>>>()
    })?;
    if modules.is_none() && functions.is_none() {
        return Ok(None);
    }
    let mut wanted = functions.unwrap_or_default();
    for (key, _) in store.functions() {
        if modules.iter().flatten().any(|module| *module == key.module) {
            wanted.push(key);
        }
    }
    Ok(Some(wanted))
}

fn place(repository: &Repository, key: &FunctionKey) -> Option<Place> {
    let (unit, _) = repository.definition(key.module)?;
    let number = function_number(&unit, key)?;
    let function = &unit.functions()[number as usize];
    Some(Place {
        file: unit.file().to_owned(),
        line: function.position.line,
    })
}

/// `#PID<0.123.0>`, as `inspect/1` shows it.
pub(crate) fn pid_text(word: u64) -> String {
    let text = OwnedEnv::new().run(|env| format!("{:?}", word_pid(word).encode(env)));
    let numbers = text.trim_start_matches("#Pid").trim_start_matches("#PID");
    format!("#PID{numbers}")
}

/// `[format]`, as `export_open` takes them.
#[rustler::nif]
fn export_formats() -> Vec<&'static str> {
    Format::ALL.iter().map(|(_, name)| *name).collect()
}

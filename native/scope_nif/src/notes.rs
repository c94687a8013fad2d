//! What other sources tell of a process: log records, crashes, telemetry events. They are written where the probes
//! write, so their place among the process's calls is exact.

use rustler::codegen_runtime::inventory;
use rustler::sys::{ErlNifEnv, ErlNifTerm, c_int};
use rustler::{Env, Term};
use scope_core::capture::config::{CaptureConfig, Mode};
use scope_core::capture::record::RecordKind;
use scope_core::capture::{Closing, NO_REASON};
use scope_core::error::{Error, Result};
use scope_core::ingest::{EventFilter, EventKind};

use crate::capture::{existing, ring, self_word};
use crate::probe::{Arguments, unsigned};
use crate::values;
use crate::{atoms, error, raw_nif, runtime};

raw_nif!(c"capture_note", 2, note);

/// A message of 4 kB fits, with what stands around it.
const BOUNDS: CaptureConfig = CaptureConfig {
    mode: Mode::Full,
    depth: 8,
    width: 64,
    bytes: 6 * 1024,
    time_ns: 50_000,
};

/// What ends a process is rare, and told once: 64 frames of a stacktrace fit, and something of a reason.
const CRASH_BOUNDS: CaptureConfig = CaptureConfig {
    bytes: 16 * 1024,
    time_ns: 400_000,
    ..BOUNDS
};
/// The numbers of `ElixirScope.Sources.Note` for crashes and for exceptions that were caught.
const CRASHES: [u8; 2] = [2, 4];

/// Of no point: the activation is the innermost open one of the process.
const NO_POINT: u32 = u32::MAX;

/// `capture_note(source, term)`: `:ok` always. Nobody waits for room: what has none is counted as dropped, whatever is
/// said of probes, since a log record must never hold its process.
unsafe extern "C" fn note(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        if let Some(capture) = existing().filter(|capture| capture.is_active())
            && let Some(source) = unsigned(env, *arguments).and_then(|it| u8::try_from(it).ok())
        {
            let process = self_word(env);
            if !capture.ignored.holds(process) {
                match ring(capture) {
                    Some(ring) => {
                        let bounds = match CRASHES.contains(&source) {
                            true => &CRASH_BOUNDS,
                            false => &BOUNDS,
                        };
                        let blob = values::encode_behind(env, &[source], *arguments.add(1), bounds);
                        let closing = Closing {
                            kind: RecordKind::Note,
                            process,
                            token: 0,
                            point: NO_POINT,
                            reason: NO_REASON,
                        };
                        if capture.close_with(ring, closing, blob).is_err() {
                            ring.count_dropped(RecordKind::Note);
                        }
                    }
                    None => capture.threads.count_no_ring(),
                }
            }
        }
        atoms::ok().as_c_arg()
    }
}

/// `runtime_notes(handle, limit)`: the newest so many, oldest first; maps as of `runtime_events`.
#[rustler::nif(schedule = "DirtyCpu")]
fn runtime_notes<'a>(env: Env<'a>, handle: Term<'a>, limit: usize) -> Term<'a> {
    let filter = EventFilter {
        kinds: Some(vec![EventKind::Note]),
        newest_first: true,
        ..EventFilter::default()
    };
    let notes = || {
        let store = runtime::store_of(handle)?;
        let mut events = store.events(&filter, limit)?;
        events.reverse();
        let encode = |event| {
            runtime::encode_event(env, event).map_err(|_| Error::Invalid {
                what: "event",
                detail: "it cannot be told".into(),
            })
        };
        events.iter().map(encode).collect::<Result<Vec<_>>>()
    };
    error::reply(env, notes())
}

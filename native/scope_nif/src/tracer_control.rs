//! Control of the VM's own traces: gates opened, asked and closed. Flags and patterns are set from Elixir.

use std::time::Duration;

use rustler::{Encoder, Env, Term};
use scope_core::capture::Capture;
use scope_core::capture::traces::{self, Over, TraceLimits};

use crate::capture::{capture, existing, ring};
use crate::{atoms, error, gates};

/// `trace_open({count, rate, window_ms, rate_ends, time_ms}, options, bounds)`: `{:ok, id}`. `bounds` is a map as
/// `capture_gates_set` takes it, of values.
#[rustler::nif(schedule = "DirtyCpu")]
fn trace_open<'a>(
    env: Env<'a>,
    limits: (u64, u64, u64, bool, u64),
    options: u64,
    bounds: Term<'a>,
) -> Term<'a> {
    let (count, rate, window_ms, rate_ends, time_ms) = limits;
    let limits = TraceLimits {
        count,
        rate,
        window: Duration::from_millis(window_ms),
        rate_ends,
        time: Duration::from_millis(time_ms),
    };
    let capture = capture();
    let open = || {
        let change = gates::decode_change(bounds, capture.timing())?;
        let bounds = change.apply(Default::default(), 0).capture;
        let bounds = bounds.unwrap_or_default().clamped();
        capture
            .traces
            .open_with(&capture.clock, limits, options, bounds)
    };
    error::reply(env, open())
}

/// Nothing more begins; what has begun may end.
#[rustler::nif]
fn trace_stop(id: u64) -> rustler::Atom {
    if let Some(capture) = existing() {
        capture.traces.stop(id);
    }
    atoms::ok()
}

/// `{:on | :count | :rate | :time | :stopped, taken, refused}`, or `:unknown`.
#[rustler::nif]
fn trace_status(env: Env<'_>, id: u64) -> Term<'_> {
    let found = existing().and_then(|capture| {
        let trace = capture.traces.get(id)?;
        Some(trace.status(capture.clock.now()))
    });
    let Some(status) = found else {
        return atoms::unknown().encode(env);
    };
    let state = match status.over {
        None => atoms::on(),
        Some(Over::Count) => atoms::count(),
        Some(Over::Rate) => atoms::rate(),
        Some(Over::Time) => atoms::time(),
        Some(Over::Stopped) => atoms::stopped(),
    };
    (state, status.taken, status.refused).encode(env)
}

/// Forgets a trace, after its flags and patterns are gone: what it left open is over. `:busy` while the ring of this thread is
/// full: come again.
#[rustler::nif(schedule = "DirtyCpu")]
fn trace_close(id: u64) -> rustler::Atom {
    let Some(capture) = existing() else {
        return atoms::ok();
    };
    if capture.traces.get(id).is_none() {
        return atoms::ok();
    }
    capture.traces.stop(id);
    match close(capture, id) {
        true => atoms::ok(),
        false => atoms::busy(),
    }
}

/// The record first: once the slot is free, its number may be another trace's.
fn close(capture: &'static Capture, id: u64) -> bool {
    let Some(ring) = ring(capture) else {
        return capture.traces.close(id);
    };
    let told = capture.trace_closed(ring, traces::number_of(id));
    told.is_ok() && capture.traces.close(id)
}

/// The ids of the traces that are known.
#[rustler::nif]
fn traces_open() -> Vec<u64> {
    existing().map_or_else(Vec::new, |capture| capture.traces.all())
}

/// Whether probes or traces record.
#[rustler::nif]
fn capture_recording() -> bool {
    existing().is_some_and(|capture| capture.is_recording())
}

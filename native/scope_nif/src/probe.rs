//! The probes: what instrumented code calls, millions of times a second.
//!
//! Raw NIFs: rustler's own allocate for every call. Nothing here allocates, locks, blocks or can panic; what is given
//! wrongly is ignored, because a probe must never change what the program does.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use rustler::codegen_runtime::inventory;
use rustler::sys::{self, ErlNifEnv, ErlNifTerm, c_int};
use scope_core::capture::record::RecordKind;
use scope_core::capture::ring::Ring;
use scope_core::capture::{Capture, Closing, Entry, NO_REASON, Work};

use crate::capture::{Vm, admits, capture, existing, ring, self_word, term_word};
use crate::{atoms, small_int, work};

/// How long a process is held back at most until there is room for its record.
const WAIT_MAX: Duration = Duration::from_secs(10);
const SLICE: Work = Work {
    budget: Duration::from_millis(1),
    thorough: false,
};
const PAUSE_BETWEEN: Duration = Duration::from_micros(50);

pub(crate) type Arguments = *const ErlNifTerm;

#[macro_export]
macro_rules! raw_nif {
    ($name:literal, $arity:literal, $function:ident) => {
        inventory::submit! {
            rustler::Nif { name: $name.as_ptr(), arity: $arity, flags: 0, raw_func: $function }
        }
    };
}

raw_nif!(c"probe_enter", 1, enter);
raw_nif!(c"probe_exit", 3, exit);
raw_nif!(c"probe_tail", 2, tail);
raw_nif!(c"probe_reach", 1, reach);
raw_nif!(c"probe_try_enter", 1, try_enter);
raw_nif!(c"probe_try_leave", 3, try_leave);
raw_nif!(c"probe_caught", 3, caught);

/// # Safety
/// As a NIF: `arguments` holds what the arity says, in the environment `env`.
unsafe extern "C" fn enter(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        open(
            env,
            arguments,
            RecordKind::Enter,
            enter_waiting,
            c"probe_enter",
        )
    }
}

unsafe extern "C" fn try_enter(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        open(
            env,
            arguments,
            RecordKind::TryEnter,
            try_enter_waiting,
            c"probe_try_enter",
        )
    }
}

unsafe extern "C" fn exit(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe { close(env, arguments, RecordKind::Exit, *arguments.add(2)) }
}

unsafe extern "C" fn tail(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe { close(env, arguments, RecordKind::Tail, atoms::ok().as_c_arg()) }
}

unsafe extern "C" fn try_leave(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe { close(env, arguments, RecordKind::TryLeave, *arguments.add(2)) }
}

unsafe extern "C" fn caught(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe { close(env, arguments, RecordKind::Caught, atoms::ok().as_c_arg()) }
}

/// A branch was reached. One relaxed load when that is known already.
unsafe extern "C" fn reach(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        if let Some(capture) = existing().filter(|capture| capture.is_active())
            && let Some(literal) = unsigned(env, *arguments)
        {
            if let Some(point) = capture.fresh_branch(literal) {
                reach_first(env, capture, point);
            } else if capture.is_attributing()
                && let Some(point) = work::again(capture, self_word(env), literal)
            {
                reach_first(env, capture, point);
            }
        }
        atoms::ok().as_c_arg()
    }
}

#[cold]
unsafe fn reach_first(env: *mut ErlNifEnv, capture: &'static Capture, point: u32) {
    let process = unsafe { self_word(env) };
    if capture.ignored.holds(process) {
        return;
    }
    match ring(capture) {
        Some(ring) => capture.reach(ring, process, point),
        None => capture.threads.count_no_ring(),
    }
}

pub(crate) type Waiting = unsafe extern "C" fn(*mut ErlNifEnv, c_int, Arguments) -> ErlNifTerm;

#[inline(always)]
unsafe fn open(
    env: *mut ErlNifEnv,
    arguments: Arguments,
    kind: RecordKind,
    waiting: Waiting,
    name: &'static std::ffi::CStr,
) -> ErlNifTerm {
    unsafe {
        let Some(capture) = existing().filter(|capture| capture.is_active()) else {
            return integer(env, 0);
        };
        let Some(Entry::Record(point)) = unsigned(env, *arguments).map(|it| capture.entry(it))
        else {
            return integer(env, 0);
        };
        let process = self_word(env);
        if capture.ignored.holds(process) {
            return integer(env, 0);
        }
        let Some(ring) = ring(capture) else {
            capture.threads.count_no_ring();
            return integer(env, 0);
        };
        // A `try` is known whatever is recorded within it.
        if kind == RecordKind::Enter && !admits(capture, point, ring) {
            return integer(env, 0);
        }
        match capture.open(ring, kind, process, point) {
            Ok(token) => integer(env, token),
            Err(_) if capture.waits() => {
                let held = [*arguments, integer(env, capture.clock.now())];
                sys::enif_schedule_nif(env, name.as_ptr(), DIRTY, waiting, 2, held.as_ptr())
            }
            Err(_) => {
                ring.count_dropped(kind);
                integer(env, 0)
            }
        }
    }
}

#[inline(always)]
unsafe fn close(
    env: *mut ErlNifEnv,
    arguments: Arguments,
    kind: RecordKind,
    result: ErlNifTerm,
) -> ErlNifTerm {
    unsafe {
        let token = unsigned(env, *arguments.add(1)).unwrap_or(0);
        // Not recorded, so neither is its end. What was recorded is ended even when capture is off by now.
        let (true, Some(capture)) = (token != 0, existing()) else {
            return result;
        };
        let closing = closing(env, capture, arguments, kind, token);
        let Some(ring) = ring(capture) else {
            capture.threads.count_no_ring();
            return result;
        };
        match capture.close(ring, closing) {
            Ok(()) => result,
            Err(_) if capture.waits() => {
                let kind = integer(env, kind as u64);
                let now = integer(env, capture.clock.now());
                let held = [
                    *arguments,
                    *arguments.add(1),
                    third(arguments, closing.kind),
                    result,
                    kind,
                    now,
                ];
                sys::enif_schedule_nif(
                    env,
                    c"probe_exit".as_ptr(),
                    DIRTY,
                    close_waiting,
                    6,
                    held.as_ptr(),
                )
            }
            Err(_) => {
                ring.count_dropped(kind);
                result
            }
        }
    }
}

#[inline(always)]
unsafe fn closing(
    env: *mut ErlNifEnv,
    capture: &Capture,
    arguments: Arguments,
    kind: RecordKind,
    token: u64,
) -> Closing {
    unsafe {
        // Only of a jump the point says something that the token does not: where to.
        let point = match kind {
            RecordKind::Tail => unsigned(env, *arguments).and_then(|it| capture.points.resolve(it)),
            _ => None,
        };
        let reason = match kind {
            RecordKind::Caught => reason_class(env, capture, *arguments.add(2)),
            _ => NO_REASON,
        };
        Closing {
            kind,
            process: self_word(env),
            token,
            point: point.unwrap_or(u32::MAX),
            reason,
        }
    }
}

/// The class of what was raised: of an exception its module, else an atom, or the first atom of a tuple.
#[cold]
pub(crate) unsafe fn reason_class(
    env: *mut ErlNifEnv,
    capture: &Capture,
    reason: ErlNifTerm,
) -> u32 {
    unsafe {
        let mut found = reason;
        let mut arity = 0;
        let mut elements = std::ptr::null();
        if sys::enif_is_map(env, reason) != 0 {
            let key = atoms::__struct__().as_c_arg();
            if sys::enif_get_map_value(env, reason, key, &mut found) == 0 {
                return NO_REASON;
            }
        } else if sys::enif_get_tuple(env, reason, &mut arity, &mut elements) != 0 && arity > 0 {
            found = *elements;
        }
        match sys::enif_is_atom(env, found) {
            0 => NO_REASON,
            _ => capture.reasons.class(term_word(found)),
        }
    }
}

// Held back: the same on a dirty scheduler, after there is room.

pub(crate) const DIRTY: c_int = sys::ERL_NIF_DIRTY_JOB_CPU_BOUND as c_int;

/// `[point, ticks]`: the probe was reached at `ticks`.
unsafe extern "C" fn enter_waiting(env: *mut ErlNifEnv, _: c_int, held: Arguments) -> ErlNifTerm {
    unsafe { open_after_wait(env, held, RecordKind::Enter) }
}

unsafe extern "C" fn try_enter_waiting(
    env: *mut ErlNifEnv,
    _: c_int,
    held: Arguments,
) -> ErlNifTerm {
    unsafe { open_after_wait(env, held, RecordKind::TryEnter) }
}

unsafe fn open_after_wait(env: *mut ErlNifEnv, held: Arguments, kind: RecordKind) -> ErlNifTerm {
    unsafe {
        let process = self_word(env);
        let token = with_room(env, *held.add(1), process, kind, |capture, ring| {
            let Some(Entry::Record(point)) = unsigned(env, *held).map(|it| capture.entry(it))
            else {
                return Ok(0);
            };
            capture.open(ring, kind, process, point).map_err(|_| ())
        });
        integer(env, token.unwrap_or(0))
    }
}

/// `[point, token, value or reason, result, kind, ticks]`.
unsafe extern "C" fn close_waiting(env: *mut ErlNifEnv, _: c_int, held: Arguments) -> ErlNifTerm {
    unsafe {
        let kind = unsigned(env, *held.add(4)).and_then(|number| u8::try_from(number).ok());
        let Some(kind) = kind.and_then(RecordKind::from_byte) else {
            return *held.add(3);
        };
        let token = unsigned(env, *held.add(1)).unwrap_or(0);
        let process = self_word(env);
        with_room(env, *held.add(5), process, kind, |capture, ring| {
            let closing = closing(env, capture, held, kind, token);
            capture.close(ring, closing).map_err(|_| ())
        });
        *held.add(3)
    }
}

/// Waits until the rings have room, reading them itself where nobody else does, then writes.
pub(crate) unsafe fn with_room<T>(
    env: *mut ErlNifEnv,
    reached: ErlNifTerm,
    process: u64,
    kind: RecordKind,
    write: impl Fn(&'static Capture, &'static Ring) -> Result<T, ()>,
) -> Option<T> {
    let capture = capture();
    let reached = unsafe { unsigned(env, reached) }.unwrap_or_else(|| capture.clock.now());
    let wait = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let started = std::time::Instant::now();
        while capture.threads.is_pressed() && started.elapsed() < WAIT_MAX {
            // SAFETY: the environment of this call, as long as this call.
            let env = unsafe { rustler::Env::new(&(), env) };
            if capture.ingest(&mut Vm(env), SLICE).is_err() {
                std::thread::sleep(PAUSE_BETWEEN);
            }
        }
    }));
    debug_assert!(wait.is_ok());
    let Some(ring) = ring(capture) else {
        capture.threads.count_no_ring();
        return None;
    };
    capture.pause(ring, process, capture.clock.now().saturating_sub(reached));
    let written = write(capture, ring);
    if written.is_err() {
        ring.count_dropped(kind);
    }
    written.ok()
}

// Terms

/// The third argument, where the probe has one.
unsafe fn third(arguments: Arguments, kind: RecordKind) -> ErlNifTerm {
    match kind {
        RecordKind::Tail => unsafe { *arguments },
        _ => unsafe { *arguments.add(2) },
    }
}

#[inline(always)]
pub(crate) unsafe fn unsigned(env: *mut ErlNifEnv, term: ErlNifTerm) -> Option<u64> {
    // SAFETY: a term of the environment, here and below; and a place for the answer.
    if let Some(int) = unsafe { small_int::get(env, term) } {
        return u64::try_from(int).ok();
    }
    let mut value = 0;
    (unsafe { sys::enif_get_uint64(env, term, &mut value) } != 0).then_some(value)
}

#[inline(always)]
pub(crate) unsafe fn integer(env: *mut ErlNifEnv, value: u64) -> ErlNifTerm {
    // SAFETY: the environment is the caller's.
    unsafe { small_int::make(env, value) }
}

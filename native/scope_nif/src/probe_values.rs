//! The probes that take values along: arguments, results, variables, expressions, messages, exceptions.
//!
//! As the other probes they are raw NIFs that allocate nothing. A value is encoded into a buffer of the thread, within
//! the bounds of its point, and what must not be seen is taken out before it reaches the ring.

use rustler::codegen_runtime::inventory;
use rustler::sys::{self, ErlNifEnv, ErlNifTerm, c_int};
use scope_core::capture::config::CaptureConfig;
use scope_core::capture::record::RecordKind;
use scope_core::capture::ring::{Full, Ring};
use scope_core::capture::{Capture, Closing, Entry, NO_REASON};

use crate::capture::{admits, existing, ring, self_word};
use crate::probe::{Arguments, DIRTY, Waiting, integer, unsigned, with_room};
use crate::values::{self, Head};
use crate::{atoms, raw_nif};

raw_nif!(c"probe_enter", 2, enter);
raw_nif!(c"probe_exit_value", 3, exit_value);

/// What a probe's arguments are: `[point, token?, ...]`.
#[derive(Clone, Copy)]
struct Shape {
    kind: RecordKind,
    name: &'static std::ffi::CStr,
    arguments: usize,
    /// Where the token is; without one the event belongs to the innermost open activation of the point's function.
    token: bool,
    blob: Blob,
    waiting: Waiting,
}

/// What is taken along. Numbers are positions among the arguments that follow point and token.
#[derive(Clone, Copy)]
enum Blob {
    None,
    Value(usize),
    /// Who it goes to, and the message.
    Sent,
    /// The message.
    Taken,
    /// The message, and the caller as OTP names him.
    Handled,
    /// Kind and reason, as a pair.
    Raised,
}

macro_rules! within_nif {
    ($function:ident, $waiting:ident, $name:literal, $arity:literal, $kind:ident, $token:literal, $blob:expr) => {
        raw_nif!($name, $arity, $function);

        unsafe extern "C" fn $function(
            env: *mut ErlNifEnv,
            _: c_int,
            arguments: Arguments,
        ) -> ErlNifTerm {
            const SHAPE: Shape = Shape {
                kind: RecordKind::$kind,
                name: $name,
                arguments: $arity,
                token: $token,
                blob: $blob,
                waiting: $waiting,
            };
            unsafe {
                match record(env, arguments, &SHAPE, None) {
                    Some(held) => held,
                    None => SHAPE.gives(arguments),
                }
            }
        }

        unsafe extern "C" fn $waiting(
            env: *mut ErlNifEnv,
            _: c_int,
            held: Arguments,
        ) -> ErlNifTerm {
            const SHAPE: Shape = Shape {
                kind: RecordKind::$kind,
                name: $name,
                arguments: $arity,
                token: $token,
                blob: $blob,
                waiting: $waiting,
            };
            unsafe {
                record(env, held, &SHAPE, Some(*held.add($arity)));
                SHAPE.gives(held)
            }
        }
    };
}

within_nif!(
    bind,
    bind_waiting,
    c"probe_bind",
    3,
    Bind,
    true,
    Blob::Value(0)
);
within_nif!(
    bind_inside,
    bind_inside_waiting,
    c"probe_bind",
    2,
    Bind,
    false,
    Blob::Value(0)
);
within_nif!(
    trace,
    trace_waiting,
    c"probe_trace",
    3,
    Value,
    true,
    Blob::Value(0)
);
within_nif!(
    trace_inside,
    trace_inside_waiting,
    c"probe_trace",
    2,
    Value,
    false,
    Blob::Value(0)
);
within_nif!(
    branch,
    branch_waiting,
    c"probe_branch",
    2,
    Choice,
    true,
    Blob::None
);
within_nif!(
    branch_inside,
    branch_inside_waiting,
    c"probe_branch",
    1,
    Choice,
    false,
    Blob::None
);
within_nif!(send, send_waiting, c"probe_send", 4, Send, true, Blob::Sent);
within_nif!(
    send_inside,
    send_inside_waiting,
    c"probe_send",
    3,
    Send,
    false,
    Blob::Sent
);
within_nif!(
    receive,
    receive_waiting,
    c"probe_receive",
    3,
    Receive,
    true,
    Blob::Taken
);
within_nif!(
    receive_inside,
    receive_inside_waiting,
    c"probe_receive",
    2,
    Receive,
    false,
    Blob::Taken
);
within_nif!(
    handle,
    handle_waiting,
    c"probe_handle",
    4,
    Receive,
    true,
    Blob::Handled
);
within_nif!(
    raised,
    raised_waiting,
    c"probe_raised",
    4,
    Raise,
    true,
    Blob::Raised
);
within_nif!(
    raised_inside,
    raised_inside_waiting,
    c"probe_raised",
    3,
    Raise,
    false,
    Blob::Raised
);
within_nif!(
    custom,
    custom_waiting,
    c"probe_custom",
    3,
    Custom,
    true,
    Blob::Value(0)
);

impl Shape {
    /// The value that is traced goes on; the others say `:ok`.
    #[inline(always)]
    unsafe fn gives(&self, arguments: Arguments) -> ErlNifTerm {
        match self.kind {
            RecordKind::Value => unsafe { *arguments.add(self.arguments - 1) },
            _ => atoms::ok().as_c_arg(),
        }
    }
}

/// Records what happened; a term when the process has to wait for room, which is then what the NIF gives.
#[inline(always)]
unsafe fn record(
    env: *mut ErlNifEnv,
    arguments: Arguments,
    shape: &Shape,
    reached: Option<ErlNifTerm>,
) -> Option<ErlNifTerm> {
    unsafe {
        let capture = existing().filter(|capture| capture.is_active())?;
        let token = match shape.token {
            // Token 0: the activation was not recorded, so neither is what happens in it.
            true => unsigned(env, *arguments.add(1))
                // The user's own code inside a function value has no token.
                .filter(|token| *token != 0 || shape.kind == RecordKind::Custom)?,
            false => 0,
        };
        let Entry::Record(point) = capture.entry(unsigned(env, *arguments)?) else {
            return None;
        };
        let process = self_word(env);
        if capture.ignored.holds(process) {
            return None;
        }
        let Some(ring) = ring(capture) else {
            capture.threads.count_no_ring();
            return None;
        };
        let closing = Closing {
            kind: shape.kind,
            process,
            token,
            point,
            reason: NO_REASON,
        };
        let values = arguments.add(1 + usize::from(shape.token));
        if let Some(reached) = reached {
            with_room(env, reached, process, shape.kind, |capture, ring| {
                write(env, capture, ring, closing, shape.blob, values).map_err(|_| ())
            });
            return None;
        }
        if !admits(capture, point, ring) {
            return None;
        }
        match write(env, capture, ring, closing, shape.blob, values) {
            Ok(()) => None,
            Err(Full) if capture.waits() => Some(wait(env, capture, arguments, shape)),
            Err(Full) => {
                ring.count_dropped(shape.kind);
                None
            }
        }
    }
}

#[inline(always)]
unsafe fn write(
    env: *mut ErlNifEnv,
    capture: &'static Capture,
    ring: &'static Ring,
    closing: Closing,
    blob: Blob,
    values: Arguments,
) -> Result<(), Full> {
    unsafe {
        // Nothing is encoded for a ring that has no room.
        if !ring.has_room(closing.kind) {
            return Err(Full);
        }
        let config = config_of(capture, closing.point);
        let kept;
        let bytes = match blob {
            Blob::None => return capture.close(ring, closing),
            Blob::Value(at) => match values::short(env, *values.add(at), &config) {
                Some(short) => {
                    kept = short.to_bytes();
                    &kept[..short.len()]
                }
                None => values::encode(env, *values.add(at), &config),
            },
            Blob::Sent => {
                let (to, message) = (*values, *values.add(1));
                let (key, tag) = values::message_key(env, message);
                let peer = values::peer(env, to);
                values::encode_with(env, Head { peer, key, tag }, message, &config)
            }
            Blob::Taken => {
                let message = *values;
                let (key, tag) = values::message_key(env, message);
                values::encode_with(env, Head { peer: 0, key, tag }, message, &config)
            }
            Blob::Handled => {
                let (message, from) = (*values, *values.add(1));
                let head = values::handled(env, message, from);
                values::encode_with(env, head, message, &config)
            }
            Blob::Raised => values::encode_pair(env, *values, *values.add(1), &config),
        };
        capture.close_with(ring, closing, bytes)
    }
}

#[cold]
unsafe fn wait(
    env: *mut ErlNifEnv,
    capture: &'static Capture,
    arguments: Arguments,
    shape: &Shape,
) -> ErlNifTerm {
    unsafe {
        let now = integer(env, capture.clock.now());
        let mut held = [now; 6];
        for (at, slot) in held.iter_mut().enumerate().take(shape.arguments) {
            *slot = *arguments.add(at);
        }
        let count = shape.arguments as c_int + 1;
        sys::enif_schedule_nif(
            env,
            shape.name.as_ptr(),
            DIRTY,
            shape.waiting,
            count,
            held.as_ptr(),
        )
    }
}

/// How much of a value is taken along at a point.
#[inline(always)]
fn config_of(capture: &Capture, point: u32) -> CaptureConfig {
    let gate = match capture.points.is_gated(point) {
        true => capture.gates.get(point),
        false => None,
    };
    gate.and_then(|gate| gate.config()).unwrap_or_default()
}

// Entries and exits.

/// `[point, arguments]`.
unsafe extern "C" fn enter(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        match enter_now(env, arguments) {
            Some(given) => given,
            None => integer(env, 0),
        }
    }
}

#[inline(always)]
unsafe fn enter_now(env: *mut ErlNifEnv, arguments: Arguments) -> Option<ErlNifTerm> {
    unsafe {
        let capture = existing().filter(|capture| capture.is_active())?;
        let Entry::Record(point) = capture.entry(unsigned(env, *arguments)?) else {
            return None;
        };
        let process = self_word(env);
        if capture.ignored.holds(process) {
            return None;
        }
        let Some(ring) = ring(capture) else {
            capture.threads.count_no_ring();
            return None;
        };
        if !admits(capture, point, ring) {
            return None;
        }
        match open(env, capture, ring, process, point, *arguments.add(1)) {
            Ok(token) => Some(integer(env, token)),
            Err(Full) if capture.waits() => {
                let held = [
                    *arguments,
                    *arguments.add(1),
                    integer(env, capture.clock.now()),
                ];
                Some(sys::enif_schedule_nif(
                    env,
                    c"probe_enter".as_ptr(),
                    DIRTY,
                    enter_waiting,
                    3,
                    held.as_ptr(),
                ))
            }
            Err(Full) => {
                ring.count_dropped(RecordKind::Enter);
                None
            }
        }
    }
}

#[inline(always)]
unsafe fn open(
    env: *mut ErlNifEnv,
    capture: &'static Capture,
    ring: &'static Ring,
    process: u64,
    point: u32,
    list: ErlNifTerm,
) -> Result<u64, Full> {
    if !ring.has_room(RecordKind::Enter) {
        return Err(Full);
    }
    let config = config_of(capture, point);
    let kept;
    let bytes = match unsafe { values::short_list(env, list, &config) } {
        Some(short) => {
            kept = short.to_bytes();
            &kept[..short.len()]
        }
        None => unsafe { values::encode_list(env, list, &config) },
    };
    capture.open_with(ring, RecordKind::Enter, process, point, bytes)
}

/// `[point, arguments, ticks]`.
unsafe extern "C" fn enter_waiting(env: *mut ErlNifEnv, _: c_int, held: Arguments) -> ErlNifTerm {
    unsafe {
        let process = self_word(env);
        let (kind, reached) = (RecordKind::Enter, *held.add(2));
        let token = with_room(env, reached, process, kind, |capture, ring| {
            let entry = unsigned(env, *held).map(|literal| capture.entry(literal));
            match entry {
                Some(Entry::Record(point)) => {
                    open(env, capture, ring, process, point, *held.add(1)).map_err(|_| ())
                }
                _ => Ok(0),
            }
        });
        integer(env, token.unwrap_or(0))
    }
}

/// `[point, token, value]`: what was recorded is ended even when capture is off by now.
unsafe extern "C" fn exit_value(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        let value = *arguments.add(2);
        let token = unsigned(env, *arguments.add(1)).unwrap_or(0);
        let (true, Some(capture)) = (token != 0, existing()) else {
            return value;
        };
        let Some(ring) = ring(capture) else {
            capture.threads.count_no_ring();
            return value;
        };
        let closing = ending(env, capture, arguments, token);
        match write(
            env,
            capture,
            ring,
            closing,
            Blob::Value(0),
            arguments.add(2),
        ) {
            Ok(()) => value,
            Err(Full) if capture.waits() => {
                let now = integer(env, capture.clock.now());
                let held = [*arguments, *arguments.add(1), value, now];
                sys::enif_schedule_nif(
                    env,
                    c"probe_exit_value".as_ptr(),
                    DIRTY,
                    exit_value_waiting,
                    4,
                    held.as_ptr(),
                )
            }
            Err(Full) => {
                ring.count_dropped(RecordKind::Exit);
                value
            }
        }
    }
}

unsafe fn ending(
    env: *mut ErlNifEnv,
    capture: &Capture,
    arguments: Arguments,
    token: u64,
) -> Closing {
    unsafe {
        let literal = unsigned(env, *arguments);
        let point = literal.and_then(|literal| capture.points.resolve(literal));
        Closing {
            kind: RecordKind::Exit,
            process: self_word(env),
            token,
            point: point.unwrap_or(u32::MAX),
            reason: NO_REASON,
        }
    }
}

/// `[point, token, value, ticks]`.
unsafe extern "C" fn exit_value_waiting(
    env: *mut ErlNifEnv,
    _: c_int,
    held: Arguments,
) -> ErlNifTerm {
    unsafe {
        let token = unsigned(env, *held.add(1)).unwrap_or(0);
        let (process, kind) = (self_word(env), RecordKind::Exit);
        with_room(env, *held.add(3), process, kind, |capture, ring| {
            let closing = ending(env, capture, held, token);
            write(env, capture, ring, closing, Blob::Value(0), held.add(2)).map_err(|_| ())
        });
        *held.add(2)
    }
}

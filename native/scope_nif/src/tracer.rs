//! The VM's own tracing, into the same rings: this module of NIFs is an `erl_tracer`.
//!
//! The VM asks (`enabled`) and then tells (`trace`), in whatever thread something happens, often without a process: so
//! nothing here asks who is running, allocates, locks, blocks or can panic. A function's point is made when it is first
//! seen; from then on it is found without a lock. What finds no room is dropped and counted.
//!
//! The state of the tracer is the trace's id, an integer. A trace that is over, or that nobody knows any more,
//! answers `remove` and `discard`: the VM lets go of it.

use std::mem::MaybeUninit;

use rustler::codegen_runtime::inventory;
use rustler::sys::{self, ErlNifEnv, ErlNifPid, ErlNifTerm, c_int};
use scope_core::capture::points::FunctionKey;
use scope_core::capture::record::RecordKind;
use scope_core::capture::ring::Ring;
use scope_core::capture::traces::{self, Trace};
use scope_core::capture::tracing::Traced;
use scope_core::capture::{Capture, ForeignKey, NO_REASON};

use crate::capture::{existing, ring, term_word};
use crate::probe::{reason_class, unsigned};
use crate::tracer_blob as blob;
use crate::{atoms, capture, raw_nif, values};

type Arguments = *const ErlNifTerm;

raw_nif!(c"enabled", 3, enabled);
raw_nif!(c"enabled_call", 3, enabled_call);
raw_nif!(c"enabled_send", 3, enabled_event);
raw_nif!(c"enabled_receive", 3, enabled_event);
raw_nif!(c"enabled_procs", 3, enabled_event);
raw_nif!(c"enabled_running_procs", 3, enabled_event);
raw_nif!(c"enabled_garbage_collection", 3, enabled_event);
raw_nif!(c"trace", 5, ignored);
raw_nif!(c"trace_call", 5, call);
raw_nif!(c"trace_send", 5, send);
raw_nif!(c"trace_receive", 5, receive);
raw_nif!(c"trace_procs", 5, procs);
raw_nif!(c"trace_running_procs", 5, running);
raw_nif!(c"trace_garbage_collection", 5, garbage_collection);

/// What a trace records, as bits of its options.
pub const ENDS: u64 = 1;
pub const ARGUMENTS: u64 = 2;
pub const RESULTS: u64 = 4;
pub const MESSAGES: u64 = 8;

// Asked: `(tag, trace, tracee)`.

/// # Safety
/// As a NIF: `arguments` holds what the arity says, in the environment `env`. So for all of this module.
unsafe extern "C" fn enabled(env: *mut ErlNifEnv, _: c_int, arguments: Arguments) -> ErlNifTerm {
    unsafe {
        if !is(*arguments, atoms::trace_status()) {
            return atoms::discard().as_c_arg();
        }
        match trace_of(env, arguments) {
            Some((_, trace, _)) if trace.is_on() => atoms::trace().as_c_arg(),
            _ => atoms::remove().as_c_arg(),
        }
    }
}

unsafe extern "C" fn enabled_event(
    env: *mut ErlNifEnv,
    _: c_int,
    arguments: Arguments,
) -> ErlNifTerm {
    match unsafe { wanted(env, arguments) } {
        Some(_) => atoms::trace().as_c_arg(),
        None => atoms::discard().as_c_arg(),
    }
}

/// A call that is not recorded must not be traced to its end either: so it is refused here when there is no room.
unsafe extern "C" fn enabled_call(
    env: *mut ErlNifEnv,
    _: c_int,
    arguments: Arguments,
) -> ErlNifTerm {
    let Some(capture) = (unsafe { wanted(env, arguments) }) else {
        return atoms::discard().as_c_arg();
    };
    match ring(capture) {
        Some(ring) if ring.has_room(RecordKind::Enter) => atoms::trace().as_c_arg(),
        Some(ring) => {
            ring.count_dropped(RecordKind::Enter);
            atoms::discard().as_c_arg()
        }
        None => {
            capture.threads.count_no_ring();
            atoms::discard().as_c_arg()
        }
    }
}

#[inline(always)]
unsafe fn wanted(env: *mut ErlNifEnv, arguments: Arguments) -> Option<&'static Capture> {
    unsafe {
        let (capture, trace, _) = trace_of(env, arguments)?;
        let process = local_pid(env, *arguments.add(2))?;
        let now = capture.clock.now();
        (!capture.ignored.holds(process) && trace.admits(now)).then_some(capture)
    }
}

#[inline(always)]
unsafe fn trace_of(
    env: *mut ErlNifEnv,
    arguments: Arguments,
) -> Option<(&'static Capture, &'static Trace, u32)> {
    let capture = existing()?;
    let id = unsafe { unsigned(env, *arguments.add(1)) }?;
    Some((capture, capture.traces.get(id)?, traces::number_of(id)))
}

// Told: `(tag, trace, tracee, what, options)`.

/// Ports and whatever later versions of the VM may tell.
unsafe extern "C" fn ignored(_: *mut ErlNifEnv, _: c_int, _: Arguments) -> ErlNifTerm {
    atoms::ok().as_c_arg()
}

/// An event as it was told.
struct Told {
    env: *mut ErlNifEnv,
    capture: &'static Capture,
    trace: &'static Trace,
    number: u32,
    process: u64,
    tag: ErlNifTerm,
    what: ErlNifTerm,
    options: ErlNifTerm,
}

impl Told {
    #[inline(always)]
    unsafe fn new(env: *mut ErlNifEnv, arguments: Arguments) -> Option<Told> {
        unsafe {
            let (capture, trace, number) = trace_of(env, arguments)?;
            Some(Told {
                env,
                capture,
                trace,
                number,
                process: local_pid(env, *arguments.add(2))?,
                tag: *arguments,
                what: *arguments.add(3),
                options: *arguments.add(4),
            })
        }
    }

    #[inline(always)]
    fn is(&self, tag: rustler::Atom) -> bool {
        is(self.tag, tag)
    }

    fn records(&self, bit: u64) -> bool {
        self.trace.options() & bit != 0
    }

    /// What the VM adds to an event.
    unsafe fn option(&self, key: rustler::Atom) -> Option<ErlNifTerm> {
        let mut found = self.options;
        // SAFETY: terms of the environment, and a place for the answer.
        let there =
            unsafe { sys::enif_get_map_value(self.env, self.options, key.as_c_arg(), &mut found) };
        (there != 0).then_some(found)
    }

    fn traced(&self, kind: RecordKind, point: u32) -> Traced {
        Traced {
            kind,
            process: self.process,
            point,
            trace: self.number,
            reason: NO_REASON,
        }
    }

    /// The thread's ring; without one the event is counted as lost.
    #[inline(always)]
    fn ring(&self) -> Option<&'static Ring> {
        let found = ring(self.capture);
        if found.is_none() {
            self.capture.threads.count_no_ring();
        }
        found
    }

    /// Counts and records an event of a process.
    fn event(&self, kind: RecordKind, blob: Option<&[u8]>) {
        self.trace.take();
        if let Some(ring) = self.ring() {
            let _ = self
                .capture
                .process_event(ring, self.traced(kind, u32::MAX), blob);
        }
    }
}

macro_rules! told {
    ($name:ident, $told:ident, $body:block) => {
        unsafe extern "C" fn $name(
            env: *mut ErlNifEnv,
            _: c_int,
            arguments: Arguments,
        ) -> ErlNifTerm {
            unsafe {
                if let Some($told) = Told::new(env, arguments) {
                    $body
                }
            }
            atoms::ok().as_c_arg()
        }
    };
}

told!(call, told, {
    if told.is(atoms::call()) {
        called(&told);
    } else if told.is(atoms::return_from()) && told.records(ENDS) {
        let result = told.records(RESULTS).then(|| told.option(atoms::extra()));
        ended(&told, RecordKind::Exit, NO_REASON, result.flatten());
    } else if told.is(atoms::exception_from()) && told.records(ENDS) {
        let thrown = told.option(atoms::extra());
        let value = thrown.and_then(|thrown| blob::element(told.env, thrown, 1));
        let class = value.map_or(NO_REASON, |value| {
            reason_class(told.env, told.capture, value)
        });
        let value = value.filter(|_| told.records(RESULTS));
        ended(&told, RecordKind::ForeignError, class, value);
    } else if told.is(atoms::return_to()) {
        // Where it went on, after a traced function ended: also in code that nobody traces.
        blob::value(told.env, Some(told.what), &blob::BOUNDS, |blob| {
            told.event(RecordKind::ReturnedTo, blob);
        });
    }
});

/// `{module, function, arity or arguments}`.
unsafe fn called(told: &Told) {
    unsafe {
        told.trace.take();
        let Some(([module, name, last], arity)) = mfa(told.env, told.what) else {
            return;
        };
        let (Some(ring), Some(point)) = (told.ring(), point(told, module, name, arity)) else {
            return;
        };
        let traced = told.traced(RecordKind::Enter, point);
        let ends = told.records(ENDS);
        let arguments = told.records(ARGUMENTS).then_some(last);
        let _ = blob::arguments(told.env, arguments, &told.trace.bounds(), |blob| {
            told.capture.foreign_enter(ring, traced, ends, blob)
        });
    }
}

/// `{module, function, arity}`.
unsafe fn ended(told: &Told, kind: RecordKind, reason: u32, value: Option<ErlNifTerm>) {
    unsafe {
        let Some(([module, name, _], arity)) = mfa(told.env, told.what) else {
            return;
        };
        let (Some(ring), Some(point)) = (told.ring(), point(told, module, name, arity)) else {
            return;
        };
        let traced = Traced {
            reason,
            ..told.traced(kind, point)
        };
        let _ = blob::value(told.env, value, &told.trace.bounds(), |blob| {
            told.capture.foreign_end(ring, traced, blob)
        });
    }
}

told!(send, told, {
    let kind = match told.is(atoms::send()) {
        true => RecordKind::MessageSent,
        false => RecordKind::SentToNone,
    };
    let to = told.option(atoms::extra());
    let to = to.map_or(0, |to| values::peer(told.env, to));
    let bounds = told.records(MESSAGES).then(|| told.trace.bounds());
    blob::message(told.env, to, told.what, bounds.as_ref(), |blob| {
        told.event(kind, Some(blob));
    });
});

told!(receive, told, {
    // The sender, where the trace could ask for it.
    let from = told.option(atoms::match_spec_result());
    let from = from.and_then(|from| local_pid(told.env, from)).unwrap_or(0);
    let bounds = told.records(MESSAGES).then(|| told.trace.bounds());
    blob::message(told.env, from, told.what, bounds.as_ref(), |blob| {
        told.event(RecordKind::MessageArrived, Some(blob));
    });
});

told!(procs, told, {
    let kind = [
        (atoms::spawn(), RecordKind::Spawn),
        (atoms::spawned(), RecordKind::Spawned),
        (atoms::exit(), RecordKind::ProcessExit),
        (atoms::link(), RecordKind::Link),
        (atoms::getting_linked(), RecordKind::Link),
        (atoms::unlink(), RecordKind::Unlink),
        (atoms::getting_unlinked(), RecordKind::Unlink),
        (atoms::register(), RecordKind::Register),
        (atoms::unregister(), RecordKind::Unregister),
    ]
    .into_iter()
    .find(|(tag, _)| told.is(*tag));
    match kind {
        Some((_, kind @ (RecordKind::Spawn | RecordKind::Spawned))) => {
            let peer = local_pid(told.env, told.what).unwrap_or(0);
            let function = told.option(atoms::extra());
            blob::spawn(told.env, peer, function, |blob| {
                told.event(kind, Some(blob));
            });
        }
        Some((_, kind @ (RecordKind::Link | RecordKind::Unlink))) => {
            let peer = local_pid(told.env, told.what).unwrap_or(0);
            let by_other = told.is(atoms::getting_linked()) || told.is(atoms::getting_unlinked());
            let how = by_other.then_some(told.tag);
            blob::other(told.env, peer, how, |blob| told.event(kind, Some(blob)));
        }
        Some((_, kind)) => {
            blob::value(told.env, Some(told.what), &told.trace.bounds(), |blob| {
                told.event(kind, blob);
            });
        }
        None => {}
    }
});

told!(running, told, {
    let kind = if told.is(atoms::in_()) || told.is(atoms::in_exiting()) {
        RecordKind::In
    } else {
        RecordKind::Out
    };
    let function = mfa(told.env, told.what).map(|_| told.what);
    blob::value(told.env, function, &blob::BOUNDS, |blob| {
        told.event(kind, blob);
    });
});

told!(garbage_collection, told, {
    let (kind, minor) = if told.is(atoms::gc_minor_start()) {
        (RecordKind::GcBegin, true)
    } else if told.is(atoms::gc_major_start()) {
        (RecordKind::GcBegin, false)
    } else if told.is(atoms::gc_minor_end()) {
        (RecordKind::GcEnd, true)
    } else if told.is(atoms::gc_major_end()) {
        (RecordKind::GcEnd, false)
    } else {
        return atoms::ok().as_c_arg();
    };
    let sizes = blob::gc(told.env, told.what, minor);
    told.event(kind, Some(&sizes));
});

// Terms

#[inline(always)]
fn is(term: ErlNifTerm, atom: rustler::Atom) -> bool {
    term == atom.as_c_arg()
}

/// The word of a local pid.
#[inline(always)]
pub unsafe fn local_pid(env: *mut ErlNifEnv, term: ErlNifTerm) -> Option<u64> {
    let mut pid = MaybeUninit::<ErlNifPid>::uninit();
    // SAFETY: a term of the environment, and a place for the answer, read only when it was filled.
    unsafe {
        (sys::enif_get_local_pid(env, term, pid.as_mut_ptr()) != 0)
            .then(|| capture::pid_to_word(pid.assume_init()))
    }
}

/// The elements of `{module, function, arity or arguments}`, and the arity.
#[inline(always)]
pub unsafe fn mfa(env: *mut ErlNifEnv, term: ErlNifTerm) -> Option<([ErlNifTerm; 3], u32)> {
    unsafe {
        let (mut size, mut elements) = (0, std::ptr::null());
        if sys::enif_get_tuple(env, term, &mut size, &mut elements) == 0 || size != 3 {
            return None;
        }
        let found = [*elements, *elements.add(1), *elements.add(2)];
        let mut arity = 0;
        if let Some(number) = unsigned(env, found[2]) {
            return u32::try_from(number).ok().map(|arity| (found, arity));
        }
        let counted = sys::enif_get_list_length(env, found[2], &mut arity) != 0;
        counted.then_some((found, arity))
    }
}

#[inline(always)]
unsafe fn point(told: &Told, module: ErlNifTerm, name: ErlNifTerm, arity: u32) -> Option<u32> {
    let key = ForeignKey {
        module: term_word(module),
        name: term_word(name),
        arity,
    };
    let text = |term| unsafe { capture::atom_of(told.env, term) };
    let found = told.capture.points.foreign(key, || FunctionKey {
        module: text(module),
        name: text(name),
        arity,
    });
    if found.is_none() {
        told.capture.count_unregistered();
    }
    found
}

//! The capture of this VM, and what it needs of the VM: rings per thread, pids as words, watching processes.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use rustler::sys::{self, ErlNifEnv, ErlNifPid, ErlNifTerm};
use rustler::{Env, LocalPid, Monitor, Resource, ResourceArc, Term};
use scope_core::atoms::Atom;
use scope_core::capture::gate::Dice;
use scope_core::capture::ring::Ring;
use scope_core::capture::{Capture, Host};

static CAPTURE: OnceLock<Capture> = OnceLock::new();

/// The capture, made when first needed (1 MB, some milliseconds: on a dirty scheduler).
pub fn capture() -> &'static Capture {
    CAPTURE.get_or_init(Capture::new)
}

/// The capture, if anybody has needed it yet. One load.
#[inline(always)]
pub fn existing() -> Option<&'static Capture> {
    CAPTURE.get()
}

thread_local! {
    static RING: Cell<Option<&'static Ring>> = const { Cell::new(None) };
    static DICE: Cell<Option<Dice>> = const { Cell::new(None) };
    static OWNER: Cell<Option<Owner>> = const { Cell::new(None) };
}

/// Whether something that begins, or is said, at this point is recorded, as gates and the capture's own limits want it;
/// counted either way.
#[inline(always)]
pub fn admits(capture: &'static Capture, point: u32, ring: &'static Ring) -> bool {
    if !capture.points.is_gated(point) && !capture.gates.is_limited() {
        return true;
    }
    admits_limited(capture, point, ring)
}

fn admits_limited(capture: &'static Capture, point: u32, ring: &'static Ring) -> bool {
    let mut dice = DICE.get().unwrap_or_else(|| {
        // Chance that nobody can foresee, and another for every thread.
        let seed =
            std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ring.next_token());
        Dice::new(seed, ring.number() as usize)
    });
    let admitted = capture.admits(point, ring, &mut dice);
    DICE.set(Some(dice));
    admitted
}

/// Gives the ring back when the thread ends.
struct Owner(&'static Ring);

impl Drop for Owner {
    fn drop(&mut self) {
        RING.set(None);
        self.0.leave();
    }
}

/// The calling thread's ring; claimed at first use, `None` when there are no more.
#[inline(always)]
pub fn ring(capture: &'static Capture) -> Option<&'static Ring> {
    match RING.get() {
        Some(ring) => Some(ring),
        None => claim(capture),
    }
}

#[cold]
fn claim(capture: &'static Capture) -> Option<&'static Ring> {
    let ring = capture.threads.claim()?;
    // SAFETY: the registry of the static capture never lets a ring go, so it lives as long as the VM.
    let ring: &'static Ring = unsafe { &*Arc::as_ptr(&ring) };
    OWNER.set(Some(Owner(ring)));
    RING.set(Some(ring));
    Some(ring)
}

// A local pid and an atom are immediate terms: one machine word, the same in every environment.

#[inline(always)]
pub fn term_word(term: ErlNifTerm) -> u64 {
    // SAFETY: a term is a struct of one word.
    unsafe { std::mem::transmute::<ErlNifTerm, usize>(term) as u64 }
}

#[inline(always)]
pub fn word_term(word: u64) -> ErlNifTerm {
    // SAFETY: as above; who makes a term of it knows that the word was an immediate one.
    unsafe { std::mem::transmute::<usize, ErlNifTerm>(word as usize) }
}

/// The calling process's pid as a word: unique among living processes.
///
/// # Safety
/// `env` belongs to a NIF called by a process.
#[inline(always)]
pub unsafe fn self_word(env: *mut ErlNifEnv) -> u64 {
    let mut pid = MaybeUninit::<ErlNifPid>::uninit();
    // SAFETY: the caller's promise; enif_self fills what it is given. A pid is a struct of one term.
    unsafe {
        sys::enif_self(env, pid.as_mut_ptr());
        std::mem::transmute::<ErlNifPid, usize>(pid.assume_init()) as u64
    }
}

/// The word of a pid that the VM gave.
#[inline(always)]
pub fn pid_to_word(pid: ErlNifPid) -> u64 {
    // SAFETY: a pid is a struct of one word.
    unsafe { std::mem::transmute::<ErlNifPid, usize>(pid) as u64 }
}

/// The core's atom for an atom of the VM.
///
/// # Safety
/// `env` belongs to the call that gave `term`.
pub unsafe fn atom_of(env: *mut ErlNifEnv, term: ErlNifTerm) -> Atom {
    // SAFETY: the caller's promise.
    let term = unsafe { Term::new(Env::new(&(), env), term) };
    scope_core::atoms::intern(&term.atom_to_string().unwrap_or_default())
}

pub fn pid_word(pid: &LocalPid) -> u64 {
    // SAFETY: a pid is a struct of one word.
    unsafe { std::mem::transmute::<ErlNifPid, usize>(*pid.as_c_arg()) as u64 }
}

/// The pid of a word that `self_word` or `pid_word` gave.
pub fn word_pid(word: u64) -> LocalPid {
    // SAFETY: as above.
    LocalPid::from_c_arg(unsafe { std::mem::transmute::<usize, ErlNifPid>(word as usize) })
}

/// What watches processes: its `down` runs where a watched process dies, and only writes a record.
struct Watch;

#[rustler::resource_impl]
impl Resource for Watch {
    fn down<'a>(&'a self, _env: Env<'a>, pid: LocalPid, _monitor: Monitor) {
        if let Some(capture) = existing() {
            capture.down(ring(capture), pid_word(&pid));
        }
    }
}

fn watch() -> &'static ResourceArc<Watch> {
    static WATCH: OnceLock<ResourceArc<Watch>> = OnceLock::new();
    WATCH.get_or_init(|| ResourceArc::new(Watch))
}

/// The VM, as the consumer sees it during one call of a NIF.
pub struct Vm<'a>(pub Env<'a>);

impl Host for Vm<'_> {
    fn monitor(&mut self, process: u64) -> bool {
        self.0.monitor(watch(), &word_pid(process)).is_some()
    }

    fn is_alive(&mut self, process: u64) -> bool {
        word_pid(process).is_alive(self.0)
    }

    fn atom(&mut self, word: u64) -> Option<Atom> {
        // SAFETY: an atom is an immediate term: valid in any environment, for the life of the VM.
        let term = unsafe { Term::new(self.0, word_term(word)) };
        term.atom_to_string()
            .ok()
            .map(|text| scope_core::atoms::intern(&text))
    }
}

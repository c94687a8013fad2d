//! Small integers without a call of the VM: points, tokens, and most numbers of the running program.
//!
//! A small integer is an immediate term: the number, four bits to the left, and a tag. That has been so in every 64-bit
//! VM, but nobody promises it; so the VM is asked once, with numbers of every size, and where its terms are others, each number is
//! asked for.

use std::sync::atomic::{AtomicU8, Ordering};

use rustler::sys::{self, ErlNifEnv, ErlNifTerm};

use crate::capture::{term_word, word_term};

const TAG: u64 = 0xF;
const BITS: u32 = 4;
/// Numbers from here on are left to the VM, though some would fit.
const END: u64 = 1 << 58;

const UNKNOWN: u8 = 0;
const PLAIN: u8 = 1;
const OTHER: u8 = 2;

static TERMS: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The number of a small integer; `None` of anything else, and where one has to ask.
///
/// # Safety
/// `env` is that of the NIF call at hand, the term its own. So for all of this module.
#[inline(always)]
pub unsafe fn get(env: *mut ErlNifEnv, term: ErlNifTerm) -> Option<i64> {
    let word = term_word(term);
    (word & TAG == TAG && unsafe { is_plain(env) }).then_some(word as i64 >> BITS)
}

#[inline(always)]
pub unsafe fn make(env: *mut ErlNifEnv, value: u64) -> ErlNifTerm {
    unsafe {
        match value < END && is_plain(env) {
            true => word_term(value << BITS | TAG),
            false => sys::enif_make_uint64(env, value),
        }
    }
}

#[inline(always)]
unsafe fn is_plain(env: *mut ErlNifEnv) -> bool {
    match TERMS.load(Ordering::Relaxed) {
        UNKNOWN => unsafe { ask(env) },
        known => known == PLAIN,
    }
}

#[cold]
unsafe fn ask(env: *mut ErlNifEnv) -> bool {
    let sizes = (0..58).flat_map(|bit| [1i64 << bit, (1 << bit) - 1, -(1 << bit)]);
    let plain = sizes.into_iter().all(|int| {
        term_word(unsafe { sys::enif_make_int64(env, int) }) == (int << BITS) as u64 | TAG
    });
    TERMS.store(if plain { PLAIN } else { OTHER }, Ordering::Relaxed);
    plain
}

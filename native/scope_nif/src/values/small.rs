//! Values that are written in a register: integers that are no card numbers, atoms, and short lists of arguments of them.
//!
//! Where one of these would be shortened, or is to be looked at more closely, the encoder decides.

use rustler::sys::{ErlNifEnv, ErlNifTerm};
use scope_core::capture::config::{CaptureConfig, Mode};
use scope_core::captured::Short;

use super::term::Heap;
use crate::atoms;
use crate::capture::term_word;

/// Arguments of one list; each has room for any token within `BYTES_MIN`, whatever the others take.
const ARGUMENTS_MAX: u32 = 8;
const BYTES_MIN: u32 = 512;

#[inline(always)]
fn is_plain(config: &CaptureConfig) -> bool {
    matches!(config.mode, Mode::Full | Mode::Truncated) && config.bytes >= BYTES_MIN
}

/// The value, where it is one of these.
#[inline(always)]
pub(super) fn value(
    env: *mut ErlNifEnv,
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> Option<Short> {
    let mut short = Short::new();
    (is_plain(config) && put(Heap(env), term, &mut short)).then_some(short)
}

/// The arguments, where all of them are.
#[inline(always)]
pub(super) fn list(env: *mut ErlNifEnv, list: ErlNifTerm, config: &CaptureConfig) -> Option<Short> {
    if !is_plain(config) {
        return None;
    }
    let (heap, mut short) = (Heap(env), Short::new());
    let (mut rest, mut count) = (list, 0);
    short.list();
    while let Some((head, tail)) = heap.uncons(rest) {
        count += 1;
        if count > ARGUMENTS_MAX || !put(heap, head, &mut short) {
            return None;
        }
        rest = tail;
    }
    (count > 0 && short.end()).then_some(short)
}

#[inline(always)]
fn put(heap: Heap, term: ErlNifTerm, short: &mut Short) -> bool {
    if let Some(int) = heap.small(term) {
        return short.int(int);
    }
    heap.is_atom(term) && term != atoms::withheld().as_c_arg() && short.atom(term_word(term))
}

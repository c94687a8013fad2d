//! The bytes of traced events: heads of a fixed layout, little-endian, then the value.

use rustler::sys::{self, ErlNifEnv, ErlNifTerm};
use scope_core::capture::config::{CaptureConfig, Mode};

use crate::atoms;
use crate::values::{self, Head};

/// What is recorded of a value.
const BOUNDS: CaptureConfig = CaptureConfig::DEFAULT;
const NOTHING: CaptureConfig = CaptureConfig {
    mode: Mode::Off,
    ..CaptureConfig::DEFAULT
};

/// Gives the encoded value, or none where none is wanted.
pub unsafe fn value<T>(
    env: *mut ErlNifEnv,
    value: Option<ErlNifTerm>,
    then: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    match value {
        // SAFETY: the term is of the environment of the NIF at hand, and nothing else is encoded before it is written.
        Some(value) => then(Some(unsafe { values::encode(env, value, &BOUNDS) })),
        None => then(None),
    }
}

/// As `value`, of a list of arguments.
pub unsafe fn arguments<T>(
    env: *mut ErlNifEnv,
    list: Option<ErlNifTerm>,
    then: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    match list {
        // SAFETY: as above.
        Some(list) => then(Some(unsafe { values::encode_list(env, list, &BOUNDS) })),
        None => then(None),
    }
}

/// `peer, key, tag`, then the message where it is wanted.
pub unsafe fn message<T>(
    env: *mut ErlNifEnv,
    peer: u64,
    message: ErlNifTerm,
    wanted: bool,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    // SAFETY: as above.
    unsafe {
        let (key, tag) = values::message_key(env, message);
        let head = Head { peer, key, tag };
        let bounds = if wanted { &BOUNDS } else { &NOTHING };
        then(values::encode_with(env, head, message, bounds))
    }
}

/// `peer`, then `{module, function, arity}` of what is spawned.
pub unsafe fn spawn<T>(
    env: *mut ErlNifEnv,
    peer: u64,
    function: Option<ErlNifTerm>,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    let peer = peer.to_le_bytes();
    // SAFETY: as above. The tuple that is made is a few words, which the VM drops after the call.
    unsafe {
        let named = function.and_then(|function| crate::tracer::mfa(env, function));
        match named {
            Some(([module, name, _], arity)) => {
                let elements = [module, name, sys::enif_make_uint64(env, u64::from(arity))];
                let named = sys::enif_make_tuple_from_array(env, elements.as_ptr(), 3);
                then(values::encode_behind(env, &peer, named, &BOUNDS))
            }
            None => then(&peer),
        }
    }
}

/// `heap_words, old_heap_words, minor` of what the VM tells as `[{name, size}]`.
pub unsafe fn gc(env: *mut ErlNifEnv, sizes: ErlNifTerm, minor: bool) -> [u8; 17] {
    let (mut heap, mut old, mut rest) = (0u64, 0u64, sizes);
    // SAFETY: terms of the environment; cells are read only when they are there.
    unsafe {
        let (mut head, mut tail) = (rest, rest);
        while sys::enif_get_list_cell(env, rest, &mut head, &mut tail) != 0 {
            let name = element(env, head, 0);
            let size = element(env, head, 1).and_then(|size| crate::probe::unsigned(env, size));
            if name == Some(atoms::heap_size().as_c_arg()) {
                heap = size.unwrap_or(0);
            } else if name == Some(atoms::old_heap_size().as_c_arg()) {
                old = size.unwrap_or(0);
            }
            rest = tail;
        }
    }
    let mut bytes = [0; 17];
    bytes[..8].copy_from_slice(&heap.to_le_bytes());
    bytes[8..16].copy_from_slice(&old.to_le_bytes());
    bytes[16] = u8::from(minor);
    bytes
}

/// An element of a pair.
pub unsafe fn element(env: *mut ErlNifEnv, pair: ErlNifTerm, at: usize) -> Option<ErlNifTerm> {
    let (mut size, mut elements) = (0, std::ptr::null());
    // SAFETY: a term of the environment; elements are read only when it is a pair.
    unsafe {
        let found = sys::enif_get_tuple(env, pair, &mut size, &mut elements) != 0;
        (found && size == 2).then(|| *elements.add(at))
    }
}

//! The bytes of traced events: heads of a fixed layout, little-endian, then the value.

use rustler::sys::{self, ErlNifEnv, ErlNifTerm};
use scope_core::capture::config::{CaptureConfig, Mode};

use crate::atoms;
use crate::values::{self, Head};

/// What is recorded of a function's name.
pub const BOUNDS: CaptureConfig = CaptureConfig::DEFAULT;
const NOTHING: CaptureConfig = CaptureConfig {
    mode: Mode::Off,
    ..CaptureConfig::DEFAULT
};

/// Gives the encoded value, or none where none is wanted.
pub unsafe fn value<T>(
    env: *mut ErlNifEnv,
    value: Option<ErlNifTerm>,
    bounds: &CaptureConfig,
    then: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    match value {
        // SAFETY: the term is of the environment of the NIF at hand, and nothing else is encoded before it is written.
        Some(value) => then(Some(unsafe { values::encode(env, value, bounds) })),
        None => then(None),
    }
}

/// As `value`, of a list of arguments.
pub unsafe fn arguments<T>(
    env: *mut ErlNifEnv,
    list: Option<ErlNifTerm>,
    bounds: &CaptureConfig,
    then: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    match list {
        // SAFETY: as above.
        Some(list) => then(Some(unsafe { values::encode_list(env, list, bounds) })),
        None => then(None),
    }
}

/// `peer, key, tag`, then the message where it is wanted.
pub unsafe fn message<T>(
    env: *mut ErlNifEnv,
    peer: u64,
    message: ErlNifTerm,
    wanted: Option<&CaptureConfig>,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    // SAFETY: as above.
    unsafe {
        let (key, tag) = values::message_key(env, message);
        let head = Head { peer, key, tag };
        let bounds = wanted.unwrap_or(&NOTHING);
        then(values::encode_with(env, head, message, bounds))
    }
}

/// `peer`, then how, where it is said: what the other process did, or its death, has a name of its own.
pub unsafe fn other<T>(
    env: *mut ErlNifEnv,
    peer: u64,
    how: Option<ErlNifTerm>,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    let peer = peer.to_le_bytes();
    match how {
        // SAFETY: as above.
        Some(how) => then(unsafe { values::encode_behind(env, &peer, how, &BOUNDS) }),
        None => then(&peer),
    }
}

/// `peer`, then `{module, function, arity}` of what the process is begun with.
pub unsafe fn spawn<T>(
    env: *mut ErlNifEnv,
    peer: u64,
    function: Option<ErlNifTerm>,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    let peer = peer.to_le_bytes();
    // SAFETY: as above. The tuple that is made is a few words, which the VM drops after the call.
    unsafe {
        let named = function.and_then(|function| initial_call(env, function));
        match named {
            Some(([module, name], arity)) => {
                let elements = [module, name, sys::enif_make_uint64(env, u64::from(arity))];
                let named = sys::enif_make_tuple_from_array(env, elements.as_ptr(), 3);
                then(values::encode_behind(env, &peer, named, &BOUNDS))
            }
            None => then(&peer),
        }
    }
}

/// What a process is begun with, as `proc_lib:translate_initial_call/1` says it: of a behaviour its callback module's
/// `init/1`, of anything else that OTP starts the function itself.
unsafe fn initial_call(
    env: *mut ErlNifEnv,
    function: ErlNifTerm,
) -> Option<([ErlNifTerm; 2], u32)> {
    // SAFETY: terms of the environment, looked at only as what they are found to be.
    unsafe {
        let ([module, name, arguments], arity) = crate::tracer::mfa(env, function)?;
        let is = |term: ErlNifTerm, atom: rustler::Atom| term == atom.as_c_arg();
        if !is(module, atoms::proc_lib()) || !is(name, atoms::init_p()) {
            return Some(([module, name], arity));
        }
        // Parent, ancestors, module, function, arguments.
        let mut given = [arguments; 5];
        if elements(env, arguments, &mut given) != 5 {
            return Some(([module, name], arity));
        }
        let [_, _, module, name, arguments] = given;
        let mut inner = [arguments; 7];
        let count = elements(env, arguments, &mut inner);
        if !is(module, atoms::gen_module()) || !is(name, atoms::init_it()) {
            return Some(([module, name], count));
        }
        // Behaviour, starter, parent, perhaps a name, the callback module, its argument, options.
        match count {
            6 | 7 => Some(([inner[count as usize - 3], atoms::init().as_c_arg()], 1)),
            _ => Some(([module, name], count)),
        }
    }
}

/// The first elements of a list; gives its length.
unsafe fn elements(env: *mut ErlNifEnv, list: ErlNifTerm, into: &mut [ErlNifTerm]) -> u32 {
    let (mut length, mut rest) = (0, list);
    // SAFETY: as above; cells are read only when they are there.
    unsafe {
        if sys::enif_get_list_length(env, list, &mut length) == 0 {
            return 0;
        }
        for place in into {
            let (mut head, mut tail) = (rest, rest);
            if sys::enif_get_list_cell(env, rest, &mut head, &mut tail) == 0 {
                break;
            }
            *place = head;
            rest = tail;
        }
    }
    length
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

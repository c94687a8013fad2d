//! How a message is recognised where it is sent, where it arrives and where it is handled.
//!
//! Calls and replies of OTP carry a reference that nothing else carries: it alone is the key, so the request, the
//! callback that is given `from`, and the reply have the same. Everything else is recognised by what it is: a hash of its
//! first terms, which takes as long for a large message as for a small one.

use rustler::sys::{self, ErlNifEnv, ErlNifTerm, ErlNifTermType as T};

use super::Head;
use super::term::{Heap, Pairs};
use crate::atoms;
use crate::capture::term_word;

/// What a message looks like.
mod tag {
    pub const PLAIN: u8 = 0;
    pub const CALL: u8 = 1;
    pub const CAST: u8 = 2;
    pub const REPLY: u8 = 3;
    pub const DOWN: u8 = 4;
    pub const EXIT: u8 = 5;
    pub const OTHER: u8 = 6;
}

/// Terms and bytes that a hash looks at.
const TERMS_MAX: usize = 48;
const BYTES_MAX: usize = 128;

/// Key (never 0) and tag of a message.
///
/// # Safety
/// `env` is that of the NIF call at hand, the term its own.
pub unsafe fn message_key(env: *mut ErlNifEnv, message: ErlNifTerm) -> (u64, u8) {
    let heap = Heap(env);
    let Some(elements) = heap.tuple(message) else {
        return (hash(heap, message), tag::PLAIN);
    };
    match elements {
        [what, from, _] if *what == atoms::gen_call().as_c_arg() => match caller(heap, *from) {
            Some((_, key)) => (key, tag::CALL),
            None => (hash(heap, message), tag::PLAIN),
        },
        // What is cast is all that the callback is given.
        [what, cast] if *what == atoms::gen_cast().as_c_arg() => {
            (unsafe { message_key(env, *cast) }.0, tag::CAST)
        }
        [reference, _] => match reference_key(heap, *reference) {
            Some(key) => (key, tag::REPLY),
            None => (hash(heap, message), tag::PLAIN),
        },
        [what, reference, _, _, _] if *what == atoms::down().as_c_arg() => {
            let key = reference_key(heap, *reference);
            (key.unwrap_or_else(|| hash(heap, message)), tag::DOWN)
        }
        [what, _, _] if *what == atoms::exit_upper().as_c_arg() => (hash(heap, message), tag::EXIT),
        [what, ..] if *what == atoms::system().as_c_arg() => (hash(heap, message), tag::OTHER),
        _ => (hash(heap, message), tag::PLAIN),
    }
}

/// The head of a message that a callback of OTP was given: of a call by its `from`, of anything else by the message.
///
/// # Safety
/// As of [`message_key`].
pub unsafe fn handled(env: *mut ErlNifEnv, message: ErlNifTerm, from: ErlNifTerm) -> Head {
    match caller(Heap(env), from) {
        Some((peer, key)) => Head {
            peer,
            key,
            tag: tag::CALL,
        },
        None => {
            let (key, tag) = unsafe { message_key(env, message) };
            Head { peer: 0, key, tag }
        }
    }
}

/// Word of the process that a message goes to: a pid of this node or a registered name; 0 when it is none.
///
/// # Safety
/// As of [`message_key`].
pub unsafe fn peer(env: *mut ErlNifEnv, to: ErlNifTerm) -> u64 {
    let heap = Heap(env);
    if let Some(word) = heap.local_pid(to) {
        return word;
    }
    if !heap.is_atom(to) {
        return 0;
    }
    let mut pid = std::mem::MaybeUninit::<sys::ErlNifPid>::uninit();
    unsafe {
        match sys::enif_whereis_pid(env, to, pid.as_mut_ptr()) {
            0 => 0,
            // A pid is a struct of one term.
            _ => std::mem::transmute::<sys::ErlNifPid, usize>(pid.assume_init()) as u64,
        }
    }
}

/// Process and key of a `from`, `{pid, tag}`.
fn caller(heap: Heap, from: ErlNifTerm) -> Option<(u64, u64)> {
    let [pid, tag] = heap.tuple(from)? else {
        return None;
    };
    let key = reference_key(heap, *tag)?;
    Some((heap.local_pid(*pid).unwrap_or(0), key))
}

/// The key of a reference, or of what OTP 24 and later put in its place: `[:alias | reference]`, `[[:alias | reference] |
/// _]`.
fn reference_key(heap: Heap, term: ErlNifTerm) -> Option<u64> {
    let mut term = term;
    for _ in 0..3 {
        match heap.kind(term) {
            T::ERL_NIF_TERM_TYPE_REFERENCE => return Some(whole(heap, term)),
            T::ERL_NIF_TERM_TYPE_LIST => {
                let (head, tail) = heap.uncons(term)?;
                term = match heap.is_atom(head) {
                    true => tail,
                    false => head,
                };
            }
            _ => return None,
        }
    }
    None
}

/// The VM's own hash: for terms of one or two words.
fn whole(heap: Heap, term: ErlNifTerm) -> u64 {
    let one = unsafe { sys::enif_hash(sys::ErlNifHash::ERL_NIF_INTERNAL_HASH, term, 1) };
    let two = unsafe { sys::enif_hash(sys::ErlNifHash::ERL_NIF_PHASH2, term, 0) };
    let _ = heap;
    mix(one ^ two << 32) | 1
}

#[inline(always)]
fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    value ^ value >> 29
}

/// A hash of the first terms, breadth first, never 0.
fn hash(heap: Heap, term: ErlNifTerm) -> u64 {
    let mut terms = [term; TERMS_MAX];
    let (mut at, mut end) = (0, 1);
    let mut bytes_left = BYTES_MAX;
    let mut hash = 0u64;
    while at < end {
        let term = terms[at];
        at += 1;
        let kind = heap.kind(term);
        let mut add = |term: ErlNifTerm| {
            if end < TERMS_MAX {
                terms[end] = term;
                end += 1;
            }
        };
        let part = match kind {
            T::ERL_NIF_TERM_TYPE_ATOM => term_word(term),
            T::ERL_NIF_TERM_TYPE_INTEGER => match heap.small(term) {
                Some(int) => int as u64,
                None => 7,
            },
            T::ERL_NIF_TERM_TYPE_FLOAT => heap.float(term).to_bits(),
            T::ERL_NIF_TERM_TYPE_BITSTRING => match heap.binary(term) {
                Some(bytes) => {
                    let kept = &bytes[..bytes.len().min(bytes_left)];
                    bytes_left -= kept.len();
                    hash_bytes(kept) ^ bytes.len() as u64
                }
                None => 11,
            },
            T::ERL_NIF_TERM_TYPE_LIST => {
                let mut rest = term;
                let mut count = 0;
                while count < TERMS_MAX
                    && let Some((head, tail)) = heap.uncons(rest)
                {
                    add(head);
                    count += 1;
                    rest = tail;
                }
                count as u64
            }
            T::ERL_NIF_TERM_TYPE_TUPLE => {
                let elements = heap.tuple(term).unwrap_or_default();
                elements.iter().take(TERMS_MAX).for_each(|it| add(*it));
                elements.len() as u64
            }
            T::ERL_NIF_TERM_TYPE_MAP => {
                if let Some(mut pairs) = Pairs::new(heap, term) {
                    for _ in 0..TERMS_MAX / 4 {
                        let Some((key, value)) = pairs.next() else {
                            break;
                        };
                        add(key);
                        add(value);
                    }
                }
                heap.map_size(term).unwrap_or(0) as u64
            }
            T::ERL_NIF_TERM_TYPE_PID
            | T::ERL_NIF_TERM_TYPE_PORT
            | T::ERL_NIF_TERM_TYPE_REFERENCE => whole(heap, term),
            // A function's hash goes through all that it holds.
            _ => 13,
        };
        hash = mix(hash.rotate_left(7) ^ part ^ (kind as u64) << 56);
    }
    hash | 1
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let chunks = bytes.chunks(8);
    chunks.fold(0, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash ^ u64::from_le_bytes(word))
    })
}

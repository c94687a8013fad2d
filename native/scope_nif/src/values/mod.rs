//! Values of the running program as bytes: what probes, traces and notes take along, and how it is read back.
//!
//! Encoding happens in the process that has the value, on a normal scheduler: within bounds, without recursion, into a
//! buffer of the thread. What must not be seen is taken out here, before anything reaches a ring ([`policy`]).

mod decode;
mod encoder;
mod keys;
mod nifs;
mod policy;
mod run;
mod small;
mod term;
mod text;

pub use decode::decode;
pub use keys::{handled, message_key, peer};

use std::cell::UnsafeCell;

use rustler::sys::{ErlNifEnv, ErlNifTerm};
use scope_core::capture::config::{CaptureConfig, Mode};
use scope_core::captured::{Short, format};

use encoder::Encoder;

/// What stands before the value of a message: the other process (0: not known), and how it is recognised.
pub struct Head {
    pub peer: u64,
    pub key: u64,
    pub tag: u8,
}

thread_local! {
    static ENCODER: UnsafeCell<Encoder> = const { UnsafeCell::new(Encoder::new()) };
    static SHORT: UnsafeCell<[u8; Short::ROOM]> = const { UnsafeCell::new([0; Short::ROOM]) };
}

/// Encodes into the thread's buffer, which lives as long as the thread and is overwritten by its next value.
///
/// # Safety
/// `env` is that of the NIF call at hand, terms are its own. A NIF is left before the next one is called on this thread, so nobody else
/// has the buffer; what is given is read before another value is encoded.
#[inline]
unsafe fn with<'a>(run: impl FnOnce(&mut Encoder)) -> &'a [u8] {
    ENCODER.with(|encoder| unsafe {
        let encoder = &mut *encoder.get();
        encoder.begin();
        run(encoder);
        let bytes = encoder.bytes();
        std::slice::from_raw_parts(bytes.as_ptr(), bytes.len())
    })
}

/// A value that needs no place in memory: what most are.
///
/// # Safety
/// As of [`with`].
#[inline(always)]
pub unsafe fn short(
    env: *mut ErlNifEnv,
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> Option<Short> {
    small::value(env, term, config)
}

/// As `short`, of a list of arguments.
///
/// # Safety
/// As of [`with`].
#[inline(always)]
pub unsafe fn short_list(
    env: *mut ErlNifEnv,
    list: ErlNifTerm,
    config: &CaptureConfig,
) -> Option<Short> {
    small::list(env, list, config)
}

/// The bytes of a short value, in a place of the thread's.
///
/// # Safety
/// As of [`with`].
#[inline(always)]
unsafe fn keep<'a>(short: Short) -> &'a [u8] {
    SHORT.with(|kept| unsafe {
        *kept.get() = short.to_bytes();
        let kept: &[u8; Short::ROOM] = &*kept.get();
        &kept[..short.len()]
    })
}

/// One value; nothing when values are off here. A small one does not need the encoder.
///
/// # Safety
/// As of [`with`], here and below.
#[inline(always)]
pub unsafe fn encode<'a>(
    env: *mut ErlNifEnv,
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    match small::value(env, term, config) {
        Some(short) => unsafe { keep(short) },
        None => unsafe { encode_any(env, term, config) },
    }
}

#[inline(never)]
unsafe fn encode_any<'a>(
    env: *mut ErlNifEnv,
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    if config.mode == Mode::Off {
        return &[];
    }
    unsafe { with(|encoder| encoder.value(env, term, config)) }
}

/// A list of arguments: what one leaves of the bytes is shared by those that follow.
#[inline(always)]
pub unsafe fn encode_list<'a>(
    env: *mut ErlNifEnv,
    list: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    match small::list(env, list, config) {
        Some(short) => unsafe { keep(short) },
        None => unsafe { encode_any_list(env, list, config) },
    }
}

#[inline(never)]
unsafe fn encode_any_list<'a>(
    env: *mut ErlNifEnv,
    list: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    if config.mode == Mode::Off {
        return &[];
    }
    unsafe { with(|encoder| encoder.arguments(env, list, config)) }
}

/// As `encode`, of `{first, second}`, without building the pair.
pub unsafe fn encode_pair<'a>(
    env: *mut ErlNifEnv,
    first: ErlNifTerm,
    second: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    if config.mode == Mode::Off {
        return &[];
    }
    unsafe {
        with(|encoder| {
            format::put_tuple(encoder.out(), 2);
            encoder.value(env, first, config);
            encoder.value(env, second, config);
        })
    }
}

/// As `encode`, behind a head; the head is there even when values are off.
pub unsafe fn encode_with<'a>(
    env: *mut ErlNifEnv,
    head: Head,
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    unsafe {
        with(|encoder| {
            let out = encoder.out();
            out.extend_from_slice(&head.peer.to_le_bytes());
            out.extend_from_slice(&head.key.to_le_bytes());
            out.push(head.tag);
            if config.mode != Mode::Off {
                encoder.value(env, term, config);
            }
        })
    }
}

/// As `encode`, behind bytes of the caller's.
pub unsafe fn encode_behind<'a>(
    env: *mut ErlNifEnv,
    head: &[u8],
    term: ErlNifTerm,
    config: &CaptureConfig,
) -> &'a [u8] {
    unsafe {
        with(|encoder| {
            encoder.out().extend_from_slice(head);
            if config.mode != Mode::Off {
                encoder.value(env, term, config);
            }
        })
    }
}

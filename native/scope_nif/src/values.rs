//! What the probes need of the encoder of values. Until it is there events are recorded without their values.

use rustler::sys::{ErlNifEnv, ErlNifTerm};
use scope_core::capture::config::CaptureConfig;

/// What stands before the value of a message.
#[allow(dead_code)]
pub struct Head {
    pub peer: u64,
    pub key: u64,
    pub tag: u8,
}

pub unsafe fn encode<'a>(_: *mut ErlNifEnv, _: ErlNifTerm, _: &CaptureConfig) -> &'a [u8] {
    &[]
}

/// A list of arguments: each within a budget that all share.
pub unsafe fn encode_list<'a>(_: *mut ErlNifEnv, _: ErlNifTerm, _: &CaptureConfig) -> &'a [u8] {
    &[]
}

/// As `encode`, of `{first, second}`, without building the pair.
pub unsafe fn encode_pair<'a>(
    _: *mut ErlNifEnv,
    _: ErlNifTerm,
    _: ErlNifTerm,
    _: &CaptureConfig,
) -> &'a [u8] {
    &[]
}

/// As `encode`, behind a head.
pub unsafe fn encode_with<'a>(
    _: *mut ErlNifEnv,
    _: Head,
    _: ErlNifTerm,
    _: &CaptureConfig,
) -> &'a [u8] {
    &[]
}

/// Key and tag of a message.
pub unsafe fn message_key(_: *mut ErlNifEnv, _: ErlNifTerm) -> (u64, u8) {
    (0, 0)
}

/// Word of the process that a message goes to: a pid, a registered name, `{name, node()}`; 0 when it is none here.
pub unsafe fn peer(_: *mut ErlNifEnv, _: ErlNifTerm) -> u64 {
    0
}

/// The head of a message that a callback of OTP handles: of a call by its `from`, of anything else by the message
/// (`from` is then `:cast`, `:info`, ...).
pub unsafe fn handled(_: *mut ErlNifEnv, _: ErlNifTerm, _: ErlNifTerm) -> Head {
    Head {
        peer: 0,
        key: 0,
        tag: 0,
    }
}

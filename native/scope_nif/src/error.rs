//! The one place where a core error becomes a term:
//! `{:error, {reason, message, hint_or_nil, details}}`, which `ElixirScope.Core.wrap/1` turns into an
//! `ElixirScope.Error`.

use rustler::{Encoder, Env, Term};
use scope_core::error::Error;

use crate::atoms;

/// `{:error, {reason, message, hint, details}}`.
pub fn encode<'a>(env: Env<'a>, error: &Error) -> Term<'a> {
    let reason = match error {
        Error::LimitExceeded { .. } => atoms::limit_exceeded(),
        Error::NotFound { .. } | Error::Gone { .. } => atoms::not_found(),
        Error::Conflict { .. } => atoms::conflict(),
        Error::Busy { .. } => atoms::busy(),
        Error::Invalid { .. } => atoms::invalid_argument(),
        Error::Corrupt { .. } => atoms::corrupt(),
        Error::Unknown { .. } => atoms::unknown(),
        Error::Timeout { .. } => atoms::timeout(),
        Error::Cancelled { .. } => atoms::cancelled(),
        // The enum is non-exhaustive; a variant without a reason of its own is still an error.
        _ => atoms::failed(),
    };
    let hint = match hint(error) {
        Some(text) => text.encode(env),
        None => rustler::types::atom::nil().encode(env),
    };
    (
        atoms::error(),
        (reason, error.to_string(), hint, details(env, error)),
    )
        .encode(env)
}

/// `:ok`, `{:ok, value}` or the error.
pub fn reply<'a, T: Encoder>(env: Env<'a>, result: scope_core::error::Result<T>) -> Term<'a> {
    match result {
        Ok(value) => (atoms::ok(), value).encode(env),
        Err(error) => encode(env, &error),
    }
}

/// `:ok` or the error.
pub fn reply_ok<'a>(env: Env<'a>, result: scope_core::error::Result<()>) -> Term<'a> {
    match result {
        Ok(()) => atoms::ok().encode(env),
        Err(error) => encode(env, &error),
    }
}

fn hint(error: &Error) -> Option<String> {
    match error {
        Error::LimitExceeded { what, .. } => {
            Some(format!("raise the limit of {what}, or store less"))
        }
        Error::Gone { build, .. } => Some(format!(
            "its code as it was is there for build: \"{}\"",
            &build[..build.len().min(12)]
        )),
        Error::Conflict { .. } => Some("read it again and repeat the change".into()),
        Error::Busy { .. } => Some("try again when the other has finished".into()),
        Error::Corrupt { .. } => {
            Some("save the repository again, or import the project anew".into())
        }
        Error::Unknown {
            nearest: Some(nearest),
            ..
        } => Some(format!("did you mean {nearest}?")),
        Error::Timeout { .. } => Some("ask for less, or raise the timeout".into()),
        _ => None,
    }
}

fn details<'a>(env: Env<'a>, error: &Error) -> Term<'a> {
    let mut map = Term::map_new(env);
    let mut put = |key: rustler::Atom, value: Term<'a>| {
        if let Ok(next) = map.map_put(key, value) {
            map = next;
        }
    };
    match error {
        Error::LimitExceeded { what, limit } => {
            put(atoms::what(), what.encode(env));
            put(atoms::limit(), limit.encode(env));
        }
        Error::Gone {
            what,
            file,
            build,
            at_ns,
            around,
        } => {
            put(atoms::what(), what.encode(env));
            put(atoms::file(), file.encode(env));
            put(atoms::build(), build.encode(env));
            put(atoms::removed_at_ns(), at_ns.encode(env));
            put(atoms::around(), around.encode(env));
        }
        Error::Unknown {
            what,
            name,
            nearest,
        } => {
            put(atoms::what(), what.encode(env));
            put(atoms::name(), name.encode(env));
            put(atoms::nearest(), nearest.encode(env));
        }
        Error::Timeout { what, limit_ms } => {
            put(atoms::what(), what.encode(env));
            put(atoms::limit_ms(), limit_ms.encode(env));
        }
        Error::NotFound { what }
        | Error::Conflict { what }
        | Error::Busy { what }
        | Error::Invalid { what, .. } => {
            put(atoms::what(), what.encode(env));
        }
        _ => {}
    }
    map
}

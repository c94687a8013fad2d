//! Two versions of a source: what changed, and what became of ids.

use rustler::{Env, Term};
use scope_core::diff::{forwarded, match_units, module_values, survival};
use scope_core::error::{Error, Result};

use crate::error::reply;
use crate::terms::value_to_term;

use super::nifs::unit;

/// Modules with their changes, as maps.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_diff<'a>(env: Env<'a>, old: Term<'a>, new: Term<'a>) -> Term<'a> {
    let diff = || {
        let (old, new) = (unit(old)?, unit(new)?);
        let matching = match_units(&old, &new);
        value_to_term(env, &module_values(&old, &new, &matching))
    };
    reply(env, diff())
}

/// `[{id, new_id | nil}]`, of these ids, or of every node when `ids` is `nil`.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_forward<'a>(env: Env<'a>, old: Term<'a>, new: Term<'a>, ids: Term<'a>) -> Term<'a> {
    let forward = || {
        let (old, new) = (unit(old)?, unit(new)?);
        let matching = match_units(&old, &new);
        let ids = match rustler::types::atom::nil() == ids {
            true => None,
            false => Some(texts(ids)?),
        };
        value_to_term(env, &forwarded(&old, &new, &matching, ids.as_deref()))
    };
    reply(env, forward())
}

fn texts<'a>(list: Term<'a>) -> Result<Vec<&'a str>> {
    list.decode().map_err(|_| Error::Invalid {
        what: "ids",
        detail: "they are no list of texts".to_string(),
    })
}

/// Counts of what became of every id.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_survival<'a>(env: Env<'a>, old: Term<'a>, new: Term<'a>) -> Term<'a> {
    let counts = || {
        let (old, new) = (unit(old)?, unit(new)?);
        let matching = match_units(&old, &new);
        value_to_term(env, &survival(&old, &new, &matching))
    };
    reply(env, counts())
}

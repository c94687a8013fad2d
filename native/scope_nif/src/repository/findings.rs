//! What is worth a second look.

use rustler::{Env, Term};
use scope_core::error::{Error, Result};
use scope_core::smells::{Smell, Thresholds};
use scope_core::store::{FindingsAsked, catalog, findings};

use super::args;
use super::repository_of;
use crate::error::reply;
use crate::terms::value_to_term;

/// `{:ok, [%CodeSmell{}]}`. `kinds` are atoms (none: all), `thresholds` pairs of a name and an integer.
#[rustler::nif(schedule = "DirtyCpu")]
fn smells_find<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    kinds: Term<'a>,
    thresholds: Term<'a>,
    tests: bool,
) -> Term<'a> {
    let found = || {
        let repository = repository_of(handle)?;
        let asked = FindingsAsked {
            kinds: args::list(kinds, "kinds")?
                .map(kind)
                .collect::<Result<_>>()?,
            thresholds: read_thresholds(thresholds)?,
            tests,
        };
        value_to_term(env, &findings(&repository, &asked))
    };
    reply(env, found())
}

/// `{:ok, [%{kind:, why:, instead:, source:, thresholds:}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn smells_catalog(env: Env<'_>) -> Term<'_> {
    reply(env, value_to_term(env, &catalog()))
}

fn kind(term: Term<'_>) -> Result<Smell> {
    let name = args::atom(term, "kind")?;
    Smell::named(name.text()).ok_or_else(|| unknown("kind of finding", name.text()))
}

fn read_thresholds(term: Term<'_>) -> Result<Thresholds> {
    let mut all = Thresholds::default();
    for item in args::list(term, "thresholds")? {
        let pair = args::tuple(item, "thresholds")?;
        let [name, value] = pair[..] else {
            return Err(args::invalid("thresholds", "an item is no pair"));
        };
        let name = args::atom(name, "thresholds")?;
        let value: u32 = value
            .decode()
            .map_err(|_| args::invalid("thresholds", "a value is no integer from 0 on"))?;
        if !all.set(name.text(), value) {
            return Err(unknown("threshold", name.text()));
        }
    }
    Ok(all)
}

fn unknown(what: &'static str, name: &str) -> Error {
    Error::Unknown {
        what,
        name: name.to_owned(),
        nearest: None,
    }
}

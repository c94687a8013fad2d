//! What modules declare and mean: of a parsed source, and of what a repository holds.

use rustler::{Env, Term};
use scope_core::declare::{OneFile, metadata_value};
use scope_core::error::Error;
use scope_core::semantics::{Aspect, Judge, collect, meaning_value};
use scope_core::value::Value;

use crate::error::reply;
use crate::repository::{args, repository_of};
use crate::sources::unit;
use crate::terms::value_to_term;

/// A `%ModuleMetadata{}` for each module of a source.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_metadata<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let metadata = || {
        let unit = unit(source)?;
        let of_file = OneFile(unit.clone());
        let modules = 0..unit.modules().len() as u32;
        let all = modules.map(|module| metadata_value(&unit, module, &of_file));
        value_to_term(env, &Value::List(all.collect()))
    };
    reply(env, metadata())
}

/// The `%ModuleMetadata{}` of a module.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_metadata<'a>(env: Env<'a>, handle: Term<'a>, name: Term<'a>) -> Term<'a> {
    let metadata = || {
        let repository = repository_of(handle)?;
        let (unit, module) = repository
            .definition(args::atom(name, "module_name")?)
            .ok_or(Error::NotFound { what: "module" })?;
        value_to_term(env, &metadata_value(&unit, module, &*repository))
    };
    reply(env, metadata())
}

/// A `%ModuleMeaning{}` for each module of a source.
#[rustler::nif(schedule = "DirtyCpu")]
fn source_meaning<'a>(env: Env<'a>, source: Term<'a>) -> Term<'a> {
    let meaning = || {
        let unit = unit(source)?;
        let of_file = OneFile(unit.clone());
        let judge = Judge::new(&of_file);
        let modules = 0..unit.modules().len() as u32;
        let all = modules.map(|module| meaning_value(&unit, module, &judge));
        value_to_term(env, &Value::List(all.collect()))
    };
    reply(env, meaning())
}

/// The `%ModuleMeaning{}` of a module.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_meaning<'a>(env: Env<'a>, handle: Term<'a>, name: Term<'a>) -> Term<'a> {
    let meaning = || {
        let repository = repository_of(handle)?;
        let (unit, module) = repository
            .definition(args::atom(name, "module_name")?)
            .ok_or(Error::NotFound { what: "module" })?;
        let judge = Judge::new(&*repository);
        value_to_term(env, &meaning_value(&unit, module, &judge))
    };
    reply(env, meaning())
}

/// Every concept (`:concepts`), rule (`:rules`) or pattern (`:patterns`) of the repository, as structs.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_meanings<'a>(env: Env<'a>, handle: Term<'a>, what: Term<'a>) -> Term<'a> {
    let meanings = || {
        let repository = repository_of(handle)?;
        let aspect = match args::atom(what, "kind of meaning")?.text() {
            "concepts" => Aspect::Concepts,
            "rules" => Aspect::Rules,
            "patterns" => Aspect::Patterns,
            _ => return Err(args::invalid("kind of meaning", "it is none")),
        };
        let judge = Judge::new(&*repository);
        let mut all = Vec::new();
        for record in repository.modules().iter() {
            if let Some((unit, module, _)) = record.definition() {
                collect(unit, module, &judge, aspect, &mut all);
            }
        }
        value_to_term(env, &Value::List(all))
    };
    reply(env, meanings())
}

//! What modules declare and mean: of a parsed source, and of what a repository holds.

use rustler::{Env, Term};
use scope_core::declare::{OneFile, metadata_value};
use scope_core::error::Error;
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

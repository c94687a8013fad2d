//! Modules and functions: put, get, delete.

use std::sync::Arc;

use rustler::{Encoder, Env, Term};
use scope_core::atoms::{Atom, intern};
use scope_core::error::{Error, Result};
use scope_core::source::Unit;
use scope_core::store::{
    Column, FunctionRow, FunctionWrite, Mode, ModuleRow, ModuleWrite, Source, View,
};
use scope_core::value::Value;

use super::args;
use super::cells;
use super::{points_of, repository_of};
use crate::atoms;
use crate::error::{reply, reply_ok};
use crate::terms::{ast_from_term, atom_to_term};

/// `ast` is `nil` or `{:ast, quoted}`. Gives the new version.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_put_module<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    name: Term<'a>,
    mode: Term<'a>,
    expected: Term<'a>,
    ast: Term<'a>,
    fields: Term<'a>,
) -> Term<'a> {
    reply(env, put_module(handle, name, mode, expected, ast, fields))
}

fn put_module<'a>(
    handle: Term<'a>,
    name: Term<'a>,
    mode: Term<'a>,
    expected: Term<'a>,
    ast: Term<'a>,
    fields: Term<'a>,
) -> Result<u64> {
    let repository = repository_of(handle)?;
    let name = args::atom(name, "module_name")?;
    let fields = args::fields(fields)?;
    let source = match quoted(ast)? {
        Some(quoted) => {
            let unit = unit_of(quoted, file_of(&fields))?;
            let module = unit.find_module(name);
            Some(Some(Source { unit, module }))
        }
        // A replacement without code has no code; a patch leaves it as it is.
        None => None,
    };
    repository.put_module(ModuleWrite {
        name,
        mode: args::mode(mode)?,
        expected: args::maybe(expected, |term| args::count(term, "version"))?,
        source,
        fields,
    })
}

/// Stores every module that the quoted code defines. Gives their names.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_put_quoted<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    quoted: Term<'a>,
    file: Term<'a>,
) -> Term<'a> {
    reply(env, put_quoted(env, handle, quoted, file))
}

fn put_quoted<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    quoted: Term<'a>,
    file: Term<'a>,
) -> Result<Vec<Term<'a>>> {
    let repository = repository_of(handle)?;
    let file = args::maybe(file, |term| args::text(term, "file"))?;
    let unit = unit_of(quoted, file)?;
    let mut names: Vec<(Atom, u32)> = Vec::new();
    for (number, module) in unit.modules().iter().enumerate() {
        if !module.dynamic && module.occurrence == 1 {
            names.push((module.name, number as u32));
        }
    }
    if names.is_empty() {
        return Err(args::invalid("quoted code", "it defines no module"));
    }
    let limit = repository.limits().modules_max;
    let fresh = names
        .iter()
        .filter(|(name, _)| repository.module(*name).is_none())
        .count();
    // All or nothing: a module that does not fit keeps the others out as well.
    if repository.stats().modules as usize + fresh > limit {
        return Err(Error::LimitExceeded {
            what: "modules (max_modules)",
            limit: limit as u64,
        });
    }
    for (name, module) in &names {
        repository.put_module(ModuleWrite {
            name: *name,
            mode: Mode::Replace,
            expected: None,
            source: Some(Some(Source {
                unit: unit.clone(),
                module: Some(*module),
            })),
            fields: Vec::new(),
        })?;
    }
    names
        .iter()
        .map(|(name, _)| atom_to_term(env, *name))
        .collect()
}

/// `{:ok, {version, fields}}`, with these fields.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_get_module<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    name: Term<'a>,
    wanted: Term<'a>,
) -> Term<'a> {
    reply(env, get_module(env, handle, name, wanted))
}

fn get_module<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    name: Term<'a>,
    wanted: Term<'a>,
) -> Result<(u64, Term<'a>)> {
    let repository = repository_of(handle)?;
    let record = repository
        .module(args::atom(name, "module_name")?)
        .ok_or(Error::NotFound { what: "module" })?;
    let view = View::of_one(&repository, &points_of);
    let version = record.version;
    let row = ModuleRow::new(&view, record);
    let names = args::path(wanted)?;
    let cells = names
        .iter()
        .filter_map(|name| Column::new(&[*name]))
        .map(|column| row.cell(&column));
    let values = cells
        .map(|cell| cells::cell(env, &cell))
        .collect::<Result<Vec<_>>>()?;
    Ok((version, cells::record(env, &names, &values)?))
}

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_delete_module<'a>(env: Env<'a>, handle: Term<'a>, name: Term<'a>) -> Term<'a> {
    let deleted = repository_of(handle)
        .and_then(|repository| repository.delete_module(args::atom(name, "module_name")?));
    reply_ok(env, deleted)
}

/// As `repository_put_module`, for a function.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_put_function<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    key: Term<'a>,
    mode: Term<'a>,
    expected: Term<'a>,
    ast: Term<'a>,
    fields: Term<'a>,
) -> Term<'a> {
    let put = || {
        let repository = repository_of(handle)?;
        repository.put_function(FunctionWrite {
            key: args::function_key(key)?,
            mode: args::mode(mode)?,
            expected: args::maybe(expected, |term| args::count(term, "version"))?,
            ast: quoted(ast)?.map(ast_from_term).transpose()?.map(Arc::new),
            fields: args::fields(fields)?,
        })
    };
    reply(env, put())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_get_function<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    key: Term<'a>,
    wanted: Term<'a>,
) -> Term<'a> {
    reply(env, get_function(env, handle, key, wanted))
}

fn get_function<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    key: Term<'a>,
    wanted: Term<'a>,
) -> Result<(u64, Term<'a>)> {
    let repository = repository_of(handle)?;
    let view = View::of_one(&repository, &points_of);
    let row = FunctionRow::find(&view, &args::function_key(key)?)
        .ok_or(Error::NotFound { what: "function" })?;
    let names = args::path(wanted)?;
    let cells = names
        .iter()
        .filter_map(|name| Column::new(&[*name]))
        .map(|column| row.cell(&column));
    let values = cells
        .map(|cell| cells::cell(env, &cell))
        .collect::<Result<Vec<_>>>()?;
    Ok((row.version(), cells::record(env, &names, &values)?))
}

/// `nil`, or `{:ast, quoted}`.
pub(super) fn quoted(term: Term<'_>) -> Result<Option<Term<'_>>> {
    args::maybe(term, |term| {
        let pair = args::tuple(term, "ast")?;
        match pair[..] {
            [tag, quoted] if atoms::ast() == tag => Ok(quoted),
            _ => Err(args::invalid("ast", "it is neither nil nor {:ast, quoted}")),
        }
    })
}

pub(super) fn unit_of(quoted: Term<'_>, file: Option<&str>) -> Result<Arc<Unit>> {
    Unit::build(file, None, ast_from_term(quoted)?).map(Arc::new)
}

/// What the caller says the code came from.
pub(super) fn file_of(fields: &[(Atom, Value)]) -> Option<&str> {
    let name = intern("source_file");
    fields
        .iter()
        .find(|(field, _)| *field == name)
        .and_then(|(_, value)| match value {
            Value::Binary(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        })
}

impl super::RepositoryHandle {
    pub(super) fn term(self, env: Env<'_>) -> Term<'_> {
        rustler::ResourceArc::new(self).encode(env)
    }
}

//! Changes of a live repository: batches, and where files belong.

use std::sync::Arc;

use rustler::{Encoder, Env, Term};
use scope_core::atoms::intern;
use scope_core::capture::points::FunctionKey;
use scope_core::error::{Error, Result};
use scope_core::store::{
    Applied, ChangeKind, FileChange, FunctionWrite, Mode, ModuleWrite, Operation, Source,
};
use scope_core::value::Value;

use super::projects::parsed;
use super::records::{file_of, quoted, unit_of};
use super::{args, repository_of};
use crate::atoms;
use crate::error::{self, reply};
use crate::terms::{ast_from_term, value_to_term};

/// The directories that were imported, sorted.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_roots<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let roots = || {
        let roots = repository_of(handle)?.roots();
        Ok(roots
            .iter()
            .map(|root| root.to_string())
            .collect::<Vec<_>>())
    };
    reply(env, roots())
}

/// The version that is read now.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_version<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    reply(
        env,
        repository_of(handle).map(|repository| repository.version()),
    )
}

/// `{root, path}` of a stored file, by its absolute path.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_file_place<'a>(env: Env<'a>, handle: Term<'a>, path: Term<'a>) -> Term<'a> {
    let place = || {
        let repository = repository_of(handle)?;
        let place = repository.file_place(args::text(path, "path")?);
        let (root, path) = place.ok_or(Error::NotFound { what: "file" })?;
        Ok((root.to_string(), path))
    };
    reply(env, place())
}

/// All operations or none. `as_of` is a version that was read, or nil. `{:ok, {version, changes}}`,
/// `{:rejected, index, error}` when one operation is to blame, or an error.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_apply<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    operations: Term<'a>,
    as_of: Term<'a>,
) -> Term<'a> {
    match apply(env, handle, operations, as_of) {
        Ok(applied) => (atoms::ok(), applied).encode(env),
        Err((Some(at), fault)) => {
            (atoms::rejected(), at as u64, error::encode(env, &fault)).encode(env)
        }
        Err((None, fault)) => error::encode(env, &fault),
    }
}

fn apply<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    operations: Term<'a>,
    as_of: Term<'a>,
) -> std::result::Result<(u64, Term<'a>), (Option<usize>, Error)> {
    let outside = |error| (None, error);
    let repository = repository_of(handle).map_err(outside)?;
    let as_of = args::maybe(as_of, |term| args::count(term, "version")).map_err(outside)?;
    let terms = args::list(operations, "operations").map_err(outside)?;
    let mut decoded = Vec::new();
    for (at, term) in terms.enumerate() {
        decoded.push(operation(term).map_err(|error| (Some(at), error))?);
    }
    let Applied { version, files } = repository.apply(decoded, as_of)?;
    let changes = Value::List(files.iter().map(change).collect());
    Ok((version, value_to_term(env, &changes).map_err(outside)?))
}

fn operation(term: Term<'_>) -> Result<Operation> {
    let parts = args::tuple(term, "operation")?;
    let (tag, rest) = parts
        .split_first()
        .ok_or_else(|| args::invalid("operation", "it is empty"))?;
    let tag = args::atom(*tag, "operation")?;
    Ok(match (tag.text(), rest) {
        ("file", &[root, unit, lines]) => Operation::File(
            Arc::from(args::text(root, "root")?),
            parsed((unit, lines).encode(term.get_env()))?,
        ),
        ("remove_file", &[path]) => Operation::RemoveFile(args::text(path, "path")?.to_owned()),
        ("module", &[name, mode, expected, ast, fields]) => {
            let name = args::atom(name, "module_name")?;
            let fields = args::fields(fields)?;
            let source = match quoted(ast)? {
                Some(quoted) => {
                    let unit = unit_of(quoted, file_of(&fields))?;
                    let module = unit.find_module(name);
                    Some(Some(Source { unit, module }))
                }
                None => None,
            };
            Operation::Module(ModuleWrite {
                name,
                mode: args::mode(mode)?,
                expected: version(expected)?,
                source,
                fields,
            })
        }
        ("delete_module", &[name]) => Operation::DeleteModule(args::atom(name, "module_name")?),
        ("function", &[key, mode, expected, ast, fields]) => {
            let key: FunctionKey = args::function_key(key)?;
            let mode: Mode = args::mode(mode)?;
            Operation::Function(FunctionWrite {
                key,
                mode,
                expected: version(expected)?,
                ast: quoted(ast)?.map(ast_from_term).transpose()?.map(Arc::new),
                fields: args::fields(fields)?,
            })
        }
        ("delete_function", &[key]) => Operation::DeleteFunction(args::function_key(key)?),
        ("correlation", &[id, node]) => Operation::Correlation(
            args::correlation_id(id)?,
            args::text(node, "ast_node_id")?.to_owned(),
        ),
        ("insight", &[node, fields]) => Operation::Insight(
            args::text(node, "ast_node_id")?.to_owned(),
            args::fields(fields)?,
        ),
        _ => return Err(args::invalid("operation", "it is none of this library")),
    })
}

fn version(term: Term<'_>) -> Result<Option<u64>> {
    args::maybe(term, |term| args::count(term, "version"))
}

/// `%{path:, kind:, modules: [{name, kind}], functions: [{key, kind}]}`.
fn change(change: &FileChange) -> Value {
    let modules = change.modules.iter();
    let modules = modules.map(|(name, kind)| Value::Tuple(vec![Value::Atom(*name), word(*kind)]));
    let functions = change.functions.iter().map(|(key, kind)| {
        let key = Value::Tuple(vec![
            Value::Atom(key.module),
            Value::Atom(key.name),
            Value::Int(i64::from(key.arity)),
        ]);
        Value::Tuple(vec![key, word(*kind)])
    });
    Value::record(vec![
        (intern("path"), Value::text(&change.path)),
        (intern("kind"), word(change.kind)),
        (intern("modules"), Value::List(modules.collect())),
        (intern("functions"), Value::List(functions.collect())),
    ])
}

fn word(kind: ChangeKind) -> Value {
    Value::Atom(intern(match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Reformatted => "reformatted",
        ChangeKind::Renamed => "renamed",
        ChangeKind::Removed => "removed",
        ChangeKind::Unchanged => "unchanged",
    }))
}

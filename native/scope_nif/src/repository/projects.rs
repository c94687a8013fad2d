//! Projects: which files are known, and new ones put in.

use rustler::{Env, ResourceArc, Term};
use scope_core::atoms::intern;
use scope_core::error::Result;
use scope_core::store::Parsed;
use scope_core::value::Value;

use super::args;
use super::repository_of;
use crate::error::{reply, reply_ok};
use crate::sources::SourceUnit;
use crate::terms::value_to_term;

/// The paths of a project's files.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_files<'a>(env: Env<'a>, handle: Term<'a>, root: Term<'a>) -> Term<'a> {
    let files = || Ok(repository_of(handle)?.file_paths(args::text(root, "root")?));
    reply(env, files())
}

/// Whether this very text is stored of a file.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_unchanged<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    root: Term<'a>,
    path: Term<'a>,
    text: Term<'a>,
) -> Term<'a> {
    let unchanged = || {
        let repository = repository_of(handle)?;
        let (root, path) = (args::text(root, "root")?, args::text(path, "path")?);
        Ok(repository.is_text_of_file(root, path, args::bytes(text, "text")?))
    };
    reply(env, unchanged())
}

/// Computes what follows from each file of one of `parts` equal shares of them, and, for the last share, what joins them.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_index<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    part: Term<'a>,
    parts: Term<'a>,
) -> Term<'a> {
    let index = || {
        let repository = repository_of(handle)?;
        let parts = args::count(parts, "parts")?.max(1) as usize;
        let part = args::count(part, "part")? as usize;
        let units = repository.units();
        let share = units.iter().skip(part).step_by(parts);
        share.for_each(|unit| unit.index());
        if part + 1 == parts {
            repository.graphs(|_| ());
        }
        Ok(())
    };
    reply_ok(env, index())
}

/// `units` is `[{unit, lines}]`, `removed` a list of paths. Gives the counts of the project.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_commit_import<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    root: Term<'a>,
    units: Term<'a>,
    removed: Term<'a>,
) -> Term<'a> {
    let commit = || {
        let repository = repository_of(handle)?;
        let parsed = args::list(units, "units")?
            .map(parsed)
            .collect::<Result<Vec<_>>>()?;
        let removed = args::list(removed, "paths")?
            .map(|path| Ok(args::text(path, "path")?.to_owned()))
            .collect::<Result<Vec<_>>>()?;
        let imported = repository.import(args::text(root, "root")?, parsed, &removed)?;
        value_to_term(
            env,
            &Value::record(vec![
                (intern("modules"), Value::count(imported.modules)),
                (intern("functions"), Value::count(imported.functions)),
                (intern("nodes"), Value::count(imported.nodes)),
            ]),
        )
    };
    reply(env, commit())
}

pub(super) fn parsed(term: Term<'_>) -> Result<Parsed> {
    let pair = args::tuple(term, "unit")?;
    let [unit, lines] = pair[..] else {
        return Err(args::invalid("unit", "it is not {unit, lines}"));
    };
    let unit = unit
        .decode::<ResourceArc<SourceUnit>>()
        .map_err(|_| args::invalid("unit", "it is no parsed source of this library"))?;
    let lines = u32::try_from(args::count(lines, "lines")?).unwrap_or(u32::MAX);
    Ok(Parsed {
        unit: unit.unit.clone(),
        lines,
    })
}

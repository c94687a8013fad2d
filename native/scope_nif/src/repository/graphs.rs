//! `compiled_build`, `graph_*`: what spans files.

use std::sync::Arc;

use rustler::{Env, ResourceArc, Term};
use scope_core::atoms::{Atom, intern};
use scope_core::compiled::{Compiled, Dependency, extract, info};
use scope_core::error::Result;
use scope_core::store::{CallOptions, Level, Of, call_graph, cycle_values, dependency_graph};
use scope_core::value::Value;

use super::args;
use super::repository_of;
use crate::error::reply;
use crate::terms::{ast_from_term, value_from_term, value_to_term};

/// What is known of a compiled module, held by Elixir until a repository takes it.
pub struct CompiledModule(pub Arc<Compiled>);

#[rustler::resource_impl]
impl rustler::Resource for CompiledModule {}

/// From the definitions of a module's debug information and a map of what else is known of it.
#[rustler::nif(schedule = "DirtyCpu")]
fn compiled_build<'a>(env: Env<'a>, definitions: Term<'a>, told: Term<'a>) -> Term<'a> {
    let build = || {
        let told = info(&value_from_term(told)?)?;
        let compiled = extract(&ast_from_term(definitions)?, told)?;
        Ok(ResourceArc::new(CompiledModule(Arc::new(compiled))))
    };
    reply(env, build())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_put_compiled<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    root: Term<'a>,
    modules: Term<'a>,
) -> Term<'a> {
    let put = || {
        let repository = repository_of(handle)?;
        let module = |term: Term<'a>| {
            let module = term
                .decode::<ResourceArc<CompiledModule>>()
                .map_err(|_| args::invalid("module", "it is no compiled module of this library"))?;
            Ok(module.0.clone())
        };
        let modules = args::list(modules, "modules")?
            .map(module)
            .collect::<Result<Vec<_>>>()?;
        let count = modules.len() as u64;
        repository.put_compiled(args::text(root, "root")?, modules)?;
        Ok(count)
    };
    reply(env, put())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn repository_stale_modules<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let stale = || value_to_term(env, &atoms(repository_of(handle)?.stale_modules()));
    reply(env, stale())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn graph_calls<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    external: Term<'a>,
    dynamic: Term<'a>,
) -> Term<'a> {
    let graph = || {
        let options = CallOptions {
            external: flag(external, "external")?,
            dynamic: flag(dynamic, "dynamic")?,
        };
        let graph = call_graph(&*repository_of(handle)?, options);
        value_to_term(env, &graph)
    };
    reply(env, graph())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn graph_dependencies<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    level: Term<'a>,
    external: Term<'a>,
) -> Term<'a> {
    let graph = || {
        let level = match args::atom(level, "level")?.text() {
            "modules" => Level::Modules,
            "files" => Level::Files,
            _ => return Err(args::invalid("level", "it is neither :modules nor :files")),
        };
        let external = flag(external, "external")?;
        let graph = dependency_graph(&*repository_of(handle)?, level, external);
        value_to_term(env, &graph)
    };
    reply(env, graph())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn graph_cycles<'a>(env: Env<'a>, handle: Term<'a>, of: Term<'a>, least: Term<'a>) -> Term<'a> {
    let found = || {
        let least = Dependency::from_text(args::atom(least, "kind")?.text())
            .ok_or_else(|| args::invalid("kind", "it is none of :compile, :export, :runtime"))?;
        let of = match args::atom(of, "of")?.text() {
            "modules" => Of::Modules(least),
            "files" => Of::Files(least),
            "functions" => Of::Functions,
            _ => {
                return Err(args::invalid(
                    "of",
                    "it is none of :modules, :files, :functions",
                ));
            }
        };
        value_to_term(env, &cycle_values(&*repository_of(handle)?, of))
    };
    reply(env, found())
}

/// Modules of which the exports have to be known.
#[rustler::nif(schedule = "DirtyCpu")]
fn graph_wanted_exports<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let wanted = || {
        let wanted = repository_of(handle)?.graphs(|index| index.wanted_exports());
        value_to_term(env, &atoms(wanted))
    };
    reply(env, wanted())
}

/// `exports` is `[{module, [{name, arity}]}]`.
#[rustler::nif(schedule = "DirtyCpu")]
fn graph_put_exports<'a>(env: Env<'a>, handle: Term<'a>, exports: Term<'a>) -> Term<'a> {
    let put = || {
        let repository = repository_of(handle)?;
        let exports = args::list(exports, "exports")?
            .map(exported)
            .collect::<Result<Vec<_>>>()?;
        let count = exports.len() as u64;
        repository.put_exports(exports);
        Ok(count)
    };
    reply(env, put())
}

fn exported(term: Term<'_>) -> Result<(Atom, Vec<(Atom, u32)>)> {
    let pair = args::tuple(term, "exports")?;
    let [module, names] = pair[..] else {
        return Err(args::invalid("exports", "one is not {module, names}"));
    };
    let name = |term: Term<'_>| {
        let pair = args::tuple(term, "export")?;
        let [name, arity] = pair[..] else {
            return Err(args::invalid("export", "it is not {name, arity}"));
        };
        let arity = u32::try_from(args::count(arity, "arity")?).unwrap_or(u32::MAX);
        Ok((args::atom(name, "name")?, arity))
    };
    let names = args::list(names, "exports")?
        .map(name)
        .collect::<Result<Vec<_>>>()?;
    Ok((args::atom(module, "module")?, names))
}

/// Counts of the join, and how many files were looked into when it was last brought up to date.
#[rustler::nif(schedule = "DirtyCpu")]
fn graph_stats<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let stats = || {
        let repository = repository_of(handle)?;
        let (functions, edges, mended) =
            repository.graphs(|index| (index.functions_len(), index.edges().count(), index.mended));
        let fields = [
            ("functions", functions),
            ("edges", edges),
            ("mended", mended),
            ("compiled", repository.compiled_len()),
            ("bytes", repository.graph_bytes()),
        ];
        let fields = fields.map(|(name, count)| (intern(name), Value::count(count as u64)));
        value_to_term(env, &Value::record(fields.to_vec()))
    };
    reply(env, stats())
}

fn atoms(all: Vec<Atom>) -> Value {
    Value::List(all.into_iter().map(Value::Atom).collect())
}

fn flag(term: Term<'_>, what: &'static str) -> Result<bool> {
    match args::atom(term, what)?.text() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(args::invalid(what, "it is neither true nor false")),
    }
}

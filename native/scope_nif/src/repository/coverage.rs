//! Test coverage of a function or a module, with what was missed.

use rustler::{Env, Term};
use scope_core::atoms::intern;
use scope_core::error::{Error, Result};
use scope_core::store::{Coverage, Repository, function_coverage, function_number, runtime_key};
use scope_core::value::Value;

use super::args;
use super::repository_of;
use crate::error::reply;
use crate::terms::value_to_term;

/// `target` is a module or `{module, name, arity}`. `%{share:, covered:, executable:, missed: [%{...}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_coverage<'a>(env: Env<'a>, handle: Term<'a>, target: Term<'a>) -> Term<'a> {
    let coverage = || {
        let repository = repository_of(handle)?;
        value_to_term(env, &coverage(&repository, target)?)
    };
    reply(env, coverage())
}

fn coverage(repository: &Repository, target: Term<'_>) -> Result<Value> {
    let (name, key) = match target.is_tuple() {
        true => {
            let key = args::function_key(target)?;
            (key.module, Some(key))
        }
        false => (args::atom(target, "module")?, None),
    };
    let what = if key.is_some() { "function" } else { "module" };
    let (unit, module) = repository
        .definition(name)
        .ok_or(Error::NotFound { what })?;
    let functions: Vec<u32> = match key {
        None => unit.modules()[module as usize].functions.clone().collect(),
        Some(key) => vec![function_number(&unit, &key).ok_or(Error::NotFound { what })?],
    };
    let runtime = repository.runtime();
    let mut keys = functions
        .iter()
        .filter_map(|function| runtime_key(&unit, *function));
    if !runtime.was_instrumented(&mut keys) {
        return Err(Error::NotFound {
            what: "coverage (it was not instrumented during a run that this repository observed)",
        });
    }
    let mut total = Coverage::default();
    for function in functions {
        if let Some(own) = function_coverage(&unit, function, runtime) {
            total.add(&own);
        }
    }
    let place = |n: Option<u32>| n.map_or(Value::nil(), |n| Value::Int(i64::from(n)));
    let missed = total.missed.iter().map(|&ix| {
        let (line, column) = unit.ast().position(ix);
        Value::record(vec![
            (intern("ast_node_id"), Value::text(&unit.node_id(ix))),
            (intern("file"), Value::text(unit.file())),
            (intern("line"), place(line)),
            (intern("column"), place(column)),
        ])
    });
    let int = |n: u32| Value::Int(i64::from(n));
    let lines = total.lines.iter().map(|(line, (executable, covered))| {
        (
            int(*line),
            Value::Tuple(vec![int(*covered), int(*executable)]),
        )
    });
    Ok(Value::record(vec![
        (intern("lines"), Value::Map(lines.collect())),
        (intern("coverage"), Value::Float(total.share())),
        (intern("covered"), Value::Int(i64::from(total.covered))),
        (
            intern("executable"),
            Value::Int(i64::from(total.executable)),
        ),
        (intern("missed"), Value::List(missed.collect())),
    ]))
}
